"""The generic feed over unmodified ccxt.pro classes and a stand-in that speaks Deribit."""

import asyncio
import contextlib
import json
import time
from decimal import Decimal

import pytest
from aiohttp import WSMsgType, web
from ccxt.base.errors import ChecksumError, NotSupported

from rebalancer.core.events import FeedStatus, Fill, Mark, OrderAccepted, OrderEnded, Quote, Trade
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.generic import words as ccxt_words
from rebalancer.venues.generic.life import ENDURANCE, Endurance, Watch
from rebalancer.venues.generic.stream import CcxtFeed, CcxtTaps, watches
from rebalancer.venues.generic.tap import Kind, Word
from rebalancer.venues.native import Ports
from tests.venues import deribit_frames as frames
from tests.venues.deribit_frames import Lines, kinds

D = Decimal
MS = SECOND // 1000
SYMBOL = "BTC/USD:BTC"
# Shape: http_get_instruments of payloads_deribit.
INSTRUMENT = {
    "price_index": "btc_usd",
    "kind": "future",
    "instrument_name": "BTC-PERPETUAL",
    "maker_commission": 0.0,
    "taker_commission": 0.0005,
    "instrument_type": "reversed",
    "expiration_timestamp": 32503708800000,
    "creation_timestamp": 1534167754000,
    "is_active": True,
    "tick_size": 0.5,
    "contract_size": 10.0,
    "min_trade_amount": 10.0,
    "future_type": "reversed",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "settlement_currency": "BTC",
    "counter_currency": "USD",
    "settlement_period": "perpetual",
}


class StandIn:
    """A stand-in: two REST answers, and a websocket that grants what it is asked for."""

    def __init__(self):
        self.sockets, self.channels, self.refuse = [], [], False
        self.login, self.deaf, self.asked = "granted", False, 0

    async def rest(self, request):
        listed = request.path.endswith("get_instruments")
        self.asked += 1
        wanted = listed and request.query.get("kind", "future") == "future"
        return web.json_response({"jsonrpc": "2.0", "result": [INSTRUMENT] if wanted else []})

    async def stream(self, request):
        if self.refuse:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                names = asked["params"].get("channels", [])
                self.channels += names
                told = frames.answer(asked["id"], names or {"access_token": "token"})
                if not names and self.login == "refused":
                    told = frames.failure(asked["id"], 13004, "invalid_credentials")
                if names or self.login != "unanswered":
                    await socket.send_bytes(told)
            while self.deaf:  # noqa: ASYNC110 - reads nothing, answers neither ping nor goodbye
                await asyncio.sleep(0.01)
        return socket

    async def say(self, *payloads):
        for payload in payloads:
            await self.sockets[-1].send_str(payload.decode())


async def _nothing(*_):
    raise NotSupported("this venue has no such stream")


