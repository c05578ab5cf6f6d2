"""No strike and no expiry can be arbitraged against another."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core import pricing
from rebalancer.market.params import Dynamics, standard_params
from rebalancer.market.spot import Spot
from rebalancer.market.surface import Surface, Term, expected_variance, ssvi
from tests.market.worlds import streams

YEARS = np.array([45 / 525_600, 1 / 365, 2 / 365, 7 / 365, 28 / 365, 0.25, 1.0])
variances = st.floats(0.005, 30.0)
surfaces = st.builds(
    Surface,
    now=variances,
    soon=variances,
    late=variances,
    fast=st.just(24_290.0),
    slow=st.just(126.5),
    skew=st.floats(-0.5, 0.5),
    eta=st.floats(0.2, 1.3),
    gamma=st.floats(0.1, 0.5),
)


@settings(max_examples=60)
@given(surfaces, st.sampled_from(YEARS.tolist()))
def test_no_butterfly(surface, years):
    """Call prices fall and are convex in strike, and never cheaper than intrinsic."""
    theta = expected_variance(surface, np.array([years]))
    log_strike = np.linspace(-4, 4, 161) * math.sqrt(theta[0])
    strike = np.exp(log_strike)
    total = ssvi(np.repeat(theta, log_strike.size), log_strike, surface)
    call = pricing.price(1.0, strike, years, np.sqrt(total / years), +1)

    slope = np.diff(call) / np.diff(strike)
    assert np.all(slope <= 1e-9)
    assert np.all(slope >= -1 - 1e-9)
    assert np.all(np.diff(slope) >= -1e-9)
    assert np.all(call >= np.maximum(1 - strike, 0) - 1e-12)


@settings(max_examples=60)
@given(surfaces, st.floats(-1.0, 1.0))
def test_no_calendar(surface, log_strike):
    """At the same moneyness a later expiry has more variance."""
    theta = expected_variance(surface, YEARS)

    assert np.all(np.diff(theta) > 0)
    assert np.all(np.diff(ssvi(theta, np.full(YEARS.size, log_strike), surface)) > 0)


@pytest.mark.parametrize("skew", [-0.4, 0.4])
def test_skew(skew):
    """Above 0 calls are the dearer wing, below 0 puts are."""
    surface = Surface(0.5, 0.5, 0.5, 24_290.0, 126.5, skew, 1.1, 0.45)
    put, call = ssvi(np.full(2, 0.04), np.array([-0.2, 0.2]), surface)

    assert (skew > 0) == (call > put)


def at_the_money(stress, years):
    """Return the vol of a BTC option while the coin is under stress."""
    params = standard_params(0)
    term = Term(params.underlyings[0], params.term, Dynamics(), streams(1))
    spot = Spot(100_000.0, 0.0, 0.16, 0.0, 0.0, 0.7, stress)
    variance = expected_variance(term.surface(spot, 0.0), np.array([years]))
    return math.sqrt(variance[0] / years)


def test_near_vol_follows_the_spot():
    """Stress lifts the vol of the hour, a little that of the week, hardly that of the quarter."""
    hour, week, quarter = (
        at_the_money(3.0, years) / at_the_money(1.0, years) for years in (1e-4, 7 / 365, 0.25)
    )

    assert hour > 2
    assert 1.001 < week < 1.1
    assert 1 < quarter < week


def test_published_curvature():
    """The power law's curvature, Gatheral & Jacquier: 5.7202658 at these parameters."""
    surface = Surface(0, 0, 0, 2, 1, skew=-0.1, eta=1.2, gamma=0.45)
    total = ssvi(np.array([0.03]), np.array([1e9]), surface)  # the far wing has slope θφ(1+ρ)/2

    assert 5.7202658 == pytest.approx(2 * total[0] / (0.03 * 0.9 * 1e9), rel=1e-6)
