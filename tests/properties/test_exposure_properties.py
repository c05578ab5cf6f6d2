"""The delta of any book is the slope of what an independent valuation says that it is worth.

The valuation here knows trades, prices and fees, and neither positions nor
bases nor settlements: it adds up what each trade has become worth, in long
arithmetic. Where the core agrees with it, nothing was counted twice.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core import exposure
from rebalancer.core import ledger as books
from rebalancer.core.events import Fill, Index, Mark, OptionMark, Settled
from rebalancer.core.fixings import AVERAGING, Fixing
from rebalancer.core.instruments import Kind
from rebalancer.core.params import Numeraire
from rebalancer.core.state import State
from tests.scenarios.desk import (
    BTC,
    CALL,
    EXPIRY,
    FUTURE,
    INSTRUMENTS,
    LINEAR,
    LINEAR_CALL,
    LINEAR_FUTURE,
    PARAMS,
    PERP,
    PUT,
    SECOND,
    SETTLEMENT,
    SPOT,
)

D = Decimal

ACCOUNTS = ("deribit", "binanceusdm", "binance", "bybit")
LINEARS, INVERSES = (LINEAR, LINEAR_FUTURE), (PERP, FUTURE)
OPTIONS = (CALL, PUT, LINEAR_CALL)
YEAR = 365 * 86_400 * SECOND


@dataclass(frozen=True)
class Market:
    """Where the markets stand."""

    price: float
    carry: dict  # instrument → forward ÷ index
    vol: dict


@dataclass(frozen=True)
class Deal:
    """One trade, by whom it may be."""

    instrument: str
    quantity: D
    price: D
    fee: D
    ours: bool


def black(forward, strike, years, vol, sign):
    """Return the undiscounted price of an option, in long arithmetic."""
    total = vol * mp.sqrt(years)
    d1 = mp.log(forward / strike) / total + total / 2
    return sign * (forward * mp.ncdf(sign * d1) - strike * mp.ncdf(sign * (d1 - total)))


def worth(deals, cash, market, years):
    """Return W(S): USD value of coins, dollars and every trade as if it stood alone.

    In the last half hour of what is dated its forward is the mean of what was and
    what is to come: only the part that is to come moves with the price.
    """
    coming = min(years * 365 * 48, 1)

    def of(deal, spot):
        told = INSTRUMENTS[deal.instrument]
        size, price = mp.mpf(str(deal.quantity * told.size)), mp.mpf(str(deal.price))
        carry = market.carry.get(deal.instrument, 1)
        forward = carry * spot
        if told.expiry is not None:
            forward = carry * (market.price + coming * (spot - market.price))
        fee = mp.mpf(str(deal.fee)) * (spot if told.settle == "BTC" else 1)
        if deal.instrument in LINEARS:
            return size * (forward - price) - fee
        if deal.instrument in INVERSES:
            return spot * size * (1 / price - 1 / forward) - fee
        if deal.instrument == SPOT:
            return size * (spot - price) - fee
        vol = mp.mpf(market.vol[deal.instrument])
        if coming < 1:  # the mean is known, and the rest of it has a third of the variance
            forward, vol = forward / carry, vol * coming / mp.sqrt(3)
        value = black(forward, mp.mpf(str(told.strike)), years, vol, told.sign)
        if told.settle == "BTC":
            return size * spot * (value / forward - price) - fee
        return size * (value - price) - fee

    coins, dollars = (mp.mpf(str(amount)) for amount in cash)
    return lambda spot: coins * spot + dollars + mp.fsum(of(deal, spot) for deal in deals)


def slope(function, at):
    """Return the derivative by central differences, in long arithmetic."""
    step = mp.mpf(at) * mp.mpf("1e-12")
    return (function(at + step) - function(at - step)) / (2 * step)


def told(deals, cash, market, numeraire, *, ts):
    """Return a state that was told all of it."""
    named = {f"{account}:USDT": "BTC" for account in ACCOUNTS}
    own = replace(BTC, numeraire=numeraire)
    params = replace(PARAMS, underlyings={"BTC": own}, cash_underlying=named)
    state = State(INSTRUMENTS, params, ts)
    books.credit(state.ledger, "deribit", "BTC", cash[0])
    books.credit(state.ledger, "binance", "USDT", cash[1])
    for number, deal in enumerate(deals):
        instrument = INSTRUMENTS[deal.instrument]
        fill = Fill(
            ts,
            ts,
            instrument.venue,
            deal.instrument,
            f"t{number}",
            None,
            deal.quantity,
            deal.price,
            deal.fee,
            instrument.settle,
        )
        books.book_fill(state.ledger, fill, instrument, ours=deal.ours)
    gone = ts - (EXPIRY - AVERAGING)
    if gone > 0:  # it was heard
        heard = Fixing(EXPIRY - AVERAGING, ts, market.price, market.price * gone)
        state.prices.fixings["BTC"] = {EXPIRY: heard}
    state.apply(Index(ts, ts, "deribit", "BTC", D(repr(market.price))))
    for name in (FUTURE, LINEAR_FUTURE):
        mark = market.price * market.carry[name]
        state.apply(Mark(ts, ts, name, D(repr(mark))))
    for name in OPTIONS:
        forward = market.price * market.carry[name]
        price = priced(name, ts, market.vol[name], forward)
        state.apply(OptionMark(ts, ts, name, price, market.vol[name], forward))
    return state


def priced(name, ts, vol, forward):
    """Return what a venue would tell beside a vol."""
    told = INSTRUMENTS[name]
    years = max(told.expiry - ts, 0) / (365 * 86_400 * 10**9)
    worth = float(black(forward, float(told.strike), years, vol, told.sign))
    return D(str(round(worth if told.settle == "USDT" else worth / forward, 8)))


def number(low, high, places):
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


@st.composite
def deal(draw, names):
    name = draw(st.sampled_from(names))
    instrument = INSTRUMENTS[name]
    lots = draw(st.integers(-5_000, 5_000).filter(bool))
    if instrument.kind is Kind.OPTION:
        inverse = instrument.settle == "BTC"
        price = draw(number("0.001", "0.3", 4)) if inverse else draw(number(100, 30_000, 0))
    else:
        price = draw(number(40_000, 200_000, 1))
    fee = draw(number("-0.001", "0.001", 6))
    return Deal(name, lots * instrument.lot, price, fee, draw(st.booleans()))


def deals(names):
    return st.lists(deal(names), max_size=12)


@st.composite
def markets(draw):
    price = draw(st.floats(40_000, 200_000))
    carry = {
        name: draw(st.floats(0.96, 1.04))
        for name in (FUTURE, LINEAR_FUTURE, CALL, PUT, LINEAR_CALL)
    }
    return Market(price, carry, {name: draw(st.floats(0.2, 1.5)) for name in OPTIONS})


cash = st.tuples(number(-5, 50, 4), number(-100_000, 1_000_000, 2))
EVERY_KIND = (*LINEARS, *INVERSES, SPOT, *OPTIONS)


@settings(max_examples=80)
@given(
    deals(EVERY_KIND),
    cash,
    markets(),
    st.integers(1, 3_600) | st.integers(1, 27 * 86_400),
)
def test_delta_is_the_slope_of_value(traded, held, market, seconds):
    """In dollars dW/dS, in coins S·d(W/S)/dS, of the whole book, whatever is in it."""
    ts = EXPIRY - seconds * SECOND
    with mp.workdps(50):
        value = worth(traded, held, market, mp.mpf(seconds * SECOND) / YEAR)
        spot = mp.mpf(market.price)
        dollars = float(slope(value, spot))
        coins = float(spot * slope(lambda at: value(at) / at, spot))
        total = float(value(spot))
    size = sum(abs(float(each.quantity * INSTRUMENTS[each.instrument].size)) for each in traded)
    slack = 1e-9 * (1 + size)
    for numeraire, expected in ((Numeraire.USD, dollars), (Numeraire.COIN, coins)):
        state = told(traded, held, market, numeraire, ts=ts)
        book = state.book("BTC")

        assert () == book.missing
        assert expected == pytest.approx(
            exposure.measure(book, market.price, ts).net, rel=1e-9, abs=slack
        )
        assert total == pytest.approx(
            exposure.value(book, market.price, ts), rel=1e-9, abs=slack * 1e5
        )


def close(one, other):
    """Return whether two exposures are the same in every part."""
    parts = [(e.net, e.hedge, e.gross) for e in (one, other)]
    return pytest.approx(parts[0], rel=1e-9, abs=1e-6) == parts[1]


@settings(max_examples=80)
@given(
    deals((*LINEARS, *INVERSES, SPOT)),
    cash,
    markets(),
    number(40_000, 200_000, 1),
    st.sampled_from(Numeraire),
)
def test_settlement_changes_no_delta(traded, held, market, price, numeraire):
    """One second before 08:00 and one after, the same book has the same deltas and worth."""
    before = told(traded, held, market, numeraire, ts=SETTLEMENT - SECOND)
    after = told(traded, held, market, numeraire, ts=SETTLEMENT - SECOND)
    for name in (*LINEARS, *INVERSES):
        venue = INSTRUMENTS[name].venue
        after.apply(Settled(SETTLEMENT, SETTLEMENT, venue, name, "s1", price))
    at = [(before.book("BTC"), SETTLEMENT - SECOND), (after.book("BTC"), SETTLEMENT + SECOND)]
    values = [exposure.value(book, market.price, ts) for book, ts in at]

    assert close(*(exposure.measure(book, market.price, ts) for book, ts in at))
    assert values[0] == pytest.approx(values[1], rel=1e-9, abs=1e-3)


@settings(max_examples=40)
@given(deals(EVERY_KIND), cash, markets(), st.sampled_from(Numeraire))
def test_hedge_part(traded, held, market, numeraire):
    """What hedging put there is its contracts at today's price, however they were bought."""
    ts = EXPIRY - 86_400 * SECOND * 20
    straight = [each for each in traded if each.instrument not in OPTIONS]
    expected = 0.0
    for each in straight:
        instrument = INSTRUMENTS[each.instrument]
        price = market.price * market.carry.get(each.instrument, 1.0)
        size = float(each.quantity * instrument.size)
        coins = size / price if instrument.inverse else size * price / market.price
        expected += coins if each.ours else 0.0
    state = told(straight, held, market, numeraire, ts=ts)

    assert expected == pytest.approx(
        exposure.measure(state.book("BTC"), market.price, ts).hedge, rel=1e-9, abs=1e-9
    )
