"""Rungs: where each begins, which measure counts, and what clears an account of one."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rebalancer.core.margin.pool import Leg, Pool, Trial, revalued
from rebalancer.core.margin.rungs import (
    YEAR,
    Ladder,
    Rung,
    clear_of,
    clearance,
    deviation,
    read,
)
from rebalancer.core.margin.schedule import flat, schedule

LADDER = Ladder(
    ratio=(0.40, 0.50, 0.60, 0.70, 0.80),
    distance=(0.25, 0.20, 0.15, 0.10, 0.07),
    min_sigmas=None,
    reaction_time=YEAR // 365,
    margin=0.1,
)
SIGMAS = replace(LADDER, min_sigmas=3.0)
FAR = replace(LADDER, distance=(1e-9,) * 5)  # the ratio alone counts
NEVER = replace(LADDER, ratio=(9.0,) * 5)  # it does not
VOL = 0.6


def pool(balance, size=-1.0, rate=0.005, *, inverse=False):
    kind = flat(rate)
    asked = rate * abs(size) * (1e-5 if inverse else 1e5)
    leg = Leg("v:X", "BTC", size, inverse, 1e5, kind)
    return Pool("v", "BTC" if inverse else "USDT", "", balance, asked, (leg,))


@pytest.mark.parametrize(
    ("ratio", "rung"),
    [
        (0.0, Rung.CALM),
        (0.399, Rung.CALM),
        (0.40, Rung.WARN),  # a rung begins where it says
        (0.499, Rung.WARN),
        (0.50, Rung.WIDEN),
        (0.60, Rung.REDUCE),
        (0.699, Rung.REDUCE),
        (0.70, Rung.DERISK),
        (0.80, Rung.HALT),
        (0.99, Rung.HALT),
    ],
)
def test_by_ratio(ratio, rung):
    """The margin ratio alone climbs the ladder."""
    held = replace(pool(1000.0, 1.0, 0.0), balance=1000.0, maintenance=1000.0 * ratio)

    told = read(held, "BTC", VOL, FAR)

    assert (ratio, rung) == (pytest.approx(told.ratio), told.rung)


@pytest.mark.parametrize("side", [-1, +1])
@pytest.mark.parametrize(
    ("distance", "rung"),
    [
        (0.251, Rung.CALM),
        (0.249, Rung.WARN),
        (0.201, Rung.WARN),
        (0.199, Rung.WIDEN),
        (0.149, Rung.REDUCE),
        (0.101, Rung.REDUCE),
        (0.099, Rung.DERISK),
        (0.071, Rung.DERISK),
        (0.069, Rung.HALT),
        (0.001, Rung.HALT),
    ],
)
def test_by_distance(side, distance, rung):
    """So does the distance to the liquidation price, on either side."""
    held = pool(distance * 1e5, -float(side), 0.0)
    told = read(held, "BTC", VOL, NEVER)

    assert (pytest.approx(distance), rung) == (told.distance, told.rung)
    assert pytest.approx(1 + side * distance) == told.liquidation


@pytest.mark.parametrize(
    ("sigmas", "rung"),
    [
        (3.01, Rung.CALM),
        (2.99, Rung.REDUCE),
        (1.51, Rung.REDUCE),
        (1.49, Rung.DERISK),  # below half of it
    ],
)
def test_by_sigmas(sigmas, rung):
    """So does the distance in standard deviations over the reaction time."""
    ladder = replace(FAR, min_sigmas=3.0)
    reach = math.expm1(sigmas * deviation(VOL, ladder))
    told = read(pool(reach * 1e5, -1.0, 0.0), "BTC", VOL, ladder)

    assert (pytest.approx(sigmas, rel=1e-3), rung) == (told.sigmas, told.rung)


@pytest.mark.parametrize(
    ("held", "sigmas", "rel"),
    [
        # Equity that stands a move of so many deviations in a day at a vol of 60 %, rate 0.5 %:
        # 10.43 % and 17.59 % of notional for a short of 3 and 5, 9.45 % for a long; inverse the
        # mirror of it, in coin.
        (pool(10_430.0, -1.0), 3.0, 1e-3),
        (pool(17_590.0, -1.0), 5.0, 1e-3),
        (pool(9_450.0, +1.0), 3.0, 1e-3),
        (pool(0.09446, -100_000.0, inverse=True), 3.0, 1e-3),
        (pool(0.10429, +100_000.0, inverse=True), 3.0, 1e-3),
        (pool(20_600.0, -1.0), 5.805, 1e-3),  # 120 000 against 100 000
    ],
)
def test_published_deviations(held, sigmas, rel):
    """Equity that is reckoned for a move of k deviations is found to stand k of them."""
    assert pytest.approx(sigmas, rel=rel) == read(held, "BTC", VOL, LADDER).sigmas


@pytest.mark.parametrize(
    ("held", "ratio", "rung"),
    [
        (pool(1.0, -100_000.0, inverse=True), 0.005, Rung.CALM),  # a synthetic dollar
        (pool(0.0), math.inf, Rung.HALT),
        (pool(-100.0), math.inf, Rung.HALT),
        (pool(100.0, 0.0), 0.0, Rung.CALM),
        (pool(-100.0, 0.0), math.inf, Rung.HALT),  # a debt that nothing is asked for
    ],
)
def test_nowhere_and_here(held, ratio, rung):
    """What no price takes down is read by its ratio; what is lost is at the last rung."""
    told = read(held, "BTC", VOL, SIGMAS)

    assert (pytest.approx(ratio), rung) == (told.ratio, told.rung)
    assert (told.distance is None) == (told.sigmas is None) == (told.liquidation is None)
    assert (rung is Rung.CALM) == (told.distance is None)


def test_worst_measure_counts():
    """The ratio may be calm where the distance is not, and both where the market is wild."""
    held = pool(22_000.0, rate=0.001)

    assert Rung.WIDEN == max(read(held, "BTC", 0.1, LADDER).rung, Rung.WIDEN)
    assert Rung.WARN == read(held, "BTC", 0.1, SIGMAS).rung
    assert Rung.REDUCE == read(held, "BTC", 2.0, SIGMAS).rung
    assert Rung.DERISK == read(held, "BTC", 4.0, SIGMAS).rung


def test_together():
    """A pool is read for each coin alone, or for all of them."""
    ether = Leg("v:Y", "ETH", -25.0, False, 4_000.0, flat(0.0))
    alone = pool(30_000.0, -1.0, 0.0)
    held = replace(alone, legs=(*alone.legs, ether))

    assert pytest.approx(0.30) == read(held, "BTC", VOL, LADDER).distance
    assert pytest.approx(0.30) == read(held, "ETH", VOL, LADDER).distance
    assert pytest.approx(0.15) == read(held, "", VOL, LADDER).distance


def test_words():
    """A rung is called in settings and alarms what it is called here."""
    assert ["calm", "warn", "widen", "reduce", "derisk", "halt"] == [each.word for each in Rung]


@pytest.mark.parametrize(
    ("rung", "ladder", "ratio", "reach"),
    [
        (Rung.WARN, LADDER, 0.36, 0.275),
        (Rung.WIDEN, LADDER, 0.45, 0.22),
        (Rung.HALT, LADDER, 0.72, 0.077),
        # 3 deviations and a tenth at 60 % a year over a day, where that is farther
        (Rung.REDUCE, SIGMAS, 0.54, 0.165),
        (Rung.REDUCE, replace(SIGMAS, min_sigmas=9.0), 0.54, math.expm1(9.9 * 0.6 / 365**0.5)),
        (Rung.DERISK, replace(SIGMAS, min_sigmas=9.0), 0.63, math.expm1(4.95 * 0.6 / 365**0.5)),
        (Rung.HALT, replace(SIGMAS, min_sigmas=9.0), 0.72, 0.077),  # sigmas never halt
    ],
)
def test_limit(rung, ladder, ratio, reach):
    """Clear of a rung is clear by the ladder's margin, here and up to its distance both ways."""
    limit = clear_of(rung, ladder, VOL)

    assert (1.0, pytest.approx(ratio)) == (limit.factors[0], limit.ratios[0])
    assert pytest.approx(1 + reach) == limit.factors.max()
    assert pytest.approx(1 - reach) == limit.factors.min()
    assert {1.0} == set(limit.ratios[1:].tolist())


