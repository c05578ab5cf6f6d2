"""A line: one websocket, seen from the server, with what goes wrong on it."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import ClientConnectionResetError, web

from rebalancer.simulation.faults import STREAM, Kind, Script

REMEMBERED = 200  # account events of one channel, to be said again

Memory = dict[tuple[str, str], deque[bytes]]  # owner and channel → what was said


class Line:
    """One websocket.

    Args:
        number: Of all that a server ever had.
        socket: Prepared.
        cut: Ends the connection below it, without a word.
        script: What goes wrong.
        memory: Of account events, shared by all lines of a server.
    """

    def __init__(
        self,
        number: int,
        socket: web.WebSocketResponse,
        cut: Callable[[], None],
        script: Script,
        memory: Memory,
    ) -> None:
        self.number = number
        self.deaf = False  # takes everything, never answers
        self.left = False  # its client said goodbye
        self.heard = 0  # ns, when its client last said anything
        self.target = ""  # path and query of its address, without the host
        self.cut = cut
        self._socket, self._script, self._memory = socket, script, memory
        self._queue: asyncio.Queue[bytes | int | None] = asyncio.Queue()
        self._said: dict[str, bytes] = {}  # channel → its last message
        self._held: bytes | None = None

    def answer(self, payload: bytes) -> None:
        """Send the answer to a request."""
        self._put(payload)

    def tell(self, channel: str, payload: bytes, owner: str = "") -> None:
        """Send a message of a channel, as it came or as the script has it.

        `owner` is the account that it is about; "" where it is public.
        """
        if owner:
            kept = self._memory.setdefault((owner, channel), deque(maxlen=REMEMBERED))
            if not kept or kept[-1] != payload:
                kept.append(payload)
        plan = self._script.strike(STREAM, channel)
        kind = None if plan is None else plan.kind
        last = self._said.get(channel, payload)
        if kind is not Kind.FREEZE:
            self._said[channel] = payload
        match kind:
            case Kind.LOSE | Kind.STALL:
                return
            case Kind.FREEZE:
                self._put(last)
            case Kind.REORDER if self._held is None:
                self._held = payload
            case Kind.CLOSE:
                self._put(payload)
                self.close()
            case Kind.CUT:
                self.cut()
            case _:
                for each in _spoilt(kind, payload):
                    self._put(each)

    def remember(self, channel: str, owner: str) -> None:
        """Say old events of an account again, where the script has it."""
        kept = self._memory.get((owner, channel))
        if kept and self._script.strike((Kind.REPLAY,), channel) is not None:
            for payload in kept:
                self._put(payload)

    def close(self, code: int = 1000) -> None:
        """Close in order, after all that was said."""
        self._queue.put_nowait(code)

    def end(self) -> None:
        """Say nothing any more."""
        self._queue.put_nowait(None)

    def _put(self, payload: bytes) -> None:
        if self.deaf:
            return
        self._queue.put_nowait(payload)
        if self._held is not None:
            held, self._held = self._held, None
            self._queue.put_nowait(held)

    async def write(self) -> None:
        """Send what is said until the line ends."""
        while (said := await self._queue.get()) is not None:
            try:
                if isinstance(said, int):
                    await self._socket.close(code=said)
                    return
                await self._socket.send_frame(said, web.WSMsgType.TEXT)
                self._script.sent += 1
            except (ClientConnectionResetError, ConnectionResetError):
                return


def _spoilt(kind: Kind | None, payload: bytes) -> tuple[bytes, ...]:
    if kind is Kind.DUPLICATE:
        return payload, payload
    if kind is Kind.GARBAGE:
        return payload[: len(payload) // 2], payload
    return (payload,)
