"""One venue of three dies: the others hedge, and its return is reconciled."""

from pathlib import Path

import pytest

from rebalancer.simulation import death
from rebalancer.simulation.menu import Scene

pytestmark = pytest.mark.waits(20)

THREE = Path(__file__).resolve().parents[2] / "config" / "demo-three.toml"


@pytest.mark.parametrize("venue", ["bybit"])
async def test_the_others_hedge(venue):
    """Nothing is unknown there: what is bought by hand elsewhere is hedged by the next leg."""
    found = await death.death(Scene(THREE, venue), 15, unknown=False, nudged="okx")

    assert () == found.faults
    assert found.seen.sent >= 1


async def test_nothing_is_sent_beside_an_unknown(monkeypatch):
    """An order is unknown there: nothing leaves for any venue until it is proved."""
    monkeypatch.setattr(death, "PAGED", float("inf"))  # nobody is told within so short a time
    found = await death.death(Scene(THREE, "bybit"), 12, unknown=True, nudged="okx")

    assert 0 == found.seen.sent
    assert all("a person was told after None" in fault for fault in found.faults)
