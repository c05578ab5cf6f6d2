"""The journal on disk: SQLite with a write-ahead log, one writer, each commit synced.

A write or sync that fails once is never tried again: after a failed fsync
nobody knows what is on the disk ("Can Applications Recover from fsync
Failures?", USENIX ATC 2020). The journal is dead from then on and says so.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from rebalancer.core.ids import MOST_EPOCH
from rebalancer.errors import Damaged, DataError, Defect, Unavailable
from rebalancer.ports import Entry, Retention
from rebalancer.storage import chain, damage, faults, folder, room, schema
from rebalancer.storage import retention as pruning
from rebalancer.storage.aside import set_aside
from rebalancer.storage.chain import Head
from rebalancer.storage.database import Connect, Database

_COLUMNS = "id, sequence, ts, kind, key, payload"
_PAGE = 1000  # rows a read takes at a time, so that no cursor stays open between them
_BUSY = 2.0  # s that SQLite waits for a reader's lock
_OWN = "journal."  # how the names of the journal's own meta begin
EPOCH = "journal.epoch"  # meta name of the number of starts

_INSERT = f"INSERT INTO entries ({chain.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_PUT = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
COMMITS = 200  # between two times that the log is moved into the file: some 1000 pages

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JournalReader:
    """Reads a journal, also while a daemon writes it; sees what was flushed.

    Args:
        connection: Open on the journal, pragmas set.
        path: For messages.
    """

    def __init__(self, connection: Database, path: Path) -> None:
        self._connection = connection
        self._path = path

    @property
    def connection(self) -> Database:
        """The way to the file, for the other modules of this package."""
        return self._connection

    def read(self, kind: str | None = None, key: str | None = None) -> Iterable[Entry]:
        """Yield entries in the order in which they were written.

        Raises:
            DataError: The file is damaged.
        """
        asked = {name: value for name, value in (("kind", kind), ("key", key)) if value is not None}
        where = "".join(f" AND {name} = ?" for name in asked)
        return self._pages(where, tuple(asked.values()))

    def step(self, sequence: int) -> Iterable[Entry]:
        """Yield the entries of one step, in the order in which they were written."""
        return self._pages(" AND sequence = ?", (sequence,))

    def latest(self, kind: str, ts: int) -> Entry | None:
        """Return the last entry of a kind written at or before `ts` (ns), or None."""
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE kind = ? AND ts <= ? ORDER BY id DESC LIMIT 1"
        )
        rows = self._rows(query, (kind, ts))
        return self._entry(rows[0]) if rows else None

    def get_meta(self, key: str) -> str | None:
        """Return what was put under a name, or None."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _pages(self, where: str, values: tuple[str | int, ...]) -> Iterator[Entry]:
        """Yield what matches, up to the entry that was last when the first was asked for."""
        ((end,),) = self._rows("SELECT coalesce(max(id), 0) FROM entries", ())
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE id > ? AND id <= ?{where} "
            f"ORDER BY id LIMIT {_PAGE}"
        )
        last = 0
        while rows := self._rows(query, (last, end, *values)):
            yield from map(self._entry, rows)
            last = rows[-1][0]

    def _rows(self, query: str, values: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as e:
            raise DataError(f"{self._path}: must be readable: {e}") from e

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        number, sequence, ts, kind, key, payload = row
        try:
            told = json.loads(payload)
        except (json.JSONDecodeError, RecursionError) as e:
            raise DataError(f"{self._path}: entry {number}: payload must be JSON: {e}") from e
        return Entry(sequence, ts, kind, key, told)


class SqliteJournal(JournalReader):
    """A `ports.Journal` on disk; made by `open_journal`.

    Args:
        connection: Open for writing, pragmas set, tables up to date, epoch counted.
        path: For messages.
        lock: Descriptor that keeps other writers out; closed with the journal.
        start: Its epoch, and the head of its chain.
    """

    def __init__(
        self, connection: Database, path: Path, lock: int, start: tuple[int, Head]
    ) -> None:
        super().__init__(connection, path)
        self.epoch, self._head = start
        self._kept = self._head  # the head that is written down
        self._lock = lock
        self._commits = 0  # since the log was last moved into the file
        self._fault: str | None = None  # why the journal is dead

    def append(self, entry: Entry) -> None:
        """Write an entry; durable only after `flush`.

        Raises:
            DataError: The disk refused, now or before; nothing may be traded any more.
            Defect: The payload is not JSON; nothing was written, the journal lives.
        """
        number = self._head.number + 1
        try:
            payload = _json(entry.payload)
            fields = (number, entry.sequence, entry.ts, entry.kind, entry.key, payload)
            linked = chain.link(self._head.hash, fields)
        except (TypeError, ValueError) as e:
            must = "payload must be JSON values"
            raise Defect(f"journal entry {entry.kind} {entry.key}: {must}: {e}") from e
        self._write(_INSERT, (*fields, linked))
        self._head = Head(number, linked)

    def flush(self) -> None:
        """Return once every entry is on disk.

        Raises:
            DataError: The disk refused, now or before.
        """
        self._alive()
        if not self._connection.in_transaction:
            return
        if self._head is not self._kept:
            self._run(_PUT, (chain.HEAD, str(self._head)))
            self._kept = self._head
        self._run("COMMIT")
        self._commits += 1
        if self._commits >= COMMITS:
            self._commits = 0
            self._run("PRAGMA wal_checkpoint(PASSIVE)")

    def put_meta(self, key: str, value: str | None) -> None:
        """Keep one value under a name, in place of the one before; None forgets it.

        On disk when this returns, with every entry appended before it.

        Raises:
            DataError: The disk refused, now or before.
            Defect: The name is one of the journal's own.
        """
        if key.startswith(_OWN):
            raise Defect(f"meta key: must not begin with {_OWN}, which is the journal's, was {key}")
        if value is None:
            self._write("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._write(_PUT, (key, value))
        self.flush()

    def prune(self, retention: Retention, now: int, most: int) -> int:
        """Let the oldest entries go that may, at most so many; return how many went.

        The chain stays whole: gaps stand for them, and an entry tells of the gaps.
        All on disk when this returns, or nothing.

        Raises:
            DataError: The disk refused, now or before.
        """
        self.flush()
        try:
            found = pruning.due(self._connection, retention, now, most)
        except sqlite3.Error as e:
            damage.note(self._path, e)
            raise DataError(f"{self._path}: must be readable: {e}") from e
        if not found:
            return 0
        left = pruning.gaps(found, self._head.number + 1)
        self.append(Entry(0, now, pruning.PRUNED, "journal", pruning.told(found, left)))
        for gap in left:
            self._write("INSERT INTO gaps (first, last, hash, pruning) VALUES (?, ?, ?, ?)", gap)
            self._write("DELETE FROM entries WHERE id BETWEEN ? AND ?", (gap.first, gap.last))
        self.flush()
        return len(found)

    def crowded(self, retention: Retention) -> bool:
        """Whether more is in use than may be."""
        return schema.used(self._connection) > retention.size

    def compact(self) -> None:
        """Give the room of what went back to the disk; takes time, and as much room again."""
        self.flush()
        self._run("VACUUM")

    def close(self) -> None:
        """Flush and let go of the file; a second call does nothing.

        Raises:
            DataError: The last entries did not reach the disk.
        """
        if self._lock < 0:
            return
        try:
            if self._fault is None:
                self.flush()
        finally:
            with suppress(sqlite3.Error):  # a dead journal has said why already
                self._connection.close()
            os.close(self._lock)
            self._lock = -1
            self._fault = self._fault or "it was closed"

    def _write(self, statement: str, values: tuple[str | int | bytes, ...]) -> None:
        self._alive()
        if not self._connection.in_transaction:
            self._run("BEGIN IMMEDIATE")
        self._run(statement, values)

    def _run(self, statement: str, values: tuple[str | int | bytes, ...] = ()) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as e:
            self._fault = str(e)
            damage.note(self._path, e)
            if faults.is_full(e):
                room.release(self._path.parent)  # for the next start: this one is over
            raise DataError(
                f"{self._path}: the disk refused: {e}; nothing more is written or traded, "
                "see to the disk and start again"
            ) from e

    def _alive(self) -> None:
        if self._fault is not None:
            raise DataError(f"{self._path}: the journal is closed for good: {self._fault}")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection to a file that is there, to write ("rw") or only to read ("ro")."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_BUSY, isolation_level=None)


def open_journal(path: Path, least: int = 1, connect: Connect = connect) -> SqliteJournal:
    """Open a book's journal for writing; make it and its folder where there is none.

    Args:
        path: The file, `DIR/journal.sqlite`.
        least: Epoch that this start has at least.
        connect: Opens the database; another one puts a layer between.

    Returns:
        The journal, its epoch higher than last time and already on disk.

    Raises:
        Unavailable: Another daemon writes it.
        DataError: It is damaged, newer than this release, or the disk refused.
        PermissionRefused: The folder or the file is not this user's own.
    """
    folder.prepare(path.parent)
    return open_locked(path, folder.lock(path.parent), least, connect)


def open_locked(path: Path, lock: int, least: int = 1, connect: Connect = connect) -> SqliteJournal:
    """Open a journal whose folder is locked already; it lets go of the lock at its end.

    Args:
        path: The file; need not have the journal's name.
        lock: Descriptor of the lock.
        least: Epoch that this start has at least.
        connect: Opens the database.

    Raises:
        DataError, PermissionRefused: As `open_journal`; the lock is let go.
    """
    try:
        folder.make_private(path)
        connection, start = _begin(path, least, connect)
    except BaseException:
        os.close(lock)
        raise
    return SqliteJournal(connection, path, lock, start)


def _begin(path: Path, least: int, connect: Connect) -> tuple[Database, tuple[int, Head]]:
    """Open the file; on a disk that is full once more, with the room of the reserve.

    Nothing is tried again that failed: it is opened from what is on the disk, as
    the next start would.
    """
    try:
        return _open(path, least, connect)
    except DataError as e:
        cause = e.__cause__
        if isinstance(cause, sqlite3.Error) and faults.is_full(cause) and room.release(path.parent):
            return _open(path, least, connect)
        raise


def _open(path: Path, least: int, connect: Connect) -> tuple[Database, tuple[int, Head]]:
    """Return a connection that is fit to write, the number of this start, and the head."""
    try:
        connection = connect(path, "rw")
        try:
            schema.secure(connection)
            schema.check(connection)
            set_aside(connection, path)
            schema.migrate(connection)
            head = chain.check_tail(connection)
            return connection, (_count_epoch(connection, least), head)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, DataError) as e:
        raise DataError(f"{path}: {e}") from e


def open_reader(path: Path) -> JournalReader:
    """Open a journal for reading, whether or not a daemon writes it.

    Raises:
        Unavailable: There is no journal yet.
        Damaged: It is no database any more.
        DataError: It is no journal, or newer than this release.
    """
    if not path.is_file():
        raise Unavailable(f"{path}: there is no journal; was the book ever started?")
    try:
        connection = connect(path, "ro")
        try:
            connection.execute("PRAGMA trusted_schema = 0")
            if not schema.version(connection):
                raise DataError("must be a journal, has none of its tables")
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, DataError) as e:
        damaged = isinstance(e, sqlite3.Error) and faults.is_damage(e)
        raise (Damaged if damaged else DataError)(f"{path}: {e}") from e
    return JournalReader(connection, path)


def _count_epoch(connection: Database, least: int) -> int:
    """Return this start's number, once it is on disk."""
    connection.execute("BEGIN IMMEDIATE")
    with closing(
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) "
            "DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, ?) RETURNING value",
            (EPOCH, str(least), least),
        )
    ) as cursor:
        ((epoch,),) = cursor.fetchall()
    if int(epoch) > MOST_EPOCH:
        connection.execute("ROLLBACK")
        raise DataError(
            f"the start's number must be at most {MOST_EPOCH}, was {epoch}: keep this "
            "journal aside and begin a new one"
        )
    connection.execute("COMMIT")
    return int(epoch)
