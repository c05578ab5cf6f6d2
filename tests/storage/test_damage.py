"""A mark of damage: on disk before anything else is tried, found by a start, gone when whole."""

import os
import stat
from pathlib import Path

import apsw
import pytest

from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage import damage
from rebalancer.storage.backup import back_up, restore
from rebalancer.storage.sqlite import open_journal
from tests.storage.disk import Connection, Disk


@pytest.fixture
def path(tmp_path):
    """Return a journal of one entry."""
    made = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(made)
    journal.append(Entry(1, 1, "event", "k", {}))
    journal.close()
    return made


def test_there_and_gone(path):
    """It says on one line what was found, for nobody else, until it is taken away."""
    assert damage.found(path) is None
    assert damage.mark(path, "entry 4:\nwas altered")
    assert damage.mark(path, "entry 5: was altered")
    mark = path.parent / "journal.damaged"
    assert 0o600 == stat.S_IMODE(mark.stat().st_mode)
    assert "entry 5: was altered" == damage.found(path)
    mark.write_text(" a\n b" + "x" * 9_000)
    assert damage.found(path).startswith("a bx")
    assert len(damage.found(path)) < 600

    assert damage.clear(path)
    assert damage.clear(path)
    assert damage.found(path) is None


def test_synced(path, monkeypatch):
    """The mark is on disk, and its name, when that is said."""
    synced, real = [], os.fsync

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    damage.mark(path, "entry 4")

    assert [path.parent / "journal.damaged", path.parent] == synced


@pytest.mark.parametrize("name", ["open", "write", "fsync"])
def test_a_disk_that_refuses(path, monkeypatch, name):
    """That no mark was left is said; what there is of one halts a start all the same."""

    def refuse(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, name, refuse)
    assert not damage.mark(path, "entry 4")
    monkeypatch.undo()

    assert (name == "open") == (damage.found(path) is None)


def test_one_that_cannot_be_read(path):
    """It is one: nobody puts something there by chance."""
    (path.parent / "journal.damaged").mkdir()

    assert "cannot be read" in damage.found(path)
    assert not damage.clear(path)


def test_a_write_that_meets_it(path):
    """What cannot be written into the damaged file is left beside it."""
    disk = Disk()
    journal = open_journal(path, connect=lambda path, _mode: Connection(disk, path))
    journal.append(Entry(2, 2, "latch", "desk", {}))
    disk.refuse = ("write", 1, apsw.CorruptError("page 7"), "-wal")
    with pytest.raises(DataError, match="the disk refused"):
        journal.flush()
    journal.close()

    assert "page 7" in damage.found(path)


def test_a_disk_that_fails_is_no_damage(path):
    """What could not be written proves nothing of what was."""
    disk = Disk()
    journal = open_journal(path, connect=lambda path, _mode: Connection(disk, path))
    journal.append(Entry(2, 2, "latch", "desk", {}))
    disk.refuse = ("write", 1, apsw.IOError("no"), "-wal")
    with pytest.raises(DataError):
        journal.flush()
    journal.close()

    assert damage.found(path) is None


@pytest.mark.parametrize("whole", [True, False])
def test_restored(path, tmp_path, whole):
    """A copy that is whole takes the mark of what was there away; one that is not, leaves it."""
    copy = tmp_path / "copy.sqlite"
    back_up(path, copy)
    damage.mark(path, "entry 4")
    if whole:
        restore(copy, path, 1, lambda _journal: (), force=True)
    else:
        copy.write_bytes(b"dear diary")
        with pytest.raises(DataError):
            restore(copy, path, 1, lambda _journal: (), force=True)

    assert whole == (damage.found(path) is None)


def test_a_page_that_is_bad(path):
    """SQLite itself meets it in the midst of a write; the journal dies, and the mark is there."""
    journal = open_journal(path)
    for number in range(2_000):
        journal.append(Entry(number, number, "event", f"k{number}", {"text": "x" * 200}))
    journal.close()
    journal = open_journal(path)
    journal.connection.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 100)

    def write():
        for number in range(2_000):
            journal.append(Entry(number, number, "event", f"j{number}", {"text": "x" * 200}))
            journal.flush()

    with pytest.raises(DataError):
        write()
    journal.close()

    assert "malformed" in damage.found(path)
