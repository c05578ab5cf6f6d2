"""Trials: the whole daemon in live dress, with something going wrong at the wire."""

from pathlib import Path

import pytest

from rebalancer.simulation import trials
from rebalancer.simulation.faults import Kind, Plan

CONFIG = Path(__file__).resolve().parents[2] / "config" / "demo-deribit.toml"


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
async def test_trial(name, resolved, orders):
    """The books agree, no label stands twice, nothing leaves while an outcome is unknown."""
    found = await trials.trial(name, trials.TRIALS[name], CONFIG, length=trials.Length(least=8))

    assert () == found.faults
    assert found.struck >= 1
    assert found.orders >= orders
    assert resolved in found.resolved


async def test_mix():
    """So it is when everything goes wrong at random."""
    found = await trials.trial("mix", trials.MIX, CONFIG, 3, trials.Length(10, 4))

    assert () == found.faults
    assert found.orders >= 1


async def test_a_trial_can_fail():
    """A venue that never answers a question leaves an order unknown, and the trial says so."""
    plans = (
        Plan(Kind.DROP_AFTER, trials.ORDER),
        Plan(Kind.LOSE, trials.TRADES, times=None),
        Plan(Kind.ERROR_BEFORE, "private/get*", times=None, code=500),
    )

    found = await trials.trial("deaf", plans, CONFIG, 7, trials.Length(4, 1, 6, heals=False))

    assert not found.passed
