"""What befalls a socket of a venue that is a shipped profile, over its own ccxt.pro class."""

import asyncio
import contextlib
import time
from decimal import Decimal

import pytest

from rebalancer.core.events import FeedStatus, Mark, Quote
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.generic.build import feed
from rebalancer.venues.generic.life import Endurance
from rebalancer.venues.native import Ports
from rebalancer.venues.profiles import row_of
from rebalancer.venues.seats import FeedSeat, StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.venues import hyperliquid, krakenfutures
from tests.venues.deribit_frames import Lines
from tests.venues.standin import now

D = Decimal
MS = SECOND // 1000


async def _hyperliquid(venue, bid):
    """Say the book and the context of a contract."""
    levels = [[{"px": f"{bid}", "sz": "1", "n": 1}], [{"px": "65001.0", "sz": "2", "n": 1}]]
    await venue.say("l2Book", {"coin": "BTC", "time": now(), "levels": levels})
    await venue.say("activeAssetCtx", {"coin": "BTC", "ctx": hyperliquid.CONTEXT})


async def _kraken(venue, bid):
    """Say the ticker of a contract."""
    await venue.say(krakenfutures.TICKER | {"bid": float(bid), "time": now()})


# venue → its stand-in's module, the name of its class, its contract, keys, what it says
SHIPPED = {
    "hyperliquid": (
        *(hyperliquid, "Hyperliquid", "BTC-PERP"),
        *((hyperliquid.WALLET, hyperliquid.SECRET), _hyperliquid),
    ),
    "krakenfutures": (
        *(krakenfutures, "Kraken", "PF_XBTUSD"),
        *((krakenfutures.KEY, krakenfutures.SECRET), _kraken),
    ),
}
each_shipped = pytest.mark.parametrize("name", SHIPPED)


class Heard:
    """A feed at work at a stand-in, and all that it told."""

    def __init__(self, name, venue, opened, endurance):
        _, _, contract, keys, self._say = SHIPPED[name]
        self.venue, self.events, self.reasons, self.failures = venue, [], [], []
        self.log, self.tasks = Lines(), TaskRegistry(self.failures.append)
        self.streams = len(row_of(name).table.stream.watch)
        ports = Ports(WallClock(), self.tasks, SeededRandomness(7), self.log)
        credentials = Credentials(*(Secret(each) for each in keys))
        seat = StreamSeat(
            *(name, Wanted((contract,)), self.log, Mode.LIVE, credentials, opened.line.connection)
        )
        settings = Venue(loopback=opened.address)
        followed = feed(FeedSeat(seat, settings, ports, self.reasons.append))
        followed._feed._endurance = endurance
        self.tasks.spawn("feed", followed.run(self.events.append))

    async def say(self, bid="64999.0"):
        await self._say(self.venue, bid)

    async def until(self, holds, within=6.0, speaks=False):
        """Wait for something; meanwhile the market goes on where it `speaks`."""
        began, number = time.monotonic(), 0
        while not holds():
            assert time.monotonic() - began < within, (self.events, self.log.lines)
            number += 1
            if speaks and self.venue.sockets and not self.venue.sockets[-1].closed:
                with contextlib.suppress(ConnectionError):
                    await self.say(f"{64990 + number % 8}.0")
            await asyncio.sleep(0.02)

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]

    def whys(self):
        return [facts["why"] for name, facts in self.log.lines if name == "feed.lost"]

    def of(self, kind):
        return [each for each in self.events if isinstance(each, kind)]


@contextlib.asynccontextmanager
async def at_work(name, **brief):
    """Yield a feed that is subscribed at a stand-in and has heard a price."""
    module, kind, *_ = SHIPPED[name]
    venue = getattr(module, kind)()
    async with module.desk(venue) as opened:
        heard = Heard(name, venue, opened, Endurance(**brief))
        try:
            await heard.until(lambda: len(venue.subscribed) >= heard.streams)
            await heard.until(lambda: heard.of(Quote) and heard.of(Mark), speaks=True)
            yield heard
        finally:
            await heard.tasks.close()
    assert [] == heard.failures


@each_shipped
@pytest.mark.trap("bad-frame-ends-the-loop", "hyperliquid", "krakenfutures")
async def test_bad_frame(name):
    """What a handler cannot take ends the connection at once, and another one goes on."""
    async with at_work(name) as heard:
        await heard.venue.sockets[-1].send_str('{"channel": "l2Book", "feed": "ticker"')
        await heard.until(lambda: heard.statuses() == [False, True], speaks=True)
        count = len(heard.of(Quote))
        await heard.until(lambda: len(heard.of(Quote)) > count, speaks=True)

        assert 1 == len(heard.reasons)


@each_shipped
@pytest.mark.trap("reconnect-is-a-gap", "hyperliquid", "krakenfutures")
async def test_closed_by_the_venue(name):
    """All is subscribed again, and the account is read: what was said meanwhile nobody heard."""
    async with at_work(name) as heard:
        before = len(heard.venue.subscribed)
        await heard.venue.sockets[-1].close()
        await heard.until(lambda: heard.statuses() == [False, True], speaks=True)

        assert len(heard.venue.subscribed) >= before + heard.streams
        assert 1 == len(heard.reasons)
        assert "stream is back" in heard.reasons[0]


@each_shipped
@pytest.mark.trap("frozen-peer", "hyperliquid", "krakenfutures")
async def test_frozen_peer(name):
    """A peer that reads nothing and says nothing, not even goodbye, is left in time."""
    async with at_work(name, silent=1_000 * MS) as heard:
        count = len(heard.venue.sockets)
        heard.venue.sockets[-1]._req.transport.pause_reading()
        await heard.until(lambda: "silence" in heard.whys(), 15)
        await heard.until(lambda: len(heard.venue.sockets) > count, 15)
        await heard.until(lambda: True in heard.statuses(), 15, speaks=True)


@each_shipped
@pytest.mark.trap("pongs-without-data", "hyperliquid", "krakenfutures")
async def test_pongs_without_data(name):
    """A peer that answers each ping and tells nothing of the market is left as well."""
    async with at_work(name, mute=1_500 * MS) as heard:
        count, socket = len(heard.venue.sockets), heard.venue.sockets[-1]
        while not heard.whys():
            with contextlib.suppress(ConnectionError):  # it is being left
                await socket.ping()  # a frame of the peer's, as a pong is
            await asyncio.sleep(0.05)
        await heard.until(lambda: len(heard.venue.sockets) > count, 15)
        await heard.until(lambda: True in heard.statuses(), 15, speaks=True)

        assert "the market is silent" == heard.whys()[0]


@pytest.mark.trap("book-without-a-chain", "hyperliquid")
async def test_crossed_book():
    """A book is told whole each time; one that crosses is a lie and ends the connection."""
    async with at_work("hyperliquid") as heard:
        await heard.say("65002.0")
        await heard.until(heard.whys)

        assert "crossed" in heard.whys()[0]
        assert not [each for each in heard.of(Quote) if each.bid >= each.ask]


@pytest.mark.trap("book-without-a-chain", "krakenfutures")
async def test_no_book_is_kept():
    """No change is chained to another: quotes are those of a ticker that tells them whole."""
    async with at_work("krakenfutures") as heard:
        assert not {"book", "book_snapshot"} & set(heard.venue.subscribed)
        await heard.say("64998.0")
        await heard.until(lambda: heard.of(Quote)[-1].bid == D("64998.0"))

    assert "watch_order_book" not in row_of("krakenfutures").table.stream.watch
    assert "ticker" == row_of("krakenfutures").table.stream.quotes
