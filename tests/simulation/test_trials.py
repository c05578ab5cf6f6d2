"""Trials: the whole daemon in live dress, with something going wrong at the wire."""

from pathlib import Path

import pytest

from rebalancer.simulation import trials
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.menu import Scene, mix_of, trials_of

pytestmark = pytest.mark.waits(40)

SCENE = Scene(Path(__file__).resolve().parents[2] / "config" / "demo-deribit.toml")
TRIALS = trials_of(SCENE)


@pytest.mark.parametrize(
    ("name", "resolved", "orders"),
    [
        ("drop after acceptance", "filled", 2),  # it had been bought: found, and not bought again
        ("HTML with 200", "filled", 2),
        ("fills lost on the stream", "-", 2),
        ("somebody trades by hand", "-", 2),
        ("maintenance for 8 s", "absent", 1),  # the one that ran into it is in no book
    ],
)
@pytest.mark.proves("deribit", "faults", "loopback")
async def test_trial(name, resolved, orders):
    """The books agree, no label stands twice, nothing leaves while an outcome is unknown."""
    found = await trials.trial(name, TRIALS[name], SCENE, length=trials.Length(least=8))

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= orders
    assert resolved in found.resolved


# The wire demo's desk, in ether.
ETHER = {
    "BTC-31DEC27-105000-C": "ETH-31DEC27-3600-C",
    "BTC-31DEC27-90000-P": "ETH-31DEC27-3200-P",
    "BTC-31DEC27-110000-C": "ETH-31DEC27-4000-C",
    "BTC": "ETH",
    "entry = 98_500": "entry = 3_400",
    "quantity = -3\n": "quantity = -60\n",
    "quantity = -2\n": "quantity = -40\n",
    "quantity = 20\n": "quantity = 400\n",
    "quantity = -1_300_000": "quantity = -900_000",
    "lower = -0.10, upper = 0.10": "lower = -0.5, upper = 0.5",
    "order = 5.0": "order = 100",
    "position = 50.0": "position = 1000",
    "net_delta = 2.0": "net_delta = 40",
}


async def test_ether(tmp_path):
    """A book of another coin is hedged as well; an order whose answer is lost is found there."""
    text = SCENE.config.read_text()
    for old, new in ETHER.items():
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "ether.toml"
    config.write_text(text)
    name = "drop after acceptance"
    found = await trials.trial(name, TRIALS[name], Scene(config), length=trials.Length(least=8))

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= 2
    assert "filled" in found.resolved


async def test_mix():
    """So it is when everything goes wrong at random."""
    found = await trials.trial("mix", mix_of(SCENE), SCENE, 3, trials.Length(10, 4))

    assert () == found.faults
    assert found.orders >= 1


async def test_a_trial_can_fail():
    """A venue that never answers a question leaves an order unknown, and the trial says so."""
    plans = (
        Plan(Kind.DROP_AFTER, SCENE.names.order),
        Plan(Kind.LOSE, SCENE.names.trades, times=None),
        Plan(Kind.ERROR_BEFORE, "private/get*", times=None, code=500),
    )

    found = await trials.trial("deaf", plans, SCENE, 7, trials.Length(4, 1, 6, heals=False))

    assert not found.passed
