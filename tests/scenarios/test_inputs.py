"""Stories of what a hedge rests on: old, missing, crossed and false prices."""

from decimal import Decimal

import pytest

from rebalancer.core.commands import Alert
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import AccountRead, FeedStatus, Index, OptionMark
from rebalancer.core.params import Numeraire
from tests.scenarios.desk import (
    CALL,
    FUTURE,
    LINEAR,
    LINEAR_FUTURE,
    PERP,
    PUT,
    SECOND,
    SPOT,
    build,
    settings,
)

D = Decimal


def binding(desk):
    """Return (reason, guard, subject) of the latest decision."""
    decision = desk.decision
    told = next((v for v in decision.verdicts if v.reason is decision.reason), None)
    return (decision.reason, *(("", "") if told is None else (told.guard, told.subject)))


@pytest.fixture
def idle():
    """Return a desk that would hedge, if only it knew; told nothing but the index."""
    desk = build(holdings=[(SPOT, "2")], active=False)
    desk.reconcile()
    return desk


def test_no_index(idle):
    """Without an index nobody knows the delta."""
    idle.quote(LINEAR)

    assert (Action.REFUSE, Reason.INDEX_MISSING, None) == (
        idle.decisions[0].action,
        idle.decision.reason,
        idle.decision.price,
    )


def test_no_quote(idle):
    """Without a quote nothing is traded, and the refusal names the instrument."""
    idle.index()

    assert (Reason.QUOTE_MISSING, "staleness", LINEAR) == binding(idle)
    assert [] == idle.orders


@pytest.mark.parametrize(
    ("silent", "seconds", "refusal"),
    [
        (LINEAR, 3, None),
        (LINEAR, 4, (Reason.QUOTE_STALE, "staleness", LINEAR)),
        ("index", 5, None),
        ("index", 6, (Reason.INDEX_STALE, "staleness", "deribit:BTC")),
    ],
)
def test_silent_input(silent, seconds, refusal):
    """An input that says nothing for longer than its limit is refused by name."""
    desk = build()
    desk.quiet = {silent}
    desk.wait(seconds)
    desk.trade_by_hand(LINEAR, "1")

    if refusal is None:
        assert [D("-0.950")] == [order.quantity for order in desk.orders]
    else:
        assert refusal == binding(desk)
        assert [] == desk.orders


def test_frozen_input():
    """A feed that repeats an old price under an old time is as good as silent."""
    desk = build()
    desk.quiet = {"index"}
    for _ in range(6):
        desk.wait(1)
        desk.take(Index(desk.now, desk.now - 6 * SECOND, "deribit", "BTC", D(100_000)))
        desk.take(Index(desk.now, None, "deribit", "BTC", D("100000.0")))
    desk.trade_by_hand(LINEAR, "1")

    assert Reason.INDEX_STALE == desk.decision.reason


def test_replayed_past(desk):
    """A stream that replays the past after its return changes no price."""
    desk.execute(desk.orders[0])
    desk.take(Index(desk.now, desk.now - SECOND, "deribit", "BTC", D(50_000)))

    assert 100_000 == desk.decision.price


@pytest.mark.parametrize("name", [CALL, PUT])
def test_option_never_told(name):
    """A held option that nobody valued makes the delta unknown; in a minute somebody wakes."""
    desk = build(holdings=[(name, "0.1")])
    assert Action.HOLD is desk.decisions[0].action  # not reconciled yet
    assert (Action.REFUSE, Reason.OPTION_MISSING, name) == (
        desk.decision.action,
        desk.decision.reason,
        desk.decision.instrument,
    )
    desk.wait(61)
    assert ([], ["delta.unhedged"]) == (desk.orders, desk.alerts)

    desk.option(name, 0.6)
    desk.wait(1)
    assert ["delta.unhedged", "delta.restored"] == desk.alerts


def test_option_stale():
    """An option's vol that is older than half a minute is no ground for a hedge."""
    desk = build(holdings=[(CALL, "0.1")])
    desk.option(CALL, 0.6)
    desk.wait(30)
    assert Reason.INSIDE_BAND == desk.decision.reason

    desk.wait(1)
    desk.trade_by_hand(LINEAR, "1")
    assert (Reason.OPTION_STALE, "staleness", CALL) == binding(desk)
    desk.option(CALL, 0.6)
    assert 1 == len(desk.orders)