class Desk:
    """A feed at work and all that it told."""

    def __init__(self, port, streams, endurance, lacks):
        self.opened = []
        self.events, self.reasons, self.depths, self.log, self.failures = [], [], [], Lines(), []
        self.tasks = TaskRegistry(self.failures.append)
        settings = Venue(loopback=f"http://127.0.0.1:{port}", account="1")
        credentials = Credentials(Secret("id"), Secret("secret"))

        def connected(kind):
            def made(base):
                return kind(base if lacks is None else type("Poor", (base,), {lacks: _nothing}))

            opened = connect("deribit", settings, Mode.LIVE, credentials, None, made)
            self.opened.append(opened)
            return self.opened[-1]

        ports = Ports(WallClock(), self.tasks, SeededRandomness(7), self.log)
        taps = CcxtTaps(lambda now, depth: self.depths.append(depth), self.reasons.append)
        self.feed = CcxtFeed("deribit", connected, streams, ports, taps, endurance)
        self.tasks.spawn("feed", self.feed.run(self.events.append))

    async def until(self, condition, within=2.5):
        """Wait for something to become true; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within, (self.events, self.log.lines, self.failures)
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    def names(self):
        return [name for name, _ in self.log.lines]

    def whys(self):
        return [facts["why"] for name, facts in self.log.lines if name == "feed.lost"]

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]


FILLS, ORDERS = Watch("watch_my_trades", private=True), Watch("watch_orders", private=True)
QUOTES, LEVELS = Watch("watch_bids_asks", ((SYMBOL,),)), Watch("watch_order_book", (SYMBOL,))


@contextlib.asynccontextmanager
async def at_work(*streams, endurance=ENDURANCE, heard=None, login="granted", lacks=None):
    """Yield a stand-in and a feed that is subscribed to it; nothing is left behind."""
    venue = StandIn()
    venue.login = login
    app = web.Application()
    app.router.add_get("/www.deribit.com/ws/api/v2", venue.stream)
    app.router.add_get("/www.deribit.com/api/v2/{tail:.*}", venue.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk = Desk(site._server.sockets[0].getsockname()[1], streams, endurance, lacks)
    try:
        await desk.until(lambda: len(venue.channels) >= (len(streams) if heard is None else heard))
        yield venue, desk
    finally:
        await desk.tasks.close()
        await runner.cleanup()
        assert [] == desk.failures


@pytest.mark.trap("bursts-are-swallowed", "every")
async def test_five_fills_in_a_burst():
    """Each is told at once, none lost and none held back until the next message."""
    async with at_work(FILLS, ORDERS) as (venue, desk):
        await venue.say(frames.order(), *(frames.fills(number) for number in range(5)))
        await venue.say(frames.order("filled", 50.0))
        await desk.until(lambda: OrderEnded in kinds(desk.events))

        fills = [each for each in desk.events if isinstance(each, Fill)]
        assert [OrderAccepted, *[Fill] * 5, OrderEnded] == kinds(desk.events)
        assert ["0", "1", "2", "3", "4"] == [each.trade_id for each in fills]
        assert ("rb0100020000e1v7v", D(10), "deribit:BTC-PERPETUAL") == (
            fills[0].client_order_id,
            fills[0].quantity,
            fills[0].instrument,
        )


@pytest.mark.trap("bursts-are-swallowed", "every")
async def test_last_value_is_seen():
    """Of a thousand quotes all are told, and the last one is the last."""
    async with at_work(QUOTES) as (venue, desk):
        await venue.say(*(frames.quote(ts=frames.T + n, bid=40000.0 + n) for n in range(1000)))
        await desk.until(lambda: len(desk.events) >= 1000)

        assert {Quote} == set(kinds(desk.events))
        assert [D(40000 + n) for n in range(1000)] == [each.bid for each in desk.events]


async def test_levels_go_to_their_tap():
    """A book is told with each change, best first."""
    async with at_work(LEVELS) as (venue, desk):
        await venue.say(frames.book(10))
        await desk.until(lambda: desk.depths)

        told = desk.depths[0]
        assert "deribit:BTC-PERPETUAL" == told.instrument
        assert (((D("50000.0"), D("100.0")),), ((D("50000.5"), D("50.0")),)) == (
            told.bids,
            told.asks,
        )


@pytest.mark.parametrize(
    "bad",
    [
        frames.quote()[:-9],
        frames.failure(99, 11050, "bad_request"),
        frames.frame("nothing.known", {}),
    ],
)
async def test_bad_frame(bad):
    """What a handler cannot take ends the connection at once, and it is back within a second."""
    async with at_work(QUOTES) as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: desk.events)
        await venue.say(bad)
        spent = await desk.until(lambda: len(venue.sockets) >= 2 and len(venue.channels) >= 2)
        await venue.say(frames.quote(bid=40000.0))
        spent += await desk.until(lambda: Quote in kinds(desk.events[1:]))

        assert spent < 1
        assert 1 == desk.feed.refused
        assert [False, True] == desk.statuses()
        assert 1 == len(desk.reasons)


async def test_closed_by_the_venue():
    """Every stream is subscribed again; a quiet one is up though nothing came."""
    async with at_work(QUOTES, FILLS) as (venue, desk):
        await venue.say(frames.quote())
        await venue.sockets[-1].close()
        await desk.until(lambda: len(venue.channels) >= 4)
        await venue.say(frames.quote())
        await desk.until(lambda: True in desk.statuses())

        assert [False, True] == desk.statuses()


async def test_venue_that_is_gone():
    """While dials are refused the venue is lost, once; then it is back."""
    async with at_work(QUOTES) as (venue, desk):
        venue.refuse = True
        await venue.sockets[-1].close()
        await desk.until(lambda: False in desk.statuses())
        await asyncio.sleep(0.3)
        assert [False] == desk.statuses()
        venue.refuse = False
        await desk.until(lambda: len(venue.sockets) >= 2 and len(venue.channels) >= 2)
        await venue.say(frames.quote())
        await desk.until(lambda: True in desk.statuses())


async def test_stream_that_cannot_be_had():
    """A venue without a method goes on with the others, and says so."""
    nothing = Watch("watch_positions")
    async with at_work(QUOTES, nothing, heard=1) as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: desk.events and desk.feed.dropped)

        assert [nothing] == desk.feed.dropped
        assert [] == desk.statuses()
        lost = [facts for name, facts in desk.log.lines if name == "feed.lost"]
        assert ["watch_positions()"] == [facts.get("channel") for facts in lost]


async def test_nothing_is_left_of_the_book_before():
    """After a reconnect no level of the old book is told, whatever the venue begins with."""
    async with at_work(LEVELS) as (venue, desk):
        await venue.say(frames.book(10))
        await desk.until(lambda: desk.depths)
        await venue.sockets[-1].close()
        await desk.until(lambda: len(venue.channels) >= 2)
        await venue.say(changed(30, bid=40000.0))
        await desk.until(lambda: len(desk.depths) >= 2)

        assert [[D("40000.0")], []] == [
            [price for price, _ in side] for side in (desk.depths[-1].bids, desk.depths[-1].asks)
        ]


def changed(number, bid):
    """Return a change that does not follow on anything."""
    told = {"type": "change", "timestamp": frames.T, "instrument_name": "BTC-PERPETUAL"}
    told |= {"change_id": number, "prev_change_id": number - 1, "asks": []}
    return frames.frame("book.BTC-PERPETUAL.100ms", told | {"bids": [["new", bid, 100.0]]})


async def test_crossed_book():
    """A book whose bid reaches its ask is a lie: it is not told, and the feed begins anew."""
    async with at_work(LEVELS) as (venue, desk):
        await venue.say(frames.book(10))
        await desk.until(lambda: desk.depths)
        await venue.say(changed(11, bid=50000.5))
        await desk.until(lambda: len(venue.sockets) >= 2)

        assert 1 == len(desk.depths)
        assert "crossed" in desk.whys()[0]


async def test_login_that_is_not_answered():
    """Who waits for a login is not up, however long; the venue is lost and stays it."""
    brief = Endurance(quiet=50 * MS, answer=300 * MS)
    streams = QUOTES, FILLS
    async with at_work(*streams, heard=1, endurance=brief, login="unanswered") as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: len(venue.sockets) >= 3)
        assert [False] == desk.statuses()
        assert "watch_my_trades was not answered" == desk.whys()[0]

        venue.login = "granted"
        await desk.until(lambda: True in desk.statuses())
        assert "user.trades.any.any.raw" in venue.channels


async def test_login_that_is_refused():
    """It is said loudly and once, the market is followed, and the key tried again later."""
    brief = Endurance(refused=400 * MS)
    streams = QUOTES, FILLS, ORDERS
    async with at_work(*streams, heard=1, endurance=brief, login="refused") as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: "key.refused" in desk.names() and desk.events)
        assert [Quote] == kinds(desk.events)
        await desk.until(lambda: len(venue.sockets) >= 2)
        venue.login = "granted"
        await desk.until(lambda: "user.trades.any.any.raw" in venue.channels)

        assert 1 == desk.names().count("key.refused")
        assert [] == desk.feed.dropped


async def test_frozen_quotes():
    """Quotes that stand still while the book moves on end the connection, quiet ones do not."""
    brief = Endurance(frozen=300 * MS)
    async with at_work(QUOTES, LEVELS, endurance=brief) as (venue, desk):
        await venue.say(frames.quote(), frames.book(10))
        await asyncio.sleep(0.7)  # nobody contradicts: quiet
        assert [] == desk.statuses()
        for number in range(1, 14):
            await venue.say(moved(10 + number, frames.T + 100 * number))
            await asyncio.sleep(0.1)
            if desk.whys():
                break
        await desk.until(lambda: len(venue.sockets) >= 2)

        assert ["ticker/BTC/USD:BTC is frozen"] == desk.whys()


def moved(number, ts):
    """Return a change of the best bid."""
    told = {"type": "change", "timestamp": ts, "instrument_name": "BTC-PERPETUAL", "asks": []}
    told |= {"change_id": number, "prev_change_id": number - 1}
    told |= {"bids": [["new", 50000.0 + number / 100, 100.0]]}
    return frames.frame("book.BTC-PERPETUAL.100ms", told)


async def test_deaf_peer():
    """A peer that says nothing, not even goodbye, is left for another socket in time."""
    brief = Endurance(silent=500 * MS)
    async with at_work(QUOTES, endurance=brief) as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: desk.events)
        venue.deaf = True
        spent = await desk.until(lambda: len(venue.sockets) >= 2, within=4)
        venue.deaf = False

        assert spent < 3  # 0.5 s of silence, up to 1 s until somebody looks, 1 s for a goodbye
        assert ["silence"] == desk.whys()


@pytest.mark.parametrize("name", ["quote.BTC-PERPETUAL", None])
async def test_rejection_that_nobody_awaits(name):
    """What ccxt tells only to who waits, and nobody does, ends the connection too."""
    async with at_work(QUOTES) as (venue, desk):
        await venue.say(frames.quote())
        await desk.until(lambda: desk.events)
        (client,) = desk.feed.exchange.clients.values()
        client.reject(ChecksumError("a level is amiss"), name)
        await desk.until(lambda: len(venue.sockets) >= 2)

        assert "ChecksumError" in desk.whys()[0]


@pytest.mark.trap("closing-cancels-the-watchers", "every")
async def test_watcher_that_is_canceled():
    """A watcher that ccxt cancels, as a client's `close` does, does not end in silence."""
    async with at_work(FILLS) as (venue, desk):
        (client,) = desk.feed.exchange.clients.values()
        await desk.until(lambda: any("trades" in str(name) for name in client.futures))
        for future in client.futures.values():
            future.cancel()
        await desk.until(lambda: len(venue.sockets) >= 2)

        assert ["watch_my_trades was given up"] == desk.whys()


