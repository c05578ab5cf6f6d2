"""The log: events of the closed list with facts, as JSON lines or for a person.

Every line takes the same way: the name is checked, the time read off the clock
port, values made plain, short and harmless, the line written out and, last of
all, redacted. A hostile text from a venue can neither start a line, nor move
the cursor of a terminal, nor fill the disk. Where the stream leads to the
system's journal, the journal is told directly, with fields to search by.
"""

import array
import fcntl
import json
import math
import mmap
import os
import select
import stat
import termios
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO, cast

import structlog

from rebalancer.ops.console import ConsoleLines
from rebalancer.ops.counting import CountedLog
from rebalancer.ops.escaping import escaped, escaped_lines
from rebalancer.ops.journald import Fields, Journal, fields_of, journal_of
from rebalancer.ops.redaction import HIDDEN, Redactor, names_secret
from rebalancer.ops.vocabulary import known
from rebalancer.ports import Clock, Log

LINE_LIMIT = 48 * 1024  # bytes: journald splits what is longer
PAGE = mmap.PAGESIZE  # bytes: a pipe is so many pages, and is full when none of them is free
TEXT_LIMIT = 512  # characters of one value
TRACE_LIMIT = 16 * 1024  # characters of a traceback, its end
_FACTS, _ITEMS, _DEPTH = 64, 64, 4
_WHOLE = 1e15  # below it a whole float is written as an integer
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_Facts = MutableMapping[str, Any]


def configure(
    stream: TextIO,
    clock: Clock,
    *,
    colour: bool | None = None,
    level: str = "info",
    redactor: Redactor | None = None,
    about: Mapping[str, Any] | None = None,
) -> Log:
    """Return a log that writes to `stream`, and counts.

    Args:
        stream: Where lines go; flushed after each. A stream that fails is
            written to again but never stops the daemon.
        clock: Tells market time for the timestamp.
        colour: True: for a person, in colours. False: JSON, one line an event.
            None: the first on a terminal, the second elsewhere.
        level: Least of debug, info, warning, error that is written.
        redactor: Knows the secrets; None hides by name only.
        about: Facts that every line carries: book and epoch.

    Raises:
        ValueError: No such level.
    """
    if level not in LEVELS:
        raise ValueError(f"level: must be one of {', '.join(LEVELS)}, was {level}")
    human = stream.isatty() if colour is None else colour
    hide = redactor or Redactor()
    render: Callable[[Mapping[str, Any]], str] = ConsoleLines(colour=True) if human else line_of
    journal = None if human else journal_of(stream, os.environ)
    end = _Lines(stream) if journal is None else _Journaled(journal, stream)
    finish = _redacted(hide) if journal is None else _told_apart(hide)
    write_out = _rendered(render) if journal is None else _with_fields
    way: list[Any] = [_named, _stamped(clock), _plain(hide), write_out, finish]
    logger = structlog.wrap_logger(
        end,
        processors=way,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
    )
    return CountedLog(cast(Log, logger.bind(**(about or {}))))


def pipe_of(stream: TextIO) -> int | None:
    """Return the descriptor of a stream that is a pipe; None where it is anything else."""
    try:
        number = stream.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, ValueError, AttributeError):  # no file is below it, or it is closed
        return None


