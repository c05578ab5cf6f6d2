"""The journal on a disk that fails: what was flushed is there, in order, whatever the disk did."""

import random
from functools import partial

import apsw
import pytest

from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage import sqlite
from rebalancer.storage.sqlite import open_journal, open_reader
from tests.storage.disk import Connection, Disk, survivors

POINTS = 400  # moments at which the power fails
HOW = ("none", "all", "some", "torn")
WAL, MAIN = "-wal", ".sqlite"


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Let each journal move its log into the file often."""
    monkeypatch.setattr(sqlite, "COMMITS", 4)


def entry(number, chance):
    """Return the entry of a number; some fill a page by themselves."""
    text = "x" * chance.choice((0, 20, 300, 3_000))
    return Entry(number, number, "order", f"rb{number}", {"text": text})


def opened(path, disk):
    """Return a journal on a disk."""
    journal = open_journal(path, connect=lambda path, _mode: Connection(disk, path))
    disk.note(("epoch", journal.epoch))
    return journal


def worked(path, disk, chance, starts=3, steps=40):
    """Let a book live for some starts; return the entries that it wrote, in order."""
    written = []
    for _ in range(starts):
        journal = opened(path, disk)
        for _ in range(steps):
            for _ in range(chance.randrange(1, 4)):
                written.append(entry(len(written), chance))
                journal.append(written[-1])
            if chance.random() < 0.3:
                journal.put_meta("kept", str(len(written)))
                disk.note(("meta", len(written)))
            else:
                journal.flush()
            disk.note(("flushed", len(written)))
        journal.close()
    return written


def known(ops):
    """Return what a daemon that saw these operations through could rely on."""
    told = {"epoch": 0, "meta": 0, "flushed": 0}
    told |= dict(op.told for op in ops if op.what == "note")
    return told


def found(folder, files):
    """Return epoch, entries and the value kept, after a start with the SQLite of every day."""
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    journal = open_journal(folder / "journal.sqlite")
    try:
        return journal.epoch, list(journal.read()), journal.get_meta("kept")
    finally:
        journal.close()


def wrong(folder, ops, written, chance, how):
    """Return what does not hold after the power failed behind these operations."""
    told = known(ops)
    try:
        epoch, entries, meta = found(folder, survivors(ops, chance, how))
    except DataError as error:
        return f"refused: {error}"
    if entries != written[: len(entries)]:
        return "entries that were never written so"
    if len(entries) < told["flushed"]:
        return f"{told['flushed'] - len(entries)} entries lost that were flushed"
    if int(meta or 0) < told["meta"] or int(meta or 0) > len(entries):
        return f"{meta} kept, was {told['meta']} of {len(entries)}"
    return None if epoch > told["epoch"] else f"epoch {epoch} after {told['epoch']}"


@pytest.mark.parametrize("how", HOW)
def test_power_loss(tmp_path, how):
    """All that was flushed is there, and before it nothing is missing; the start counts on."""
    chance, disk = random.Random(how), Disk()
    written = worked(tmp_path / "state" / "journal.sqlite", disk, chance)
    points = chance.sample(range(len(disk.ops) + 1), POINTS // len(HOW))

    faults = [
        (point, fault)
        for point in points
        if (fault := wrong(tmp_path / str(point), disk.ops[:point], written, chance, how))
    ]

    assert [] == faults
    assert {MAIN, WAL} <= {
        op.file[-7:] if MAIN in op.file[-7:] else op.file[-4:] for op in disk.ops
    }
    assert 10 < sum(op.what == "sync" and op.file.endswith(MAIN) for op in disk.ops)


def test_a_disk_that_lies(tmp_path):
    """A disk that only says that it synced is found out: the test can fail."""
    chance, disk = random.Random(7), Disk(lying=True)
    written = worked(tmp_path / "state" / "journal.sqlite", disk, chance)
    points = chance.sample(range(len(disk.ops) // 2, len(disk.ops)), 20)

    faults = [
        wrong(tmp_path / str(point), disk.ops[:point], written, chance, "none") for point in points
    ]

    assert 15 < sum(fault is not None for fault in faults)


ERRORS = {
    "full": ("write", apsw.FullError("disk full")),
    "write": ("write", apsw.IOError("write failed")),
    "sync": ("sync", apsw.IOError("fsync failed")),
}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("file", [WAL, MAIN])
@pytest.mark.parametrize("kind", ERRORS)
def test_refused(tmp_path, kind, file, seed):
    """Once the disk refuses, nothing is taken any more, and what was flushed is there."""
    chance, disk = random.Random(f"{kind} {file} {seed}"), Disk()
    path = tmp_path / "state" / "journal.sqlite"
    journal, written = opened(path, disk), []
    what, error = ERRORS[kind]
    disk.refuse = (what, chance.randrange(1, 60 if file == WAL else 10), error, file)

    def write_on():
        for _ in range(300):
            written.append(entry(len(written), chance))
            journal.append(written[-1])
            journal.flush()
            disk.note(("flushed", len(written)))

    with pytest.raises(DataError, match="the disk refused"):
        write_on()
    asked = len(disk.ops)
    for call in (
        partial(journal.append, entry(0, chance)),
        journal.flush,
        partial(journal.put_meta, "kept", "1"),
    ):
        with pytest.raises(DataError, match="closed for good"):
            call()
    after, failed = len(disk.ops), list(disk.ops)
    journal.close()

    assert asked == after
    for how in HOW:
        for name, ops in (("failed", failed), ("closed", disk.ops)):
            assert not wrong(tmp_path / f"{name}-{how}", ops, written, chance, how)


def test_slow(tmp_path):
    """A sync that takes long holds the caller: `flush` does not return before it."""
    disk, synced = Disk(), []
    journal = opened(tmp_path / "state" / "journal.sqlite", disk)
    disk.slow = lambda: synced.append(True)
    journal.append(entry(1, random.Random(7)))
    before = len(synced)
    journal.flush()
    after = len(synced)
    journal.close()

    assert (0, 1) == (before, after)


@pytest.mark.parametrize("name", ["journal.sqlite", "journal.sqlite-wal"])
def test_damaged(tmp_path, name):
    """What is damaged is refused by name, or nothing is read that was never written."""
    chance, disk = random.Random(name), Disk()
    written = worked(tmp_path / "state" / "journal.sqlite", disk, chance, starts=1)
    end = max(at for at, op in enumerate(disk.ops) if op.what == "sync" and op.file == name)
    files = survivors(disk.ops[: end + 1], chance, "none")
    refused = []
    for turn in range(30):
        spoilt = bytearray(files[name])
        place = chance.randrange(len(spoilt) // 512) * 512
        spoilt[place : place + 512] = chance.randbytes(512)
        try:
            _, entries, _ = found(tmp_path / str(turn), files | {name: bytes(spoilt)})
        except DataError as error:
            refused.append(str(error))
        else:
            assert all(each in written for each in entries)

    assert refused or name.endswith(WAL)
    assert all("journal.sqlite" in error for error in refused)


def test_reader_after_power_loss(tmp_path):
    """Who only reads sees the same, before any daemon has started again."""
    chance, disk = random.Random(7), Disk()
    written = worked(tmp_path / "state" / "journal.sqlite", disk, chance, starts=1)
    left = survivors(disk.ops[:-3], chance, "some")
    folder = tmp_path / "after"
    folder.mkdir(mode=0o700)
    for name, content in left.items():
        (folder / name).write_bytes(content)
    reader = open_reader(folder / "journal.sqlite")
    entries = list(reader.read())
    reader.close()

    assert written == entries