def test_no_price_below_zero():
    """However wild a market is, no price that is looked at is below 0."""
    assert 0 < clear_of(Rung.WIDEN, SIGMAS, 10.0).factors.min()


def test_clearance_after_an_order():
    """An order counts in what an account is cleared by."""
    held, limit = pool(10_000.0, rate=0.0), clear_of(Rung.WIDEN, LADDER, VOL)
    closed = clearance(held, "BTC", limit, Trial("v:X", 1.0, 1e5))

    assert min(clearance(held, "BTC", limit)) < 0
    assert [10_000.0 * ratio for _, ratio in limit.ends] == pytest.approx(closed)


@given(
    balance=st.floats(0.001, 1.0),
    size=st.sampled_from([-1.0, 1.0]),
    rate=st.floats(0.0, 0.1),
    inverse=st.booleans(),
    rung=st.sampled_from(list(Rung)[1:]),
    vol=st.floats(0.05, 2.0),
)
def test_clear_is_below(balance, size, rate, inverse, rung, vol):
    """What is clear of a rung is read below it."""
    unit = 1e5 if inverse else 1.0
    held = pool(balance * (1.0 if inverse else 1e5), size * unit, rate, inverse=inverse)
    gaps = clearance(held, "BTC", clear_of(rung, SIGMAS, vol))
    assume(min(gaps) >= 0)

    assert read(held, "BTC", vol, SIGMAS).rung < rung


def test_deviation():
    """Vol is spread over the reaction time by its square root."""
    assert pytest.approx(0.6 / math.sqrt(365)) == deviation(0.6, LADDER)
    assert np.isclose(
        0.3 / math.sqrt(365 * 24), deviation(0.3, replace(LADDER, reaction_time=YEAR // 8760))
    )


@given(
    balance=st.floats(-0.5, 1.0),
    size=st.floats(-5.0, 5.0),
    more=st.floats(-5.0, 5.0),
    locks=st.floats(0.0, 0.5),
    tiered=st.booleans(),
    inverse=st.booleans(),
)
def test_alone(balance, size, more, locks, tiered, inverse):
    """A pool with one leg is as clear, to the last digit but rounding, as the vectors say it is."""
    unit = 1e5 if inverse else 1.0
    cash = 1.0 if inverse else 1e5
    tiers = schedule(((0.0, 0.005), (150_000.0, 0.01), (400_000.0, 0.05))) if tiered else flat(0.01)
    held = pool(balance * cash, size * unit, inverse=inverse)
    held = replace(held, legs=(replace(held.legs[0], schedule=tiers),))
    limit, trial = clear_of(Rung.WIDEN, SIGMAS, VOL), Trial("v:X", more * unit, 99_000.0, locks)
    alone = clearance(held, "BTC", limit, trial)
    balance_, asked = revalued(held, limit.factors, ("BTC",), trial)
    whole = limit.ratios * balance_ - asked

    assert pytest.approx(whole[0], abs=1e-9 * cash) == alone[0]
    assert pytest.approx(whole[1:].min(), abs=1e-9 * cash) == min(alone[1:])
