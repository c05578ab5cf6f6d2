"""Corners of the exchange where money once slipped through; numbers worked by hand."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.pools import Pool
from rebalancer.exchange.prices import Prices
from rebalancer.exchange.records import Amended, CashRefused, RejectReason
from rebalancer.exchange.requirements import initial
from rebalancer.exchange.terms import (
    AccountTerms,
    Grid,
    MarginMode,
    Schedule,
    TradingRules,
    VenueTerms,
)
from tests.exchange.listing import (
    CALL,
    EXPIRY,
    FUTURE,
    HOUR,
    INVERSE,
    LINEAR,
    LISTED,
    NO_FEES,
    SPOT,
    D,
    fills,
    levels,
    open_exchange,
    order,
    quote,
    reason,
)

GTC, MINUTE = TimeInForce.GTC, 60_000_000_000
CROSS = AccountTerms(leverage=D(10))
ISOLATED, PORTFOLIO = AccountTerms(MarginMode.ISOLATED, D(10)), AccountTerms(MarginMode.PORTFOLIO)
MARGIN, BALANCE = RejectReason.INSUFFICIENT_MARGIN, RejectReason.INSUFFICIENT_BALANCE


def opened(cash, positions=(), terms=CROSS, **more):
    balances = {currency: D(amount) for currency, amount in cash.items()}
    held = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    flat = Schedule(((D(0), D("0.005")),))
    venue = VenueTerms(maintenance={Kind.PERPETUAL: flat, Kind.FUTURE: flat}, **more)
    return Exchange(LISTED, NO_FEES, [OpeningAccount("a", balances, held, terms)], venue)


def test_portfolio_order_must_leave_the_grids_initial():
    """A perp of 100,000 needs 1.3 x 16,600 under the default grid; 1,000 is not enough."""
    exchange = opened({"USDT": "1000"}, terms=PORTFOLIO)
    exchange.set_index(0, "BTC", D(100_000))
    exchange.set_mark(0, LINEAR.id, D(100_000))
    quote(exchange, LINEAR, "99999", "100000")
    assert MARGIN == reason(exchange.submit(0, order(LINEAR, "1")))


@pytest.mark.parametrize(
    ("instrument", "cash", "mark", "bid", "ask", "size", "why"),
    [
        (CALL, {"BTC": "0.1"}, "0.05", "0.04", "0.06", "2", MARGIN),  # costs 0.12
        (SPOT, {"USDT": "100"}, "100", "99", "110", "1", BALANCE),  # costs 110
    ],
)
def test_market_buy_paid_in_full_at_the_ask(instrument, cash, mark, bid, ask, size, why):
    exchange = opened(cash)
    exchange.set_index(0, "BTC", D(100_000))
    exchange.set_mark(0, instrument.id, D(mark))
    quote(exchange, instrument, bid, ask)
    assert why == reason(exchange.submit(0, order(instrument, size)))


def test_amend_on_an_expired_contract():
    exchange = opened({"BTC": "100"}, terms=None)
    quote(exchange, FUTURE, "99", "101")
    exchange.submit(1, order(FUTURE, "10", "99", GTC))
    records = exchange.amend(EXPIRY, "a", "c1", D(10), D(101))
    assert [] == fills(records)  # AmendRefused(EXPIRED_INSTRUMENT)


def test_withdrawal_of_coins_that_are_owed():
    """1 BTC cash, 1 BTC of open loss, unlisted: taking the cash leaves 1 BTC owed, whole."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1)})
    exchange = opened({"USDT": "50000", "BTC": "1"}, [(INVERSE, "10000", "100000")], terms)
    exchange.set_index(0, "BTC", D(50_000))
    exchange.set_mark(0, INVERSE.id, D(50_000))
    (record,) = exchange.deposit(0, "a", "BTC", D(-1))
    assert isinstance(record, CashRefused)  # balance 50,000 → 0 with 500 of maintenance


@pytest.mark.parametrize(
    ("instrument", "cash", "mark", "bid", "ask", "size"),
    [
        (LINEAR, ("USDT", "10"), "100", "110", "111", "-1"),  # locks 11 of 10
        (INVERSE, ("BTC", "0.02"), "50000", "39999.5", "40000", "1000"),  # 0.025 of 0.02
    ],
)
def test_isolated_fill_better_than_the_mark(instrument, cash, mark, bid, ask, size):
    exchange = opened(dict([cash]), terms=ISOLATED)
    exchange.set_mark(0, instrument.id, D(mark))
    quote(exchange, instrument, bid, ask)
    assert MARGIN == reason(exchange.submit(0, order(instrument, size)))


