"""Retention: which entries of a journal go, and what stands in their place.

Only kinds that nothing after a restart rests on go, the oldest whole days
first. A gap keeps the hash at which the chain goes on, and the entry that tells
of the gaps vouches for all of them: nothing else can have gone.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

from rebalancer.ports import Retention
from rebalancer.storage import chain, schema
from rebalancer.storage.chain import Gap
from rebalancer.storage.database import Database

PRUNED = "pruned"  # kind of the entry that tells of gaps
DAY = 86_400_000_000_000  # ns
YOUNG = 1000  # entries in a row that stay, after which the rest is taken to be young


class Due(NamedTuple):
    """An entry that goes."""

    number: int
    kind: str
    hash: bytes


def due(connection: Database, retention: Retention, now: int, most: int) -> list[Due]:
    """Return the oldest entries that are to go, at most so many; in the order of writing.

    Today's stay, whatever the size. A clock that was ahead for a while leaves
    entries that look young among old ones: they are passed over.
    """
    (start,) = connection.execute("SELECT coalesce(max(last), 0) FROM gaps").fetchone()
    marks = ", ".join("?" * len(retention.kinds))
    query = (
        f"SELECT id, ts, kind, hash FROM entries WHERE id > ? AND +kind IN ({marks}) ORDER BY id"
    )
    until, found, young = _day(now) - retention.age, list[Due](), 0
    crowded = schema.used(connection) > retention.size
    with closing(connection.execute(query, (start, *retention.kinds))) as rows:
        for number, ts, kind, hashed in rows:
            if crowded and not found and not young:
                until = max(until, min(_day(ts) + DAY, _day(now)))
            if ts < until:
                found.append(Due(number, kind, hashed))
            young = 0 if ts < until else young + 1
            if len(found) == most or young == YOUNG:
                break
    return found


def gaps(found: Sequence[Due], pruning: int) -> list[Gap]:
    """Return the gaps that entries leave: one for each run of them."""
    told: list[Gap] = []
    for each in found:
        first = each.number
        if told and told[-1].last == each.number - 1:
            first = told.pop().first
        told.append(Gap(first, each.number, each.hash, pruning))
    return told


def told(found: Sequence[Due], left: Sequence[Gap]) -> dict[str, Any]:
    """Return what the entry says that tells of gaps."""
    kinds: dict[str, int] = {}
    for each in found:
        kinds[each.kind] = kinds.get(each.kind, 0) + 1
    return {
        "entries": len(found),
        "kinds": kinds,
        "first": found[0].number,
        "last": found[-1].number,
        "gaps": chain.vouched(left),
    }


def _day(ts: int) -> int:
    return ts - ts % DAY
