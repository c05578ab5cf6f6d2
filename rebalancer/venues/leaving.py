"""Leaving: an order that is being sent, and the last looks at it before its first byte.

An order may wait for a connection, and a kill may come meanwhile. So it is asked
again whether it may leave when a connection is there, and once more where a body
is written: on this Python aiohttp does that in a task of its own, a turn of the
loop later, and what is acknowledged in between must hold.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection as Wire

from rebalancer.venues.wording import Barred, Wording


def _may() -> str | None:
    """Return nothing: it may leave."""
    return None


@dataclass(frozen=True, slots=True)
class Turn:
    """An order that is being sent."""

    sends: list[str]  # the attempts that left
    wording: Wording | None  # what its request must say; None: nobody knows
    beside: Mapping[str, str]  # headers that it must carry
    barred: Callable[[], str | None]  # why it may not leave after all


_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


def under_way() -> Turn | None:
    """Return the order that whoever asks is sending; None: it is none."""
    return _turn.get()


@contextmanager
def sending(
    wording: Wording | None = None,
    beside: Mapping[str, str] = MappingProxyType({}),
    barred: Callable[[], str | None] = _may,
) -> Iterator[list[str]]:
    """Let what is sent in this block leave once; the list names each attempt.

    An empty list afterwards proves that nothing left.

    Args:
        wording: What the request must say. One that says something else does not
            leave: neither the order, nor what a library asks before it.
        beside: Headers that it must carry, which ccxt does not know.
        barred: Tells why it may not leave after all, None where it may; asked when
            there is a connection to leave by, however long that took, and again
            right before a body is written.
    """
    turn = Turn([], wording, beside, barred)
    token = _turn.set(turn)
    try:
        yield turn.sends
    finally:
        _turn.reset(token)


def _refused() -> Barred | None:
    """Return why the order under way may not leave, which then has not; None: it may."""
    turn = _turn.get()
    why = None if turn is None else turn.barred()
    if turn is None or why is None:
        return None
    turn.sends.clear()
    return Barred(why)


class LastLook(aiohttp.TCPConnector):
    """Gives connections out, but none to an order that may not leave any more."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,
    ) -> Any:
        """Return a connection once one is free; an order is looked at when it is."""
        found = await super().connect(req, traces, timeout)
        refused = _refused()
        if refused is not None:
            found.release()
            raise refused
        return found


class Request(aiohttp.ClientRequest):
    """A request whose body is written only if its order may still leave.

    Its head waits for the body, so nothing of it is on the wire before.
    """

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Wire, content_length: int | None = None
    ) -> None:
        """Write head and body, or end the connection and fail whoever waits for an answer."""
        refused = _refused()
        if refused is None:
            await super().write_bytes(writer, conn, content_length)
            return
        if conn.protocol is not None:
            conn.protocol.set_exception(refused)
        conn.close()
