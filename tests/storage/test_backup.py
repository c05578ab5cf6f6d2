"""Copies: whole, private, made beside a daemon, and put back so that no epoch comes again."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rebalancer.core import ids
from rebalancer.errors import DataError, Unavailable, UsageError
from rebalancer.ports import Entry
from rebalancer.storage.audit import audit
from rebalancer.storage.backup import back_up, back_up_daily, restore
from rebalancer.storage.sqlite import open_journal, open_reader

ROOT = Path(__file__).resolve().parents[2]


def entry(sequence):
    """Return an entry whose time is its sequence."""
    return Entry(sequence, sequence, "event", f"k{sequence}", {"n": sequence})


def nothing(_journal):
    """Add nothing to what is put back."""
    return ()


@pytest.fixture
def path(tmp_path):
    """Return a journal of ten entries, started three times."""
    made = tmp_path / "state" / "journal.sqlite"
    for first in (1, 4, 7):
        journal = open_journal(made)
        for sequence in range(first, first + 3):
            journal.append(entry(sequence))
        journal.put_meta("halted", "kill")
        journal.close()
    return made


def read(path):
    """Return the entries of a journal."""
    reader = open_reader(path)
    found = list(reader.read())
    reader.close()
    return found


def names(folder):
    """Return what lies in a folder, but for what a reader of SQLite leaves there."""
    return sorted(
        each.name for each in folder.iterdir() if each.suffix[-4:] not in ("-wal", "-shm")
    )


def test_copy(path, tmp_path):
    """A copy holds every entry, every name and the head, in one private file."""
    target = tmp_path / "copies" / "a.sqlite"
    target.parent.mkdir()
    told = back_up(path, target)
    reader = open_reader(target)

    assert told == audit(path)
    assert read(path) == list(reader.read())
    assert "kill" == reader.get_meta("halted")
    reader.close()
    assert ["a.sqlite"] == names(target.parent)
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)


def test_copy_replaces_nothing(path, tmp_path):
    """A file that is there stays as it is; one of a copy that was interrupted is begun anew."""
    target = tmp_path / "a.sqlite"
    target.write_text("letters")
    with pytest.raises(UsageError, match="must not exist yet"):
        back_up(path, target)
    assert "letters" == target.read_text()

    target.with_name("a.sqlite.part").write_text("half a copy")
    target.unlink()
    back_up(path, target)
    assert ["a.sqlite", "state"] == names(tmp_path)


def test_copy_of_damage(path, tmp_path):
    """What is damaged is no backup: the first bad entry is named, and no file is left."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_stay_as_they_are")
    connection.execute("UPDATE entries SET payload = '{}' WHERE id = 4")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="entry 4: hash must be"):
        back_up(path, tmp_path / "a.sqlite")

    assert ["state"] == names(tmp_path)


def test_copy_of_nothing(tmp_path):
    """There is nothing to copy where no book was ever started; no folder, no copy."""
    with pytest.raises(Unavailable):
        back_up(tmp_path / "journal.sqlite", tmp_path / "a.sqlite")
    assert [] == names(tmp_path)


def test_copy_into_no_folder(path, tmp_path):
    """A place that cannot be written is said to be one."""
    with pytest.raises(DataError, match="must be a file that can be written"):
        back_up(path, tmp_path / "missing" / "a.sqlite")


WRITES = """
import sys
from pathlib import Path
from rebalancer.ports import Entry
from rebalancer.storage.sqlite import open_journal
journal = open_journal(Path(sys.argv[1]))
for sequence in range(100_000):
    journal.append(Entry(sequence, sequence, "event", "k", {"text": "x" * 500}))
    journal.flush()
"""


def test_copies_beside_a_daemon(path, tmp_path):
    """Copies made while another process writes are each one moment of it, sound and growing."""
    daemon = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        sizes = []
        for number in range(4):
            while audit(path).head.number < 10 + 50 * (number + 1):
                assert daemon.poll() is None
                time.sleep(0.02)
            sizes.append(back_up(path, tmp_path / f"{number}.sqlite").entries)
        assert daemon.poll() is None
    finally:
        daemon.kill()
        daemon.wait()

    assert sizes == sorted(set(sizes))
    assert sizes == [audit(tmp_path / f"{number}.sqlite").entries for number in range(4)]
    head = audit(tmp_path / "0.sqlite").head
    assert audit(path, head).entries > sizes[-1] - 1


# --- put back -------------------------------------------------------------------


@pytest.fixture
def copy(path, tmp_path):
    """Return a copy of that journal."""
    back_up(path, tmp_path / "copy.sqlite")
    return tmp_path / "copy.sqlite"


def test_into_an_empty_folder(copy, tmp_path):
    """A copy is put where no journal is; the chain goes on from the copy's head."""
    target = tmp_path / "new" / "journal.sqlite"
    told = restore(copy, target, 1, lambda _: (Entry(0, 99, "latch", "desk", {"mode": "halted"}),))
    found = read(target)

    assert audit(copy) == told.copy
    assert told.aside is None
    assert [entry(sequence) for sequence in range(1, 10)] == found[:9]
    assert ["restored", "latch"] == [each.kind for each in found[9:]]
    assert {"head": str(told.copy.head), "epoch_before": 3, "epoch": 4} == found[9].payload
    assert 11 == audit(target, told.copy.head).entries
    assert ["journal.lock", "journal.sqlite"] == names(target.parent)
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)
    assert 0o700 == stat.S_IMODE(target.parent.stat().st_mode)


@pytest.mark.parametrize(("least", "starts", "epoch"), [(1, 0, 4), (1, 5, 9), (700, 5, 700)])
def test_no_epoch_comes_again(path, copy, least, starts, epoch):
    """The next start lies above those of the copy, of what was there, and of what was asked for."""
    for _ in range(starts):
        open_journal(path).close()
    told = restore(copy, path, least, nothing, force=True)
    journal = open_journal(path)
    journal.close()

    assert epoch == told.epoch
    assert epoch + 1 == journal.epoch > 3 + starts


def test_a_journal_that_is_there(path, copy):
    """It is not replaced unasked; asked for, it goes aside whole, and its number grows."""
    journal = open_journal(path)
    journal.append(entry(10))
    journal.close()
    with pytest.raises(UsageError, match="--force"):
        restore(copy, path, 1, nothing)
    assert 10 == audit(path).entries

    first = restore(copy, path, 1, nothing, force=True).aside
    second = restore(copy, path, 1, nothing, force=True).aside

    assert ["journal.replaced-1.sqlite", "journal.replaced-2.sqlite"] == [first.name, second.name]
    assert [10, 10] == [audit(each).entries for each in (first, second)]
    assert entry(10) in read(first)
    assert entry(10) not in read(path)


def test_a_journal_that_fell(path, copy):
    """What a fallen daemon left in the log beside its journal goes aside with it."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    while audit(path).head.number < 20:
        time.sleep(0.02)
    child.kill()
    child.wait()
    before = audit(path).entries
    told = restore(copy, path, 1, nothing, force=True)

    assert before == audit(told.aside).entries
    assert 10 == audit(path).entries


def test_a_damaged_journal_that_is_there(path, copy):
    """What cannot even be opened goes aside as well; the copy does not mind what lay beside it."""
    path.write_bytes(b"dear diary " * 500)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).write_bytes(b"junk")
    told = restore(copy, path, 1, nothing, force=True)

    assert b"dear diary" == told.aside.read_bytes()[:10]
    assert 10 == audit(path).entries


def test_while_a_daemon_runs(path, copy):
    """Nothing is put under a daemon that runs."""
    journal = open_journal(path)
    with pytest.raises(Unavailable, match="already runs"):
        restore(copy, path, 1, nothing, force=True)
    journal.append(entry(10))
    journal.close()

    assert 10 == audit(path).entries


@pytest.mark.parametrize("fault", ["damage", "adds", "epoch"])
def test_nothing_is_changed(path, copy, fault):
    """A copy that is damaged, or cannot be begun, changes nothing; the folder is free."""
    if fault == "damage":
        connection = sqlite3.connect(copy)
        connection.execute("DROP TRIGGER entries_stay")
        connection.execute("DELETE FROM entries WHERE id = 9")
        connection.commit()
        connection.close()

    def adds(_journal):
        if fault == "adds":
            raise DataError("no latch")
        return ()

    least = ids.MOST_EPOCH + 1 if fault == "epoch" else 1
    with pytest.raises(DataError):
        restore(copy, path, least, adds, force=True)

    assert ["journal.lock", "journal.sqlite"] == names(path.parent)
    assert 9 == audit(path).entries
    open_journal(path).close()


def test_daily_copies(path, tmp_path):
    """A folder keeps one copy a day, the youngest of them, and what it does not know."""
    place = tmp_path / "copies"
    place.mkdir()
    for name in ("journal-2031-01-01.sqlite", "notes.txt", "journal-2026-01-27.sqlite.new"):
        (place / name).touch()
    for day in ("2026-01-27", "2026-01-28", "2026-01-29", "2026-01-30", "2026-01-30"):
        copy, told = back_up_daily(path, place, day, 3)
        assert (9, f"journal-{day}.sqlite") == (told.entries, copy.name)

    days = ("2026-01-28", "2026-01-29", "2026-01-30", "2031-01-01")
    assert [*(f"journal-{day}.sqlite" for day in days), "notes.txt"] == names(place)
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)


def test_daily_copy_of_damage(path, tmp_path):
    """A journal that is damaged costs no copy that was made before."""
    place = tmp_path / "copies"
    place.mkdir()
    back_up_daily(path, place, "2026-01-29", 1)
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER IF EXISTS entries_stay_as_they_are")
    connection.execute("UPDATE entries SET ts = ts + 1 WHERE id = 3")
    connection.commit()
    connection.close()
    for day in ("2026-01-29", "2026-01-30"):
        with pytest.raises(DataError):
            back_up_daily(path, place, day, 1)

    assert ["journal-2026-01-29.sqlite"] == names(place)
    assert 9 == audit(place / "journal-2026-01-29.sqlite").entries
