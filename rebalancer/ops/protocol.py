"""What is said on the control socket: one JSON object a line, a request and its answer.

→ {"verb": "arm", "args": {"reason": "positions compared"}}
← {"ok": true, "data": {…}}        or  {"ok": false, "error": "…", "code": 77}
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec

from rebalancer.core.events import Verb
from rebalancer.errors import RebalancerError, UsageError

SOCKET = "control.sock"
FRAME_LIMIT = 64 * 1024  # bytes of a request
READING = ("status", "positions", "orders", "guards", "band", "stress", "why")
ACTING = tuple(verb.value for verb in Verb)
SET = "set"
VERBS = (*READING, *ACTING, SET)
_PATH_LIMIT = 107  # bytes that the kernel takes for the name of a unix socket


Setting = Annotated[str, msgspec.Meta(max_length=100)]
Number = Annotated[str, msgspec.Meta(max_length=40)]
Numbers = Annotated[dict[Setting, Number], msgspec.Meta(max_length=16)]


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a verb may be told; each verb reads its own."""

    key: Annotated[str, msgspec.Meta(max_length=200)] = (
        ""  # why: order id, sequence or time; empty: the last that acted
    )
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""  # acting verbs
    all: bool = False  # pause: stops protect proposals too
    values: Numbers = {}  # set: setting → number
    again: Numbers = {}  # set: those that must be given twice
    expect: Annotated[str, msgspec.Meta(max_length=40)] = ""  # set: token of what was shown; empty:
    #   nothing is changed, what it would do is answered


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question."""

    verb: Annotated[str, msgspec.Meta(max_length=40)]
    args: Args = Args()


def parse(frame: bytes) -> Request:
    """Return the request in a line.

    Raises:
        UsageError: It is no JSON, or says something that no verb understands.
    """
    try:
        return msgspec.json.decode(frame, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise UsageError(f"request must be one JSON object with verb and args: {e}") from e


def answer(data: Any) -> bytes:
    """Return the line of a good answer; a float that JSON cannot say becomes null."""
    return msgspec.json.encode({"ok": True, "data": data}, enc_hook=_plain) + b"\n"


def refusal(error: RebalancerError) -> bytes:
    """Return the line that refuses."""
    told = {"ok": False, "error": str(error), "code": error.exit_code}
    return msgspec.json.encode(told) + b"\n"


def _plain(value: Any) -> Any:
    """Return what stands for a value of a type that JSON does not have."""
    return float(value) if isinstance(value, float) else str(value)


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Yield a name for a socket that the kernel takes, however long its path is.

    Past 107 bytes the folder is named by an open descriptor of it.
    """
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def dial(path: Path, timeout: float) -> socket.socket:
    """Return a connection to the socket at `path`.

    Raises:
        OSError: Nobody listens there, or it is not for this user.
    """
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(timeout)
        with address(path) as name:
            peer.connect(name)
    except BaseException:
        peer.close()
        raise
    return peer
