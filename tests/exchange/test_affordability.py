"""Tests of what an account can pay for, at the exact boundary: all of it, and one lot more."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.pools import Pool
from rebalancer.exchange.records import RejectReason
from rebalancer.exchange.terms import AccountTerms, MarginMode, Schedule, VenueTerms
from tests.exchange.listing import (
    CALL,
    INVERSE,
    LINEAR,
    LISTED,
    SPOT,
    WHOLE,
    D,
    levels,
    open_exchange,
    order,
    quote,
    reason,
)

GTC = TimeInForce.GTC
MARGIN, BALANCE = RejectReason.INSUFFICIENT_MARGIN, RejectReason.INSUFFICIENT_BALANCE
CROSS = AccountTerms(leverage=D(10))
ISOLATED = AccountTerms(MarginMode.ISOLATED, D(10))
FEES = {
    Kind.PERPETUAL: FeeSchedule(D("-0.0001"), D("0.0005")),
    Kind.FUTURE: FeeSchedule(D(0), D("0.0005")),
    Kind.OPTION: FeeSchedule(D("0.0003"), D("0.0003"), D("0.125")),
    Kind.SPOT: FeeSchedule(D("0.001"), D("0.001")),
}


def opened(cash, positions=(), terms=CROSS, initial=None):
    """Return an exchange where account `a` holds this; maintenance is 0.5 % everywhere."""
    balances = {currency: D(amount) for currency, amount in cash.items()}
    held = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    flat = Schedule(((D(0), D("0.005")),))
    venue = VenueTerms(maintenance={Kind.PERPETUAL: flat, Kind.FUTURE: flat}, initial=initial or {})
    return Exchange(LISTED, FEES, [OpeningAccount("a", balances, held, terms)], venue)


def shown(exchange, instrument, mark, bid, ask):
    """Show a deep book and tell the mark, and the index at the strike of the options."""
    exchange.set_index(0, "BTC", D(100_000))
    quote(exchange, instrument, bid, ask)
    if mark is not None:
        exchange.set_mark(0, instrument.id, D(mark))
    return exchange


def judged(exchange, instrument, quantity, price=None, time_in_force=TimeInForce.IOC):
    return reason(exchange.submit(0, order(instrument, quantity, price, time_in_force)))


# Mark 100 and 10x: a contract needs 10, its fee of 0.05 % and what it loses to the mark.
@pytest.mark.parametrize(
    ("cash", "bid", "ask", "price", "quantity"),
    [
        ("100.5", "99", "100", None, "10"),  # 10 and 0.05 each
        ("100.5", "100", "101", None, "-10"),
        ("110.505", "99", "101", None, "10"),  # 10, 0.0505 and 1 lost to the mark
        ("110.495", "99", "101", None, "-10"),  # 10, 0.0495 and 1
        ("100.495", "98", "99", None, "10"),  # a gain on the mark pays for nothing
        ("110.505", "99", "101", "101", "10"),
        ("110.505", "99", "101", "110", "10"),  # fills at 101, whatever its limit
        ("100.5", "99", "101", "100", "10"),  # does not fill, and is taken at its limit
        ("100.495", "98", "101", "99", "10"),
    ],
)
@pytest.mark.parametrize("terms", [CROSS, ISOLATED])
def test_margined(cash, bid, ask, price, quantity, terms):
    """An order needs its initial margin, its fee and its loss to the mark, and not a unit more."""
    more = D(quantity) + D("0.001").copy_sign(D(quantity))

    exchange = shown(opened({"USDT": cash}, terms=terms), LINEAR, "100", bid, ask)

    assert MARGIN == judged(exchange, LINEAR, str(more), price, GTC)
    assert judged(exchange, LINEAR, quantity, price, GTC) is None


@pytest.mark.parametrize(("cash", "fits"), [("105.5025", True), ("105.502499", False)])
def test_several_levels(cash, fits):
    """Fee and loss are counted level by level: 5 at 100 and 5 at 101."""
    exchange = shown(opened({"USDT": cash}), LINEAR, "100", "99", "101")
    exchange.set_book(0, LINEAR.id, [], levels("5@100", "5@101"))

    assert (None if fits else MARGIN) == judged(exchange, LINEAR, "10")


@pytest.mark.parametrize(("cash", "fits"), [("105.5025", True), ("105.502499", False)])
def test_beyond_the_book(cash, fits):
    """What the book does not hold is taken at the limit: 5 at 100 and 5 at 101."""
    exchange = shown(opened({"USDT": cash}), LINEAR, "100", "99", "101")
    exchange.set_book(0, LINEAR.id, [], levels("5@100"))

    assert (None if fits else MARGIN) == judged(exchange, LINEAR, "10", "101", GTC)


@pytest.mark.parametrize(
    ("asked", "leverage", "cash"),
    [("0.2", None, "200.5"), ("0.2", 10, "200.5"), ("0.05", 10, "100.5"), (None, None, "5.5")],
)
def test_schedule_or_leverage(asked, leverage, cash):
    """The dearest of initial schedule, leverage and maintenance is asked for."""
    initial = {} if asked is None else {LINEAR.id: Schedule(((D(0), D(asked)),))}
    terms = AccountTerms(leverage=None if leverage is None else D(leverage))
    exchange = shown(opened({"USDT": cash}, (), terms, initial), LINEAR, "100", "99", "100")

    assert MARGIN == judged(exchange, LINEAR, "10.001")
    assert judged(exchange, LINEAR, "10") is None


def test_leverage_is_set():
    """What somebody sets holds for what is opened from then on; what is held stays."""
    exchange = shown(opened({"USDT": "200.5"}), LINEAR, "100", "99", "100")
    exchange.set_leverage("a", D(4))

    assert MARGIN == judged(exchange, LINEAR, "10")
    exchange.set_leverage("a", D(10))
    assert judged(exchange, LINEAR, "10") is None


@pytest.mark.parametrize("quantity", ["1000", "-1000"])
def test_inverse(quantity):
    """10,000 USD at 50,000 are 0.2 coin: a tenth of it, and 0.05 %."""
    exchange = shown(opened({"BTC": "0.0201"}), INVERSE, "50000", "50000", "50000.5")
    if D(quantity) > 0:
        quote(exchange, INVERSE, "49999.5", "50000")
    more = str(D(quantity) + D(1).copy_sign(D(quantity)))

    assert MARGIN == judged(exchange, INVERSE, more)
    assert judged(exchange, INVERSE, quantity) is None


@pytest.mark.parametrize(
    ("quantity", "price", "cash"),
    [
        ("2", "0.05", "0.1006"),  # premium and 0.0003 a coin
        ("2", "0.04", "0.0806"),  # at its limit where it rests
        ("-1", "0.05", "0.2003"),  # 0.15 + 0.05 short, and 0.0003
        ("-1", "0.06", "0.2003"),  # the margin is of the mark; the premium is not there yet
    ],
)
@pytest.mark.parametrize("terms", [CROSS, ISOLATED])
def test_options(quantity, price, cash, terms):
    """A buy of options needs its premium, a sale the margin of a short option; both their fee."""
    bid, ask = ("0.045", "0.05") if D(quantity) > 0 else ("0.05", "0.055")
    exchange = shown(opened({"BTC": cash}, terms=terms), CALL, "0.05", bid, ask)
    more = str(D(quantity) + D("0.1").copy_sign(D(quantity)))

    assert MARGIN == judged(exchange, CALL, more, price, GTC)
    assert judged(exchange, CALL, quantity, price, GTC) is None


@pytest.mark.parametrize(("price", "cash"), [("100", "200.2"), ("90", "180.18"), (None, "200.2")])
def test_spot_buy(price, cash):
    """A buy of spot needs what it costs and 0.1 % of fee."""
    exchange = shown(opened({"USDT": cash}), SPOT, "100", "99", "100")

    assert BALANCE == judged(exchange, SPOT, "2.0001", price, GTC)
    assert judged(exchange, SPOT, "2", price, GTC) is None


def test_spot_sale():
    """Spot that is not held cannot be sold, nor can twice what is."""
    exchange = shown(opened({"USDT": "1000000"}, [(SPOT, "2", "100")]), SPOT, "100", "99", "101")

    assert BALANCE == judged(exchange, SPOT, "-2.0001")
    assert judged(exchange, SPOT, "-1.5", "101", GTC) is None
    assert BALANCE == judged(exchange, SPOT, "-0.5001")
    assert judged(exchange, SPOT, "-0.5") is None
    assert BALANCE == judged(exchange, SPOT, "-1.5")


@pytest.mark.parametrize(
    ("instrument", "price"), [(LINEAR, "100"), (LINEAR, None), (CALL, "0.05"), (SPOT, None)]
)
def test_no_mark(instrument, price):
    """Margin that rests on a mark nobody told cannot be judged, nor a market order's cost."""
    cash = {"USDT": "1000000", "BTC": "1000"}
    bid, ask = ("0.04", "0.05") if instrument is CALL else ("99", "100")
    exchange = shown(opened(cash), instrument, None, bid, ask)
    quantity = "-1" if instrument is CALL else "1"

    assert RejectReason.NO_MARK == judged(exchange, instrument, quantity, price)


