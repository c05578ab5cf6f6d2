"""The history: hours in little room, and no excursion lost in it."""

import json

import pytest

from rebalancer.runtime import history
from rebalancer.runtime.history import SLOT
from tests.end_to_end import scripted_book as rote

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def watched():
    """Return a book that ran for 200 s, and every net delta that it found meanwhile."""
    seen = []

    def ask(running):
        told = running.engine.standing.get("BTC")
        known = not running.engine.state.book("BTC").missing
        if told is not None and told.price is not None and known:
            seen.append((told.ts, told.net_delta))

    return rote.run(rote.table(), asked=ask), seen


def test_slots(watched):
    """Each slot keeps the least, the largest and the last net delta of its ten seconds."""
    outcome, seen = watched
    told = json.loads(json.dumps(outcome.running.status.history("BTC")))
    columns = told["columns"]
    places = list(dict.fromkeys(ts // SLOT for ts, _ in seen))

    assert (10, [10 * each for each in places]) == (told["slot_seconds"], columns["at"])
    for row, place in enumerate(places):
        mine = [net for ts, net in seen if ts // SLOT == place]
        kept = [columns[name][row] for name in ("low", "high", "last")]
        assert kept == pytest.approx([min(mine), max(mine), mine[-1]], rel=1e-7)
    assert {-0.05, 0.05} == {*columns["lower"], *columns["upper"]}


def test_marks(watched):
    """Every order and refusal is marked, and leads to its why."""
    outcome, _ = watched
    marks = outcome.running.status.history("BTC")["marks"]
    decisions = [each.payload for each in outcome.journal.read("decision")]

    assert [each["sequence"] for each in decisions] == [each["seq"] for each in marks]
    assert {"order"} <= {each["action"] for each in marks}


def test_since(watched):
    """Who knows the past asks for what came after; nobody knows an underlying that is not there."""
    status = watched[0].running.status
    whole = status.history("BTC")["columns"]["at"]

    assert whole[-2:] == status.history("BTC", whole[-2] * SECOND + 1)["columns"]["at"]
    assert [] == status.history("BTC", 2 * whole[-1] * SECOND)["marks"]
    assert status.history("DOGE") is None


def test_bounded(monkeypatch):
    """However long a book runs, it keeps so many slots and marks, the youngest."""
    monkeypatch.setattr(history, "SLOTS", 3)
    monkeypatch.setattr(history, "MARKS", 2)
    told = rote.run(rote.table()).running.status.history("BTC")

    assert (3, 2) == (len(told["columns"]["at"]), len(told["marks"]))
    assert told["columns"]["at"][-1] * SECOND + SLOT > rote.START + rote.LENGTH * SECOND - SLOT
