"""Which sockets are open at a venue: those on which something is followed, and the account's."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from rebalancer.core.events import FeedStatus
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.chorus import together
from rebalancer.venues.connection import connect
from rebalancer.venues.native import NativeFeed, Ports
from rebalancer.venues.parts import PARTS
from rebalancer.venues.seats import StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.simulation import okx_fair
from tests.venues import binance_desk, bybit_loopback, okx_loopback
from tests.venues.deribit_frames import Lines

MAKE = {
    "bybit": (bybit_loopback.make, bybit_loopback.credentials_of(bybit_loopback.KEY)),
    "okx": (okx_fair.make, okx_loopback.credentials_of(okx_fair.KEY)),
    **{
        name: (
            lambda name=name: binance_desk.make(name),
            binance_desk.credentials_of(binance_desk.KEY),
        )
        for name in ("binanceusdm", "binancecoinm", "binance")
    },
}


class Hall:
    """The streams of one venue with their feeds, and the sockets that stand there."""

    def __init__(self, venue, loopback, connection, keys, wanted):
        self.loopback, self.events, self.failures = loopback, [], []
        self.clock = WallClock()
        self.tasks = TaskRegistry(self.failures.append)
        seat = StreamSeat(venue, wanted, Lines(), Mode.LIVE, keys, connection)
        ports = Ports(self.clock, self.tasks, SeededRandomness(7), Lines())
        self.spoken = [
            (
                each.stream,
                NativeFeed(each.stream, ports, loopback.address, pace=each.pace, way=each.way),
            )
            for each in PARTS[venue].streams(seat)
        ]
        feed = together(venue, [each for _, each in self.spoken], self.tasks)
        self.tasks.spawn("feed", feed.run(self.events.append))

    def want(self, wanted):
        """Follow something else, as `Following` has it."""
        for stream, feed in self.spoken:
            stream.want(wanted, self.clock.now())
            feed.flush()

    async def open(self, *words):
        """Return once these sockets are open, each named by a word of its address, no other."""
        targets = []
        for _ in range(300):
            targets = sorted(line.target for line in self.loopback.server.lines)
            if len(targets) == len(words) and all(
                any(word in each for each in targets) for word in words
            ):
                await asyncio.sleep(0.1)
                assert len(words) == len(self.loopback.server.lines)
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{words}, were {targets}")


@asynccontextmanager
async def hall(venue, wanted):
    """Yield the streams of a venue at work."""
    make, keys = MAKE[venue]
    async with make() as loopback:
        connection = connect(venue, Venue(loopback=loopback.address), Mode.LIVE, keys)
        found = Hall(venue, loopback, connection, keys, wanted)
        try:
            yield found
        finally:
            await found.tasks.close()
            await connection.close()
        assert [] == found.failures


CALL = "BTC-25DEC37-100000-C-USDT"


async def test_categories_of_bybit():
    """A category is dialled once something of it is wanted, and let go with the last of it."""
    async with hall("bybit", Wanted(("BTCUSDT",))) as found:
        await found.open("public/linear", "private")
        found.want(Wanted(("BTCUSDT",), (CALL,)))
        await found.open("public/linear", "public/option", "private")
        found.want(Wanted(("BTCUSDT", "BTCUSD")))
        await found.open("public/linear", "public/inverse", "private")

        assert [] == [each for each in found.events if isinstance(each, FeedStatus)]


@pytest.mark.parametrize(
    ("venue", "wanted", "own", "markets"),
    [
        ("okx", Wanted(("BTC-USDT-SWAP",)), ("private",), ("public",)),
        ("binanceusdm", Wanted(("BTCUSDT",)), ("private",), ("public", "market")),
        ("binancecoinm", Wanted(("BTCUSD_PERP",)), ("/ws/",), ("/ws",)),
        ("binance", Wanted(("BTCUSDT",)), ("ws-api",), ("/ws", "market")),
    ],
)
async def test_a_market_that_nobody_wants(venue, wanted, own, markets):
    """Where nothing is followed only the account's socket stands; the others come when wanted."""
    async with hall(venue, Wanted()) as found:
        await found.open(*own)
        found.want(wanted)
        await found.open(*own, *markets)

        assert [] == [each for each in found.events if isinstance(each, FeedStatus)]
