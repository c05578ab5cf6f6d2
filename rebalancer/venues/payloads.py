"""Payloads: fields of a venue's raw answer, by name, or a word about the one that is missing.

A null, an empty text or a missing field is never 0: a position row without its
size is not flat. Whoever reads one here is told which field of which answer it was.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from rebalancer.errors import brief
from rebalancer.venues.outcome import Malformed

MILLISECOND = 1_000_000  # ns
Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decimal(row: Row, name: str, where: str) -> Decimal:
    """Return a number exactly as the venue wrote it.

    Args:
        row: Part of an answer.
        name: Of the field.
        where: Of the answer; for the error.

    Raises:
        Malformed: There is no number.
    """
    found = optional(row, name)
    if found is None:
        raise missing(row, name, where, "a number")
    return found


def optional(row: Row, name: str) -> Decimal | None:
    """Return a number, None where there is none."""
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def text(row: Row, name: str, where: str) -> str:
    """Return a text that is not empty; raises Malformed."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise missing(row, name, where, "a text")
    return str(value)


def moment(row: Row, name: str, where: str) -> int:
    """Return a time in ns from one in ms; raises Malformed."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise missing(row, name, where, "a time in ms")
    return value * MILLISECOND


def iso(text: str) -> int | None:
    """Return a time in ns from ISO 8601 with its zone; None where it is none.

    >>> iso("1970-01-01T00:00:01.5Z"), iso("noon")
    (1500000000, None)
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    if told.tzinfo is None:
        return None
    return (told - _EPOCH) // timedelta(microseconds=1) * 1_000


def as_iso(ts: int) -> str:
    """Return a time in ns as ISO 8601 with milliseconds, UTC.

    >>> as_iso(1_500_000_000)
    '1970-01-01T00:00:01.500Z'
    """
    told = _EPOCH + timedelta(milliseconds=ts // MILLISECOND)
    return told.strftime("%Y-%m-%dT%H:%M:%S.") + f"{told.microsecond // 1_000:03d}Z"


def table(value: Any, where: str) -> Row:
    """Return an object of an answer; raises Malformed."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{where}: must be an object, was {type(value).__name__}")
    return value


def rows(value: Any, where: str) -> Sequence[Row]:
    """Return a list of objects of an answer; raises Malformed."""
    if not isinstance(value, list):
        raise Malformed(f"{where}: must be a list, was {type(value).__name__}")
    return [table(each, where) for each in value]


def missing(row: Row, name: str, where: str, must: str) -> Malformed:
    """Return the error that a field is not what it must be."""
    was = brief(repr(row[name])) if name in row else "missing"
    return Malformed(f"{where}: {name} must be {must}, was {was}")
