"""Fifty minutes of the demo's world, over an expiry, a settlement and a stamp."""

import pytest

from tests.market import worlds


@pytest.fixture(scope="session")
def morning():
    """Return the steps from 07:15 to 08:05, five seconds apart."""
    return worlds.run(worlds.world(seed=5), 601, 5 * worlds.SECOND)


@pytest.fixture(scope="session")
def listed():
    """Return the demo's instruments by id."""
    return {each.id: each for each in worlds.standard_instruments(worlds.START)}
