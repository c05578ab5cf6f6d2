"""Stories of what is in the book: limits, scope, coverage, sides, coins, settlements."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import (
    Delivered,
    Fill,
    FundingPaid,
    PositionReport,
    Quote,
    Settled,
    Tick,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import BandKind, Numeraire
from tests.scenarios.desk import (
    BAND,
    CALL,
    COINS,
    DOLLARS,
    EXPIRY,
    FUTURE,
    INSTRUMENTS,
    LIMITS,
    LINEAR,
    LINEAR_FUTURE,
    MINUTE,
    PARAMS,
    PERP,
    SECOND,
    SETTLEMENT,
    SPOT,
    START,
    build,
    settings,
)

D = Decimal


def quantities(desk):
    return [str(order.quantity) for order in desk.orders]


def play_on(desk, most=20):
    """Execute orders as they come."""
    while len(desk.orders) < most and desk.state.open_orders():
        desk.execute(desk.orders[-1])


def test_order_cap():
    """A gap beyond the order's cap is closed in several orders, one after the other."""
    desk = build(settings(limits=replace(LIMITS, order=1.0)), [(SPOT, "3.5")])
    assert (["-1.000"], "-3.450") == (quantities(desk), str(desk.decision.wanted))

    play_on(desk)
    assert ["-1.000", "-1.000", "-1.000", "-0.450"] == quantities(desk)


def test_order_cap_below_the_smallest_order():
    """A cap under the venue's smallest order refuses and says so."""
    desk = build(settings(limits=replace(LIMITS, order=0.0005)), [(SPOT, "2")])

    assert ([], Reason.ORDER_TOO_LARGE) == (desk.orders, desk.decision.reason)


def test_position_cap():
    """The hedge position grows to its cap and no further."""
    desk = build(settings(limits=replace(LIMITS, position=1.5)), [(SPOT, "3")])
    play_on(desk)

    assert ["-1.500"] == quantities(desk)
    assert Reason.POSITION_TOO_LARGE == desk.decision.reason


def test_position_cap_lets_close():
    """What brings the position towards nothing passes, whatever the cap."""
    params = settings(limits=replace(LIMITS, position=1.0))
    desk = build(params, [(LINEAR, "5"), (SPOT, "-2")])

    assert ["-2.950"] == quantities(desk)


def test_excluded_position():
    """A directional position that is out of scope is not hedged away."""
    desk = build(settings(exclude=(PERP,)), [(SPOT, "0.01"), (PERP, "50000")])
    desk.wait(3)
    assert ([], 0.01) == (desk.orders, desk.decision.net_delta)

    included = build(holdings=[(SPOT, "0.01"), (PERP, "50000")])
    assert ["-4.960"] == quantities(included)


@pytest.mark.parametrize("scope", [{"exclude": (LINEAR,)}, {"include": ("deribit:*", SPOT)}])
def test_hedge_out_of_scope(scope):
    """A hedge whose fills would count for nothing is refused, and not repeated without end."""
    desk = build(settings(**scope), [(SPOT, "2")])
    desk.wait(5)
    refused = [each for each in desk.decisions if each.action is Action.REFUSE]

    assert ([], Reason.HEDGE_OUT_OF_SCOPE) == (desk.orders, desk.decision.reason)
    assert [LINEAR] == [each.instrument for each in refused]


BOOKINGS = {
    "settled": Settled(START, START, "deribit", PERP, "s1", D(125_000)),
    "closed": Fill(
        START, START, "deribit", PERP, "t1", None, D(-50_000), D(125_000), D("0.001"), "BTC"
    ),
    "funding": FundingPaid(START, START, "deribit", PERP, "f1", D("0.5"), "BTC"),
    "delivered": Delivered(START, START, "deribit", PERP, "d1", D(125_000)),
}


@pytest.mark.parametrize("booking", BOOKINGS)
@pytest.mark.parametrize("numeraire", list(Numeraire))
def test_cash_of_an_excluded_position(booking, numeraire):
    """What a position out of scope earned does not come back as coins to be hedged."""
    params = settings(exclude=(PERP,), numeraire=numeraire)
    desk = build(params, [(COINS, "0.03"), (PERP, "50000")])
    before = desk.decision
    outcome = desk.take(BOOKINGS[booking])
    desk.wait(2)

    assert D("0.03") != desk.state.ledger.balance("deribit", "BTC")
    assert "BTC" == outcome.decisions[0].underlying
    assert ([], before.net_delta) == (desk.orders, desk.decision.net_delta)


