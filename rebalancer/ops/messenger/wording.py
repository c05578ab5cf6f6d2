"""Wording: alerts as a person reads them, and the one shape in which a program gets them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rebalancer.core.commands import Severity
from rebalancer.ops.escaping import escaped, escaped_lines
from rebalancer.ops.messenger.lines import NAME, TEXT, Notice
from rebalancer.ops.redaction import Redactor

LONGEST = 3500  # characters of a message; Telegram takes 4096
_MARKS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "over"}


def subject(book: str, notices: Sequence[Notice], redactor: Redactor) -> str:
    """Return what a message is about, in a few words."""
    first = notices[0]
    others = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
    head = f"{book}: {_MARKS[first.severity]} {first.event} {first.scope}"
    return escaped(redactor.text(f"{head.strip()}{others}"))[: 2 * NAME]


def body(book: str, notices: Sequence[Notice], redactor: Redactor) -> str:
    """Return a message: a line of each alert, and one of what to do."""
    lines = [f"[{book}]"]
    for each in notices:
        more = f" ({each.more} more within the minute)" if each.more else ""
        head = f"{clock(each.at)} {_MARKS[each.severity]} {each.event} {each.scope}".strip()
        told = redactor.text(f"{head}: {each.text}")
        lines.append(f"{escaped(told)[: 2 * TEXT]}{more}")
        if each.action and each.action != "none":
            lines.append(f"→ {escaped(each.action)[:TEXT]}")
    return limited("\n".join(lines), redactor)


def limited(text: str, redactor: Redactor) -> str:
    """Return a text of several lines that is harmless, without secrets, and short enough."""
    safe = escaped_lines(redactor.text(text))
    return safe if len(safe) <= LONGEST else safe[: LONGEST - 1] + "…"


def payload(
    book: Mapping[str, str], text: str, notices: Sequence[Notice], redactor: Redactor
) -> Mapping[str, Any]:
    """Return what a webhook gets: the message, and each alert in fields.

    Args:
        book: Its id and mode.
        text: The message.
        notices: What it is of; none for a digest.
        redactor: Knows what must not leave.
    """
    return {
        **book,
        "text": text,
        "severity": str(notices[0].severity if notices else Severity.INFO),
        "alerts": [
            {
                "severity": str(each.severity),
                "event": escaped(each.event)[:NAME],
                "scope": escaped(redactor.text(each.scope))[:NAME],
                "text": escaped(redactor.text(each.text))[:TEXT],
                "action": each.action,
                "more": each.more,
                "ts": each.at,
            }
            for each in notices
        ],
    }


def clock(at: float) -> str:
    """Return a time of the day, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def stamp(at: float) -> str:
    """Return a day and a time, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def lasting(seconds: float) -> str:
    """Return a time span in words.

    >>> lasting(42.4), lasting(900), lasting(7_260)
    ('42 s', '15 min', '2 h 1 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
