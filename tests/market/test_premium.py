"""The basis of a perpetual: it wanders, takes stress, and comes home."""

import numpy as np
import pytest

from rebalancer.market.params import PremiumParams
from rebalancer.market.premium import PremiumWalk
from rebalancer.market.spot import Spot
from tests.market.worlds import HOUR, SECOND, streams

PARAMS = PremiumParams()


def spot(stress=1.0, change=0.0):
    """Return a coin under stress."""
    return Spot(100_000.0, change, 0.0, 0.0, 0.0, 0.7 * stress, stress)


def spread_of(stress, step=SECOND, count=3_000):
    """Return the deviation of what a second changes."""
    walk = PremiumWalk("perp", PARAMS, streams(3))
    quoted = [walk.move(spot(stress), 0.0, step).quoted for _ in range(count)]
    return np.std(np.diff(quoted))


def test_comes_home():
    """A premium as large as the cap is nearly gone after two days, on average."""
    ends = []
    for seed in range(200):
        walk = PremiumWalk("perp", PARAMS, streams(seed))
        walk.move(spot(change=0.2), 0.0, SECOND)
        walk.move(spot(), 0.0, 48 * HOUR)
        ends.append(walk.premium.quoted)

    assert PARAMS.mean == pytest.approx(np.mean(ends), abs=4 * PARAMS.slow_sd / np.sqrt(200))


def test_reverts():
    """Changes over a day go against the distance from the mean."""
    walk = PremiumWalk("perp", PARAMS, streams(1))
    quoted = np.array([walk.move(spot(), 0.0, HOUR).quoted for _ in range(2_000)])

    assert np.corrcoef(quoted[:-24], quoted[24:] - quoted[:-24])[0, 1] < -0.4
    assert PARAMS.slow_sd == pytest.approx(quoted.std(), rel=0.25)


def test_stress():
    """Under stress the premium is more restless."""
    assert spread_of(5.0) > 2 * spread_of(1.0)


@pytest.mark.parametrize("change", [0.01, -0.01])
def test_leads(change):
    """A sudden move of spot is overshot, and the smooth mark lags behind the book."""
    walk = PremiumWalk("perp", PARAMS, streams(2))
    before = walk.premium.quoted
    after = walk.move(spot(change=change), 0.0, SECOND)

    assert (after.quoted - before) * change > 0
    assert abs(after.smooth - before) < abs(after.quoted - before) / 2