def test_cash_of_an_included_position():
    """Coins that come and go for other reasons are in scope beside what is set aside."""
    desk = build(settings(exclude=(PERP,)), [(COINS, "0.03"), (PERP, "50000"), (FUTURE, "10")])
    desk.mark(FUTURE)
    desk.take(BOOKINGS["settled"])
    net = desk.decision.net_delta
    desk.take(FundingPaid(START, START, "deribit", FUTURE, "f2", D("0.01"), "BTC"))

    assert net + 0.01 == pytest.approx(desk.decision.net_delta)


def outside(params, quantity="1", name=CALL):
    """Return a desk, a second before the expiry of what it holds where no venue of ours sees it."""
    desk = build(params, [(COINS, "0.01")], active=False)
    report = PositionReport(START, None, "outside", name, D(quantity))
    desk.state.adopt(report, D("0.05"), hedge=False)
    desk.now = EXPIRY - SECOND
    desk.reconcile()
    desk.option(name, 0.6)
    return desk


def test_expired_outside():
    """What expires where nobody delivers it to us is booked at the index, once, and told."""
    desk = outside(settings())
    desk.market(121_000)
    desk.option(CALL, 0.6)
    for order in desk.orders:
        desk.execute(order)
    assert "position.delivered" not in desk.alerts
    sent = len(desk.orders)
    desk.wait(5)

    assert ["position.delivered"] == desk.alerts
    assert {} == {key: held for key, held in desk.state.ledger.positions.items() if CALL in key}
    assert 1 - D(110) / D(121) == pytest.approx(desk.state.ledger.balance("outside", "BTC"))
    assert sent == len(desk.orders)  # the coins are what its delta had run into


def test_expired_outside_without_an_index():
    """Without an index nothing is booked; with the first one it is."""
    desk = outside(settings())
    desk.quiet = {"index"}
    desk.wait(3)
    assert [] == desk.alerts

    desk.quiet = set()
    desk.market(121_000)
    desk.wait(1)
    assert ["position.delivered"] == desk.alerts


def test_excluded_and_expired_outside():
    """What was out of scope stays so when it expires outside."""
    desk = outside(settings(exclude=(CALL,)))
    desk.market(121_000)
    desk.wait(3)

    assert (["position.delivered"], []) == (desk.alerts, desk.orders)


def test_venue_delivers_its_own():
    """What expires on a venue of ours is the venue's to deliver."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.now = EXPIRY + SECOND
    desk.market(121_000)
    desk.take(Tick(desk.now))

    assert [] == desk.alerts
    assert D(1) == desk.state.ledger.position("deribit", CALL).quantity


def test_half_coverage():
    """Half of what is there without hedging is left, however often it is asked."""
    desk = build(settings(coverage=0.5), [(SPOT, "10")])
    assert (["-4.950"], 5.0) == (quantities(desk), desk.decision.aim)

    play_on(desk)
    desk.wait(5, 120_000)
    assert ["-4.950"] == quantities(desk)
    assert (5.0, 5.05) == pytest.approx((desk.decision.aim, desk.decision.net_delta))

    desk.trade_by_hand(SPOT, "-2")
    assert 4.0 == pytest.approx(desk.decision.aim)
    assert ["-4.950", "0.900"] == quantities(desk)


def test_half_coverage_in_the_same_contract():
    """A hedge in the very contract that it hedges is not taken for the book's own."""
    desk = build(settings(coverage=0.5), [(LINEAR, "10")])
    play_on(desk)
    desk.wait(3)
    assert (["-4.950"], 5.0) == (quantities(desk), pytest.approx(desk.decision.aim))

    flat = build(settings(coverage=1.0, band=replace(BAND, reset=1.0)), [(LINEAR, "10")])
    play_on(flat)
    assert flat.state.ledger.position("binanceusdm", LINEAR).quantity == 0
    assert 10.0 == pytest.approx(flat.state.book("BTC").linear.own.coins)


@pytest.mark.parametrize(
    ("coins", "instrument", "quantity"), [("2", LINEAR, "-1.950"), ("-2", PERP, "19500")]
)
def test_instrument_of_each_side(coins, instrument, quantity):
    """Each side has its own hedge instruments."""
    desk = build(settings(hedge_buy=(PERP,), hedge_sell=(LINEAR,)), [(SPOT, coins)])

    assert [(instrument, D(quantity))] == [(o.instrument, o.quantity) for o in desk.orders]


