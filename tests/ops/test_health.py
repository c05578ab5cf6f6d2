"""Health: every no has its reason, with what was measured and what it may be."""

from dataclasses import replace

import pytest

from rebalancer.ops.health import Health, livez, readyz
from rebalancer.ports import Age, Condition

WELL = Condition(
    turned=0.4,
    state="active",
    reconciled=12.0,
    inputs=(Age("deribit:BTC", 1.0, 5.0),),
    lost=(),
    open=True,
)


class Book:
    """A status source of which only the health is asked."""

    def __init__(self, **changes):
        self._told = replace(WELL, **changes)

    def health(self):
        return self._told


STALE = tuple(Age(f"deribit:{number}", 31.0, 30.0) for number in range(11))


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"state": "standby"}, ()),
        ({"turned": 5.0}, ()),
        ({"turned": 5.1}, ("engine_stopped age_seconds=5.1 limit_seconds=5",)),
        ({"turned": None}, ("engine_unwatched",)),
        ({"state": "halted"}, ("state_not_ready state=halted must=active|standby",)),
        ({"state": "reconciling"}, ("state_not_ready state=reconciling must=active|standby",)),
        ({"reconciled": None}, ("never_reconciled",)),
        ({"open": False}, ("journal_closed",)),
        ({"lost": (("deribit", 7.25),)}, ("stream_lost account=deribit age_seconds=7.2",)),
        (
            {"inputs": (Age("deribit:BTC", 7.1, 5.0), Age("x", 1.0, 1.0))},
            ("input_stale subject=deribit:BTC age_seconds=7.1 limit_seconds=5",),
        ),
        (
            {"inputs": (Age("deribit:BTC", None, 5.0),)},
            ("input_missing subject=deribit:BTC limit_seconds=5",),
        ),
    ],
)
def test_ready(changes, reasons):
    """A book is ready when it turns, hedges, agreed with its venues, sees and may send."""
    assert Health(not reasons, reasons) == readyz(Book(**changes))


def test_many_inputs():
    """Of many stale inputs the first are named, the others counted."""
    reasons = readyz(Book(inputs=STALE)).reasons

    assert 9 == len(reasons)
    assert "more_inputs count=3" == reasons[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "halted", "reconciled": None},
        {"lost": (("deribit", 900.0),), "inputs": STALE},
        {"open": False},
    ],
)
def test_alive_without_venues(changes):
    """A book lives while its engine turns, whatever became of its venues."""
    assert Health(True) == livez(Book(**changes))


def test_dead():
    """An engine that stands still is no life."""
    found = livez(Book(turned=61.0))

    assert Health(False, ("engine_stopped age_seconds=61.0 limit_seconds=5",)) == found
