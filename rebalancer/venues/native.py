"""A native feed: one websocket kept open, whatever happens, and a protocol spoken over it.

What is spoken is the stream's affair (`deribit.stream`, for one); the socket is ours.
It is dialled with back-off, pinged, watched for silence, and rebuilt when the
stream asks for it. The daemon hears once that a venue is lost and once that it
is back, which is when everything is subscribed again and told anew. A socket on which
nothing is to be heard is not opened, and let go; that is no loss.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as follow
from websockets.exceptions import WebSocketException

from rebalancer.core.events import Event, FeedStatus
from rebalancer.errors import Defect, Unavailable
from rebalancer.ports import SECOND, Clock, Log, Randomness, Tasks, Timer
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.hosts import DOMAINS, belongs
from rebalancer.venues.wanted import Wanted

# websockets logs frames at debug level, and the first one holds a secret.
_SILENT = logging.Logger("rebalancer.venues.native", logging.CRITICAL + 1)  # noqa: LOG001
_LARGEST = 4 * 2**20  # bytes of one frame


Route = Callable[[], Awaitable[str]]  # tells host and path, anew before each socket
Beside = Callable[[], Awaitable[int]]  # asks for what a stream needs; returns ns until the next


class Stream(Protocol):
    """A protocol without a socket."""

    venue: str
    path: str  # host and path of the venue's own address

    def opened(self, deliver: Callable[[Event], None], now: int) -> None:
        """Begin on a new socket."""

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in; never raises for what is in it."""

    def judge(self, now: int) -> str | None:
        """Return why the socket must be rebuilt, if it must; asked about once a second."""

    def take(self) -> list[bytes]:
        """Return the frames that are to be sent, once."""

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""

    @property
    def live(self) -> bool:
        """Whether everything is subscribed and told."""


