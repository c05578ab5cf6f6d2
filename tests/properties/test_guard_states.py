"""A hundred thousand random states of a guarded book, and planted bugs that they find."""

import pytest

from rebalancer.core import gate, protect
from rebalancer.core.decision import Verdict
from tests.properties import guard_states

CHUNKS, EACH = 20, 5_000


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(CHUNKS))
def test_states(seed):
    """No order leaves that a guard refuses, no missing fact passes, the ladder always fires."""
    wrong, decided = guard_states.run(EACH, seed)

    assert [] == wrong
    assert EACH == sum(decided.values())
    assert 10 <= len(decided)


@pytest.mark.parametrize(
    ("guard", "found"),
    [
        ("margin", "the account is thin after it"),
        ("margin", "grew although figures were absurd"),
        ("staleness", "grew although quote were stale"),
        ("staleness", "grew although read were none"),
        ("collar", "grew although quote were crossed"),
        ("funding", "funding nobody told let it grow"),
        ("trading_state", "an order left after a kill"),
    ],
)
def test_planted(guard, found, monkeypatch):
    """Without one guard the states show what it is for."""
    monkeypatch.setattr(
        getattr(gate, guard), "judge", lambda intent, *_, **__: Verdict(guard, abs(intent.quantity))
    )
    campaign = guard_states.Campaign(1)

    assert any(each.startswith(found) for _ in range(EACH) for each in campaign.one())


def test_planted_ladder(monkeypatch):
    """A ladder that never fires is seen."""
    monkeypatch.setattr(protect, "propose", lambda *_: None)
    wrong, _ = guard_states.run(500, 1)

    assert any(each.startswith("near liquidation, and nothing was cut") for each in wrong)


def test_planted_gate(monkeypatch):
    """A gate that sends more than it was allowed is seen."""
    whole = gate.sizing.lots
    monkeypatch.setattr(gate.sizing, "lots", lambda own, count: whole(own, count) + own.lot)
    wrong, _ = guard_states.run(500, 1)

    assert any(each.startswith("an order left that a guard refuses") for each in wrong)
