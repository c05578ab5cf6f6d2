"""The audit of a journal: every page and every entry, from the first to the head.

It reads one moment of the file, also while a daemon writes it, and stops at the
first thing that does not fit.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.errors import Damaged, DataError
from rebalancer.storage import chain, faults, schema, sqlite
from rebalancer.storage.chain import Gap, Head, Row
from rebalancer.storage.database import Database
from rebalancer.storage.retention import PRUNED


@dataclass(frozen=True, slots=True)
class Audit:
    """What a journal that is undamaged holds."""

    entries: int  # there
    pruned: int  # taken away by retention
    first_ts: int | None  # ns, of the oldest entry; None: there is none
    last_ts: int | None
    head: Head
    epoch: int  # starts so far
    size: int  # bytes in use


def audit(path: Path, known: Head | None = None) -> Audit:
    """Look at a whole journal; changes nothing.

    Args:
        path: The file.
        known: A head that it had once, and that must still be on its chain.

    Raises:
        Unavailable: There is no journal.
        Damaged: The first bad entry is named, and what was found.
        DataError: It cannot be read, or has no chain yet.
    """
    reader = sqlite.open_reader(path)
    try:
        told = examine(reader.connection)
        if known is not None:
            _descends(reader.connection, known)
        return told
    except sqlite3.Error as e:
        kind = Damaged if faults.is_damage(e) else DataError
        raise kind(f"{path}: {e}") from e
    except DataError as e:
        raise type(e)(f"{path}: {e}") from e
    finally:
        reader.close()


def examine(connection: Database) -> Audit:
    """Look at a whole journal through a connection; errors as for `audit`."""
    found = schema.version(connection)
    if found < schema.CHAINED:
        must = f"schema: must be at least version {schema.CHAINED} to have a chain"
        raise DataError(f"{must}, was {found}; the next start of the book adds it")
    connection.execute("BEGIN")  # one moment for all that follows
    try:
        ((told, *_),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if told != "ok":
            raise Damaged(f"must be undamaged, integrity_check found: {told}")
        gaps, seen = chain.gaps(connection), _Seen()
        try:
            head = _followed(connection, gaps, seen)
        except DataError as e:
            raise Damaged(str(e)) from e
        return Audit(
            entries=seen.entries,
            pruned=sum(gap.last - gap.first + 1 for gap in gaps.values()),
            first_ts=seen.first_ts,
            last_ts=seen.last_ts,
            head=head,
            epoch=int(_meta(connection, sqlite.EPOCH) or 0),
            size=schema.used(connection),
        )
    finally:
        connection.execute("ROLLBACK")


def _followed(connection: Database, gaps: dict[int, Gap], seen: "_Seen") -> Head:
    """Follow the chain to its end; return the head."""
    rows = connection.execute(f"SELECT {chain.COLUMNS} FROM entries ORDER BY id")
    found = chain.last(seen.watch(rows), chain.GENESIS, gaps)
    head = chain.head(connection)
    chain.end(found, head)
    _vouched(connection, gaps)
    return head


class _Seen:
    """What went by on the way along the chain."""

    def __init__(self) -> None:
        self.entries = 0
        self.first_ts: int | None = None
        self.last_ts: int | None = None

    def watch(self, rows: Iterable[Any]) -> Iterator[Row]:
        for row in rows:
            self.entries += 1
            self.last_ts = row[2]
            if self.first_ts is None:
                self.first_ts = row[2]
            yield row


def _descends(connection: Database, known: Head) -> None:
    """See to it that a head that was known is on the chain."""
    number, hashed = known
    query = (
        "SELECT hash FROM entries WHERE id = ? UNION ALL SELECT hash FROM gaps WHERE last = ? "
        "UNION ALL SELECT NULL FROM gaps WHERE first <= ? AND last > ?"
    )
    found = connection.execute(query, (number,) * 4).fetchone()
    if number == 0 and hashed == chain.GENESIS.hash:
        return
    if found is None:
        raise DataError(f"entry {number}: must be there, as the head that was known")
    if found[0] is None:
        raise DataError(f"entry {number}: was pruned; nobody can compare the head that was known")
    if found[0] != hashed:
        must = f"hash must be {hashed.hex()}, as the head that was known"
        raise DataError(f"entry {number}: {must}, was {found[0].hex()}")


def _vouched(connection: Database, gaps: dict[int, Gap]) -> None:
    """See to it that each gap is one that a `pruned` entry tells of."""
    by: dict[int, list[Gap]] = {}
    for gap in gaps.values():
        by.setdefault(gap.pruning, []).append(gap)
    query = "SELECT id, json_extract(payload, '$.gaps') FROM entries WHERE kind = ?"
    told = dict(connection.execute(query, (PRUNED,)).fetchall())
    for number in sorted({**told, **by}):
        found = chain.vouched(by.get(number, ()))
        if told.get(number) != found:
            raise DataError(
                f"entry {number}: must tell of the gaps {found}, "
                f"was {told.get(number)}: entries went without retention"
            )


def _meta(connection: Database, key: str) -> str | None:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if found is None else str(found[0])
