"""One recorded line, what became of it, and the three envelopes in which recordings come.

`{"recv_ns", "msg"}` is a message of a stream; `{"recv_s", "kind", "url", "msg"}` one of a
session, which also holds what was asked (`sent`), that it was opened (`open`) and answers
of REST (`http`); `{"file" | "endpoint", "msg"}` a single payload. The message stays the
text that was recorded.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec

MARKS = {"open": "the capture says that it opened a socket", "sent": "what was asked, not told"}


class Fate(StrEnum):
    """What becomes of a line."""

    DECODED = "decoded"
    UNKNOWN = "unknown"  # a message whose kind nobody here reads, on purpose
    REFUSED = "refused"  # of a kind that is read, and malformed by our rules


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one line."""

    fate: Fate
    kind: str  # of the message: our type of what was decoded, its own word of what was not
    reason: str = ""


class Line(msgspec.Struct, gc=False):
    """A line with its message as it was recorded."""

    msg: msgspec.Raw
    kind: str = ""  # of a session: open, sent, recv, http
    url: str = ""  # of a session
    file: str = ""  # of a payload
    endpoint: str = ""  # of a payload

    @property
    def text(self) -> str:
        """The message."""
        return bytes(self.msg).decode()


Reader = Callable[[Line], Told]
Answered = Callable[[Line], Coroutine[Any, Any, Told]]
LINE = msgspec.json.Decoder(Line)


class Unnamed(Exception):
    """A recording, or a kind of payload in one, that no table here names."""


@cache
def decoded(kind: str) -> Told:
    """Return that a message was read."""
    return Told(Fate.DECODED, kind)


def unknown(kind: str, reason: str) -> Told:
    """Return that nobody reads a message."""
    return Told(Fate.UNKNOWN, kind, reason)


def refused(kind: str, reason: str) -> Told:
    """Return that a message cannot be believed."""
    return Told(Fate.REFUSED, kind, reason)


def named(table: dict[str, Any], name: str) -> Any:
    """Return what a table says of a payload; raises Unnamed."""
    if name not in table:
        raise Unnamed(f"{name!r} is named in no table: say who reads it, or that nobody does")
    return table[name]
