"""Times and durations as they are typed: ISO 8601 in UTC, and 90s, 10m, 1h, 2d."""

from datetime import UTC, datetime, timedelta

from rebalancer.errors import UsageError
from rebalancer.ports import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_UNITS["d"] = 24 * _UNITS["h"]


def nanoseconds(text: str) -> int:
    """Return ns since 1970 of an ISO 8601 date or time; without a zone it is UTC.

    Raises:
        UsageError: It is no such time.

    >>> nanoseconds("1970-01-02")
    86400000000000
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        must = "must be an ISO 8601 time such as 2026-01-28 or 2026-01-28T08:00"
        raise UsageError(f"time: {must}, was {text}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def duration(text: str) -> int:
    """Return ns of a duration such as 250ms, 90s, 10m, 1h or 2d.

    Raises:
        UsageError: It is no such duration, or not positive.

    >>> duration("1.5h") // SECOND
    5400
    """
    number = text.rstrip("dhms")
    unit = text[len(number) :]
    try:
        amount = int(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError) as error:
        raise UsageError(f"duration: must be such as 90s, 10m or 1h, was {text}") from error
    if amount <= 0:
        raise UsageError(f"duration: must be positive, was {text}")
    return amount


def utc(ts: int) -> str:
    """Return a moment as ISO 8601 to the second, UTC."""
    return (_EPOCH + timedelta(microseconds=ts // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