def test_no_mark_of_another():
    """One position without a mark leaves its whole pool unjudged."""
    exchange = shown(
        opened({"BTC": "9"}, [(INVERSE, "100", "50000")]), CALL, "0.05", "0.04", "0.05"
    )

    assert RejectReason.NO_MARK == judged(exchange, CALL, "1", "0.05")


# 10 held, bought at 100; 60 left at a mark of 99: 50 stand against 99 of initial margin.
@pytest.mark.parametrize("side", [+1, -1])
@pytest.mark.parametrize(
    ("quantity", "reduce_only", "expected"),
    [
        ("0.002", False, MARGIN),  # growing it
        ("-10", False, None),
        ("-0.002", False, None),
        ("-10.001", False, MARGIN),  # turning it
        ("-20", True, None),  # never more than what is held
    ],
)
def test_reductions_pass(side, quantity, reduce_only, expected):
    """What only brings a position nearer to zero passes, however short of margin the account is."""
    exchange = opened({"USDT": "60"}, [(LINEAR, str(10 * side), "100")])
    exchange.set_mark(0, LINEAR.id, D(100 - side))
    exchange.set_book(0, LINEAR.id, [(D(90), WHOLE)], [(D(110), WHOLE)])
    wanted = order(LINEAR, str(D(quantity) * side), reduce_only=reduce_only)

    assert expected == reason(exchange.submit(0, wanted))


