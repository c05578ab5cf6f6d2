"""Aging: options whose settlement is being averaged, against simulated paths and the exchange."""

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core import curves, exposure
from rebalancer.core.exposure import YEAR, Holding, OptionInput
from rebalancer.core.fixings import AVERAGING, Fixing
from rebalancer.exchange import black
from rebalancer.exchange.fixing import Trail, average, open_share
from tests.scenarios.desk import BTC, CALL, EXPIRY, INSTRUMENTS, LINEAR_CALL, PUT

MINUTE = 60 * 10**9
VOL = 0.6
CARRY = 1.004  # as it was told last; it has no part in a settlement that is being averaged
PATHS, STEPS = 40_000, 60
DAYS = 86_400 * 10**9


def book(name, ts, mean, vol=VOL, strike=None):
    """Return a book of one option, of whose settlement the mean so far is known at `ts`."""
    gone = ts - (EXPIRY - AVERAGING)
    found = {EXPIRY: Fixing(EXPIRY - AVERAGING, ts, mean, mean * gone)} if gone > 0 else {}
    told = INSTRUMENTS[name]
    told = told if strike is None else replace(told, strike=Decimal(strike))
    held = [Holding(told, 1.0, 0.0, 0.0)]
    return exposure.compile_book(BTC, held, {name: OptionInput(vol, CARRY)}, {}, found)


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("minutes", [45.0, 29.0, 15.0, 3.0])
@pytest.mark.parametrize("away", [-0.02, -0.0004, 0.0003, 0.015])
def test_greeks_are_slopes(name, minutes, away):
    """Gamma, vega and theta are slopes of the value, the open share of a mean in each of them."""
    ts, price = EXPIRY - int(minutes * MINUTE), 100_000.0
    mean = 101_000.0
    share = min(minutes / 30, 1.0)
    carry = CARRY if share == 1.0 else share + (1 - share) * mean / price
    strike = round(price * carry * (1 + away))
    held, up = (book(name, ts, mean, vol, strike) for vol in (VOL, VOL + 1e-6))
    told = exposure.greeks(held, price, ts)
    low, high = (exposure.measure(held, each, ts).net for each in (price - 0.5, price + 0.5))
    later = ts + 10**6
    after = mean + (price - mean) * 10**6 / (later - EXPIRY + AVERAGING) if share < 1 else mean
    aged = exposure.value(book(name, later, after, VOL, strike), price, later)
    now = exposure.value(held, price, ts)

    assert high - low == pytest.approx(told.gamma, rel=1e-3, abs=1e-10)
    assert exposure.value(up, price, ts) - now == pytest.approx(
        1e-6 * told.vega, rel=1e-3, abs=1e-9
    )
    assert (aged - now) / 10**6 * YEAR == pytest.approx(told.theta, rel=2e-2, abs=10.0)