def test_no_instrument_for_a_side():
    """A side without a hedge instrument refuses and says so."""
    desk = build(settings(hedge_buy=()), [(SPOT, "-2")])

    assert ([], Reason.NO_HEDGE_INSTRUMENT) == (desk.orders, desk.decision.reason)


def test_second_choice():
    """While the first instrument's quote is old, the next one is traded."""
    desk = build(settings(hedge_sell=(PERP, LINEAR)))
    desk.quiet = {PERP}
    desk.wait(4)
    desk.trade_by_hand(SPOT, "1")

    assert [(LINEAR, D("-0.950"))] == [(o.instrument, o.quantity) for o in desk.orders]


def test_second_choice_without_a_quote():
    """An instrument that was never quoted, or not on any side, is passed over."""
    desk = build(settings(hedge_sell=(FUTURE, PERP, LINEAR)))
    desk.now += SECOND
    for name in (LINEAR, PERP):
        desk.quote(name)
    desk.take(Quote(desk.now, desk.now + 1, PERP, None, None, None, None))
    desk.index()
    desk.trade_by_hand(SPOT, "1")

    assert [LINEAR] == [order.instrument for order in desk.orders]


def test_first_choice_where_none_can_be_traded():
    """Where none has a young quote the first one is named in the refusal."""
    desk = build(settings(hedge_sell=(PERP, LINEAR)))
    desk.quiet = {PERP, LINEAR}
    desk.wait(4)
    desk.trade_by_hand(SPOT, "1")

    assert ([], PERP, Reason.QUOTE_STALE) == (
        desk.orders,
        desk.decision.instrument,
        desk.decision.reason,
    )


@pytest.mark.parametrize(
    ("position", "hedged"),
    [
        ("-2", PERP),  # no room left to grow a short
        ("-3", PERP),  # beyond it already
        ("-1.5", LINEAR),
        ("2", LINEAR),  # a long that a sale closes
    ],
)
def test_second_choice_without_room(position, hedged):
    """An instrument whose position may not grow is passed over for the next one."""
    limits = replace(LIMITS, position=2.0)
    params = settings(limits=limits, hedge_sell=(LINEAR, PERP))
    desk = build(params, [(LINEAR, position), (SPOT, str(D(1) - D(position)))])
    first = desk.orders[0]

    assert hedged == first.instrument
    assert first.quantity < 0


@pytest.mark.parametrize(
    ("first", "second", "orders"),
    [(PERP, LINEAR, ["-15000", "-1.450"]), (LINEAR, PERP, ["-1.499", "-14510"])],
)
def test_room_of_less_than_a_lot(first, second, orders):
    """An instrument that is full but for a fraction of a lot is full."""
    limits = replace(LIMITS, position=1.4999 if first == LINEAR else 1.5)
    desk = build(settings(limits=limits, hedge_sell=(first, second)), [(SPOT, "3")])
    desk.execute(desk.orders[0])
    desk.wait(1, 100_003)

    assert [first, second] == [order.instrument for order in desk.orders]
    assert orders[0] == quantities(desk)[0]


def test_turns_after_failures():
    """After every third failure in a row the next instrument is tried; a fill begins anew."""
    desk = build(settings(hedge_sell=(LINEAR, PERP)), [(SPOT, "2")])
    for _ in range(9):
        desk.reject(desk.orders[-1])
        desk.wait(61)
    told = [order.instrument for order in desk.orders]
    assert [*[LINEAR] * 3, *[PERP] * 3, *[LINEAR] * 3, PERP] == told

    desk.execute(desk.orders[-1])
    desk.trade_by_hand(SPOT, "1")
    assert LINEAR == desk.orders[-1].instrument


def test_only_one_to_turn_to():
    """An instrument that stands alone is tried again and again."""
    desk = build(holdings=[(SPOT, "2")])
    for _ in range(4):
        desk.reject(desk.orders[-1])
        desk.wait(61)

    assert [LINEAR] * 5 == [order.instrument for order in desk.orders]


INVERSE = {"hedge_buy": (PERP,), "hedge_sell": (PERP,)}


