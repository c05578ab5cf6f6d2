"""The flight recorder: private files that rotate, are capped, and can be read up to a tear."""

import gzip
import json
import os
import pickle
import stat
from decimal import Decimal

import pytest

from rebalancer.core.events import Mark, Tick
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.state import State
from rebalancer.errors import DataError
from rebalancer.ports import SECOND, Moved
from rebalancer.storage import codec
from rebalancer.storage.flight import recorder as recorders
from rebalancer.storage.flight import rows, snapshot
from rebalancer.storage.flight.reader import Reel, starts
from rebalancer.storage.flight.recorder import FlightRecorder, Label, Limits
from tests.runtime.stage import Alerts
from tests.scenarios.desk import INSTRUMENTS, LINEAR, PARAMS, START

LARGE = Limits(1 << 30, 3600 * SECOND)


class Desk:
    """A recorder, and the state of a book whose steps it is told of."""

    def __init__(self, place, limits=LARGE, epoch=1):
        self.place, self.alerts = place, Alerts()
        self.state = State(INSTRUMENTS, PARAMS, START)
        label = Label("desk", epoch, "0.1.0", "f" * 16)
        self.recorder = FlightRecorder(place, label, limits, self.alerts)

    def take(self, count, period=SECOND):
        """Take so many marks, one each period."""
        for _ in range(count):
            ts = self.state.now + period
            price = Decimal(100_000 + self.state.sequence) + Decimal(ts // SECOND * 7919 % 9973) / 7
            self.step(Mark(ts, ts, LINEAR, price))

    def step(self, event):
        """Take one event as an engine does."""
        self.recorder.note(self.state.sequence + 1, event, self.state)
        self.state.sequence += 1
        self.state.apply(event)
        self.recorder.settle(self.state.now)

    @property
    def told(self):
        """What a person heard."""
        return [each.event for each in self.alerts.sent]

    @property
    def files(self):
        """The files, oldest first."""
        return recorders.files(self.place)


@pytest.fixture
def place(tmp_path):
    """Return where a flight may be made; nothing is there yet."""
    return tmp_path / "state" / "flight"


def steps_of(path):
    """Return the header, the numbers of the events and whether the file is torn."""
    reel = Reel(path)
    header = reel.header()
    found = list(reel)
    assert all(row.intact for row in found)
    named = (rows.MOVED, rows.END)
    return header, [row.step for row in found if row.type not in named], reel.torn


def test_what_was_taken_comes_back(place):
    """Events, moves and the end are read as they were, the state as it was before the first."""
    desk = Desk(place)
    desk.recorder.note(0, Moved(TradingState.RECONCILING, "starting"), desk.state)
    desk.take(3)
    desk.step(Tick(START + 9 * SECOND))
    desk.recorder.close(whole=True)
    (path,) = desk.files
    reel = Reel(path)
    header, told = reel.header(), list(reel)

    assert ("desk", 1, "0.1.0", 0, START) == (
        *(header.book, header.epoch, header.release),
        *(header.step, header.ts),
    )
    assert ["Moved", "Mark", "Mark", "Mark", "Tick", "End"] == [row.type for row in told]
    assert [0, 1, 2, 3, 4, 4] == [row.step for row in told]
    assert Tick(START + 9 * SECOND) == codec.decode(told[-2].record)
    assert not reel.torn
    known = snapshot.thaw(header.snapshot)
    assert (0, START, PARAMS.book) == (known.sequence, known.now, known.params.book)
    assert [] == desk.told


def test_plain_gzip(place):
    """Anybody can unpack a file: gzip, one JSON value a line."""
    desk = Desk(place)
    desk.take(2)
    desk.recorder.close(whole=True)
    with gzip.open(desk.files[0], "rt") as file:
        told = [json.loads(line) for line in file]

    assert ["Flight", "Mark", "Mark", "End"] == [line[1]["type"] for line in told]


def test_private(place):
    """Nobody else may read what a book was told, whatever the umask."""
    before = os.umask(0)
    try:
        desk = Desk(place)
        desk.take(1)
        desk.recorder.close(whole=True)
    finally:
        os.umask(before)

    assert 0o700 == stat.S_IMODE(place.stat().st_mode)
    assert [0o600] == [stat.S_IMODE(path.stat().st_mode) for path in desk.files]


def test_rotates_by_time(place):
    """A file is followed by one that begins with the state after it; no step is missing."""
    desk = Desk(place, Limits(1 << 30, 60 * SECOND))
    desk.take(150)
    desk.recorder.close(whole=True)
    told = [steps_of(path) for path in desk.files]

    assert [0, 60, 120] == [header.step for header, _, _ in told]
    assert list(range(1, 151)) == [step for _, steps, _ in told for step in steps]
    assert [False] * 3 == [torn for _, _, torn in told]
    assert [0, 60, 120] == [snapshot.thaw(h.snapshot).sequence for h, _, _ in told]


def test_rotates_by_size_below_the_cap(place):
    """Full files are followed by new ones, and the oldest go before the cap is passed."""
    limits = Limits(160_000, 1 << 60)
    desk = Desk(place, limits)
    most = 0
    for _ in range(60):
        desk.take(500)
        most = max(most, sum(path.stat().st_size for path in desk.files))
    desk.recorder.close(whole=True)
    told = [steps_of(path) for path in desk.files]

    assert most <= limits.total
    assert len(told) > 4
    first = told[0][0].step
    assert first > 0
    assert list(range(first + 1, 30_001)) == [step for _, steps, _ in told for step in steps]


def test_a_move_is_in_the_file_of_its_step(place):
    """No file begins between a move and the step that tells of it."""
    desk = Desk(place, Limits(1 << 30, 10 * SECOND))
    desk.take(10)
    desk.recorder.note(10, Moved(TradingState.DRAINING, "stopping"), desk.state)
    desk.take(2)
    desk.recorder.close(whole=True)

    assert [0, 11] == [steps_of(path)[0].step for path in desk.files]


def test_a_killed_daemon_loses_the_last_block(place):
    """What was told five seconds before is on disk; a file without an end is read as far."""
    desk = Desk(place)
    desk.take(23)
    _, steps, torn = steps_of(desk.files[0])

    assert torn
    assert list(range(1, 21)) == steps  # blocks end at 5, 10, 15 and 20 s
    desk.recorder.close(whole=False)
    assert not steps_of(desk.files[0])[2]


def test_torn_anywhere(place):
    """Wherever a file is cut behind its header, what is read is what was written, in order."""
    desk = Desk(place)
    desk.take(200)
    desk.recorder.close(whole=True)
    path = desk.files[0]
    whole = path.read_bytes()
    counts = []
    for cut in range(len(whole) - 1, len(whole) - 2500, -7):
        path.write_bytes(whole[:cut])
        _, steps, torn = steps_of(path)
        assert torn
        assert list(range(1, len(steps) + 1)) == steps
        counts.append(len(steps))

    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


@pytest.mark.parametrize("rest", [b"\0" * 4096, b"\xff" * 999])
def test_torn_and_filled(place, rest):
    """A tail that a file system filled with something else is no line."""
    desk = Desk(place)
    desk.take(23)
    with desk.files[0].open("ab") as file:
        file.write(rest)

    assert list(range(1, 21)) == steps_of(desk.files[0])[1]


def without(told, number):
    """Return lines without one of them."""
    lines = told.splitlines(keepends=True)
    return b"".join(lines[:number] + lines[number + 1 :])


def doubled(told, number):
    """Return lines with one of them twice."""
    lines = told.splitlines(keepends=True)
    return b"".join([*lines[: number + 1], *lines[number:]])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.replace(b'"price":"1000', b'"price":"2000', 1),
        lambda told: told.replace(b"[7,", b"[8,", 1),
        lambda told: without(told, 6),
        lambda told: doubled(told, 6),
    ],
    ids=["price", "number", "dropped", "doubled"],
)
def test_altered(place, spoil):
    """A line that is not what was written there shows, and only that one."""
    desk = Desk(place)
    desk.take(20)
    desk.recorder.close(whole=True)
    path = desk.files[0]
    path.write_bytes(gzip.compress(spoil(gzip.decompress(path.read_bytes()))))
    reel = Reel(path)
    reel.header()

    assert 1 == sum(not row.intact for row in reel)


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (b"", "header"),
        (b"hello\n", "line 1"),
        (rows.spell(0, {"type": "Tick"}, 0)[0], "header"),
        (rows.spell(0, {"type": "Flight", "format": 2, "release": "9"}, 0)[0], "release 9"),
        (rows.spell(0, {"type": "Flight", "format": 1}, 0)[0], "book"),
    ],
)
def test_no_flight(tmp_path, told, names):
    """A file that is none, or of another format, is refused by name."""
    path = tmp_path / "0000001-000000000000.jsonl.gz"
    path.write_bytes(gzip.compress(told))

    with pytest.raises(DataError, match=names):
        Reel(path).header()