@pytest.mark.parametrize(
    ("tiers", "size", "expected"),
    [
        ((("0", "0"),), "1000", "10000"),
        ((("0", "0"), ("1000", "0.01")), "5", "50"),
    ],
)
def test_initial_where_maintenance_is_nothing(tiers, size, expected):
    """Notional ÷ 10 is asked for even where maintenance is 0."""
    schedule = Schedule(tuple((D(floor), D(rate)) for floor, rate in tiers))
    terms = VenueTerms(maintenance={Kind.PERPETUAL: schedule})
    assert D(expected) == initial(terms, LINEAR, D(size), Prices({LINEAR.id: D(100)}, {}), D(10))


def test_late_delivery():
    """(15 x 120,000 + 15 x 140,000) ÷ 30, however late, while the index goes on."""
    exchange = open_exchange(positions=[(CALL, "2", "0.05")])
    for minute, price in [(-60, 120_000), (-15, 140_000), *((m, 1000) for m in range(1, 46))]:
        exchange.set_index(EXPIRY + minute * MINUTE, "BTC", D(price))
    (delivered,) = exchange.deliver(EXPIRY + 45 * MINUTE, CALL.id)
    assert D(130_000) == delivered.price


def test_short_at_one_is_never_taken_down():
    exchange = opened(
        {"BTC": "1"}, [(INVERSE, "-10000", "100000")], AccountTerms(MarginMode.ISOLATED, D(1))
    )
    exchange.set_mark(0, INVERSE.id, D(100_000))
    assert exchange.liquidation_price("a", INVERSE.id) is None


def test_amend_to_no_number():
    exchange = open_exchange()
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(0, order(LINEAR, "5", "99", GTC))
    (record,) = exchange.amend(0, "a", "c1", D("NaN"))
    assert RejectReason.BAD_LOT == record.reason


def test_oldest_of_several_over_instruments():
    exchange = open_exchange()
    quote(exchange, LINEAR, "99", "101")
    quote(exchange, INVERSE, "99", "101")
    exchange.submit(0, order(LINEAR, "5", "99", GTC, client_order_id="x"))
    exchange.submit(1, order(INVERSE, "5", "99", GTC))
    exchange.submit(2, order(LINEAR, "5", "99", GTC))
    (record,) = exchange.amend(3, "a", "c1", D(4))
    assert INVERSE.id == record.instrument


def test_smaller_order_when_short_of_margin():
    """60 USDT, 5 bid at 10x and mark 100; at 200 the order needs 100. Less must be allowed."""
    exchange = opened({"USDT": "60"})
    exchange.set_mark(0, LINEAR.id, D(100))
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(0, order(LINEAR, "5", "99", GTC))
    exchange.set_mark(0, LINEAR.id, D(200))
    assert isinstance(exchange.amend(0, "a", "c1", D(4))[0], Amended)


def test_smaller_order_outside_the_band():
    rules = {LINEAR.id: TradingRules(price_band=D("0.05"))}
    exchange = opened({"USDT": "6000"}, rules=rules)
    exchange.set_mark(0, LINEAR.id, D(100))
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(0, order(LINEAR, "5", "99", GTC))
    exchange.set_mark(0, LINEAR.id, D(90))
    assert isinstance(exchange.amend(0, "a", "c1", D(4))[0], Amended)


def test_stamp_whose_rate_is_told_again():
    exchange = open_exchange(positions=[(LINEAR, "2", "50000")])
    exchange.set_mark(0, LINEAR.id, D(50_000))
    for ts in (0, 8 * HOUR + 1):  # the feed still says the old stamp just after it
        exchange.set_funding_rate(ts, LINEAR.id, D("0.0001"), 8 * HOUR, 8 * HOUR)
        booked = exchange.apply_funding(max(ts, 8 * HOUR), LINEAR.id)
    assert () == booked
    assert D(999_990) == exchange.balance("a", "USDT")


def test_reduction_when_nothing_is_locked_any_more():
    """20 locked, all paid as funding; half closed at +50 frees nothing and locks nothing."""
    exchange = opened({"USDT": "20"}, [(LINEAR, "2", "100")], ISOLATED)
    exchange.set_mark(0, LINEAR.id, D(160))
    quote(exchange, LINEAR, "160", "161")
    exchange.set_funding_rate(0, LINEAR.id, D("0.0625"), HOUR, HOUR)  # of 320: 20
    exchange.apply_funding(HOUR, LINEAR.id)
    exchange.submit(HOUR, order(LINEAR, "-1"))
    assert D(60) == exchange.standings("a")[Pool("USDT")].balance


def test_grid_without_extremes():
    assert () == Grid(extended=()).extended


def test_charge_beyond_the_band():
    """Only 1@101 is inside the band: 50 of margin and 1 of loss, and 60 are there."""
    exchange = opened({"USDT": "60"}, rules={LINEAR.id: TradingRules(price_band=D("0.05"))})
    exchange.set_mark(0, LINEAR.id, D(100))
    exchange.set_book(0, LINEAR.id, (), levels("1@101", "9@200"))
    assert reason(exchange.submit(0, order(LINEAR, "5"))) is None