def test_coin_book():
    """Who counts in coins hedges no coins, but what would change how many there are."""
    params = settings(numeraire=Numeraire.COIN, **INVERSE)
    desk = build(params, [(COINS, "10"), (PERP, "20000")])
    play_on(desk)
    assert ["-19500"] == quantities(desk)
    assert 0.05 == pytest.approx(desk.decision.net_delta)

    dollars = build(settings(numeraire=Numeraire.COIN), [(COINS, "10"), (DOLLARS, "200000")])
    assert (["1.950"], -2.0) == (quantities(dollars), dollars.decision.net_delta)


def test_dollar_book_of_coins():
    """Who counts in dollars sells the coins; a short of their worth is a dollar for ever."""
    desk = build(settings(**INVERSE), [(COINS, "10")])
    play_on(desk)
    for price in (60_000, 150_000, 90_000):
        desk.wait(3, price)

    assert ["-99500"] == quantities(desk)
    assert 0.05 == pytest.approx(desk.decision.net_delta, abs=1e-6)


def test_two_numeraires_of_an_option():
    """A coin-settled option has its plain delta in dollars, less its price in coins."""
    dollars = build(holdings=[(CALL, "1")])
    dollars.option(CALL, 0.6, 100_000)
    coins = build(settings(numeraire=Numeraire.COIN), [(CALL, "1")])
    coins.option(CALL, 0.6, 100_000)
    price = dollars.decision.net_delta - coins.decision.net_delta

    assert 0.031 == pytest.approx(price, abs=0.005)


@pytest.mark.parametrize("numeraire", list(Numeraire))
@pytest.mark.parametrize("kind", [BandKind.FIXED, BandKind.PERCENT])
@pytest.mark.parametrize("coverage", [1.0, 0.5])
@pytest.mark.parametrize(("hedge", "final"), [(PERP, 80_000), (PERP, 130_000), (LINEAR, 80_000)])
def test_settlement_causes_no_hedge(numeraire, kind, coverage, hedge, final):
    """At 08:00 profit moves into cash; one second before and after, the delta is the same."""
    width = 0.02 if kind is BandKind.PERCENT else 0.05
    band = replace(BAND, kind=kind, lower=-width, upper=width)
    params = settings(
        band, numeraire=numeraire, coverage=coverage, hedge_buy=(hedge,), hedge_sell=(hedge,)
    )
    desk = build(params, [(COINS, "10"), (DOLLARS, "100000"), (PERP, "30000")])
    play_on(desk)
    desk.now = SETTLEMENT - 12 * 1_000_000_000
    desk.wait(11, final)
    play_on(desk)
    desk.wait(1)
    before, sent = desk.decision, len(desk.orders)
    for name in (PERP, LINEAR):
        desk.settle(name)
    desk.wait(1)
    after = desk.decision

    assert Reason.INSIDE_BAND == before.reason
    assert sent == len(desk.orders)
    for part in ("net_delta", "aim", "lower", "upper"):
        assert getattr(before, part) == pytest.approx(getattr(after, part), abs=1e-9)


@pytest.mark.parametrize("name", [PERP, LINEAR])
@pytest.mark.parametrize("held", ["0", "3", "-3", "-9"])
@pytest.mark.parametrize("traded", ["3", "-3"])
def test_settlement_overtakes_a_fill(name, held, traded):
    """A fill that is told after the settlement that followed it ends in the same cash and entry."""
    size = 10_000 if name == PERP else 1
    venue, settle = INSTRUMENTS[name].venue, INSTRUMENTS[name].settle
    trade = Fill(
        *(START + 2 * SECOND, START + 1, venue, name, "t1", None),
        *(D(traded) * size, D(110_000), D(0), settle),
    )
    settled = Settled(START + SECOND, START + SECOND, venue, name, "s1", D(125_000))
    books = []
    for told in ((trade, settled), (settled, trade), (settled, trade, trade)):
        desk = build(holdings=[(name, D(held) * size)] if D(held) else [], active=False)
        for event in told:
            desk.take(event)
        ledger = desk.state.ledger
        position = ledger.position(venue, name)
        books.append((position.quantity, position.basis, ledger.balance(venue, settle)))

    inexact = D("3e-12")  # coins of an inverse contract are rounded once for each part
    assert books[1] == books[2]
    assert all(abs(one - other) <= inexact for one, other in zip(*books[:2], strict=True))