def test_future_without_mark():
    """A held dated future needs its mark, and the refusal says that it is a mark."""
    desk = build(holdings=[(FUTURE, "10000")])
    assert (Reason.MARK_MISSING, FUTURE) == (desk.decision.reason, desk.decision.instrument)

    desk.mark(FUTURE, 101_000)
    assert 1 == len(desk.orders)
    desk.execute(desk.orders[0])
    desk.wait(6)
    desk.trade_by_hand(LINEAR, "1")
    assert (Reason.MARK_STALE, "staleness", FUTURE) == binding(desk)


def test_hedge_with_a_future():
    """A dated future has a basis: without its mark no price of its is believed."""
    params = settings(hedge_buy=(FUTURE,), hedge_sell=(FUTURE,))
    desk = build(params, [(SPOT, "2")])
    desk.quote(FUTURE, 100_990, 101_010)
    assert (Reason.REFERENCE_MISSING, "collar", FUTURE) == binding(desk)

    desk.mark(FUTURE, 101_000)
    assert [D(-19695)] == [order.quantity for order in desk.orders]  # 1.95·101000 ÷ 10


def test_false_print(desk):
    """A trade far away is a last price: it triggers nothing and changes nothing."""
    desk.execute(desk.orders[0])
    before = desk.decision
    for price in (1, 10_000_000):
        for name in (LINEAR, PERP):
            assert () == desk.trade(name, price).decisions

    assert (before.net_delta, before.price) == (desk.decision.net_delta, desk.decision.price)
    assert 1 == len(desk.orders)


@pytest.mark.parametrize(
    ("price", "quantity"),
    [(95_300, "-1.950"), (105_200, "-1.950"), (95_100, None), (105_400, None), (109_000, None)],
)
def test_false_index(price, quantity):
    """An index that its own market contradicts makes no order, whatever delta it makes."""
    desk = build(holdings=[(SPOT, "0.01")])
    desk.price = price
    desk.index()
    desk.price = 100_000
    desk.mark(LINEAR)
    desk.quote(LINEAR)
    desk.trade_by_hand(SPOT, "1.99")

    assert ([] if quantity is None else [D(quantity)]) == [each.quantity for each in desk.orders]
    if quantity is None:
        assert (Reason.INDEX_IMPLAUSIBLE, "plausibility", LINEAR) == binding(desk)
        desk.index()
        assert [D("-1.950")] == [each.quantity for each in desk.orders]


def test_false_index_of_an_inverse_book():
    """A false index changes the delta of an inverse position, and nothing leaves for it."""
    params = settings(numeraire=Numeraire.COIN, hedge_buy=(PERP,), hedge_sell=(PERP,))
    desk = build(params, [(PERP, "400")])
    assert ([], Reason.INSIDE_BAND) == (desk.orders, desk.decision.reason)
    for price, reason in (
        (10_000, Reason.INDEX_JUMPED),
        (1_000, Reason.INDEX_JUMPED),
        (1_000, Reason.INDEX_IMPLAUSIBLE),  # believed, but for the book
        (100_000, Reason.INSIDE_BAND),
    ):
        desk.now += SECOND // 2
        desk.index(price)
        assert ([], reason) == (desk.orders, desk.decision.reason)


@pytest.mark.parametrize(("second", "sent"), [(121_000, 1), (100_000, 0), (150_000, 0)])
def test_jump(second, sent):
    """A jump that the book goes along with is hedged when a second word confirms it."""
    desk = build(holdings=[(CALL, "1"), (LINEAR, "-0.27")])
    desk.option(CALL, 0.6)
    assert ([], Reason.INSIDE_BAND) == (desk.orders, desk.decision.reason)
    desk.now += SECOND
    desk.market(120_000)
    assert ([], Reason.INDEX_JUMPED) == (desk.orders, desk.decision.reason)

    desk.now += SECOND
    desk.market(second)
    assert sent == len(desk.orders)


@pytest.mark.parametrize(
    ("words", "vol"),
    [
        ((9.0,), 0.61),
        ((9.0, 0.6), 0.6),
        ((9.0, 0.6, 9.0), 0.6),  # each comes alone
        ((9.0, 8.5), 8.5),
        ((9.0, 4.0), 0.61),  # two that differ confirm nothing
        ((0.2, 0.21), 0.21),
    ],
)
def test_a_vol_that_jumps(words, vol):
    """A vol far from the last is believed when a second word confirms it: a false one is alone."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6)
    desk.option(CALL, 0.61)
    for word in words:
        desk.now += SECOND
        desk.option(CALL, word)

    assert [vol] == list(desk.state.book("BTC").options.vol)


@pytest.mark.parametrize(("second", "third"), [(0.6, 0.62), (9.0, 9.1)])
def test_a_first_vol_that_is_contradicted(second, third):
    """Of two first words that contradict one another neither counts, until a third decides."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 9.0 if second < 1 else 0.6)
    desk.option(CALL, second)
    assert CALL in desk.state.book("BTC").missing
    desk.option(CALL, third)  # of the same moment: no word of its own
    assert CALL in desk.state.book("BTC").missing

    desk.now += SECOND
    desk.option(CALL, third)
    assert [third] == list(desk.state.book("BTC").options.vol)


