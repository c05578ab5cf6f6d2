"""A native feed over real sockets: dial, loss, silence, rebuilding, back."""

import asyncio
import contextlib
import time

import msgspec
import pytest
from websockets.asyncio.server import serve

from rebalancer.core.events import FeedStatus, Fill, Index, Mark, Quote
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.venues.backoff import LEAST, MOST, Backoff
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.stream import Access, DeribitStream
from rebalancer.venues.native import NativeFeed, Pace, Ports, Way, address
from tests.venues import deribit_frames as frames
from tests.venues.deribit_frames import Lines, kinds

MS = 1_000_000
PACE = Pace(dial=1.0, ping=0.1, silent=300 * MS, judge=50 * MS)


class Venue:
    """A stand-in that grants every subscription and says what it is told to say."""

    def __init__(self):
        self.sockets, self.asked, self.paths, self.mute = [], [], [], False

    async def __call__(self, socket):
        self.sockets.append(socket)
        self.paths.append(socket.request.path)
        with contextlib.suppress(Exception):
            async for payload in socket:
                request = msgspec.json.decode(payload)
                self.asked.append(request)
                if not self.mute:
                    result = request["params"].get("channels", "ok")
                    await socket.send(frames.answer(request["id"], result).decode())

    async def say(self, *payloads):
        for payload in payloads:
            await self.sockets[-1].send(payload.decode())

    def subscribed(self):
        """Return how often the market was subscribed."""
        return sum(each["method"] == "public/subscribe" for each in self.asked)


class Desk:
    """A feed at work and all that it told."""

    def __init__(self, port, pace, access):
        self.events, self.reasons, self.log, failures = [], [], Lines(), []
        self.failures = failures
        self.tasks = TaskRegistry(failures.append)
        self.stream = DeribitStream(Wanted(("BTC-PERPETUAL",)), self.log, access)
        ports = Ports(WallClock(), self.tasks, SeededRandomness(7), self.log)
        base = f"http://127.0.0.1:{port}"
        self.feed = NativeFeed(self.stream, ports, base, self.reasons.append, pace)
        self.tasks.spawn("feed", self.feed.run(self.events.append))

    async def until(self, condition, within=2.5):
        """Wait for something to become true; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within, (self.events, self.log.lines)
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]


@contextlib.asynccontextmanager
async def at_work(pace=PACE, access=None):
    """Yield a stand-in and a feed that is subscribed to it; nothing is left behind."""
    venue = Venue()
    async with serve(venue, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
        desk = Desk(server.sockets[0].getsockname()[1], pace, access)
        try:
            await desk.until(lambda: venue.subscribed() and desk.stream.live)
            yield venue, desk
        finally:
            await desk.tasks.close()
            assert [] == desk.failures


async def test_tells_what_it_hears():
    """Frames become events in their order; the first connection is no recovery."""
    async with at_work() as (venue, desk):
        await venue.say(frames.index(), frames.quote(), frames.ticker(), frames.TEST_REQUEST)
        await desk.until(lambda: venue.asked[-1]["method"] == "public/test")

        assert [Index, Quote, Mark] == kinds(desk.events)[:3]
        assert ["/www.deribit.com/ws/api/v2"] == venue.paths
        assert ([], []) == (desk.statuses(), desk.reasons)


async def test_closed_by_the_venue():
    """Lost is told once, then all is subscribed again, then it is back and asks to reconcile."""
    async with at_work() as (venue, desk):
        await venue.sockets[-1].close(1001)
        spent = await desk.until(lambda: True in desk.statuses())

        assert [False, True] == desk.statuses()
        assert 2 == venue.subscribed()
        assert 1 == len(desk.reasons)
        assert spent < 1
        await venue.say(frames.quote())
        await desk.until(lambda: Quote in kinds(desk.events))


@pytest.mark.trap("bursts-are-swallowed", "every")
async def test_five_fills_in_a_burst():
    """Each execution is told, none waits for the next message."""
    async with at_work(access=Access("desk", lambda: ("id", "secret"))) as (venue, desk):
        await venue.say(frames.order(), *(frames.fills(number) for number in range(5)))
        await desk.until(lambda: kinds(desk.events).count(Fill) == 5)

        fills = [each for each in desk.events if isinstance(each, Fill)]
        assert ["0", "1", "2", "3", "4"] == [each.trade_id for each in fills]


async def test_bad_frame():
    """A frame that cannot be read costs neither the socket nor the frame after it."""
    async with at_work() as (venue, desk):
        await venue.say(frames.quote()[:-9], frames.quote())
        spent = await desk.until(lambda: Quote in kinds(desk.events))

        assert spent < 1
        assert (1, 0) == (desk.stream.counts.refused, desk.feed.rebuilt)


async def test_half_open_socket():
    """A peer that answers no ping is given up, and another socket opened."""
    async with at_work(Pace(ping=0.1, silent=60_000 * MS, judge=50 * MS)) as (venue, desk):
        venue.sockets[-1].transport.pause_reading()
        await desk.until(lambda: True in desk.statuses())

        assert 2 == len(venue.sockets)


async def test_silent_socket():
    """A peer that pongs and says nothing, not even a heartbeat, is given up."""
    async with at_work() as (_venue, desk):
        await desk.until(lambda: True in desk.statuses())

        assert [False, True] == desk.statuses()[:2]
        assert "silence" in str(desk.log.lines)


async def test_unanswered_subscription():
    """While nobody answers, the venue is lost; the next socket may do better."""
    async with at_work() as (venue, desk):
        venue.mute = True
        await venue.sockets[-1].close()
        await desk.until(lambda: len(venue.sockets) >= 3)
        assert [False] == desk.statuses()
        venue.mute = False
        await desk.until(lambda: True in desk.statuses())


async def test_nobody_there():
    """A refused dial is told once and tried again; cancelling ends it at once."""
    desk = Desk(9, PACE, None)  # the discard port: nobody listens
    await desk.until(lambda: desk.feed.rebuilt >= 2)
    await desk.tasks.close()

    assert [False] == desk.statuses()
    assert [] == desk.failures


async def test_secrets_stay_secret(caplog):
    """No log line of ours or of the library holds what the login said."""
    caplog.set_level("DEBUG")
    access = Access("desk", lambda: ("id-7", "secret-7"))
    async with at_work(access=access) as (venue, desk):
        await venue.sockets[-1].close()
        await desk.until(lambda: True in desk.statuses())

        client = [each for each in caplog.records if "server" not in each.name]
        assert "secret-7" not in str(desk.log.lines) + str([each.getMessage() for each in client])
        assert 2 == sum(each["method"] == "public/auth" for each in venue.asked)


@pytest.mark.parametrize(
    ("loopback", "expected"),
    [
        (None, "wss://www.deribit.com/ws/api/v2"),
        ("http://127.0.0.1:8700", "ws://127.0.0.1:8700/www.deribit.com/ws/api/v2"),
        ("http://127.0.0.1:8700/", "ws://127.0.0.1:8700/www.deribit.com/ws/api/v2"),
    ],
)
def test_addresses(loopback, expected):
    """The venue's own address, or its stand-in with the host as first segment."""
    assert expected == address("www.deribit.com/ws/api/v2", loopback)


