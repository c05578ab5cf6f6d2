"""Lines: what a daemon and its messenger say to one another, one JSON object a line.

A line to the messenger fits into what a pipe takes at once, so that it is
written whole or not at all.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rebalancer.core.commands import Severity

WHOLE = 4096  # bytes that a pipe takes in one piece (PIPE_BUF)
FIRST = 32_768  # bytes of the first line, written while the pipe is empty
TEXT = 480  # characters of an alert's text
NAME = 96  # characters of an event or a scope
REASON = 120  # characters of a reason in a beat …
REASONS = 1500  # … and of all of a kind: a beat must leave in one piece


@dataclass(frozen=True, slots=True)
class Route:
    """Where one channel leads."""

    name: str
    kind: str  # telegram | webhook | apprise | heartbeat
    url: str = field(repr=False)
    extra: str = field(default="", repr=False)  # telegram: chat; webhook: bearer token
    least: Severity = Severity.WARNING
    loopback: bool = False  # whether it ends on this machine, as the settings name it


@dataclass(frozen=True, slots=True)
class Orders:
    """What a messenger is told first."""

    book: str
    mode: str
    routes: Sequence[Route]
    heartbeat: Route | None = None
    every: float = 60.0  # s between two heartbeats
    silence: float = 20.0  # s without a beat until a person is woken
    remind: float = 900.0  # s between two words of what is still wrong
    unhedged: float = 60.0  # s outside the band until a person is woken
    digest: int | None = None  # s of the day, UTC
    tries: int = 20  # most for one message that wakes a person


@dataclass(frozen=True, slots=True)
class Notice:
    """One matter, as a channel tells it."""

    severity: Severity
    event: str  # of the vocabulary
    scope: str
    text: str
    action: str = ""  # what a person does; empty: nothing
    at: float = 0.0  # s since 1970 UTC
    number: int = 0  # that the daemon gave it; 0: the messenger's own
    more: int = 0  # times that it was held back before


def spelled(kind: str, **facts: Any) -> bytes:
    """Return a line."""
    return json.dumps({kind: facts}, separators=(",", ":")).encode() + b"\n"


def read(line: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Return what kind of line it is and its facts; None where it says nothing."""
    try:
        ((kind, facts),) = json.loads(line).items()
    except (ValueError, AttributeError, RecursionError):
        return None
    return (str(kind), facts) if isinstance(facts, dict) else None


def first(orders: Orders) -> bytes:
    """Return the first line; the one place where what is secret is written out."""
    return spelled("orders", **asdict(orders))


def ordered(facts: Mapping[str, Any]) -> Orders:
    """Return what the first line says; raises `ValueError` or `TypeError` where it is none."""
    told = dict(facts)
    routes = tuple(_route(each) for each in told.pop("routes"))
    heartbeat = told.pop("heartbeat")
    return Orders(routes=routes, heartbeat=None if heartbeat is None else _route(heartbeat), **told)


def _route(told: Mapping[str, Any]) -> Route:
    return Route(**{**told, "least": Severity(told["least"])})


def alert_line(notice: Notice, kind: str = "alert") -> bytes:
    """Return the line of an alert; what is too long is cut, so that it is written whole."""
    facts = asdict(notice) | {
        "event": notice.event[:NAME],
        "scope": notice.scope[:NAME],
        "text": notice.text[:TEXT],
        "action": notice.action[:TEXT],
    }
    line = spelled(kind, **facts)
    while len(line) > WHOLE:  # letters beyond ASCII take six bytes each
        facts |= {key: facts[key][: len(facts[key]) // 2] for key in ("scope", "text", "action")}
        line = spelled(kind, **facts)
    return line


def brief(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts whose texts are short; a secret in them must be out before."""
    return {name: _short(value, REASON) for name, value in facts.items()}


def _short(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return value[:most]
    if isinstance(value, Mapping):
        most = min(most, REASONS // max(len(value), 1))
        return {name: _short(each, most) for name, each in value.items()}
    return value


def noticed(facts: Mapping[str, Any]) -> Notice:
    """Return the alert of a line; raises `ValueError` or `TypeError` where it is none."""
    return Notice(**{**facts, "severity": Severity(facts["severity"])})
