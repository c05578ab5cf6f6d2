"""The generic feed over unmodified ccxt.pro classes and a stand-in that speaks Deribit."""

import asyncio
import contextlib
import json
import time
from decimal import Decimal

import ccxt.pro
import pytest
from aiohttp import WSMsgType, web

from rebalancer.core.events import FeedStatus, Fill, Mark, OrderAccepted, OrderEnded, Quote, Trade
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.venues import ccxt_words
from rebalancer.venues.ccxt_stream import CcxtFeed, CcxtTaps, Watch, configured, watches
from rebalancer.venues.ccxt_tap import Kind, Word
from rebalancer.venues.native import Ports
from tests.venues import deribit_frames as frames
from tests.venues.deribit_frames import Lines, kinds

D = Decimal
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


class Venue:
    """A stand-in: two REST answers, and a websocket that grants what it is asked for."""

    def __init__(self):
        self.sockets, self.channels, self.refuse = [], [], False

    async def rest(self, request):
        listed = request.path.endswith("get_instruments")
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
                result = names or {"access_token": "token"}
                await socket.send_bytes(frames.answer(asked["id"], result))
        return socket

    async def say(self, *payloads):
        for payload in payloads:
            await self.sockets[-1].send_str(payload.decode())


class Desk:
    """A feed at work and all that it told."""

    def __init__(self, port, streams):
        self.events, self.reasons, self.depths, self.log, self.failures = [], [], [], Lines(), []
        self.tasks = TaskRegistry(self.failures.append)
        base = f"127.0.0.1:{port}"
        config = {
            "apiKey": "id",
            "secret": "secret",
            "timeout_on_exit": 0,
            "enableRateLimit": False,
            "urls": {"api": {"rest": f"http://{base}", "ws": f"ws://{base}/ws/api/v2"}},
        }
        ports = Ports(WallClock(), self.tasks, SeededRandomness(7), self.log)
        taps = CcxtTaps(lambda now, depth: self.depths.append(depth), self.reasons.append)
        built = configured(config)
        self.feed = CcxtFeed("deribit", built, ccxt.pro.deribit, streams, ports, taps)
        self.tasks.spawn("feed", self.feed.run(self.events.append))

    async def until(self, condition, within=2.5):
        """Wait for something to become true; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within, (self.events, self.log.lines, self.failures)
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]


FILLS, ORDERS = Watch("watch_my_trades"), Watch("watch_orders")
QUOTES, LEVELS = Watch("watch_bids_asks", ([SYMBOL],)), Watch("watch_order_book", (SYMBOL,))


@contextlib.asynccontextmanager
async def at_work(*streams):
    """Yield a stand-in and a feed that is subscribed to it; nothing is left behind."""
    venue = Venue()
    app = web.Application()
    app.router.add_get("/ws/api/v2", venue.stream)
    app.router.add_get("/api/v2/{tail:.*}", venue.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk = Desk(site._server.sockets[0].getsockname()[1], streams)
    try:
        await desk.until(lambda: len(venue.channels) >= len(streams))
        yield venue, desk
    finally:
        await desk.tasks.close()
        await runner.cleanup()
        assert [] == desk.failures


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
        assert 1 == desk.feed.tap.refused
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
    """A venue without a method goes on with the others."""
    nothing = Watch("watch_positions")
    async with at_work(QUOTES) as (venue, desk):
        desk.tasks.spawn("hopeless", desk.feed._own("hopeless", nothing))
        await venue.say(frames.quote())
        await desk.until(lambda: desk.events and desk.feed.dropped)

        assert [nothing] == desk.feed.dropped
        assert [] == desk.statuses()


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
