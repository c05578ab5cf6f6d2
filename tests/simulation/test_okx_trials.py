"""Trials on OKX: the whole daemon in live dress, with something going wrong at the wire."""

from pathlib import Path

import pytest

from rebalancer.simulation import trials
from rebalancer.simulation.menu import Scene, trials_of

pytestmark = pytest.mark.waits(30)

CONFIG = Path(__file__).resolve().parents[2] / "config" / "demo-okx.toml"
SCENE = Scene(CONFIG, "okx")
TRIALS = trials_of(SCENE)


@pytest.mark.parametrize(
    ("name", "resolved", "orders"),
    [
        ("drop after acceptance", "filled", 2),  # it had been bought: found, and not bought again
        ("fills lost on the stream", "-", 2),
        ("old events replayed on reconnect", "-", 1),
        ("maintenance for 8 s", "absent", 1),  # the one that ran into it is in no book
    ],
)
@pytest.mark.proves("okx", "faults", "loopback")
async def test_trial(name, resolved, orders):
    """The books agree, no label stands twice, nothing leaves while an outcome is unknown."""
    found = await trials.trial(name, TRIALS[name], SCENE, length=trials.Length(least=8))

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= orders
    assert resolved in found.resolved
