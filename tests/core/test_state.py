"""What the book knows after each kind of event."""

from decimal import Decimal

import pytest

from rebalancer.core.events import (
    Delivered,
    Fill,
    FundingPaid,
    Index,
    Mark,
    OptionMark,
    PositionReport,
    Quote,
    Settled,
    Tick,
)
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import cash_instrument
from rebalancer.core.params import Numeraire
from rebalancer.core.state import State
from tests.scenarios.desk import (
    CALL,
    COINS,
    DOLLARS,
    ETHER,
    EXPIRY,
    FUTURE,
    INSTRUMENTS,
    LINEAR,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    START,
    hold,
    settings,
)

D = Decimal

NEW = "deribit:BTC-NEW"


@pytest.fixture
def state():
    return State(INSTRUMENTS, PARAMS, START)


def index(seconds=0, venue="deribit", price=100_000):
    ts = START + seconds * SECOND
    return Index(ts, ts, venue, "BTC", D(price))


def test_time_never_goes_back(state):
    """The book's time is the latest that any event had."""
    for seconds in (5, 3, 7, 0):
        state.apply(Tick(START + seconds * SECOND))

    assert START + 7 * SECOND == state.now


@pytest.mark.parametrize(
    ("event", "taken"),
    [
        (Quote(START, START, NEW, D(1), D(1), D(2), D(1)), False),
        (Mark(START, START, NEW, D(1)), False),
        (OptionMark(START, START, NEW, D(1), 0.5, 1e5), False),
        (Mark(START, START, PERP, D(1)), True),
    ],
)
def test_market_of_an_unknown_instrument(state, event, taken):
    """What no setting describes is not taken down."""
    assert () == state.apply(event)
    assert taken == bool(state.markets.advanced)


@pytest.mark.parametrize(
    "event",
    [
        Fill(START, START, "deribit", NEW, "t", None, D(1), D(1), D(0), "BTC"),
        FundingPaid(START, START, "deribit", NEW, "f", D(1), "BTC"),
        Settled(START, START, "deribit", NEW, "s", D(1)),
        Delivered(START, START, "deribit", NEW, "d", D(1)),
    ],
)
def test_account_of_an_unknown_instrument(state, event):
    """A booking in what no setting describes halts the book and wakes a person."""
    [alert] = state.apply(event)

    assert ("reconcile.differed", "error") == (alert.event, alert.severity)
    assert NEW in alert.text
    assert TradingState.HALTED is state.mode
    assert NEW in state.mode_reason


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], None),
        ([index(venue="okx")], "okx"),
        ([index(venue="okx"), index(1, venue="deribit")], "deribit"),  # the youngest
        ([index(1, venue="okx"), index(venue="deribit")], "okx"),
        ([index(venue="binanceusdm"), index(4, venue="deribit")], "binanceusdm"),  # hedged there
        ([index(venue="binanceusdm"), index(6, venue="deribit")], "deribit"),  # but it is old
    ],
)
def test_index(state, told, expected):
    """The hedge venue's index is the measure while it is young, else the youngest is."""
    for event in told:
        state.apply(event)
    chosen = state.index("BTC")

    assert expected == (None if chosen is None else chosen.venue)


def test_index_of_another_coin(state):
    """An index of what is not hedged here is kept and used for nothing."""
    state.apply(Index(START, START, "deribit", "DOGE", D(1)))

    assert state.index("BTC") is None
    assert "deribit" == state.index("DOGE").venue


def names(state):
    return {each.instrument.id: each.quantity for each in state.holdings("BTC")}


def test_holdings(state):
    """Positions and coins belong to their coin; a stable currency to the one that it names."""
    for name in (SPOT, LINEAR, CALL, COINS, DOLLARS, ETHER):
        hold(state, name, "2")
    state.adopt(PositionReport(START, None, "binance", DOLLARS, D(7)), D(1), hedge=False)

    assert {SPOT: 2, LINEAR: 2, CALL: 2, COINS: 2, DOLLARS: 2} == names(state)
    hold(state, COINS, "0")
    assert COINS not in names(state)