def test_reductions_that_together_turn():
    """Two sales that together sell more than is held do not both reduce."""
    exchange = opened({"USDT": "60"}, [(LINEAR, "10", "100")])
    shown(exchange, LINEAR, "99", "90", "110")

    assert judged(exchange, LINEAR, "-6", "120", GTC) is None
    assert MARGIN == judged(exchange, LINEAR, "-4.001", "120", GTC)
    assert judged(exchange, LINEAR, "-4", "120", GTC) is None


def test_reduction_without_a_mark():
    """A reduction needs no mark either."""
    exchange = shown(opened({"USDT": "0"}, [(LINEAR, "10", "100")]), LINEAR, None, "99", "101")

    assert judged(exchange, LINEAR, "-10") is None


def test_open_orders_count():
    """What rests already is paid for: of 100.5 it leaves 50.5, for 5 at 10 and their fee."""
    exchange = shown(opened({"USDT": "100.5"}), LINEAR, "100", "99", "101")
    assert judged(exchange, LINEAR, "5", "100", GTC) is None

    assert MARGIN == judged(exchange, LINEAR, "5.026", "100", GTC)
    assert judged(exchange, LINEAR, "5.024", "100", GTC) is None


def test_profit_counts_under_cross_margin_only():
    """Open profit pays for more under cross margin; an isolated one is not free."""
    for terms, expected in ((CROSS, None), (ISOLATED, MARGIN)):
        exchange = opened({"USDT": "10"}, [(LINEAR, "1", "100")], terms)
        shown(exchange, LINEAR, "200", "199", "200")

        assert expected == judged(exchange, LINEAR, "1")


def test_isolated_free_cash():
    """After a fill at the boundary an isolated account has nothing free, and its margin locked."""
    exchange = shown(opened({"USDT": "100.5"}, (), ISOLATED), LINEAR, "100", "99", "100")

    judged(exchange, LINEAR, "10")

    found = exchange.standings("a")
    assert (D(0), D(100)) == (found[Pool("USDT")].balance, found[Pool("USDT", LINEAR.id)].balance)


def test_collateral_together():
    """Collateral of another currency pays for an order, at its share and at its index."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1), "BTC": D("0.5")})
    exchange = opened({"BTC": "0.00201"}, (), terms)  # 100,000 x 0.5 x 0.00201 = 100.5
    shown(exchange, LINEAR, "100", "99", "100")

    assert MARGIN == judged(exchange, LINEAR, "10.001")
    assert judged(exchange, LINEAR, "10") is None


def test_collateral_for_a_coin_fee():
    """A fee in coin is weighed in USD: 0.0201 coin at 100,000 are 2,010 USD."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1), "BTC": D(1)})
    exchange = opened({"USDT": "2010"}, (), terms)
    shown(exchange, INVERSE, "50000", "49999.5", "50000")

    assert MARGIN == judged(exchange, INVERSE, "1001")
    assert judged(exchange, INVERSE, "1000") is None


def test_nobody_asks():
    """An account without terms may buy with nothing, and sell what it does not hold."""
    exchange = open_exchange(FEES)
    shown(exchange, LINEAR, "100", "99", "101")
    quote(exchange, SPOT, "99", "101")

    for instrument, quantity in ((LINEAR, "1000"), (SPOT, "-1000")):
        wanted = order(instrument, quantity, account="b")
        assert reason(exchange.submit(0, wanted)) is None