@pytest.mark.parametrize(
    ("words", "vol"),
    [
        ((0.6,), 0.6),
        ((0.6, 0.61), 0.61),
        ((0.6, 9.0), None),  # nobody knows, though the first agreed with its price
        ((0.6, 9.0, 5.0), None),
        ((0.6, 9.0, 9.1), None),  # so soon it may be the same word
        ((0.6, -9.0, 5.0), None),  # the second does not agree with its price
        ((0.6, 9.0, 0.61, 0.6), None),
    ],
)
def test_a_vol_that_is_contradicted_while_no_index_counts(words, vol):
    """What waits for an index is held against what comes after it, as if it counted already."""
    desk = build(holdings=[(CALL, "1")])
    desk.index(120_000)  # one word of a jump: no index is believed
    for word in words:
        desk.now += SECOND // 10
        if word > 0:
            desk.option(CALL, word, 120_000.0)
        else:
            wrong = OptionMark(desk.now, desk.now, CALL, D("0.01"), -word, 120_000.0)
            desk.take(wrong)
    desk.now += SECOND // 10
    desk.index(120_000)  # it is confirmed

    book = desk.state.book("BTC")
    assert ([CALL] if vol is None else []) == list(book.missing)
    assert vol is None or [vol] == list(book.options.vol)
    desk.now += SECOND
    desk.index(120_000)
    desk.option(CALL, words[-1], 120_000.0)
    assert [words[-1]] == list(desk.state.book("BTC").options.vol)


def test_a_false_vol_is_not_hedged():
    """One word of a wild vol makes a false delta, and no order."""
    desk = build(holdings=[(CALL, "-20"), (SPOT, "6.2")])
    desk.option(CALL, 0.6)
    desk.option(CALL, 0.6)
    before = len(desk.orders)
    desk.option(CALL, 9.0)
    desk.market()

    assert before == len(desk.orders)


@pytest.mark.parametrize(
    ("vol", "factor", "taken"),
    [
        (0.7, 1.0, True),
        (0.9, 1.0, True),
        (0.4, 1.0, True),
        (0.91, 1.0, False),  # half as much again in one word: perhaps
        (0.39, 1.0, False),
        (70.0, 1.0, False),  # per cent
        (0.7, 0.91, True),  # 28 days: 9.6 %
        (0.7, 1.1, True),
        (0.7, 0.90, False),  # no forward lies there
        (0.7, 1.11, False),
        (0.7, 1e-5, False),
    ],
)
def test_false_option_word(vol, factor, taken):
    """A vol in per cent, or a forward far from the index, is not taken down but counted."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6)
    desk.option(CALL, 0.6)
    desk.now += SECOND
    desk.index(100_000)
    desk.option(CALL, vol, factor * 100_000)
    options = desk.state.book("BTC").options

    assert ([vol], [factor]) == (list(options.vol), list(options.carry)) or not taken
    assert ([0.6], [1.0]) == (list(options.vol), list(options.carry)) or taken
    assert (0 if taken else 1) == desk.state.markets.refused
    told = desk.state.markets.advanced["OptionMark", CALL]
    assert (0 if taken else SECOND) == desk.now - told


def test_false_option_word_before_the_index():
    """A forward that no index is near is not taken down, whichever was told first."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.option(CALL, 0.6, 1e9)
    desk.reconcile()
    desk.market()

    assert (CALL,) == desk.state.book("BTC").missing


