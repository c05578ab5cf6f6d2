"""Trials at Binance: the whole daemon in live dress on three venues, something going wrong at one.

python -m rebalancer.simulation.trials --venue binanceusdm --config config/demo-binance.toml
"""

from pathlib import Path

import pytest

from rebalancer.simulation import trials
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.menu import Scene, trials_of

pytestmark = pytest.mark.waits(30)

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "config" / "demo-binance.toml"
SHORT = trials.Length(least=8)


@pytest.mark.parametrize(
    ("name", "resolved", "orders"),
    [
        ("drop after acceptance", "filled", 2),
        ("fills lost on the stream", "-", 2),
        ("old events replayed on reconnect", "-", 1),
        ("maintenance for 8 s", "absent", 1),  # the one that ran into it is in no book
    ],
)
@pytest.mark.proves("binanceusdm", "hold", "loopback")
@pytest.mark.proves("binanceusdm", "faults", "loopback")
async def test_usdm(name, resolved, orders):
    """The books agree, no label stands twice, nothing leaves while an outcome is unknown."""
    scene = Scene(DEMO, "binanceusdm")
    found = await trials.trial(name, trials_of(scene)[name], scene, length=SHORT)

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= orders
    assert resolved in found.resolved


# The same desk, whose ether is bought and sold where contracts pay in coins.
COINS = {
    '["binanceusdm:ETHUSDT", "binance:ETHUSDT"]': '["binancecoinm:ETHUSD_PERP", "binance:ETHUSDT"]',
    'instrument = "binanceusdm:ETHUSDT"\nquantity = 165': (
        'instrument = "binancecoinm:ETHUSD_PERP"\nquantity = -7_000'
    ),
    '[[holdings]]\ninstrument = "binancecoinm:BTC" ': (
        '[[holdings]]\ninstrument = "binancecoinm:ETH"\nquantity = 50\nrole = "book"\n\n'
        '[[holdings]]\ninstrument = "binancecoinm:BTC" '
    ),
}
# … and where coins change hands.
PAIRS = {
    '["binanceusdm:BTCUSDT", "binancecoinm:BTCUSD_PERP", "binance:BTCUSDT"]': '["binance:BTCUSDT"]',
}


def rewritten(folder, changes):
    """Return a configuration with some of its text replaced."""
    text = DEMO.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    config = folder / "rewritten.toml"
    config.write_text(text)
    return config


NAMES = ["drop after acceptance", "somebody trades by hand", "maintenance for 8 s"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.proves("binancecoinm", "hold", "loopback")
@pytest.mark.proves("binancecoinm", "faults", "loopback")
async def test_coinm(tmp_path, name):
    """Contracts that pay in coins are hedged as well, and found where their answer is lost."""
    scene = Scene(rewritten(tmp_path, COINS), "binancecoinm")
    found = await trials.trial(name, trials_of(scene)[name], scene, length=SHORT)

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= 1


@pytest.mark.proves("binance", "hold", "loopback")
@pytest.mark.proves("binance", "faults", "loopback")
async def test_spot(tmp_path):
    """Coins that somebody sells by hand are bought back on spot; the lost answer is found."""
    scene = Scene(rewritten(tmp_path, PAIRS), "binance")
    plans = (
        Plan(Kind.MANUAL, scene.names.reads, first=8, deed=scene.deed(-0.2)),
        Plan(Kind.DROP_AFTER, scene.names.order),  # before anything that could refuse it
        Plan(Kind.MAINTENANCE, scene.names.order, first=2, seconds=4),
    )
    found = await trials.trial("by hand, a drop, a maintenance", plans, scene, length=SHORT)

    assert () == found.faults
    assert 3 == found.struck
    assert "filled" in found.resolved


@pytest.mark.parametrize(
    ("venue", "name"), [("binance", "drop after acceptance"), ("binancecoinm", "HTML with 200")]
)
@pytest.mark.proves("binance", "faults", "loopback")
@pytest.mark.proves("binancecoinm", "faults", "loopback")
async def test_coins_beside_options(venue, name):
    """Straddles are hedged with coins, whose fee is coins, or with contracts that pay in them."""
    scene = Scene(ROOT / "config" / "demo-coins.toml", venue)
    found = await trials.trial(name, trials_of(scene)[name], scene, length=SHORT)

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= 2
