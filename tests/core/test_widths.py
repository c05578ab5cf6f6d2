"""The best half-widths in closed form, held against the rates that they are to make least."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rebalancer.core import band

S, VOL = 100_000.0, 0.6
GAMMA = 2.3106721272388524e-05  # of a call at the money, 30 days, coins per USD

sizes = st.floats(0.01, 5.0)
costs = st.floats(1e-4, 1e-2)
aversions = st.floats(1e-7, 1e-3)


@pytest.mark.parametrize(
    ("cost", "published"),
    [(0.0005, 0.0737), (0.0002, 0.0543)],
)
def test_of_one_option(cost, published):
    """Short one call at the money for 30 days: the band of the published formula."""
    assert published == round(float(band.whalley_wilmott(S, -GAMMA, cost, 1e-4)), 4)


def test_published_with_zakamouline():
    """Both formulas on one published case: delta .5, gamma .02, S 5000, a quarter of a year."""
    wide = band.whalley_wilmott(5000.0, 0.02, 0.0005, 1.0)
    fitted = band.zakamouline(5000.0, 0.02, 0.25, 0.2, 0.0005, 1.0)

    assert 0.1144714243 == round(float(wide), 10)
    assert 0.0209536911 == round(float(fitted.half_width), 10)


def test_short_gamma_takes_a_larger_vol():
    """The delta of a short book is taken at a vol above its own, of a long book below."""
    short, long = (band.zakamouline(S, sign * GAMMA, 0.1, VOL, 5e-4, 1e-4) for sign in (-1, 1))

    assert short.adjusted_vol > VOL > long.adjusted_vol
    assert short.half_width == long.half_width


def test_a_cost_that_nobody_pays_leaves_some_vol():
    """An absurd cost takes a long book's vol to nothing, never below."""
    assert 0.0 == band.zakamouline(S, 1.0, 0.1, VOL, 0.9, 10.0).adjusted_vol


@given(sizes, costs, aversions)
def test_the_rates_are_least_there(wander, cost, aversion):
    """No other half-width has a lower sum of risk and cost, and fees are twice the risk there."""
    best = float(band.inventory(S, VOL, wander, cost, aversion))

    def rates(width):
        return aversion * VOL**2 * S**2 * width**2 / 6, cost * S * wander**2 / (2 * width)

    risk, fees = rates(best)
    assert fees == pytest.approx(2 * risk, rel=1e-9)
    for other in (0.9 * best, 1.1 * best):
        assert sum(rates(other)) > risk + fees


@given(st.floats(1e-6, 1e-3), costs, aversions)
def test_gamma_is_one_cause_of_many(gamma, cost, aversion):
    """A delta that wanders by gamma alone has the band of the general form."""
    special = band.whalley_wilmott(S, gamma, cost, aversion)

    assert special == pytest.approx(band.inventory(S, VOL, gamma * S * VOL, cost, aversion))


def test_a_larger_book_has_the_same_band_per_unit():
    """Ten books at a tenth of the aversion each have ten times the band."""
    one = band.whalley_wilmott(S, GAMMA, 5e-4, 1e-4)

    assert 10 * one == pytest.approx(band.whalley_wilmott(S, 10 * GAMMA, 5e-4, 1e-5))


@pytest.mark.parametrize(
    ("fixed", "trigger", "reset"),
    [
        (0.0, 0.08046, 0.08046),  # no fixed cost: back to the edge
        (1.0, 0.12595, 0.04765),
        (5.0, 0.16185, 0.03303),
        (50.0, 0.26158, 0.01443),
    ],
)
def test_fixed_costs_published(fixed, trigger, reset):
    """With a fixed cost beside the proportional one, trigger and reset are the published ones."""
    told = band.trigger_and_reset(1e-5 * (VOL * S) ** 2, 0.5, 5e-4 * S, fixed)

    assert (trigger, reset) == (round(float(told.trigger), 5), round(float(told.reset), 5))