async def test_connection_is_as_every_other():
    """The feed goes where the settings say, sends once, and reads markets once an hour."""
    async with at_work(QUOTES) as (venue, desk):
        asked = venue.asked
        await venue.sockets[-1].close()
        await desk.until(lambda: len(venue.channels) >= 2)

        first, second = desk.opened
        second.check()
        assert first.exchange is not second.exchange is desk.feed.exchange
        assert first.session.closed
        assert asked == venue.asked


async def test_quotes_of_a_venue_that_tells_none():
    """Where best bid and ask are no stream of their own they are those of the book."""
    async with at_work(QUOTES, LEVELS, heard=1, lacks="watch_bids_asks") as (venue, desk):
        await desk.until(lambda: desk.feed.dropped)
        await venue.say(frames.book(10))
        await desk.until(lambda: desk.events)

        assert [(D("50000.0"), D("100.0"), D("50000.5"), D("50.0"))] == [
            (each.bid, each.bid_size, each.ask, each.ask_size) for each in desk.events
        ]


def test_streams_of_a_book():
    """Quotes in one subscription, levels and trades one by one, the account where it is ours."""
    found = watches(("A", "B"), private=True)

    assert [
        *("watch_bids_asks", "watch_order_book", "watch_order_book"),
        *("watch_trades", "watch_trades", "watch_my_trades", "watch_orders"),
    ] == [each.method for each in found]
    assert () == watches((), private=False)


