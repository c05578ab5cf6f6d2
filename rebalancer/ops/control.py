"""The control socket of a running book: who may ask, what they may ask, and the answer.

A private unix socket in the state folder. The kernel says who is at the other
end, so nobody signs in. Requests are small, few and timed: a client that
dribbles or floods hurts itself only, and what is read may take a tenth of the
daemon's time at most; an order to it, or a change that was looked at, never waits
for that. The deadlines are those of real input and output, so they run on the event
loop's own time and not on market time.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
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
from rebalancer.ops.places import Places
from rebalancer.ops.rights import OWN, Access, Peer, own_or_root, peer_of, right
from rebalancer.ports import Log, StatusSource, Tunable

BREATH = 9.0  # times as long as an answer took until the next: a tenth of the time is for reading
SPOKEN = 60.0  # s until the refusal of one user is logged again
KNOWN = 1000  # users whose refusals are counted
READ_TIMEOUT = 5.0  # s of real time, also for a client that does not take its answer


class ControlServer:
    """Answers the command line.

    Args:
        path: The socket, `DIR/control.sock`.
        source: The running book.
        log: Hears of refusals and defects.
        tuner: Changes settings; None: nobody can.
        access: Who may open the socket, and use which verb.
        read_timeout: Longest wait for a request, or for a client to take an
            answer, s of real time.
    """

    def __init__(
        self,
        path: Path,
        source: StatusSource,
        log: Log,
        tuner: Tunable | None = None,
        *,
        access: Access = OWN,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._path = path
        self._source = source
        self._log = log
        self._tuner = tuner
        self._access = access
        self._read_timeout = read_timeout
        self._server: asyncio.AbstractServer | None = None
        self._writers: dict[asyncio.StreamWriter, Peer] = {}
        self._places = Places(
            lambda peer: own_or_root(peer, ""), lambda peer: access.authorise(peer, Verb.KILL)
        )
        self._share = _Share()
        self._refused: dict[int, tuple[float, int]] = {}  # user → s of the line, refusals since
        self._idle = asyncio.Event()
        self._idle.set()

    def attend(self, source: StatusSource, tuner: Tunable | None) -> None:
        """Speak for another from now on: a book that has begun, and is no longer waited for."""
        self._source, self._tuner = source, tuner

    async def start(self) -> None:
        """Listen. A socket left behind by a crash is replaced.

        Raises:
            Unavailable: A daemon answers there already, or the socket cannot be made.
        """
        _clear(self._path)
        self._server = await asyncio.start_unix_server(
            self._converse, sock=_bound(self._path, self._access.group), limit=protocol.FRAME_LIMIT
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
        peer = peer_of(writer.get_extra_info("socket"))
        full = self._places.take(peer)
        self._writers[writer] = peer
        self._idle.clear()
        writer.transport.set_write_buffer_limits(high=0)  # drained is then all taken
        try:
            if full is None:
                await self._answer_all(reader, writer)
            else:
                await self._send(writer, protocol.refusal(Unavailable(full)))
        except (_Gone, OSError):  # or (TimeoutError is one too) too slow: what waits is dropped
            writer.transport.abort()
        finally:
            if full is None:
                self._places.leave(peer)
            writer.close()
            del self._writers[writer]
            if not self._writers:
                self._idle.set()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
            await self._send(writer, await self._answer(frame, writer))

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        async with asyncio.timeout(self._read_timeout):
            await writer.drain()

    async def _answer(self, frame: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Return the line that answers a request."""
        peer = self._writers[writer]
        try:
            request = protocol.parse(frame)
            self._check(request.verb, peer)
            if request.verb == Verb.PAUSE and request.args.all:  # it stops protection too
                self._check(Verb.KILL, peer)
            if request.verb in protocol.READING or _looks(request):
                async with self._share.turn():
                    _heard(writer)
                    return protocol.answer(self._carry_out(request, peer))
            if request.verb == protocol.SET:
                _heard(writer)
            return protocol.answer(self._carry_out(request, peer))
        except _Gone:
            raise
        except RebalancerError as e:
            return protocol.refusal(e)
        except Exception as e:  # noqa: BLE001 - logged; a question must not stop the hedging
            self._log.error("control.failed", exc_info=True)
            return protocol.refusal(Defect(f"the daemon could not answer: {type(e).__name__}"))

    def _check(self, verb: str, peer: Peer) -> None:
        """Let nobody pass who may not.

        Raises:
            PermissionRefused: The verb is not for this peer.
            UsageError: There is no such verb.
        """
        if verb not in protocol.VERBS:
            raise UsageError(f"verb: must be one of {', '.join(protocol.VERBS)}, was {verb[:40]!r}")
        if not self._access.authorise(peer, verb):
            self._say_refused(verb, peer)
            needed = right(verb, reads=verb in protocol.READING)
            must = f"{verb}: needs the right `{needed}` of [control], which user {peer.uid} lacks"
            raise PermissionRefused(must)

    def _say_refused(self, verb: str, peer: Peer) -> None:
        """Log a refusal, of one user once a minute: who hammers must not fill the disk."""
        now = asyncio.get_running_loop().time()
        told, since = self._refused.get(peer.uid, (-SPOKEN, 0))
        if now - told < SPOKEN:
            self._refused[peer.uid] = (told, since + 1)
            return
        if len(self._refused) >= KNOWN:
            self._refused.clear()
        self._refused[peer.uid] = (now, 0)
        self._log.warning("operator.refused", verb=verb, uid=peer.uid, pid=peer.pid, more=since)

    def _carry_out(self, request: protocol.Request, peer: Peer) -> Any:
        """Return what the book says to a request.

        Raises:
            UsageError: It lacks an argument.
        """
        verb, args = request.verb, request.args
        if verb in protocol.ACTING:
            return self._operate(Verb(verb), args, peer)
        if verb == protocol.SET:
            return self._set(args, peer)
        if verb == "why":
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

    def _set(self, args: protocol.Args, peer: Peer) -> Mapping[str, Any]:
        """Show what a change would do, or make one that was shown."""
        if self._tuner is None:
            raise UsageError("set: nothing of this book can be changed while it runs")
        if not args.expect:
            return self._tuner.preview(args.values)
        reason = args.reason.strip()
        if not reason:
            raise UsageError("set: must give a reason (--reason TEXT)")
        return self._tuner.tune(args.values, args.again, args.expect, (str(peer.uid), reason))