@settings(max_examples=25)
@given(sizes, costs, aversions, st.floats(1e-4, 100.0))
def test_trigger_and_reset_are_least(wander, cost, aversion, fixed):
    """A minimiser that knows only the cost rate finds nothing better."""
    risk, dollars = aversion * (VOL * S) ** 2, cost * S

    def rate(h, b):
        carried = risk * (h**2 + b**2) / 12
        return carried + wander**2 * (fixed + dollars * (h - b)) / (h**2 - b**2)

    told = band.trigger_and_reset(risk, wander, dollars, fixed)
    h, b = float(told.trigger), float(told.reset)
    found = minimize(
        lambda x: rate(math.exp(x[0]), math.exp(x[0]) / (1 + math.exp(-x[1]))),
        [math.log(h * 1.3), 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 0.0, "maxiter": 4000},
    )

    assert rate(h, b) <= found.fun * (1 + 1e-9)


def test_only_a_fixed_cost_goes_back_to_the_aim():
    """Where the size of a trade costs nothing, all of the gap is closed."""
    told = band.trigger_and_reset(1e-5 * (VOL * S) ** 2, 0.5, 0.0, 5.0)

    assert 0.0 == told.reset
    assert (12 * 5 * 0.25 / (1e-5 * (VOL * S) ** 2)) ** 0.25 == pytest.approx(told.trigger)


def test_what_stands_still_needs_no_hedge():
    """Without any wandering there is no band, and no division by it."""
    told = band.trigger_and_reset(1.0, [0.0, 1.0], 5.0, 5.0)

    assert 0.0 == told.trigger[0] == told.reset[0]
    assert told.trigger[1] > told.reset[1] > 0


def test_a_gap_that_stands():
    """A week at a low aversion is worth no trade of less than seven tenths of a coin."""
    assert 0.724 == round(float(band.residual(S, VOL, 7 / 365, 5e-4, 1e-6)), 3)


@given(sizes, costs, st.floats(1.0, 1e5))
def test_budgets_are_met(wander, cost, a_year):
    """At the width for a budget, that is what the rates come to; and its aversion leads back."""
    spent = float(band.for_spending(S, wander, cost, a_year))
    left = float(band.for_deviation(S, VOL, a_year))

    assert a_year == pytest.approx(cost * S * wander**2 / (2 * spent))
    assert a_year == pytest.approx(math.sqrt(VOL**2 * S**2 * left**2 / 3))
    implied = band.implied_aversion(S, VOL, wander, cost, left)
    assert left == pytest.approx(float(band.inventory(S, VOL, wander, cost, implied)))


def test_overshoot_of_a_walk():
    """A walk that is looked at every second passes a level by the published share of a step."""
    steps = np.random.default_rng(3).standard_normal((400, 20_000))
    walk = np.cumsum(steps, axis=0)
    over = walk > 5.0
    first = over.argmax(axis=0)
    passed = walk[first, np.arange(walk.shape[1])][over.any(axis=0)] - 5.0

    assert passed.mean() == pytest.approx(float(band.overshoot(1.0, 1.0)), abs=0.012)


@pytest.mark.parametrize("cost", [0.0, -0.0001])
def test_what_costs_nothing_is_hedged_at_once(cost):
    """A free hedge, or a rebate, leaves no band."""
    assert 0.0 == band.whalley_wilmott(S, GAMMA, cost, 1e-4)
    assert 0.0 == band.zakamouline(S, GAMMA, 0.1, VOL, cost, 1e-4).half_width


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_errors_name_what_is_wrong(wrong):
    """What has to be positive is named when it is not."""
    with pytest.raises(ValueError, match=f"risk_aversion: must be positive, was {wrong}"):
        band.whalley_wilmott(S, GAMMA, 5e-4, [1e-4, wrong])
    with pytest.raises(ValueError, match="years"):
        band.zakamouline(S, GAMMA, wrong, VOL, 5e-4, 1e-4)
