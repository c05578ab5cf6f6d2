"""Trials at Bybit: the whole daemon in live dress, with something going wrong at the wire."""

from pathlib import Path

import pytest

from rebalancer.simulation import trials
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.menu import Scene, trials_of

pytestmark = pytest.mark.waits(30)

SCENE = Scene(Path(__file__).resolve().parents[2] / "config" / "demo-bybit.toml", "bybit")
TRIALS = trials_of(SCENE)


@pytest.mark.parametrize(
    ("name", "resolved", "orders"),
    [
        ("drop after acceptance", "filled", 2),  # it had been bought: found, and not bought again
        ("HTML with 200", "filled", 2),
        ("fills lost on the stream", "-", 2),  # an answer tells no end: the lists do
        ("old events replayed on reconnect", "-", 1),
        ("maintenance for 8 s", "absent", 1),  # the one that ran into it is in no book
    ],
)
@pytest.mark.proves("bybit", "faults", "loopback")
@pytest.mark.proves("bybit", "hold", "loopback")
async def test_trial(name, resolved, orders):
    """The books agree, no id stands twice, nothing leaves while an outcome is unknown."""
    found = await trials.trial(name, TRIALS[name], SCENE, length=trials.Length(least=8))

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= orders
    assert resolved in found.resolved


# The wire demo's desk, hedged with another kind of contract.
DESKS = {
    "inverse": {
        '["bybit:BTCUSDT"]': '["bybit:BTCUSD"]',
        'instrument = "bybit:BTCUSDT"': 'instrument = "bybit:BTCUSD"',
        "quantity = -5.2": "quantity = -520_000",
    },
    "pair": {
        '["bybit:BTCUSDT"]': '["bybit:BTC/USDT"]',
        'instrument = "bybit:BTC"': 'instrument = "bybit:BTC/USDT"',
        "quantity = -5.2": "quantity = -1.0",
        "collateral = { BTC = 0.95, ": "collateral = { ",
    },
}


@pytest.mark.parametrize("desk", DESKS)
async def test_other_hedges(tmp_path, desk):
    """A desk that hedges with coins, or with a contract in dollars, loses and doubles nothing."""
    text = SCENE.config.read_text()
    for old, new in DESKS[desk].items():
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / f"{desk}.toml"
    config.write_text(text)
    scene = Scene(config, "bybit")
    by_hand = Plan(Kind.MANUAL, scene.names.reads, first=8, deed=scene.deed(-0.2))
    plans = (by_hand, *trials_of(scene)["drop after acceptance"])
    found = await trials.trial("drop", plans, scene, length=trials.Length(least=8))

    assert () == found.faults
    assert "filled" in found.resolved