def room(pipe: int, size: int) -> bool:
    """Whether a pipe takes so many bytes at once, however few of its pages' bytes are unread.

    A line that does not fit into what is left of the last page begins a new one. Of a page
    and the next one more than a page is therefore unread, but for the first that is being read.
    """
    if size <= PAGE:  # the system tells of one free page, and needs no more
        poll = select.poll()
        poll.register(pipe, select.POLLOUT)
        return bool(poll.poll(0))
    unread = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, unread)
    pages = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) // PAGE
    used = 2 + 2 * (unread[0] // PAGE) if unread[0] else 0
    return -(-size // PAGE) <= pages - used


class _Lines:
    """The end of the way: writes lines, whatever the level.

    A pipe that nobody empties would hold up whoever speaks, so it is asked first.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pipe = pipe_of(stream)
        self.lost = 0  # lines that the stream refused

    def write(self, line: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        told = line.encode(encoding, "backslashreplace").decode(encoding)
        try:
            if self._pipe is not None and not room(self._pipe, len(told.encode(encoding)) + 1):
                self.lost += 1
                return
            self._stream.write(told + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # full, or closed: trading goes on
            self.lost += 1

    debug = info = warning = error = write


class _Journaled:
    """The end of the way to the journal: what it does not take goes to the stream instead."""

    def __init__(self, journal: Journal, stream: TextIO) -> None:
        self._journal, self._stream, self._lines = journal, stream, _Lines(stream)
        self._lost = 0

    @property
    def lost(self) -> int:
        """Lines that neither took."""
        return self._lost + self._lines.lost

    def write(self, line: str, fields: Fields) -> None:
        if self._journal.send(fields):
            return
        if self._takes():
            self._lines.write(line)
        else:
            self._lost += 1

    debug = info = warning = error = write

    def _takes(self) -> bool:
        """Whether the stream has room: nobody waits for a journal that reads no more."""
        try:
            return bool(select.select([], [self._stream], [], 0)[1])
        except (OSError, ValueError):  # closed
            return False


def _named(_logger: Any, level: str, facts: _Facts) -> _Facts:
    """Refuse a name that is not on the list; put the level beside it."""
    known(facts["event"])
    for own in ("ts", "level"):
        if own in facts:
            facts[f"{own}_"] = facts.pop(own)
    facts["level"] = level
    return facts


def _stamped(clock: Clock) -> Callable[[Any, str, _Facts], _Facts]:
    def processor(_logger: Any, _level: str, facts: _Facts) -> _Facts:
        facts["ts"] = stamp(clock.now())
        return facts

    return processor


def stamp(ts: int) -> str:
    """Return a moment as lines have it, ISO 8601 with microseconds."""
    return (_EPOCH + timedelta(microseconds=ts // 1000)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(facts: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return short, harmless JSON values for facts with `ts`, `level` and `event`."""
    return dict(_plain(redactor)(None, "", dict(facts)))


def _plain(redactor: Redactor) -> Callable[[Any, str, _Facts], _Facts]:
    """Make every fact a short, harmless JSON value; secrets go before anything is cut."""

    def processor(_logger: Any, _level: str, facts: _Facts) -> _Facts:
        trace = _trace(facts.pop("exc_info", None), facts.pop("exception", None))
        told = {key: facts.pop(key) for key in ("ts", "level", "event")}
        told.update(_members(facts, redactor, _DEPTH))
        if trace:
            text = escaped_lines(redactor.text(trace))
            told["exception"] = text[-TRACE_LIMIT:]
        return told

    return processor


def _trace(exc_info: Any, told: Any) -> str:
    """Return a traceback with its causes, from what loggers are called with."""
    error = told or exc_info
    if error is True:
        return traceback.format_exc()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        return "".join(traceback.format_exception(error)).rstrip()
    return str(error) if error else ""


def _members(facts: Mapping[Any, Any], redactor: Redactor, depth: int) -> dict[str, Any]:
    """Return a mapping's first members with plain values; secret names show stars."""
    told: dict[str, Any] = {}
    for key, value in list(facts.items())[:_FACTS]:
        name = _text(str(key), redactor)
        told[name] = HIDDEN if names_secret(name) else _value(value, redactor, depth)
    return told


def _value(value: Any, redactor: Redactor, depth: int) -> Any:
    """Return a plain value: text, number, truth, None, or lists and objects of them."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _value(value.value, redactor, depth)
    if isinstance(value, (int, float, Decimal)):
        number = _number(value)
        # A secret may be all digits; stars in place of a bare number would break the JSON.
        return number if redactor.text(str(number)) == str(number) else HIDDEN
    if depth and isinstance(value, Mapping):
        return _members(value, redactor, depth - 1)
    if depth and isinstance(value, (list, tuple)):
        return [_value(part, redactor, depth - 1) for part in value[:_ITEMS]]
    return _text(str(value), redactor)


def _number(value: float | Decimal) -> float | str:
    """Return a number as short as it can be told; a decimal as text, with all its digits."""
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else hex(value)[:TEXT_LIMIT]
    short = float(f"{value:.10g}")  # 1.84, not 1.8400000000000001
    if not math.isfinite(short):
        return str(short)
    return int(short) if short.is_integer() and abs(short) < _WHOLE else short


def _decimal(value: Decimal) -> str:
    """Return a decimal with every digit that counts, without an exponent where it is short."""
    if value.is_finite() and -18 < value.adjusted() < 24:
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def _text(text: str, redactor: Redactor) -> str:
    """Return a text without secrets and control characters, cut to its limit."""
    safe = escaped(redactor.text(text))
    return safe if len(safe) <= TEXT_LIMIT else safe[: TEXT_LIMIT - 1] + "…"


def _rendered(render: Callable[[Mapping[str, Any]], str]) -> Callable[[Any, str, _Facts], str]:
    def processor(_logger: Any, _level: str, facts: _Facts) -> str:
        for smaller in _smaller(facts):
            line = render(smaller)
            if len(line.encode()) < LINE_LIMIT:
                return line
        raise AssertionError("the head of a line fits any limit")  # pragma: no cover

    return processor


def _smaller(facts: _Facts) -> Iterator[Mapping[str, Any]]:
    """Yield the facts, then with only the start of what is too long, then the head alone."""
    yield facts
    head = {key: facts[key] for key in ("ts", "level", "event")}
    rest = {key: value for key, value in facts.items() if key not in head}
    told = {key: json.dumps(value)[:200] for key, value in rest.items()}
    yield {**head, "truncated": True, **told}
    yield {**head, "truncated": True}


def line_of(facts: Mapping[str, Any]) -> str:
    """Return facts as one line of ASCII, JSON."""
    return json.dumps(facts, allow_nan=False, separators=(",", ":"))


def _redacted(redactor: Redactor) -> Callable[[Any, str, str], str]:
    """Look at the finished line: the last processor of all."""

    def processor(_logger: Any, _level: str, line: str) -> str:
        return redactor.text(line)

    return processor


def _with_fields(_logger: Any, _level: str, facts: _Facts) -> tuple[str, dict[str, str]]:
    """Return an event as a line, and as the fields of the journal."""
    for smaller in _smaller(facts):
        line = line_of(smaller)
        if len(line) < LINE_LIMIT:
            return line, fields_of(smaller, line)
    raise AssertionError("the head of a line fits any limit")  # pragma: no cover


def _told_apart(
    redactor: Redactor,
) -> Callable[[Any, str, tuple[str, dict[str, str]]], tuple[tuple[str, Fields], dict[str, Any]]]:
    """Look at the finished line and at each finished field: the last processor of all."""

    def processor(
        _logger: Any, _level: str, told: tuple[str, dict[str, str]]
    ) -> tuple[tuple[str, Fields], dict[str, Any]]:
        line, fields = told
        return (redactor.text(line), {n: redactor.text(v) for n, v in fields.items()}), {}

    return processor