def test_a_line_that_is_none(place):
    """Damage within a file is no tear: the line is named."""
    desk = Desk(place)
    desk.take(5)
    desk.recorder.close(whole=True)
    path = desk.files[0]
    told = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join([*told[:3], b"[3,{\n", *told[4:]])))

    with pytest.raises(DataError, match="line 4"):
        steps_of(path)


def test_starts(place):
    """Each start has files of its own, oldest first; without any there is no flight."""
    with pytest.raises(DataError, match="flight"):
        starts(place)
    for epoch in (1, 2, 11):
        desk = Desk(place, Limits(1 << 30, 10 * SECOND), epoch)
        desk.take(15)
        desk.recorder.close(whole=True)
    found = starts(place)

    assert [1, 2, 11] == list(found)
    assert [2, 2, 2] == [len(paths) for paths in found.values()]


def test_a_flight_of_a_journal_that_is_gone(place):
    """A start takes away what bears its own number, or a later one: another journal's."""
    for epoch in (1, 2, 3):
        desk = Desk(place, epoch=epoch)
        desk.take(1)
        desk.recorder.close(whole=True)
    desk = Desk(place, epoch=2)
    desk.take(7)
    desk.recorder.close(whole=True)

    assert [1, 2] == list(starts(place))
    assert 7 == len(steps_of(desk.files[-1])[1])