def test_false_index_leaves_nothing_behind():
    """What options are valued by does not rest on an index that nobody believes any more."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6, 101_000)
    desk.execute(desk.orders[0])
    desk.now += SECOND
    desk.index(150_000)
    desk.option(CALL, 0.6, 101_000)
    desk.market(100_000)

    assert 1 == len(desk.orders)


def test_false_mark_of_a_held_future():
    """A mark that is ten times the index makes no delta, and no order."""
    desk = build(holdings=[(LINEAR_FUTURE, "0.04")])
    desk.mark(LINEAR_FUTURE, 1_000_000)

    assert [] == desk.orders


def test_late_feed():
    """A feed that is seconds behind is as old as what it tells, however often it tells."""
    desk = build()
    desk.quiet = {"index"}
    for _ in range(8):
        desk.wait(1)
        desk.take(Index(desk.now, desk.now - 5 * SECOND, "deribit", "BTC", D(100_000)))
    desk.trade_by_hand(LINEAR, "1")
    assert 1 == len(desk.orders)  # five seconds may be the clocks

    desk.execute(desk.orders[0])
    for _ in range(8):
        desk.wait(1)
        desk.take(Index(desk.now, desk.now - 6 * SECOND + 1, "deribit", "BTC", D(100_000)))
    desk.trade_by_hand(LINEAR, "1")
    assert (1, Reason.INDEX_STALE) == (len(desk.orders), desk.decision.reason)


def test_word_from_the_future(desk):
    """What a venue dates later than now is not taken down: nothing could ever follow it."""
    desk.execute(desk.orders[0])
    desk.take(Index(desk.now, desk.now + 6 * SECOND, "deribit", "BTC", D(101_000)))
    assert (100_000, 1) == (desk.decision.price, desk.state.markets.refused)

    desk.now += SECOND
    desk.index(101_000)
    assert 101_000 == desk.decision.price


@pytest.mark.parametrize(("bid", "ask"), [(100_020, 100_010), (100_010, 100_010)])
def test_crossed_book(idle, bid, ask):
    """A crossed or locked book is not traded."""
    idle.quote(LINEAR, bid, ask)
    idle.index()

    assert (Reason.QUOTE_CROSSED, "collar", "") == binding(idle)


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [
        (99_710, 99_720, None),
        (99_690, 99_700, Reason.PRICE_OUTSIDE_COLLAR),
        (100_310, 100_320, Reason.PRICE_OUTSIDE_COLLAR),
        (80_000, 80_010, Reason.PRICE_OUTSIDE_COLLAR),  # the book gaps, the index stands still
    ],
)
def test_collar(idle, bid, ask, reason):
    """A book that disagrees with the mark is not traded."""
    idle.mark(LINEAR)
    idle.quote(LINEAR, bid, ask)
    idle.index()

    assert (reason is None) == bool(idle.orders)
    assert (reason or Reason.OUTSIDE_BAND) == idle.decision.reason


def test_reference(idle):
    """The limit price hangs on the mark while it is young, else on the index."""
    idle.mark(LINEAR, 100_100)
    idle.quote(LINEAR)
    idle.index()
    [first] = idle.orders
    idle.quiet = {LINEAR}
    idle.now += 6 * SECOND
    idle.quote(LINEAR)
    idle.index()
    idle.reject(first)
    idle.now += SECOND
    idle.quote(LINEAR)
    idle.index()

    assert [D("99799.7"), D("99700.0")] == [order.price for order in idle.orders]


def test_two_indexes():
    """The hedge venue's index counts while it is young, then the youngest of the others."""
    desk = build()  # hedges on binanceusdm
    desk.index(100_010, venue="binanceusdm")
    desk.index(100_020, venue="deribit")
    assert 100_010 == desk.decision.price

    desk.now += 5 * SECOND
    desk.index(100_030, venue="deribit")
    desk.index(100_040, venue="okx")
    assert 100_010 == desk.decision.price
    desk.now += SECOND
    desk.index(100_050, venue="deribit")
    assert 100_050 == desk.decision.price
    desk.index(100_060, venue="binanceusdm")
    assert 100_060 == desk.decision.price


def test_carry_moves_with_the_index():
    """An option's forward follows the index until its venue tells another."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6, 101_000)
    first = desk.decision.net_delta
    desk.index(110_000)
    moved = desk.decision.net_delta
    desk.option(CALL, 0.6, 110_000 * 1.01)

    assert moved == pytest.approx(desk.decision.net_delta)
    assert moved > first + 0.05


def test_repeated_option_mark():
    """A venue that repeats an old forward does not take back what the index has done since."""
    desk = build(holdings=[(CALL, "1")])
    told = desk.now
    desk.option(CALL, 0.6, 101_000)
    desk.now += SECOND
    desk.index(110_000)
    moved = desk.decision.net_delta
    desk.now = told  # the same word again, under the same venue time
    desk.option(CALL, 0.6, 101_000)

    assert moved == desk.decision.net_delta


def test_told_before_the_index():
    """What was told before any index takes effect with the first one."""
    desk = build(holdings=[(CALL, "0.1"), (FUTURE, "10")], active=False)
    desk.option(CALL, 0.6, 101_000)
    desk.option(CALL, 0.7, 101_000)
    desk.mark(FUTURE, 101_000)
    desk.mark(LINEAR)
    desk.reconcile()
    desk.index()

    assert () == desk.state.book("BTC").missing
    assert [0.7] == list(desk.state.book("BTC").options.vol)


def test_told_beside_a_doubted_index():
    """What is told while the index is doubted is valued by it, once a second word confirms it."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6)
    desk.now += SECOND
    desk.index(120_000)
    desk.option(CALL, 0.6, 121_200)
    desk.now += SECOND
    desk.index(121_000)

    assert [pytest.approx(1.01)] == list(desk.state.book("BTC").options.carry)