def test_backoff_grows_with_full_jitter():
    """Waits lie between nothing and a ceiling from 0.2 s to 30 s, and begin anew."""
    backoff = Backoff(SeededRandomness(7).generator("backoff"))
    waits = [backoff.wait() for _ in range(200)]
    backoff.succeeded()

    assert all(0 <= wait <= min(LEAST << n, MOST) for n, wait in enumerate(waits))
    assert max(waits) > 0.9 * MOST
    assert min(waits[10:]) < 0.1 * MOST
    assert backoff.wait() <= LEAST


async def test_socket_that_grows_old():
    """A socket is left of our own accord before a venue cuts it at a time of its choosing."""
    async with at_work(Pace(judge=50 * MS, old=400 * MS)) as (venue, desk):
        spent = await desk.until(lambda: len(venue.sockets) >= 2)
        await desk.until(lambda: True in desk.statuses())

        assert spent > 0.2
        assert ["its time is over"] == [
            facts["why"] for name, facts in desk.log.lines if name == "feed.lost"
        ]


class Silent:
    """A protocol that follows what a test says, and asks for it when its socket opens."""

    venue, path = "deribit", "www.deribit.com/ws/api/v2"

    def __init__(self):
        self.wanted, self.asks = (), []

    def needed(self):
        return bool(self.wanted)

    def opened(self, deliver, now):
        self.asks = [frames.answer(1, "ok")]

    def received(self, payload, now):
        """Hear nothing."""

    def judge(self, now):
        """Find no fault."""

    def take(self):
        told, self.asks = self.asks, []
        return told

    talkative = live = True


@contextlib.asynccontextmanager
async def sought(wanted=()):
    """Yield a stand-in's sockets and a feed that is needed when its stream says so."""
    opened, failures, events = [], [], []

    async def take(socket):
        opened.append(socket)
        with contextlib.suppress(Exception):
            async for _ in socket:
                pass

    async with serve(take, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
        tasks, stream = TaskRegistry(failures.append), Silent()
        stream.wanted = wanted
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ports = Ports(WallClock(), tasks, SeededRandomness(7), Lines())
        pace = Pace(dial=1.0, ping=1.0, judge=50 * MS)
        feed = NativeFeed(stream, ports, base, pace=pace, way=Way(needed=stream.needed))
        tasks.spawn("feed", feed.run(events.append))
        try:
            yield opened, stream, feed, events
        finally:
            await tasks.close()
    assert [] == failures


async def _held(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


async def test_opened_once_it_is_needed():
    """Nothing is dialled where nothing is to be heard; what is wanted later opens a socket."""
    async with sought() as (opened, stream, feed, events):
        await asyncio.sleep(0.2)
        assert [] == opened
        feed.flush()  # something else is followed, and nothing here
        await asyncio.sleep(0.1)
        assert [] == opened
        stream.wanted = ("one",)
        feed.flush()
        await _held(lambda: feed.connected)

    assert 1 == len(opened)
    assert [] == events


async def test_let_go_without_a_word():
    """A socket on which nothing is followed any more is let go: the venue is not lost by that."""
    async with sought(("one",)) as (opened, stream, feed, events):
        await _held(lambda: feed.connected)
        stream.wanted = ()
        await _held(lambda: not feed.connected)
        await asyncio.sleep(0.3)
        assert (1, 0) == (len(opened), feed.rebuilt)
        stream.wanted = ("two",)
        feed.flush()
        await _held(lambda: feed.connected)

    assert 2 == len(opened)
    assert [] == events


async def test_lost_and_not_needed_any_more():
    """A venue that was told lost is back once nothing is to be heard on that socket."""
    async with sought(("one",)) as (opened, stream, feed, events):
        await _held(lambda: feed.connected)
        opened[-1].transport.abort()
        await _held(lambda: events)
        stream.wanted = ()
        feed.flush()
        await _held(lambda: len(events) > 1 and not feed.connected)

    assert 1 == len(opened)
    assert [False, True] == [each.alive for each in events]