def broken(*_args, **_more):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["write", "open"])
def test_a_disk_that_fails(place, monkeypatch, name):
    """The recording ends and is told once; the book goes on."""
    desk = Desk(place, Limits(1 << 30, 30 * SECOND))
    desk.take(20)
    monkeypatch.setattr(recorders.os, name, broken)
    desk.take(200)
    monkeypatch.undo()
    desk.take(200)
    desk.recorder.close(whole=True)

    assert ["flight.failed"] == desk.told
    assert "No space left" in desk.alerts.sent[0].text
    assert 420 == desk.state.sequence
    assert list(range(1, 21)) == steps_of(desk.files[0])[1][:20]
    assert 1 == len(desk.files)


def test_a_state_that_cannot_be_kept(place, monkeypatch):
    """No file is left that has no header, and the one before it is read as far as it was told."""
    desk = Desk(place, Limits(1 << 30, 30 * SECOND))
    desk.take(20)
    monkeypatch.setattr(snapshot, "freeze", broken)
    desk.take(20)
    desk.recorder.close(whole=True)

    assert ["flight.failed"] == desk.told
    (path,) = desk.files
    assert list(range(1, 31)) == steps_of(path)[1]


@pytest.mark.parametrize("after", [0, 1])
def test_a_header_that_is_not_written(place, monkeypatch, after):
    """A file that the disk takes nothing of, or half, is not left as if it were a flight."""
    desk = Desk(place, Limits(1 << 30, 30 * SECOND))
    desk.take(30)
    real, calls = os.write, []

    def write(file, told):
        if len(desk.files) < 2:
            return real(file, told)
        calls.append(file)
        return real(file, told[:7]) if len(calls) <= after else broken()

    monkeypatch.setattr(recorders.os, "write", write)
    desk.take(5)
    monkeypatch.undo()

    assert calls
    assert ["flight.failed"] == desk.told
    assert [0] == [steps_of(path)[0].step for path in desk.files]


def test_a_folder_that_cannot_be_made(tmp_path):
    """A file in the folder's place is told, and nothing else happens."""
    (tmp_path / "flight").write_text("")
    desk = Desk(tmp_path / "flight")
    desk.take(5)
    desk.recorder.close(whole=True)

    assert ["flight.failed"] == desk.told


def test_a_snapshot_runs_nothing():
    """Bytes that name anything but classes of the core are refused before it is called."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, ("/nonexistent/evil",)

    for told in (pickle.dumps(Evil()), pickle.dumps(State.__init__), pickle.dumps([1]), b"", b"x"):
        with pytest.raises(DataError, match="snapshot"):
            snapshot.thaw(told)


def test_snapshot_keeps_what_is_shared():
    """The state of a snapshot is one: its parts see what it is told."""
    desk = State(INSTRUMENTS, PARAMS, START)
    again = snapshot.thaw(snapshot.freeze(desk))

    assert again.prices.markets is again.markets
    assert again.memory[next(iter(PARAMS.underlyings))] is not None
    assert snapshot.freeze(again) == snapshot.freeze(snapshot.thaw(snapshot.freeze(again)))