def test_told_beside_a_false_index():
    """What is told beside an index that proves false changes nothing of what was known."""
    desk = build(holdings=[(CALL, "1")])
    desk.option(CALL, 0.6)
    desk.now += SECOND
    desk.index(130_000)
    desk.option(CALL, 0.6, 100_000)
    desk.now += SECOND
    desk.index(101_000)

    assert [1.0] == list(desk.state.book("BTC").options.carry)


def test_feed(desk):
    """A feed that is lost and comes back is told; what it means is told by the ages."""
    desk.take(FeedStatus(desk.now, "deribit", alive=False))
    assert {"deribit": desk.now} == desk.state.accounts.lost
    desk.take(FeedStatus(desk.now, "deribit", alive=True))

    assert ["feed.lost", "feed.recovered"] == desk.alerts
    assert {} == desk.state.accounts.lost


def test_nothing_leaves_until_the_account_is_read_again():
    """What happened while the stream was lost nobody heard: first the account is read, whole."""
    desk, account = build(), "binanceusdm"
    desk.quiet = {account}
    asked = desk.now
    desk.take(FeedStatus(desk.now, account, alive=False))
    desk.read(account)  # in vain: the stream is gone
    desk.wait(5)
    desk.trade_by_hand(LINEAR, "1")
    assert (Reason.POSITIONS_MISSING, "staleness", account) == binding(desk)

    desk.take(FeedStatus(desk.now, account, alive=True))
    desk.index()
    assert Reason.POSITIONS_MISSING is desk.decision.reason
    desk.take(AccountRead(desk.now, asked, account))  # it began before the stream was back
    desk.index()
    assert (Reason.POSITIONS_MISSING, []) == (desk.decision.reason, desk.orders)

    desk.read(account)
    desk.index()
    assert [D("-0.950")] == [order.quantity for order in desk.orders]


def test_another_account_that_is_gone():
    """A stream that is lost stops no order for another account; but somebody hears of it."""
    desk = build()
    desk.quiet = {"deribit"}
    desk.take(FeedStatus(desk.now, "deribit", alive=False))
    desk.trade_by_hand(LINEAR, "1")
    desk.execute(desk.orders[-1])
    desk.wait(62)

    assert 1 == len(desk.orders)
    assert ["feed.lost", "fill.foreign", "delta.unhedged"] == desk.alerts
    assert "deribit missing or too old" in desk.all(Alert)[-1].text


@pytest.mark.parametrize(("seconds", "ordered"), [(90, True), (91, False)])
def test_an_account_that_is_read_no_more(seconds, ordered):
    """An account that was not read for a minute and a half may hold anything: nothing is sent."""
    desk = build()
    desk.quiet = {"binanceusdm"}
    desk.wait(seconds)
    desk.trade_by_hand(LINEAR, "1")

    assert ordered == bool(desk.orders)
    assert ordered or (Reason.POSITIONS_STALE, "staleness", "binanceusdm") == binding(desk)
    desk.wait(62)
    assert ["delta.unhedged"] == [each for each in desk.alerts if each != "fill.foreign"][:1]


def test_refusals_are_told_once_a_minute(idle):
    """The same refusal again is a hold, until a minute has passed or the reason changes."""
    idle.index()
    idle.index()
    idle.quote(LINEAR, 80_000, 80_010)
    idle.now += 61 * SECOND
    idle.quote(LINEAR, 80_000, 80_010)
    idle.index()

    told = [(d.action, d.reason) for d in idle.decisions if d.price is not None]
    assert [
        (Action.REFUSE, Reason.QUOTE_MISSING),
        (Action.HOLD, Reason.QUOTE_MISSING),
        (Action.REFUSE, Reason.PRICE_OUTSIDE_COLLAR),
        (Action.REFUSE, Reason.INDEX_STALE),
        (Action.REFUSE, Reason.PRICE_OUTSIDE_COLLAR),
    ] == told
