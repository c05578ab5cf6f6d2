"""The control socket of a running book: who may ask, what they may ask, and the answer.

A private unix socket in the state folder. The kernel says who is at the other
end, so nobody signs in. Requests are small, few and timed: a client that
dribbles or floods hurts itself only. The deadlines are those of real input and
output, so they run on the event loop's own time and not on market time.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.core.events import Verb
from rebalancer.errors import (
    Defect,
    PermissionRefused,
    RebalancerError,
    Unavailable,
    UsageError,
)
from rebalancer.ops import protocol
from rebalancer.ports import Log, StatusSource

CLIENTS = 16
READ_TIMEOUT = 5.0  # s of real time, also for a client that does not take its answer


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by the kernel's word."""

    pid: int
    uid: int
    gid: int


Authorise = Callable[[Peer, str], bool]  # (who, verb) → may they


def own_or_root(peer: Peer, _verb: str) -> bool:
    """Allow everything to the daemon's own user and to root, nothing to others."""
    return peer.uid in (0, os.geteuid())


class ControlServer:
    """Answers the command line.

    Args:
        path: The socket, `DIR/control.sock`.
        source: The running book.
        log: Hears of refusals and defects.
        authorise: Says who may use which verb.
        read_timeout: Longest wait for a request, or for a client to take an
            answer, s of real time.
    """

    def __init__(
        self,
        path: Path,
        source: StatusSource,
        log: Log,
        *,
        authorise: Authorise = own_or_root,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._path = path
        self._source = source
        self._log = log
        self._authorise = authorise
        self._read_timeout = read_timeout
        self._server: asyncio.AbstractServer | None = None
        self._writers: dict[asyncio.StreamWriter, None] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Listen. A socket left behind by a crash is replaced.

        Raises:
            Unavailable: A daemon answers there already, or the socket cannot be made.
        """
        _clear(self._path)
        self._server = await asyncio.start_unix_server(
            self._converse, sock=_bound(self._path), limit=protocol.FRAME_LIMIT
        )
        self._log.info("control.opened", socket=str(self._path))

    async def close(self) -> None:
        """Hang up on everybody and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._path.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await self._idle.wait()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it hangs up, errs or dawdles."""
        self._writers[writer] = None
        self._idle.clear()
        writer.transport.set_write_buffer_limits(high=0)  # drained is then all taken
        try:
            await self._answer_all(reader, writer, _peer(writer))
        except OSError:  # gone, or (TimeoutError is one too) too slow: what waits for it is dropped
            writer.transport.abort()
        finally:
            writer.close()
            del self._writers[writer]
            if not self._writers:
                self._idle.set()

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer
    ) -> None:
        if len(self._writers) > CLIENTS:
            full = Unavailable(f"at most {CLIENTS} clients are served at a time; try again")
            await self._send(writer, protocol.refusal(full))
            return
        while True:
            try:
                async with asyncio.timeout(self._read_timeout):
                    frame = await reader.readline()
            except ValueError:  # how asyncio says that a line is longer than its limit
                long = UsageError(f"request must be at most {protocol.FRAME_LIMIT} bytes")
                await self._send(writer, protocol.refusal(long))
                return
            if not frame.endswith(b"\n"):  # hung up, perhaps in the middle of a request
                return
            await self._send(writer, self._answer(frame, peer))

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        async with asyncio.timeout(self._read_timeout):
            await writer.drain()

    def _answer(self, frame: bytes, peer: Peer) -> bytes:
        """Return the line that answers a request."""
        try:
            return protocol.answer(self._carry_out(protocol.parse(frame), peer))
        except RebalancerError as e:
            return protocol.refusal(e)
        except Exception as e:  # noqa: BLE001 - logged; a question must not stop the hedging
            self._log.error("control.failed", exc_info=True)
            return protocol.refusal(Defect(f"the daemon could not answer: {type(e).__name__}"))

    def _carry_out(self, request: protocol.Request, peer: Peer) -> Any:
        """Return what the book says to a request.

        Raises:
            PermissionRefused: The verb is not for this peer.
            UsageError: There is no such verb, or it lacks an argument.
        """
        verb, args = request.verb, request.args
        if verb not in protocol.READING + protocol.ACTING:
            known = ", ".join(protocol.READING + protocol.ACTING)
            raise UsageError(f"verb: must be one of {known}, was {verb[:40]!r}")
        if not self._authorise(peer, verb):
            self._log.warning("operator.refused", verb=verb, uid=peer.uid, pid=peer.pid)
            raise PermissionRefused(f"{verb}: must be asked by the daemon's user, was {peer.uid}")
        if verb in protocol.ACTING:
            return self._operate(Verb(verb), args, peer)
        if verb == "why":
            if not args.key:
                raise UsageError("why: must be told an order id, a sequence number or a time")
            return self._source.why(args.key)
        ask: Mapping[str, Callable[[], Mapping[str, Any] | Sequence[Mapping[str, Any]]]] = {
            "status": self._source.status,
            "positions": self._source.positions,
            "orders": self._source.orders,
            "guards": self._source.guards,
            "band": self._source.bands,
            "stress": self._source.stress,
        }
        return ask[verb]()

    def _operate(self, verb: Verb, args: protocol.Args, peer: Peer) -> Mapping[str, Any]:
        """Pass an order on. Arm and adopt must give a reason: a kill never waits for words."""
        if verb in (Verb.ARM, Verb.ADOPT) and not args.reason.strip():
            raise UsageError(f"{verb}: must give a reason (--reason TEXT)")
        return self._source.operate(verb, args.reason.strip(), str(peer.uid), args.all)


def _peer(writer: asyncio.StreamWriter) -> Peer:
    """Return who is at the other end; writing to another's socket does not change it."""
    own = writer.get_extra_info("socket")
    told = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", told))


def _clear(path: Path) -> None:
    """Remove a socket that nobody answers on."""
    if not path.is_socket():
        if path.exists() or path.is_symlink():
            raise Unavailable(f"{path}: must be a socket or free, was another file")
        return
    try:
        protocol.dial(path, READ_TIMEOUT).close()
    except ConnectionRefusedError:
        path.unlink()
    except OSError as e:
        raise Unavailable(f"{path}: must be free or left behind: {e}") from e
    else:
        raise Unavailable(f"{path}: a daemon answers there already; stop it first")


def _bound(path: Path) -> socket.socket:
    """Return a socket bound at `path`, open to its own user only from the first moment."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with protocol.address(path) as name:
            listener.bind(name)
    except OSError as e:
        listener.close()
        raise Unavailable(f"{path}: must be a place for a socket: {e}") from e
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener
