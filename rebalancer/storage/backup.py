"""Copies of a journal: made while a daemon writes it, and put back where none runs.

A copy is one file, private, looked at from end to end before it has its name.
What is put back is older than what the venues know. So its next start has an
epoch above every one that was used, and whoever puts it back may add entries
that the start finds, such as a halt.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import DataError, RebalancerError, UsageError
from rebalancer.ports import Entry, Reading
from rebalancer.storage import damage, folder, sqlite
from rebalancer.storage.audit import Audit, audit

RESTORED = "restored"  # kind of the entry that tells that a copy was put back
_DAILY = "journal-{}.sqlite"  # of a folder of copies
_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a file

Adds = Callable[[Reading], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore."""

    copy: Audit  # what was put back
    epoch: int  # that this restore has: the next start has a higher one
    aside: Path | None  # where the journal is kept that was there before


def back_up(source: Path, target: Path) -> Audit:
    """Copy a journal, whether or not a daemon writes it; return what the copy holds.

    Raises:
        Unavailable: There is no journal.
        UsageError: The target exists.
        DataError: The journal is damaged, or the disk refused; there is no copy then.
    """
    if target.exists():
        raise UsageError(f"{target}: must not exist yet; a backup replaces nothing")
    part = target.with_name(f"{target.name}.part")
    try:
        _copy(source, part)
        told = audit(part)
        part.rename(target)
        folder.settle(target.parent)
    except OSError as e:
        raise DataError(f"{target}: must be a file that can be written: {e}") from e
    finally:
        _remove(part)
    return told


def back_up_daily(source: Path, place: Path, day: str, keep: int) -> tuple[Path, Audit]:
    """Copy a journal into a folder of copies; return the copy, and what it holds.

    A copy of the same day is replaced once the new one is whole, and only then
    the oldest go. What bears another name is left alone, and so is what is named
    for a day to come: a clock that was wrong must cost no copy.

    Args:
        source: The journal.
        place: The folder.
        day: That the copy is named for, YYYY-MM-DD.
        keep: Copies that stay, >= 1.

    Raises:
        Unavailable: There is no journal.
        DataError: The journal is damaged, or the disk refused; nothing is deleted then.
    """
    target = place / _DAILY.format(day)
    fresh = target.with_name(f"{target.name}.new")
    _remove(fresh)  # of one that was broken off
    told = back_up(source, fresh)
    try:
        fresh.replace(target)
        folder.settle(place)
        copies = sorted(each.name for each in place.glob(_DAILY.format("????-??-??")))
        for old in [each for each in copies if each <= target.name][:-keep]:
            (place / old).unlink()
    except OSError as e:
        raise DataError(f"{target}: must be a file that can be written: {e}") from e
    return target, told


def restore(copy: Path, target: Path, least: int, adds: Adds, *, force: bool = False) -> Restored:
    """Put a copy in the place of a book's journal; its daemon must not run.

    Args:
        copy: What `back_up` made.
        target: The journal of the book; its folder is made where there is none.
        least: Epoch that must be reached, above all that any start may have used.
        adds: Is given the journal before it gets its place; returns what to write in it.
        force: Whether a journal that is there is moved aside.

    Raises:
        Unavailable: There is no copy, or a daemon runs the book.
        UsageError: There is a journal already, and nobody said that it may go aside.
        DataError: The copy is damaged, or the disk refused; nothing was changed then.
    """
    told = audit(copy)
    folder.prepare(target.parent)
    lock = folder.lock(target.parent)
    part = target.with_name(f"{target.name}.part")
    try:
        if target.exists() and not force:
            raise UsageError(f"{target}: must not be there; --force moves it aside")
        _copy(copy, part)
        epoch = _begin(part, lock, max(least, _epoch(target) + 1), told, adds)
        aside = _move_aside(target)
        part.replace(target)
        damage.clear(target)  # of what was there before
        folder.settle(target.parent)
        return Restored(told, epoch, aside)
    except OSError as e:
        raise DataError(f"{target}: must be a file that can be written: {e}") from e
    finally:
        _remove(part)
        os.close(lock)


def _copy(source: Path, target: Path) -> None:
    """Copy one moment of a journal into one private file, on disk when this returns."""
    _remove(target)
    sqlite.open_reader(source).close()  # it is a journal
    try:
        folder.make_private(target)
        with (
            closing(sqlite.connect(source, "ro")) as told,
            closing(sqlite3.connect(target, isolation_level=None)) as copied,
        ):
            told.backup(copied)
            copied.execute("PRAGMA journal_mode = delete")
    except sqlite3.Error as e:
        raise DataError(f"{source}: must be readable, and {target} writable: {e}") from e
    folder.settle(target)


def _begin(part: Path, lock: int, least: int, told: Audit, adds: Adds) -> int:
    """Write into a copy what its next start must find; return the epoch of this writing."""
    journal = sqlite.open_locked(part, os.dup(lock), least)
    try:
        entries = tuple(adds(journal))
        at = max((each.ts for each in entries), default=told.last_ts or 0)
        payload = {"head": str(told.head), "epoch_before": told.epoch, "epoch": journal.epoch}
        journal.append(Entry(0, at, RESTORED, "journal", payload))
        for each in entries:
            journal.append(each)
    finally:
        journal.close()
    return journal.epoch


def _epoch(path: Path) -> int:
    """Return the epoch of a journal that is there; 0 where none is, or none that can be read."""
    with suppress(RebalancerError):
        reader = sqlite.open_reader(path)
        try:
            return int(reader.get_meta(sqlite.EPOCH) or 0)
        finally:
            reader.close()
    return 0


def _move_aside(path: Path) -> Path | None:
    """Give the journal that is there another name, with all that belongs to it."""
    if not path.exists():
        for end in _BESIDE:  # of a journal that is gone: it must not be taken for the new one's
            path.with_name(path.name + end).unlink(missing_ok=True)
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1.0)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # closing puts the rest of its log into it
    number = 1
    while (aside := path.with_name(f"{path.stem}.replaced-{number}{path.suffix}")).exists():
        number += 1
    for end in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    try:
        aside.hardlink_to(path)  # so that there is a journal at every moment
    except OSError:
        path.rename(aside)
    return aside


def _remove(path: Path) -> None:
    for end in ("", "-journal", *_BESIDE):
        path.with_name(path.name + end).unlink(missing_ok=True)