def paths(price, ts):
    """Return (mean until the end, last price) ÷ price of many paths, drawn from a seed."""
    draws = np.random.default_rng(20).standard_normal((PATHS // 2, STEPS))
    draws = np.concatenate([draws, -draws])
    step = VOL * math.sqrt((EXPIRY - ts) / YEAR / STEPS)
    grown = np.exp(np.cumsum(step * draws - step**2 / 2, axis=1))
    grown = np.concatenate([np.ones((PATHS, 1)), grown], axis=1)
    return (grown[:, :-1] + grown[:, 1:]).mean(axis=1) / 2, grown[:, -1]


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("minutes", [29.0, 15.0, 5.0])
@pytest.mark.parametrize("away", [-1.0, -0.4, 0.4, 1.0])
def test_delta_of_simulated_paths(name, minutes, away):
    """Delta is that of many paths whose mean is taken, to what so many can say.

    Where the strike lies within a deviation of the mean that comes of it, a vol that is
    off by a third would show at once.
    """
    ts, price, mean = EXPIRY - int(minutes * MINUTE), 100_000.0, 98_000.0
    share, sign = minutes / 30, INSTRUMENTS[name].sign
    middle = share * price + (1 - share) * mean
    deviation = VOL * math.sqrt((EXPIRY - ts) / YEAR / 3) * share
    strike = round(middle * (1 + away * deviation), 2)
    rest, last = paths(price, ts)
    settled = share * price * rest + (1 - share) * mean
    inside = sign * (settled - strike) > 0
    if INSTRUMENTS[name].inverse:
        coins = np.where(inside, sign * (1 - strike / settled), 0.0)
        each = last * (coins + inside * sign * strike / settled**2 * share * price * rest)
    else:
        each = inside * sign * share * rest
    error = each.std() / math.sqrt(PATHS)
    found = exposure.measure(book(name, ts, mean, VOL, strike), price, ts).net

    assert each.mean() == pytest.approx(found, abs=4 * error + 5e-4)


def settlement(trail, ts, price):
    """Return what the exchange would settle on if the index stood at a price from `ts` on."""
    after = Trail(trail.told.copy())
    after.add(ts, Decimal(repr(price)))
    return float(average(after, EXPIRY, EXPIRY))


def worth(name, trail, ts, price):
    """Return what an option is worth by the exchange's books, USD."""
    told, settles = INSTRUMENTS[name], settlement(trail, ts, price)
    spread = VOL * math.sqrt((EXPIRY - ts) / YEAR / 3) * open_share(EXPIRY, ts)
    found = black.price(settles, float(told.strike), spread, told.sign)
    return found / settles * price if told.inverse else found


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("minutes", [29.0, 15.0, 2.0])
@pytest.mark.parametrize("mean", [88_000, 105_500, 112_000])
@pytest.mark.parametrize("price", [89_000.0, 104_000.0, 111_000.0])
def test_slope_by_the_exchange(name, minutes, mean, price):
    """Delta is what a small move does to the worth by the exchange's own settlement."""
    ts = EXPIRY - int(minutes * MINUTE)
    trail = Trail()
    trail.add(EXPIRY - 2 * AVERAGING, Decimal(mean))
    step = price * 1e-6
    low, high = (worth(name, trail, ts, each) for each in (price - step, price + step))
    held = book(name, ts, float(mean))

    assert worth(name, trail, ts, price) == pytest.approx(
        exposure.value(held, price, ts), rel=1e-9, abs=1e-6
    )
    assert (high - low) / (2 * step) == pytest.approx(
        exposure.measure(held, price, ts).net, rel=1e-5, abs=1e-7
    )


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("minutes", [45.0, 15.0, 0.5])
@pytest.mark.parametrize("in_coin", [True, False])
def test_pools_see_the_same(name, minutes, in_coin):
    """What a pool's options come to at other prices is what the book makes of them there."""
    ts, mean = EXPIRY - int(minutes * MINUTE), 108_000.0
    held = [curves.Held(INSTRUMENTS[name], -3.0, VOL, CARRY, mean)]
    found = curves.curve(held, 100_000.0, ts, in_coin=in_coin, portfolio=True)
    coined = in_coin and INSTRUMENTS[name].inverse
    own = book(name, ts, mean)
    worth = [exposure.value(own, each, ts) / (each if coined else 1.0) for each in found.prices]

    assert [-3 * each for each in worth] == pytest.approx(found.value, rel=1e-12)


@pytest.mark.parametrize(
    ("minutes", "lasts"),
    [
        (60.0, curves.FRESH),
        (31.0, curves.FRESH - 1),  # the average begins when it would be worked out anew
        (30.5, MINUTE // 2 - 1),
        (30.0 + 1 / 120, curves.ENDING),
        (29.0, curves.ENDING),
        (-5.0, curves.ENDING),
    ],
)
def test_curves_last(minutes, lasts):
    """Curves are worked out anew each second or so while a settlement of theirs is averaged."""
    options, made = [INSTRUMENTS[CALL], INSTRUMENTS[LINEAR_CALL]], EXPIRY - int(minutes * MINUTE)

    assert made + lasts == curves.lasts(options, made)


def test_no_mean_before_the_window():
    """Long before the end nothing is fixed, whatever was heard."""
    ts = EXPIRY - DAYS
    name = CALL
    plain = exposure.measure(book(name, ts, 0.0), 110_000.0, ts)
    held = [Holding(INSTRUMENTS[name], 1.0, 0.0, 0.0)]
    heard = {EXPIRY: Fixing(EXPIRY - AVERAGING, ts, 50_000.0, 0.0)}
    found = exposure.compile_book(BTC, held, {name: OptionInput(VOL, CARRY)}, {}, heard)

    assert plain == exposure.measure(found, 110_000.0, ts)
