"""The gate: how many connections there may be, and how long one may take.

One request a connection. Who does not say all of it in time, or does not take
the answer in time, is hung up on; only an open page may stay.
"""

import asyncio
from collections.abc import Callable
from typing import cast

CONNECTIONS = 64
ASKS = 5.0  # s of real time to say a request
TAKES = 15.0  # s to take its answer


class Gate(asyncio.Protocol):
    """Stands before the protocol that parses, and passes on what comes.

    Args:
        inner: That protocol.
        gates: Of all connections, by transport; this one enters itself.
    """

    def __init__(self, inner: asyncio.Protocol, gates: dict[asyncio.BaseTransport, "Gate"]) -> None:
        self._inner, self._gates = inner, gates
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        """Let somebody in, or hang up where it is full."""
        transport = cast(asyncio.Transport, made)  # uvloop's is one, and does not say so
        self._transport = transport
        if len(self._gates) >= CONNECTIONS:
            self._inner, self._transport = asyncio.Protocol(), None
            transport.abort()
            return
        self._gates[transport] = self
        self._within(ASKS)
        self._inner.connection_made(transport)

    def asked(self) -> None:
        """Note that a request was said whole: its answer is due."""
        self._within(TAKES)

    def stays(self) -> None:
        """Note that an open page came: it minds its own time."""
        self._cancel()

    def abort(self) -> None:
        """Hang up at once, whatever waits to be taken."""
        self._cancel()
        if self._transport is not None:
            self._transport.abort()

    def _within(self, seconds: float) -> None:
        self._cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- what is passed on -----------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, and leave."""
        self._cancel()
        if self._transport is not None:
            self._gates.pop(self._transport, None)
        self._transport = None
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()


Gates = dict[asyncio.BaseTransport, Gate]
Knock = Callable[[], Gate]  # makes the gate of a new connection