class Speaker(Stream, Protocol):
    """A protocol that follows what it is told to."""

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on, on the same socket."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a feed needs of the world."""

    clock: Clock
    tasks: Tasks
    randomness: Randomness
    log: Log


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a socket may take."""

    dial: float = 10.0  # s to open
    ping: float = 5.0  # s between pings, and until the pong must be here
    silent: int = 25 * SECOND  # ns without any frame: more than two heartbeats
    judge: int = SECOND  # ns between looks at the stream
    old: int = 23 * 3600 * SECOND  # ns of one socket; venues cut at 24 h, when it suits them


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Way:
    """How a socket is got, and what is asked by REST for as long as it is open."""

    route: Route | None = None  # tells its path; None: the stream's own
    beside: Beside | None = None  # where this fails, the socket is given up
    needed: Callable[[], bool] | None = None  # whether anything is to be heard; None: always
    vital: bool = True  # whether the venue is lost with it; else what it told grows old alone


WAY = Way()


def worth_a_line(count: int) -> bool:
    """Tell whether the count is a power of ten: a flood of bad frames is no flood of lines."""
    return str(count).strip("0") == "1"


def address(path: str, loopback: str | None = None) -> str:
    """Return the websocket address of a venue, or of its stand-in on this machine.

    >>> address("www.deribit.com/ws/api/v2")
    'wss://www.deribit.com/ws/api/v2'
    >>> address("www.deribit.com/ws/api/v2", "http://127.0.0.1:8700")
    'ws://127.0.0.1:8700/www.deribit.com/ws/api/v2'

    Raises:
        Defect: It leads to no venue of the list.
    """
    if loopback is None:
        if not any(belongs(_host(path), each) for each in DOMAINS.values()):
            raise Defect(f"stream: must lead to a venue of the list, was {_host(path)}")
        return f"wss://{path}"
    base = urlsplit(loopback)
    return f"ws://{base.netloc}{base.path.rstrip('/')}/{path}"


def _host(path: str) -> str:
    return urlsplit(f"wss://{path}").hostname or ""


class connect(follow):  # noqa: N801 - it is called as the one that it is
    """A dialling that goes where it was sent: a redirect is a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return that there is no new address."""
        return exc


class NativeFeed:
    """A `ports.Feed` over the websockets library.

    Args:
        stream: The protocol.
        ports: Clock, tasks, chance and log.
        loopback: Address of a stand-in on this machine, e.g. http://127.0.0.1:8700.
        reconcile: Is told why, each time that the stream is back after a loss:
            what happened meanwhile at the account, nobody heard.
        pace: How long the socket may take.
        way: How a socket is got, and what is asked beside it.
    """

    def __init__(
        self,
        stream: Stream,
        ports: Ports,
        loopback: str | None = None,
        reconcile: Callable[[str], None] | None = None,
        pace: Pace = PACE,
        way: Way = WAY,
    ) -> None:
        self.rebuilt = 0  # sockets given up so far
        self.connected = False
        self._stream, self._ports, self._pace = stream, ports, pace
        self._loopback, self._way = loopback, way
        self._reconcile = reconcile
        self._backoff = Backoff(ports.randomness.generator(f"backoff/{stream.venue}"))
        self._lost: str | None = None  # why the daemon was told that the venue is lost
        self._live = False  # whether this socket was seen live
        self._heard = self._opened = 0  # monotonic ns: the newest frame, this socket
        self._doomed: str | None = None  # why this socket was broken off
        self._timer: Timer | None = None
        self._wake = asyncio.Event()  # something is to be sent
        self._stir = asyncio.Event()  # something else may be followed

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        clock = self._ports.clock
        while True:
            await self._sought(deliver)
            why = await self._once(deliver)
            if self._idle:
                continue
            self.rebuilt += 1
            if self._lost is None:
                self._ports.log.warning("feed.lost", **self._named(), why=why)
                if self._way.vital:
                    deliver(FeedStatus(clock.now(), self._stream.venue, alive=False))
            self._lost = why
            await clock.sleep(self._backoff.wait())

    def _named(self) -> dict[str, str]:
        """Return what is lost, or back: a venue, or a socket that it can do without."""
        venue, path = self._stream.venue, self._stream.path
        return {"venue": venue} if self._way.vital else {"venue": venue, "channel": path}

    def flush(self) -> None:
        """Send what the stream has to send; while no socket is open, see whether one is needed."""
        self._wake.set()
        self._stir.set()

    @property
    def _idle(self) -> bool:
        """Whether there is nothing to hear."""
        return self._way.needed is not None and not self._way.needed()

    async def _sought(self, deliver: Callable[[Event], None]) -> None:
        """Return once there is something to hear; until then nothing is lost."""
        while True:
            self._stir.clear()
            if not self._idle:
                return
            self._revived(deliver)
            await self._stir.wait()

    async def _once(self, deliver: Callable[[Event], None]) -> str:
        """Live through one socket; return why it ended."""
        self._live, self._doomed = False, None
        self._wake = asyncio.Event()
        try:
            path = self._stream.path if self._way.route is None else await self._way.route()
            async with connect(
                address(path, self._loopback),
                compression=None,
                open_timeout=self._pace.dial,
                ping_interval=self._pace.ping,
                ping_timeout=self._pace.ping,
                close_timeout=1.0,
                max_size=_LARGEST,
                max_queue=1024,
                proxy=None,
                logger=_SILENT,
            ) as socket:
                await self._listen(socket, deliver)
        except Unavailable as error:  # of the route
            return self._ended(str(error))
        except (OSError, TimeoutError, WebSocketException) as error:
            return self._ended(f"{type(error).__name__}: {error}")
        return self._ended("closed")

    def _ended(self, how: str) -> str:
        return how if self._doomed is None else self._doomed

    async def _listen(self, socket: ClientConnection, deliver: Callable[[Event], None]) -> None:
        """Take frames in until the socket ends."""
        stream, clock = self._stream, self._ports.clock
        self._heard = self._opened = clock.monotonic()
        stream.opened(deliver, clock.now())
        self.connected = True
        self._ports.log.info("feed.connected", venue=stream.venue)
        self._ports.tasks.spawn(f"send/{stream.venue}", self._send(socket, self._wake))
        if self._way.beside is not None:
            self._ports.tasks.spawn(f"beside/{stream.venue}", self._accompany(socket, self._wake))
        self._watch(socket, deliver)
        try:
            while True:
                payload = await socket.recv(decode=False)
                self._heard = clock.monotonic()
                stream.received(payload, clock.now())
                if not self._live and stream.live:
                    self._revived(deliver)
                if stream.talkative:
                    self._wake.set()
        finally:
            self.connected = False
            if self._timer is not None:
                self._timer.cancel()
            self._wake.set()

    def _revived(self, deliver: Callable[[Event], None]) -> None:
        """Say that everything is subscribed and told, and that the account may have moved."""
        self._live = True
        self._backoff.succeeded()
        if self._lost is None:
            return
        why, self._lost = self._lost, None
        self._ports.log.info("feed.recovered", **self._named())
        if not self._way.vital:
            return
        deliver(FeedStatus(self._ports.clock.now(), self._stream.venue, alive=True))
        if self._reconcile is not None:
            self._reconcile(f"{self._stream.venue} stream is back after {why}")

    def _watch(self, socket: ClientConnection, deliver: Callable[[Event], None]) -> None:
        """Look at the stream now and every so often; break the socket off when it must be.

        A stream of an account may have nothing to say for hours, and is back all the same.
        """
        clock = self._ports.clock
        if clock.monotonic() - self._heard >= self._pace.silent:
            self._doomed = "silence"
        elif clock.monotonic() - self._opened >= self._pace.old:
            self._doomed = "its time is over"
        elif self._idle:
            self._doomed = "nothing is followed there"
        else:
            self._doomed = self._stream.judge(clock.now())
        if self._doomed is not None:
            socket.transport.abort()
            return
        if not self._live and self._stream.live:
            self._revived(deliver)
        self._wake.set()
        at = clock.now() + self._pace.judge
        self._timer = clock.call_at(at, lambda: self._watch(socket, deliver))

    async def _send(self, socket: ClientConnection, wake: asyncio.Event) -> None:
        """Send what the stream has to send, until the socket ends."""
        try:
            while self._wake is wake and socket.close_code is None:
                for frame in self._stream.take():
                    await socket.send(frame, text=True)
                wake.clear()
                await wake.wait()
        except (OSError, WebSocketException):
            return  # the listener hears of it, and says why

    async def _accompany(self, socket: ClientConnection, wake: asyncio.Event) -> None:
        """Ask beside the socket, until it ends; break it off where an answer is missing."""
        try:
            ask = self._way.beside
            while ask is not None and self._wake is wake and socket.close_code is None:
                await self._ports.clock.sleep(await ask())
        except Unavailable as error:
            if self._wake is wake:
                self._doomed = str(error)
                socket.transport.abort()