def test_hedged_to_nothing_is_still_held(state):
    """A position of the book and a hedge against it are both there when they sum to nothing."""
    hold(state, LINEAR, "-2")
    fill = Fill(START, START, "binanceusdm", LINEAR, "t", "rb", D(2), D(1), D(0), "USDT")
    state.apply(fill)
    assert [DOLLARS] == list(names(state))  # somebody closed it by hand

    hold(state, LINEAR, "2", hedge=True)
    again = Fill(START, START, "binanceusdm", LINEAR, "t2", None, D(-2), D(1), D(0), "USDT")
    state.apply(again)
    assert {LINEAR: 0} == {name: held for name, held in names(state).items() if name == LINEAR}


def test_adopted_as_hedge(state):
    """A starting hedge is known as one; adopting nothing leaves nothing."""
    hold(state, PERP, "-1000", hedge=True)
    assert D(-1000) == state.ledger.position("deribit", PERP).hedge

    hold(state, PERP, "0", hedge=True)
    hold(state, COINS, "1", hedge=True)
    assert {} == state.ledger.positions


def test_latch(state):
    """A halt that was latched before this start holds, a kill remains a kill."""
    state.latch("killed yesterday", killed=True)
    state.activate(TradingState.ACTIVE, "reconciled")

    assert (TradingState.HALTED, "killed yesterday") == (state.mode, state.mode_reason)
    assert (True, False) == (state.killed, state.sealed)


def test_compiled_once(state):
    """A book is compiled when a booking or a carry changes it, and not for each tick."""
    hold(state, CALL, "1")
    hold(state, FUTURE, "10")
    state.apply(index())
    state.apply(OptionMark(START, START, CALL, D("0.05"), 0.6, 101_000.0))
    assert (FUTURE,) == state.book("BTC").missing
    state.apply(Mark(START, START, FUTURE, D(101_000)))
    book = state.book("BTC")

    later = START + SECOND
    state.apply(OptionMark(later, later, CALL, D("0.05"), 0.7, 101_300.0))
    state.apply(Mark(later, later, PERP, D(100_000)))
    state.apply(index(1, price=100_500))
    assert book is state.book("BTC")
    assert ([0.7], [1.013]) == (list(book.options.vol), list(book.options.carry))

    state.apply(Mark(later, later, FUTURE, D(103_000)))
    moved = state.book("BTC")
    assert moved is not book
    hold(state, SPOT, "1")
    assert moved is not state.book("BTC")


def test_two_accounts_of_one_option(state):
    """An option that two accounts hold is valued the same on both."""
    hold(state, CALL, "1")
    state.adopt(PositionReport(START, None, "bybit", CALL, D(2)), D("0.05"), hedge=False)
    state.apply(index())
    for vol in (0.6, 0.8):
        ts = START + int(vol * 10) * SECOND
        state.apply(index(int(vol * 10)))
        state.apply(OptionMark(ts, ts, CALL, D("0.05"), vol, 101_000.0))
        assert [vol, vol] == list(state.book("BTC").options.vol)


def test_option_of_a_coin_that_is_not_hedged(state):
    """Inputs of what is not in any book wait for nobody."""
    state.apply(index())
    state.apply(OptionMark(START, START, CALL, D("0.05"), 0.6, 101_000.0))
    hold(state, CALL, "1")

    assert () == state.book("BTC").missing


def test_cash_instrument():
    """A balance is named by its account and currency; a stable one has no coin."""
    assert ("deribit:BTC", "BTC") == (
        cash_instrument("deribit", "BTC").id,
        cash_instrument("deribit", "BTC").underlying,
    )
    assert "" == cash_instrument("deribit", "USDC").underlying


def test_expired_option_in_a_coin_book():
    """After its expiry a coin-settled option is so many coins, and in coins no delta."""
    state = State(INSTRUMENTS, settings(numeraire=Numeraire.COIN), START)
    hold(state, CALL, "1")
    state.apply(index(price=121_000))
    state.apply(OptionMark(START, START, CALL, D("0.12"), 0.6, 121_000.0))
    state.apply(Tick(EXPIRY + 1))

    assert () == state.book("BTC").missing


@pytest.mark.parametrize(("priced", "balance"), [(True, 9_000.0), (False, None)])
def test_booked_right_after_figures(state, priced, balance):
    """What is booked right after a venue's figures counts beside them, if prices were known."""
    hold(state, LINEAR, "-1")
    if priced:
        state.apply(Mark(START, START, LINEAR, D(100_000)))
    numbers = (D(10_000), D(10_000), D(500), D(5_000))
    legs = (LegFigures(LINEAR, D(500)),)
    told = ("binanceusdm", (PoolFigures("USDT", *numbers),), legs)
    state.apply(MarginTold(START, START, *told))
    sold = (D(-1), D(99_000), D(0), "USDT")
    state.apply(Fill(START, START, "binanceusdm", LINEAR, "t", None, *sold))
    state.apply(Mark(START, START + 1, LINEAR, D(100_000)))
    pools = state.margins.pools("binanceusdm", state.now)

    assert balance == (None if pools is None else pools[0].balance)


def said(state, second, forward, *, late=0):
    """Let the call's forward of `second` be told `late` seconds later; return its carry then."""
    ts = START + second * SECOND
    told = OptionMark(ts + late * SECOND, ts, CALL, D("0.05"), 0.6, forward)
    state.apply(told)
    return float(state.book("BTC").options.carry[0])


def test_late_forward(state):
    """A forward that was on its way for seconds is not held against the index of now."""
    hold(state, CALL, "1")
    state.apply(index())
    assert 1.01 == said(state, 0, 101_000.0)
    state.apply(index(9, price=103_000))
    assert 1.01 == said(state, 2, 101_000.0, late=7)  # the index has moved, the carry has not
    assert 1.02 == said(state, 9, 105_060.0)
    state.apply(index(80, price=100_000))
    assert 1.03 == said(state, 73, 103_000.0, late=7)  # better than one that is a minute old


def test_late_first_forward(state):
    """The first forward that is heard waits for one of the index's time, but not for ever."""
    hold(state, CALL, "1")
    state.apply(index(9, price=103_000))
    for second in (2, 40, 70):  # by the last it is old, and a newer one is due
        ts = START + second * SECOND
        state.apply(OptionMark(ts + 7 * SECOND, ts, CALL, D("0.05"), 0.6, 101_000.0))
        assert (CALL,) == state.book("BTC").missing
    state.apply(index(78, price=103_000))
    assert 101 / 103 == pytest.approx(float(state.book("BTC").options.carry[0]))


def test_a_mark_beside_the_index_before_a_leap(state):
    """A carry leaps only by words of one time: a second before the price was another."""
    hold(state, CALL, "1")
    state.apply(index())
    assert 1.01 == said(state, 0, 101_000.0)
    assert 1.01 == said(state, 1, 97_970.0)  # 3 % lower, and the index is not told yet
    assert 1.012 == said(state, 1, 101_200.0)  # so little it may have changed
    state.apply(index(2, price=97_000))
    assert 1.02 == said(state, 2, 98_940.0)


def test_a_mark_after_a_silence(state):
    """A mark that comes before the index of its time waits for it: the one of before is too old."""
    hold(state, CALL, "1")
    state.apply(index())
    assert 1.01 == said(state, 0, 101_000.0)
    assert 1.01 == said(state, 90, 90_900.0)
    state.apply(index(91, price=90_000))
    assert 1.01 == pytest.approx(float(state.book("BTC").options.carry[0]))