MARKET = {"id": "BTCUSDT", "base": "BTC"}


@pytest.mark.parametrize(
    ("kind", "told", "expected"),
    [
        (
            Kind.TICKER,
            {"timestamp": 5, "bid": 1.1, "bidVolume": 2.0, "ask": None, "markPrice": "1.2"},
            [
                Quote(9, 5_000_000, "binanceusdm:BTCUSDT", D("1.1"), D("2.0"), None, None),
                Mark(9, 5_000_000, "binanceusdm:BTCUSDT", D("1.2")),
            ],
        ),
        (
            Kind.TRADE,
            {"timestamp": None, "price": 1.1, "amount": 3, "side": "sell"},
            [Trade(9, None, "binanceusdm:BTCUSDT", D("1.1"), D(-3))],
        ),
        (Kind.TRADE, {"price": float("nan"), "amount": 3, "side": "sell"}, []),
        (Kind.FILL, {"price": 1.1, "amount": 3, "side": "sell", "id": None}, []),
        (
            Kind.ORDER,
            {"id": 7, "status": "canceled", "filled": 2, "side": "sell", "clientOrderId": "rb"},
            [OrderEnded(9, None, "rb", "canceled", D(-2))],
        ),
        (Kind.ORDER, {"id": 7, "status": None}, []),
    ],
)
def test_words(kind, told, expected):
    """A unified record says what it has; what lacks a number says nothing."""
    found = ccxt_words.events(Word(kind, told), MARKET, "binanceusdm", 9)

    assert expected == list(found)
