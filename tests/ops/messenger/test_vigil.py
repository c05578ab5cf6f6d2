"""What a messenger sees by itself: silence, a gap that nobody told of, what is still wrong."""

from dataclasses import replace

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.lines import Notice, Orders
from rebalancer.ops.messenger.vigil import GRACE, Beat, Vigil

ORDERS = Orders("desk", "live", (), silence=20.0, remind=900.0, unhedged=60.0)
WELL = Beat("active", "reconciled", {"BTC": 0.0}, {"BTC": 0.0}, {}, 0)
UNHEDGED = Notice(Severity.ERROR, "delta.unhedged", "BTC", "net delta 1.84", number=7)


def looked(vigil, start, end):
    """Look each half second; return (s, event) of what was told."""
    told, now = [], start
    while now < end:
        now += 0.5
        told += [(now, each.event) for each in vigil.look(now)]
    return told


def beaten(vigil, now, beat=WELL):
    """Return the events that a beat leads to."""
    return [each.event for each in vigil.take(beat, now)]


def test_silence():
    """Nothing for twenty seconds wakes a person, also where there never was a beat."""
    vigil = Vigil(ORDERS, 0.0)

    assert [(20.0, "engine.silent")] == looked(vigil, 0.0, 100.0)
    assert ["engine.recovered"] == beaten(vigil, 101.0)
    assert [] == beaten(vigil, 102.0)
    assert [(122.0, "engine.silent")] == looked(vigil, 102.0, 130.0)


def test_own_pause():
    """A messenger that was itself held up does not call its daemon silent."""
    vigil = Vigil(ORDERS, 0.0)
    beaten(vigil, 1.0)
    vigil.look(1.0)

    assert [] == vigil.look(500.0)
    assert [] == looked(vigil, 500.0, 518.0)
    assert [(519.0, "engine.silent")] == looked(vigil, 518.0, 530.0)


@pytest.mark.parametrize(
    ("seconds", "heard", "events"),
    [
        (59.0, False, []),
        (60.0 + GRACE - 0.1, False, []),  # the engine tells of it by itself, as a rule
        (60.0 + GRACE, False, ["delta.unhedged"]),
        (60.0 + GRACE, True, []),
    ],
)
@pytest.mark.parametrize("key", ["outside", "blind"])
def test_gap(key, seconds, heard, events):
    """A gap of which no alert came is told by the messenger; one that was told is not."""
    vigil = Vigil(ORDERS, 0.0)
    if heard:
        vigil.hear(UNHEDGED, 1.0)

    beat = replace(WELL, **{key: {"BTC": seconds}})

    assert events == beaten(vigil, 2.0, beat)
    assert [] == beaten(vigil, 3.0, beat)


WAITS = Beat("waiting", "waits for deribit, 300 s")
UNREACHED = Notice(Severity.ERROR, "venue.unreached", "deribit", "the book cannot begin", number=7)


@pytest.mark.parametrize("heard", [True, False])
def test_cannot_begin(heard):
    """A messenger that was not there when it was told says so itself, until it is over."""
    vigil, told = Vigil(ORDERS, 0.0), []
    if heard:
        vigil.hear(UNREACHED, 0.0)
    for second in range(2000):
        told += [(second, each) for each in beaten(vigil, second, WAITS)]
        told += [(second, each.event) for each in vigil.look(second)]
    first = [] if heard else [(60, "venue.unreached")]
    again = [(each, "venue.unreached") for each in ((900, 1800) if heard else (960, 1860))]

    assert [*first, *again] == told
    assert ([] if heard else ["venue.reached"]) == beaten(vigil, 2000)
    assert [] == beaten(vigil, 2001)


def test_gap_is_over():
    """Where the daemon does not say that a gap is over, its beats do."""
    vigil = Vigil(ORDERS, 0.0)
    vigil.hear(UNHEDGED, 1.0)

    assert [] == beaten(vigil, 2.0, replace(WELL, outside={"BTC": 70.0}))
    assert ["delta.restored"] == beaten(vigil, 3.0)
    assert [] == beaten(vigil, 4.0)


def test_halted():
    """A halt is told, of the book and of an underlying, and that it is over."""
    vigil = Vigil(ORDERS, 0.0)
    book = replace(WELL, state="halted", why="killed by a person")
    told = vigil.take(book, 1.0)

    assert [("state.latched", "desk")] == [(each.event, each.scope) for each in told]
    assert "killed by a person" in told[0].text
    assert [] == beaten(vigil, 2.0, book)
    one = vigil.take(replace(WELL, halted={"ETH": "an order is unproven"}), 3.0)
    assert [("state.latched", "ETH"), ("state.changed", "desk")] == [
        (each.event, each.scope) for each in one
    ]


def test_reminded():
    """What is still wrong is told again each quarter of an hour, until it is over."""
    vigil = Vigil(ORDERS, 0.0)
    vigil.hear(UNHEDGED, 0.0)
    told = []
    for second in range(2_000):
        vigil.take(replace(WELL, outside={"BTC": 60.0 + second}), second)
        told += [(second, each) for each in vigil.look(second)]

    assert [900, 1800] == [second for second, _ in told]
    assert "still, for 15 min: net delta 1.84" == told[0][1].text
    assert 0 == told[0][1].number
    vigil.hear(Notice(Severity.INFO, "delta.restored", "BTC", "inside"), 2_000.0)
    assert [] == [each.event for each in vigil.look(9_000.0)]


@pytest.mark.parametrize("event", ["order.foreign", "position.liquidated"])
def test_no_end(event):
    """What has happened cannot be over, and is told once."""
    vigil = Vigil(ORDERS, 0.0)
    vigil.hear(Notice(Severity.ERROR, event, "BTC", "x"), 0.0)
    beaten(vigil, 1_000.0)

    assert [] == vigil.look(1_000.0)


@pytest.mark.parametrize(
    ("beat", "well"),
    [
        (None, False),
        (WELL, True),
        (replace(WELL, state="reducing"), True),
        (replace(WELL, state="standby"), True),
        (replace(WELL, state="paused"), False),
        (replace(WELL, state="halted"), False),
        (replace(WELL, state="reconciling"), False),
        (replace(WELL, halted={"ETH": "x"}), False),
        (replace(WELL, outside={"BTC": 59.0}), True),
        (replace(WELL, outside={"BTC": 60.0}), False),
        (replace(WELL, blind={"BTC": 60.0}), False),
    ],
)
def test_well(beat, well):
    """That all is well is said of a book that hedges, knows its delta, and lives."""
    vigil = Vigil(ORDERS, 0.0)
    if beat is not None:
        vigil.take(beat, 1.0)

    assert well is vigil.well
    looked(vigil, 1.0, 30.0)
    assert not vigil.well


def test_vanished():
    """A daemon that went without a word leaves how the book stood."""
    vigil = Vigil(ORDERS, 0.0)
    vigil.take(replace(WELL, outside={"BTC": 12.0}, unknown=2), 1.0)
    told = vigil.vanished()

    assert ("error", "daemon.vanished", "desk") == (told.severity, told.event, told.scope)
    assert "active, BTC unhedged or unknown for 12 s, 2 orders of unknown outcome" in told.text
