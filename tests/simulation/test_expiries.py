"""Expiries: processes that fall within the last half hour, in which the price leaps."""

from types import MappingProxyType

import pytest

from rebalancer.simulation.virtual.market import EXPIRY
from rebalancer.simulation.virtual.run import BEFORE, begins, run
from rebalancer.simulation.virtual.weather import Weather

LEAPS = Weather(MappingProxyType({"crash_of_price": 0.08, "crash": 0.08}))


@pytest.mark.parametrize("seed", [0, 128, 193, 262, 379])
def test_what_no_start_heard(seed):
    """A start within an average invents nothing of it: each of these hedged wrong by coins."""
    outcome = run(seed, LEAPS)

    assert EXPIRY - BEFORE == begins(seed)
    assert [] == [f"{each.invariant}: {each.text}" for each in outcome.violations]
