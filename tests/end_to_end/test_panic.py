"""`panic`, from outside: what is ours leaves every venue, what is not stays, whatever hangs."""

import json
import signal
import time
from pathlib import Path

import pytest

from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.settings import load
from rebalancer.simulation.menu import Scene
from tests.end_to_end.standing import command, daemon, fingerprint, venues

CONFIG = Path(__file__).parents[2] / "config"
DESKS = ("deribit", "binance", "bybit", "okx")


def rest(played, desk, venue, label):
    """Let an order with a label rest at a venue, far from the market."""
    deed = Scene(CONFIG / f"demo-{desk}.toml", venue).deed(0.01, label)
    told = {"instrument": deed.instrument, "quantity": str(deed.quantity)}
    played.ask(venue=venue, deed=told | {"price": str(deed.price), "label": label})


def labels(played):
    """Return the labels of what rests, by venue."""
    return {name: [o["label"] for o in each] for name, each in played.ask(ask="orders").items()}


def own(place, sequence=1, epoch=7):
    """Return a client order id of the account at a place of its book."""
    return encode(ClientOrderId(place, epoch, sequence))


@pytest.mark.waits(45)
@pytest.mark.parametrize("desk", DESKS)
def test_sweeps(desk, tmp_path):
    """Our orders are withdrawn at each venue, those of others and of other accounts are not."""
    config = CONFIG / f"demo-{desk}.toml"
    state = tmp_path / "state"
    state.mkdir()
    with venues(str(config), str(tmp_path / "stand")) as played:
        for place, venue in enumerate(load(config).venues):
            for label in (own(place), own(place, 2), own(place + 1), "hand", own(place)[:-1] + "zz"):
                rest(played, desk, venue, label)
        before = labels(played)
        told = command(played, "panic", str(played.config), "--state", str(state))
        after = labels(played)

    kept = {
        venue: [own(place + 1), "hand", own(place)[:-1] + "zz"]
        for place, venue in enumerate(load(config).venues)
    }
    assert 5 * len(before) == sum(map(len, before.values()))
    assert kept == after
    assert (0, "") == (told.returncode, told.stderr)
    assert "panic\n" == (state / "kill").read_text()