def test_a_fill_after_the_settlement():
    """A fill that followed the settlement keeps its own price, whenever it is told."""
    desk = build(active=False)
    desk.take(Settled(START, START, "binanceusdm", LINEAR, "s1", D(125_000)))
    desk.trade_by_hand(LINEAR, "2")

    assert D(200_000) == desk.state.ledger.position("binanceusdm", LINEAR).basis


def test_funding_in_coins():
    """Funding that is paid in coins is delta."""
    desk = build(holdings=[(COINS, "0.04")])
    desk.take(FundingPaid(desk.now, desk.now, "deribit", PERP, "f1", D("0.02"), "BTC"))

    assert 0.06 == pytest.approx(desk.decision.net_delta)
    assert ["-0.010"] == quantities(desk)


def test_delivery():
    """A call's delta runs into the coins that it pays while its settlement is averaged."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.now = EXPIRY - 2_000_000_000
    desk.market(121_000)
    desk.reconcile()
    desk.option(CALL, 0.6)
    assert ["-0.042"] == quantities(desk)  # 1 - 110/121 coins are all that is left of it
    desk.execute(desk.orders[0])
    desk.wait(3)

    desk.take(Delivered(desk.now, desk.now, "deribit", CALL, "d1", D(121_000)))
    desk.wait(2)
    assert 1 == len(desk.orders)
    assert float(1 - D(110) / D(121)) == pytest.approx(
        float(desk.state.ledger.balance("deribit", "BTC"))
    )


@pytest.mark.parametrize(
    ("before", "quantity"),
    [
        (31, "-0.950"),  # a whole call, less the band
        (15, "-0.496"),  # half of what lies above its 0.0909 coins is still open
        (3, "-0.132"),
    ],
)
def test_settlement_window(before, quantity):
    """In the last half hour only the open share of the average moves with the price."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.now = EXPIRY - before * 60_000_000_000
    desk.market(121_000)
    desk.reconcile()
    desk.option(CALL, 0.6)

    assert [quantity] == quantities(desk)


@pytest.mark.parametrize(
    ("before", "quantity"),
    [(31, "-1.950"), (30, "-1.950"), (15, "-0.950"), (3, "-0.150"), (0, None)],
)
def test_settlement_window_of_a_future(before, quantity):
    """In its last half hour a dated future is hedged for its open share only."""
    desk = build(holdings=[(LINEAR_FUTURE, "2")], active=False)
    desk.now = EXPIRY - before * MINUTE
    desk.mark(LINEAR_FUTURE)
    desk.reconcile()
    desk.market()

    assert ([] if quantity is None else [quantity]) == quantities(desk)


@pytest.mark.parametrize("seconds", [600, 60, -5])
def test_hedge_with_a_future_that_ends(seconds):
    """A future whose average is being taken hardly moves, and is not piled up against a gap."""
    params = settings(hedge_buy=(LINEAR_FUTURE,), hedge_sell=(LINEAR_FUTURE,))
    desk = build(params, [(SPOT, "2")], active=False)
    desk.now = EXPIRY - seconds * SECOND
    desk.reconcile()
    for _ in range(8):
        desk.mark(LINEAR_FUTURE)
        desk.quote(LINEAR_FUTURE)
        desk.market()
        if desk.state.open_orders():
            desk.execute(desk.orders[-1])
        desk.now += SECOND

    assert abs(desk.state.ledger.position("binanceusdm", LINEAR_FUTURE).quantity) <= 2


def test_undescribed_instrument(desk):
    """A trade in something that no setting describes halts the book: its size is a guess."""
    order = replace(desk.orders[0], instrument=LINEAR)
    desk.execute(order)
    desk.take(FundingPaid(desk.now, desk.now, "deribit", "deribit:NEW", "f1", D(1), "BTC"))

    assert ["reconcile.differed"] == desk.alerts
    assert TradingState.HALTED is desk.state.mode
    desk.wait(1)
    assert 1 == len(desk.orders)


def test_two_underlyings():
    """What happens to one underlying decides nothing for the other."""
    own = PARAMS.underlyings["BTC"]
    params = replace(PARAMS, underlyings={"BTC": own, "ETH": replace(own, name="ETH")})
    desk = build(params, [(SPOT, "2")])
    order = desk.orders[0]
    desk.lose(order)
    desk.wait(61)

    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert TradingState.ACTIVE is desk.state.mode_of("ETH")
    assert {"BTC"} == {d.underlying for d in desk.index().decisions}
