"""A written log read again: lines become facts, as they were or as the journal hands them on.

What was written may have been written by anybody: values are made plain and
harmless once more, and secrets are looked for once more, before they are shown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from rebalancer.ops.escaping import escaped
from rebalancer.ops.journald import LINE
from rebalancer.ops.log import LEVELS, plain
from rebalancer.ops.redaction import Redactor

LONGEST = 1024 * 1024  # characters of a line that are looked at
NAME = 64  # characters of a name that are shown
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_PRIORITY = {"7": "debug", "6": "info", "5": "info", "4": "warning"}  # below that: error
_MICROSECONDS = "__REALTIME_TIMESTAMP"

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines somebody wants to see."""

    event: str | None = None  # a name or a pattern
    level: str = "debug"  # the least
    underlying: str | None = None
    order: str | None = None  # client order id, or the venue's
    since: str | None = None  # ISO 8601 as lines have it

    @property
    def everything(self) -> bool:
        """Whether nothing is left out, so that lines without facts are shown too."""
        return self == Wanted()

    def admits(self, facts: Facts) -> bool:
        """Tell whether a line is one of them."""
        return (
            LEVELS[facts["level"]] >= LEVELS[self.level]
            and (self.event is None or fnmatchcase(facts["event"], self.event))
            and (self.since is None or facts["ts"] >= self.since)
            and (self.underlying is None or _is_of(facts, self.underlying))
            and (self.order is None or self.order in facts.values())
        )


def _is_of(facts: Facts, underlying: str) -> bool:
    """Whether a line is about an underlying: by itself, its scope or its instrument."""
    if underlying in (facts.get("underlying"), facts.get("scope")):
        return True
    places = (str(facts.get(key, "")) for key in ("instrument", "scope"))
    names = (each.partition(":")[2] for each in places)
    return any(name.startswith(underlying) for name in names)


def facts_of(line: str, redactor: Redactor) -> dict[str, Any] | None:
    """Return the plain facts of a line; None where it holds none.

    Args:
        line: Of a log, or of `journalctl --output=json`.
        redactor: Looks at every value.
    """
    raw = _object(line)
    if raw is not None and ("MESSAGE" in raw or LINE in raw):
        raw = _journaled(raw)
    if raw is None or not isinstance(raw.get("event"), str) or raw.get("level") not in LEVELS:
        return None
    ts, event = (bare(str(each), redactor)[:NAME] for each in (raw.get("ts", ""), raw["event"]))
    head = {"ts": ts, "level": raw["level"], "event": event}
    return plain({**raw, **head}, redactor)


def _object(line: str) -> dict[str, Any] | None:
    try:
        raw = json.loads(line[:LONGEST])
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None


def _journaled(entry: Facts) -> dict[str, Any] | None:
    """Return the line that an entry of the journal carries, or its message as an event."""
    for name in (LINE, "MESSAGE"):
        raw = _object(_text(entry.get(name)))
        if raw is not None:
            return raw
    level = _OF_PRIORITY.get(str(entry.get("PRIORITY", "6")), "error")
    told = {"level": level, "event": "-", "text": _text(entry.get("MESSAGE"))}
    return {"ts": _moment(entry.get(_MICROSECONDS)), **told}


def _text(value: Any) -> str:
    """Return a value of the journal; what is no text comes as a list of its bytes."""
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int) and 0 <= each < 256]
        return bytes(numbers).decode("utf-8", "replace")
    return "" if value is None else str(value)


def _moment(microseconds: Any) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=int(microseconds))
    except (TypeError, ValueError, OverflowError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def bare(line: str, redactor: Redactor) -> str:
    """Return a line without facts as it can be shown: on one line, harmless."""
    return escaped(redactor.text(line.rstrip("\r\n"))[:LONGEST])
