"""The chain: each entry carries a hash over itself and over the hash before it.

Whoever changes, removes, inserts or moves an entry breaks the chain there. The
head (how many entries there ever were, and the hash of the last) is kept in the
same transaction as the entries, so that a tail that was cut off is missed. What
retention took away is a gap: the chain goes on at the hash that it names, and a
later entry vouches for the list of gaps.

None of this stops somebody who rewrites the whole file. A head that was written
down elsewhere does: no other journal has it.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

from rebalancer.errors import DataError
from rebalancer.storage.database import Database

COLUMNS = "id, sequence, ts, kind, key, payload, hash"
HEAD = "journal.head"  # meta name of the head
TAIL = 100  # entries that a start looks at

Fields = tuple[int, int, int, str, str, str]  # all columns but the hash
Row = tuple[int, int, int, str, str, str, bytes]


class Head(NamedTuple):
    """Where a chain ends."""

    number: int  # id of the last entry: all that there ever were
    hash: bytes

    def __str__(self) -> str:
        """Return how it is kept, and shown."""
        return f"{self.number} {self.hash.hex()}"


class Gap(NamedTuple):
    """Entries in a row that retention took away."""

    first: int
    last: int
    hash: bytes  # of the last one
    pruning: int  # id of the entry that tells of it


GENESIS = Head(0, bytes(32))


def link(previous: bytes, fields: Fields) -> bytes:
    """Return the hash of an entry: SHA-256 over the hash before it and its own bytes.

    Lengths come before the texts, so that no two entries have the same bytes.

    Args:
        previous: Hash of the entry before it.
        fields: id, sequence, ts, kind, key and payload.

    >>> link(GENESIS.hash, (1, 0, 0, "event", "BTC", "{}")).hex()[:16]
    '27b85825a3982819'
    """
    number, sequence, ts, *texts = fields
    kind, key, payload = (text.encode() for text in texts)
    sizes = f"{number} {sequence} {ts} {len(kind)} {len(key)} {len(payload)}\n"
    return sha256(b"".join((previous, sizes.encode(), kind, key, payload))).digest()


def vouched(gaps: Iterable[Gap]) -> str:
    """Return what the entry that tells of gaps says of them: a hash over all, hex."""
    told = sha256()
    for gap in gaps:
        told.update(f"{gap.first} {gap.last} ".encode() + gap.hash)
    return told.hexdigest()


def head(connection: Database) -> Head:
    """Return the head that was kept with the last entries.

    Raises:
        DataError: There is none, or it is no head.
    """
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (HEAD,)).fetchone()
    told = "" if found is None else str(found[0])
    number, _, digest = told.partition(" ")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise DataError(f"the head must be a number and a hash, was {told!r}") from None


def keep(connection: Database, found: Head) -> None:
    """Write the head down, in the transaction of what it is the head of."""
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (HEAD, str(found)))


def begin(connection: Database) -> None:
    """Give each entry of a journal that has no chain its hash, and write the head down."""
    found = GENESIS
    query = (
        "SELECT id, sequence, ts, kind, key, payload FROM entries WHERE id > ? ORDER BY id LIMIT 1"
    )
    while fields := connection.execute(query, (found.number,)).fetchone():
        if fields[0] != found.number + 1:
            raise DataError(f"entry {found.number + 1}: must be there, is followed by {fields[0]}")
        found = Head(fields[0], link(found.hash, fields))
        values = (found.hash, found.number)
        connection.execute("UPDATE entries SET hash = ? WHERE id = ?", values)
    keep(connection, found)


def check_tail(connection: Database, count: int = TAIL) -> Head:
    """Look at the youngest entries; return the head.

    Raises:
        DataError: The first that does not fit is named, and what was found.
    """
    query = f"SELECT {COLUMNS} FROM entries ORDER BY id DESC LIMIT ?"
    rows: list[Row] = connection.execute(query, (count + 1,)).fetchall()[::-1]
    start = GENESIS
    if len(rows) > count:
        start = Head(rows[0][0], rows[0][-1])
        del rows[0]
    told = head(connection)
    end(last(rows, start, gaps(connection, start.number)), told)
    return told


def gaps(connection: Database, after: int = 0) -> dict[int, Gap]:
    """Return the gaps behind an entry, by the id of the first entry that is gone."""
    query = "SELECT first, last, hash, pruning FROM gaps WHERE last > ? ORDER BY last"
    return {row[0]: Gap(*row) for row in connection.execute(query, (after,))}


def last(rows: Iterable[Row], start: Head, known: Mapping[int, Gap]) -> Head:
    """Return where the chain of some entries ends.

    Raises:
        DataError: The first entry that does not fit is named, and what was found.
    """
    found = start
    for row in rows:
        number, told = row[0], row[-1]
        while (gap := known.get(found.number + 1)) is not None:
            found = Head(gap.last, gap.hash)
        if number != found.number + 1:
            raise DataError(
                f"entry {number}: must follow entry {number - 1}, follows {found.number}: "
                f"{_missing(number - found.number - 1)}"
            )
        wanted = _linked(found.hash, row)
        if told != wanted:
            raise DataError(
                f"entry {number}: hash must be {wanted.hex()}, was {_hex(told)}: "
                "the entry or its hash was altered"
            )
        found = Head(number, wanted)
    return found


def end(found: Head, told: Head) -> None:
    """Compare where the entries end with the head that was kept.

    Raises:
        DataError: They differ: the tail was cut off, or something was put behind it.
    """
    if found.number < told.number:
        raise DataError(
            f"entry {found.number + 1}: must be there, the head is entry {told.number}: "
            f"{_missing(told.number - found.number)} at the end"
        )
    if found.number > told.number:
        raise DataError(f"entry {told.number + 1}: must not be there, behind the head")
    if found.hash != told.hash:
        raise DataError(
            f"entry {found.number}: the head must be {found.hash.hex()}, was {told.hash.hex()}"
        )


def _linked(previous: bytes, row: Row) -> bytes:
    try:
        return link(previous, row[:-1])
    except (AttributeError, ValueError) as e:
        raise DataError(f"entry {row[0]}: must be numbers and texts, was not: {e}") from e


def _missing(count: int) -> str:
    return "1 entry is missing" if count == 1 else f"{count} entries are missing"


def _hex(told: object) -> str:
    return told.hex() if isinstance(told, bytes) else repr(told)
