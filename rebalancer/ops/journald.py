"""The system's journal, spoken to directly: each line one datagram with fields to search by.

    journalctl RB_EVENT=hedge.refused RB_UNDERLYING=BTC
    journalctl RB_ORDER_ID=rb0001000018211x

Each value is sent with its length before it, so that no text from a venue can
end a field and begin another (systemd.io, "Native Journal Protocol"). Nothing
waits: what the journal does not take at once is for the caller to put elsewhere.
"""

import errno
import os
import socket
from collections.abc import Mapping
from typing import Any, TextIO

from rebalancer.ops.console import sentence

SOCKET = "/run/systemd/journal/socket"
STREAM = "JOURNAL_STREAM"  # device:inode of the journal's end of a service's output
IDENTIFIER = "rebalancer"
BRIEF = 4096  # characters of a message whose whole does not fit into a datagram
_PRIORITY = {"debug": "7", "info": "6", "warning": "4", "error": "3"}
_SEARCHED = {  # fact → field
    "event": "RB_EVENT",
    "book": "RB_BOOK",
    "underlying": "RB_UNDERLYING",
    "client_order_id": "RB_ORDER_ID",
    "epoch": "RB_EPOCH",
    "seq": "RB_SEQ",
}
LINE = "RB_LINE"  # the whole line, as JSON

Fields = Mapping[str, str]


def journal_of(stream: TextIO, environ: Mapping[str, str], path: str = SOCKET) -> "Journal | None":
    """Return the journal that a stream leads to; None where it leads elsewhere."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file behind it, or closed
        return None
    if environ.get(STREAM) != f"{status.st_dev}:{status.st_ino}":
        return None
    return Journal(path)


def fields_of(facts: Mapping[str, Any], line: str) -> dict[str, str]:
    """Return what the journal is told of one event.

    Args:
        facts: `ts`, `level`, `event` and plain values.
        line: The event as one line of JSON.
    """
    searched = {field: facts[fact] for fact, field in _SEARCHED.items() if fact in facts}
    return {
        "MESSAGE": sentence(facts),
        "PRIORITY": _PRIORITY[str(facts["level"])],
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        **{name: str(value) for name, value in searched.items() if value is not None},
        LINE: line,
    }


def encoded(fields: Fields) -> bytes:
    r"""Return fields as one datagram; each value has its length before it.

    >>> encoded({"MESSAGE": "a\nb"})
    b'MESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n'
    """
    told = bytearray()
    for name, text in fields.items():
        value = text.encode("utf-8", "backslashreplace")
        told += name.encode("ascii") + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return bytes(told)


class Journal:
    """A way to the system's journal that never waits.

    Args:
        path: Of its socket.
    """

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, fields: Fields) -> bool:
        """Send one event; False: the journal is gone, or does not take it now."""
        try:
            self._socket.sendto(encoded(fields), self._path)
        except OSError as error:
            return error.errno == errno.EMSGSIZE and self._send_brief(fields)
        return True

    def _send_brief(self, fields: Fields) -> bool:
        """Send the searched fields and the start of the message: the whole is too large."""
        brief = {name: text[:BRIEF] for name, text in fields.items() if name != LINE}
        try:
            self._socket.sendto(encoded(brief), self._path)
        except OSError:
            return False
        return True