class _Share:
    """The share of the time in which answers are made to those who read, one after another."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._free_at = 0.0  # s of the loop, when the next answer may be made

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it is somebody's turn; what the block takes is waited for by the next."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            await asyncio.sleep(max(self._free_at - loop.time(), 0.0))
            begun = loop.time()
            try:
                yield
            finally:
                now = loop.time()
                self._free_at = now + BREATH * (now - begun)


def _looks(request: protocol.Request) -> bool:
    """Whether a request asks what a change would do, and changes nothing."""
    return request.verb == protocol.SET and not request.args.expect


class _Gone(Exception):
    """Who asked has hung up."""


def _heard(writer: asyncio.StreamWriter) -> None:
    """Let nobody's request pass who has hung up: it read that nothing was done.

    The kernel is asked, as the loop may not have heard yet. Who only writes no
    more (a half-closed socket) still listens.

    Raises:
        _Gone: Nobody hears the answer.
    """
    ask = select.poll()
    if not writer.is_closing():
        ask.register(writer.get_extra_info("socket").fileno(), 0)
        if not ask.poll(0):  # POLLHUP and POLLERR are always told
            return
    raise _Gone


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


def _open_to(path: Path, group: int) -> None:
    """Open a socket to a group; one that has it is not given, which the unit's sandbox forbids."""
    try:
        if path.stat().st_gid != group:
            os.chown(path, -1, group)
        path.chmod(0o660)
    except OSError as e:
        path.unlink(missing_ok=True)
        must = f"control.group must be the daemon's own, or one that it may give to, was {group}"
        raise Unavailable(f"{path}: {must}: {e.strerror}") from e


def _bound(path: Path, group: int | None) -> socket.socket:
    """Return a socket bound at `path`, open to its own user only from the first moment on.

    Then to a group too, where one is named.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with protocol.address(path) as name:
            listener.bind(name)
        if group is not None:
            _open_to(path, group)
    except Unavailable:
        listener.close()
        raise
    except OSError as e:
        listener.close()
        raise Unavailable(f"{path}: must be a place for a socket: {e}") from e
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener
