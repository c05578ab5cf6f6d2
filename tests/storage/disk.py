"""A disk that fails, beneath SQLite: what power loss may leave, and refusals when asked for.

It is a layer of SQLite's own file interface (a VFS), so that what runs on top is
the real write-ahead log with its real order of writes and syncs. All of them are
recorded. From the record `survivors` makes what a disk may hold after the power
failed at any point: everything that was synced, and of what was not, anything:
none, all, some without the ones before them, the last torn in the middle.

A sync that failed lets everything that waited for it be forgotten for good, as
Linux does: the next one that succeeds says nothing of it ("Can Applications
Recover from fsync Failures?", USENIX ATC 2020).
"""

import itertools
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

SECTOR = 512  # bytes that a disk writes whole or not at all
_NAMES = itertools.count()


@dataclass(frozen=True)
class Op:
    """One thing that was asked of the disk, or that a test notes beside it."""

    what: str  # create, write, truncate, sync, lost, delete; note
    file: str = ""
    offset: int = 0  # of a write; size of a truncation
    data: bytes = b""
    told: object = None  # of a note


class Disk(apsw.VFS):
    """A layer over the default file interface.

    Args:
        lying: Whether it says that it synced and does not.
    """

    def __init__(self, lying=False):
        self.name = f"disk-{next(_NAMES)}"
        self.ops, self.lying = [], lying
        self.refuse = None  # (what, nth, error): the nth write or sync from now on fails
        self.slow = None  # is called before each sync
        self.struck = 0
        super().__init__(self.name, base="")

    def xOpen(self, name, flags):
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        if plain and not Path(plain).exists():
            self.ops.append(Op("create", Path(plain).name))
        return File(self, name, flags)

    def xDelete(self, name, syncdir):
        super().xDelete(name, syncdir)
        self.ops.append(Op("delete", Path(name).name))

    def note(self, told):
        """Remember what is known at this point."""
        self.ops.append(Op("note", told=told))

    def due(self, what, file):
        """Whether what is asked of a file fails."""
        if self.refuse is None or not file.endswith(self.refuse[3]) or self.refuse[0] != what:
            return None
        _, nth, error, ending = self.refuse
        self.refuse = (what, nth - 1, error, ending) if nth > 1 else None
        if nth > 1:
            return None
        self.struck += 1
        return error


class File(apsw.VFSFile):
    """One open file on such a disk."""

    def __init__(self, disk, name, flags):
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk, self._file = disk, Path(plain).name if plain else ""
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        error = self._disk.due("write", self._file)
        if error is not None:
            half = bytes(data)[: len(data) // 2]
            super().xWrite(half, offset)
            self._disk.ops.append(Op("write", self._file, offset, half))
            raise error
        super().xWrite(data, offset)
        self._disk.ops.append(Op("write", self._file, offset, bytes(data)))

    def xTruncate(self, size):
        super().xTruncate(size)
        self._disk.ops.append(Op("truncate", self._file, size))

    def xSync(self, flags):
        error = self._disk.due("sync", self._file)
        if error is not None:
            self._disk.ops.append(Op("lost", self._file))
            raise error
        if self._disk.slow is not None:
            self._disk.slow()
        if not self._disk.lying:
            self._disk.ops.append(Op("sync", self._file))


class Rows:
    """Rows of a statement that has run to its end."""

    def __init__(self, rows):
        self._rows = iter(rows)

    def __iter__(self):
        return self._rows

    def fetchone(self):
        return next(self._rows, None)

    def fetchall(self):
        return list(self._rows)

    def close(self):
        pass


class Connection:
    """A connection on a disk, as `storage.database` wants it."""

    def __init__(self, disk, path):
        with _as_sqlite3():
            self._inner = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE, vfs=disk.name)
            self._inner.set_busy_timeout(2_000)

    @property
    def in_transaction(self):
        return self._inner.in_transaction

    def execute(self, statement, values=()):
        with _as_sqlite3():
            return Rows(list(self._inner.execute(statement, values)))

    def close(self):
        with _as_sqlite3():
            self._inner.close()


@contextmanager
def _as_sqlite3():
    try:
        yield
    except apsw.Error as error:
        told = sqlite3.OperationalError(f"{type(error).__name__}: {error}")
        if isinstance(error, apsw.FullError):
            told.sqlite_errorcode = sqlite3.SQLITE_FULL
        if isinstance(error, apsw.CorruptError):
            told.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise told from error


def survivors(ops, chance, how):
    """Return file name → content as a power loss after `ops` may leave them.

    Args:
        ops: What was asked of the disk, oldest first.
        chance: A `random.Random`.
        how: Of what was not synced: `none`, `all`, `some`, or `torn`: all but half of the last.
    """
    platter = Platter(chance)
    for op in ops:
        getattr(platter, op.what)(op)
    return platter.left(how)


class Platter:
    """What of a disk's files is surely on it, and what waits for a sync."""

    def __init__(self, chance):
        self._chance = chance
        self._files, self._waiting = {}, {}
        self._new, self._gone = {}, {}  # created, deleted: the folder is not synced yet

    def note(self, op):
        pass

    def create(self, op):
        self._new[op.file] = True

    def write(self, op):
        self._waiting.setdefault(op.file, []).append(op)

    truncate = write

    def sync(self, op):
        for each in self._waiting.pop(op.file, ()):
            _apply(self._files.setdefault(op.file, bytearray()), each)
        if self._new.pop(op.file, False):
            self._gone.clear()  # SQLite syncs the folder with a new log

    def lost(self, op):
        """Keep what waited or forget it; nobody will ever know, so it is decided here."""
        for each in self._waiting.pop(op.file, ()):
            if self._chance.random() < 0.5:
                _apply(self._files.setdefault(op.file, bytearray()), each)

    def delete(self, op):
        self._waiting.pop(op.file, None)
        if op.file in self._files:
            self._gone[op.file] = self._files.pop(op.file)

    def left(self, how):
        """Return what is there when the power is back; what was deleted may be there again."""
        for name, held in self._gone.items():
            if how == "none" or (how == "some" and self._chance.random() < 0.5):
                self._files.setdefault(name, held)
        for name, waits in self._waiting.items():
            for each in _kept(waits, self._chance, how):
                _apply(self._files.setdefault(name, bytearray()), each)
        return {name: bytes(held) for name, held in self._files.items()}


def _kept(left, chance, how):
    """Return what of the writes that were not synced reached the disk all the same."""
    if how == "none":
        return []
    if how == "some":
        return [_torn(each, chance) for each in left if chance.random() < 0.5]
    if how == "torn":
        return [*left[:-1], _torn(left[-1], chance, always=True)]
    return left


def _torn(op, chance, always=False):
    """Return a write of which only the first sectors, or half of the page, reached the disk."""
    if op.what != "write" or not (always or chance.random() < 0.2):
        return op
    whole = len(op.data)
    length = chance.choice([whole // 2, chance.randrange(whole // SECTOR + 1) * SECTOR])
    return Op(op.what, op.file, op.offset, op.data[:length])


def _apply(held, op):
    if op.what == "truncate":
        del held[op.offset :]
        held.extend(bytes(op.offset - len(held)))
        return
    held.extend(bytes(max(op.offset - len(held), 0)))
    held[op.offset : op.offset + len(op.data)] = op.data
