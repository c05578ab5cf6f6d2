"""Unmodified ccxt against the Binances of this machine: what it asks, reads and hears."""

import asyncio
import hashlib
import hmac
from contextlib import asynccontextmanager
from itertools import pairwise

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from aiohttp import ClientSession

from rebalancer.simulation.binance.keys import LIFE
from rebalancer.simulation.faults import Deed, Kind, Plan
from tests.simulation.fair import point
from tests.venues.binance_desk import (
    COINM,
    FIRST,
    KEY,
    LOTS,
    READER,
    SPOT,
    USDM,
    D,
    make,
    step,
)

ALL = (USDM, COINM, SPOT)
SYMBOLS = {USDM: "BTC/USDT:USDT", COINM: "BTC/USD:BTC", SPOT: "BTC/USDT"}
BASE = {
    USDM: "fapi.binance.com/fapi/v1",
    COINM: "dapi.binance.com/dapi/v1",
    SPOT: "api.binance.com/api/v3",
}
WS = {
    USDM: "fstream.binance.com/public/ws",
    COINM: "dstream.binance.com/ws",
    SPOT: "stream.binance.com:9443/ws",
}
ONLY = {SPOT: {"fetchMarkets": {"types": ["spot"]}}}


@asynccontextmanager
async def unmodified(loopback, venue, key=KEY, kind=ccxt.async_support):
    """Yield ccxt's own class, pointed at the loopback and nothing else."""
    asked = {"apiKey": key.client_id, "secret": key.secret, "enableRateLimit": False}
    exchange = getattr(kind, venue)({**asked, "options": ONLY.get(venue, {})})
    try:
        yield point(exchange, loopback.address)
    finally:
        await exchange.close()


@asynccontextmanager
async def socket(loopback, path):
    """Yield a websocket to the loopback."""
    async with (
        ClientSession() as session,
        session.ws_connect(f"{loopback.address}/{path}") as line,
    ):
        yield line


async def get(loopback, venue, path, key=KEY, stamp=None, wrong=False, **params):
    """Return status and answer of a question signed by hand."""
    stamp = loopback.place.now() // 10**6 if stamp is None else stamp
    query = "&".join(f"{k}={v}" for k, v in {**params, "timestamp": stamp}.items())
    signed = hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    signed = "0" * 64 if wrong else signed
    url = f"{loopback.address}/{BASE[venue]}/{path}?{query}&signature={signed}"
    async with (
        ClientSession(headers={"X-MBX-APIKEY": key.client_id}) as session,
        session.get(url) as answer,
    ):
        return answer.status, await answer.json()


# --- REST ---------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ALL)
async def test_markets(venue):
    """Markets are read with lot, tick and size; with a key, what ccxt asks beside is answered."""
    async with make(venue) as loopback, unmodified(loopback, venue) as exchange:
        markets = await exchange.load_markets()
        moment = await exchange.fetch_time()
    market = markets[SYMBOLS[venue]]

    assert FIRST[venue].partition(":")[2] == market["id"]
    assert market["active"]
    assert (venue == COINM, 100 if venue == COINM else None) == (
        bool(market["inverse"]),
        market["contractSize"] if venue == COINM else None,
    )
    assert {USDM: 0.001, COINM: 1, SPOT: 0.00001}[venue] == market["precision"]["amount"]
    assert abs(moment - loopback.place.now() / 1e6) < 5_000


@pytest.mark.parametrize("venue", ALL)
async def test_order_and_reading(venue):
    """An order is placed, found by our id, filled and told; amounts are the venue's units."""
    async with make(venue) as loopback, unmodified(loopback, venue) as exchange:
        amount = float(LOTS[venue])
        placed = await exchange.create_order(
            *(SYMBOLS[venue], "limit", "buy", amount, 101_000),
            {"timeInForce": "IOC", "newClientOrderId": "rb9"},
        )
        found = await exchange.fetch_order_with_client_order_id("rb9", SYMBOLS[venue])
        trades = await exchange.fetch_my_trades(SYMBOLS[venue])
        book = await exchange.fetch_order_book(SYMBOLS[venue])
        balance = await exchange.fetch_balance()
        positions = [] if venue == SPOT else await exchange.fetch_positions()

    assert ("closed", amount, "rb9") == (
        placed["status"], placed["filled"], placed["clientOrderId"]
    )  # fmt: skip
    assert placed["id"] == found["id"] == trades[0]["order"]
    assert amount == trades[0]["amount"]
    assert trades[0]["fee"]["cost"] > 0
    assert book["bids"][0][0] < book["asks"][0][0]
    currency = "BTC" if venue == COINM else "USDT"
    assert balance[currency]["total"] > 0
    for each in (row for row in positions if row["contracts"]):
        assert (amount, "long") == (each["contracts"], each["side"])


async def test_broker_id_where_none_is_given():
    """A trap: without an id of ours ccxt makes one up, of a broker."""
    async with make(USDM) as loopback, unmodified(loopback, USDM) as exchange:
        placed = await exchange.create_order(SYMBOLS[USDM], "market", "buy", 0.01)

    assert placed["clientOrderId"].startswith("x-")


@pytest.mark.parametrize(
    ("venue", "asked", "error", "code"),
    [
        (USDM, {"amount": 0.0105}, None, None),  # ccxt cuts it to the lot
        (USDM, {"price": 150_000}, ccxt.ExchangeError, "-4016"),
        (USDM, {"amount": 15_000}, ccxt.ExchangeError, "-4005"),
        (USDM, {"amount": 0.001, "price": 40_000}, ccxt.ExchangeError, "-4164"),
        (USDM, {"amount": 900}, ccxt.ExchangeError, "-2019"),
        (USDM, {"postOnly": True}, ccxt.InvalidOrder, "-5022"),
        (SPOT, {"postOnly": True}, ccxt.OrderImmediatelyFillable, "immediately match"),
        (SPOT, {"amount": 19}, ccxt.InsufficientFunds, "insufficient balance"),
    ],
)
async def test_refusals(venue, asked, error, code):
    """The venue refuses what its filters do not let pass, by its own codes.

    ccxt's class is no verdict: it depends on the host that a request went to.
    """
    price, amount = asked.pop("price", 101_000), asked.pop("amount", 0.01)
    params = asked or {"timeInForce": "IOC"}
    async with make(venue) as loopback, unmodified(loopback, venue) as exchange:
        order = exchange.create_order(SYMBOLS[venue], "limit", "buy", amount, price, params)
        if error is None:
            assert 0.010 == (await order)["amount"]
            return
        with pytest.raises(error) as caught:
            await order

    assert code in str(caught.value)


async def test_orders_of_a_symbol():
    """Open and past orders are listed, and withdrawn one by one or all at once."""
    async with make(USDM) as loopback, unmodified(loopback, USDM) as exchange:
        for price in (90_000, 91_000, 92_000):
            await exchange.create_order(SYMBOLS[USDM], "limit", "buy", 0.01, price)
        opened = await exchange.fetch_open_orders(SYMBOLS[USDM])
        await exchange.cancel_order(opened[0]["id"], SYMBOLS[USDM])
        await exchange.cancel_all_orders(SYMBOLS[USDM])
        after = await exchange.fetch_open_orders(SYMBOLS[USDM])
        listed = await exchange.fetch_orders(SYMBOLS[USDM])
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(opened[0]["id"], SYMBOLS[USDM])
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.fetch_order("999", SYMBOLS[USDM])

    assert (3, 0) == (len(opened), len(after))
    assert ["canceled"] * 3 == [each["status"] for each in listed]


# --- who asks -----------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ALL)
async def test_signature_and_time(venue):
    """A question must be signed, in time, by a key that may ask."""
    path = "account" if venue != USDM else "accountConfig"
    async with make(venue) as loopback:
        now = loopback.place.now() // 10**6
        good = await get(loopback, venue, path)
        refused = [
            await get(loopback, venue, path, wrong=True),
            await get(loopback, venue, path, stamp=now - 6_000),
            await get(loopback, venue, path, stamp=now + 2_000),
            await get(loopback, venue, path, stamp=now - 500, recvWindow=100),
            await get(loopback, venue, path, key=type(KEY)("nobody", "x", "desk")),
        ]
        wide = await get(loopback, venue, path, stamp=now - 6_000, recvWindow=20_000)

    assert (200, 200) == (good[0], wide[0])
    assert [-1022, -1021, -1021, -1021, -2015] == [told["code"] for _, told in refused]


async def test_reader_may_not_trade():
    """A key that may only read is refused an order."""
    async with make(USDM) as loopback, unmodified(loopback, USDM, READER) as exchange:
        await exchange.fetch_balance()
        with pytest.raises(ccxt.BaseError, match="-2015"):
            await exchange.create_order(SYMBOLS[USDM], "market", "buy", 0.01)

    assert [] == loopback.place.orders("desk")


async def test_maintenance():
    """In a maintenance nothing private is answered and no order is taken; the market is told."""
    async with make(USDM) as loopback, unmodified(loopback, USDM) as exchange:
        await exchange.load_markets()
        loopback.script.add(Plan(Kind.MAINTENANCE, "signed/*", seconds=60))
        with pytest.raises(ccxt.BaseError, match="-1016"):
            await exchange.fetch_balance()
        book = await exchange.fetch_order_book(SYMBOLS[USDM])

    assert book["bids"]


async def test_delisted():
    """A delisted contract is known no more, a closed one is not traded."""
    async with make(USDM) as loopback, unmodified(loopback, USDM) as exchange:
        loopback.host.desk.close(FIRST[USDM])
        closed = (await exchange.load_markets())[SYMBOLS[USDM]]["active"]
        loopback.host.desk.delist(FIRST[USDM])
        gone = await exchange.load_markets(True)

    assert not closed
    assert SYMBOLS[USDM] not in gone


# --- sockets ------------------------------------------------------------------------------


@asynccontextmanager
async def moving(loopback, venue):
    """Let the market move every 50 ms."""

    async def move():
        count = 0
        while True:
            await asyncio.sleep(0.05)
            count += 1
            loopback.place.tell(step(venue, loopback.place.clock.now(), count % 3))

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()


@pytest.mark.parametrize("venue", ALL)
async def test_market_streams(venue):
    """ccxt.pro hears best prices, and keeps a book from our snapshot and our changes."""
    async with (
        make(venue) as loopback,
        unmodified(loopback, venue, kind=ccxt.pro) as exchange,
        moving(loopback, venue),
    ):
        await exchange.load_markets()
        quotes = await asyncio.wait_for(exchange.watch_bids_asks([SYMBOLS[venue]]), 5)
        for _ in range(4):
            book = await asyncio.wait_for(exchange.watch_order_book(SYMBOLS[venue]), 5)

    assert abs(quotes[SYMBOLS[venue]]["bid"] - 100_000) < 5
    assert book["bids"][0][0] < book["asks"][0][0]
    assert 1 == len(book["bids"])


@pytest.mark.parametrize("venue", ALL)
async def test_account_streams(venue):
    """ccxt.pro hears an order and its fill: by listen key, or on the websocket API."""
    async with make(venue) as loopback, unmodified(loopback, venue, kind=ccxt.pro) as exchange:
        await exchange.load_markets()
        heard = [
            asyncio.create_task(each)
            for each in (
                exchange.watch_orders(SYMBOLS[venue]),
                exchange.watch_my_trades(SYMBOLS[venue]),
            )
        ]
        while not any(each.key for each in loopback.host.sessions.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await exchange.create_order(
            *(SYMBOLS[venue], "limit", "buy", float(LOTS[venue]), 101_000),
            {"timeInForce": "IOC", "newClientOrderId": "rb3"},
        )
        orders, trades = await asyncio.wait_for(asyncio.gather(*heard), 5)

    assert "rb3" == orders[-1]["clientOrderId"]
    assert float(LOTS[venue]) == trades[-1]["amount"]


async def test_subscriptions():
    """A subscription is answered by its number; a name that is none is refused."""
    async with make(USDM) as loopback, socket(loopback, WS[USDM]) as line:
        await line.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 7})
        taken, first = await line.receive_json(timeout=2), await line.receive_json(timeout=2)
        await line.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 8})
        listed = await line.receive_json(timeout=2)
        await line.send_json({"method": "SUBSCRIBE", "params": ["nonsense"], "id": 9})
        refused = await line.receive_json(timeout=2)
        await line.send_str("{")
        garbage = await line.receive_json(timeout=2)

    assert {"result": None, "id": 7} == taken
    assert ("bookTicker", "BTCUSDT") == (first["e"], first["s"])
    assert ["btcusdt@bookTicker"] == listed["result"]
    assert (9, 2) == (refused["id"], refused["error"]["code"])
    assert 2 == garbage["error"]["code"]


async def test_depth_is_chained():
    """Each change of depth follows the one before, and the first follows a snapshot."""
    async with (
        make(USDM) as loopback,
        socket(loopback, WS[USDM]) as line,
        moving(loopback, USDM),
    ):
        await line.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
        await line.receive_json(timeout=2)
        told = [await line.receive_json(timeout=2) for _ in range(5)]

    for before, after in pairwise(told):
        assert before["u"] == after["pu"] == after["U"] - 1


async def test_listen_keys():
    """A listen key is one an account, lives an hour, and opens nothing once it is over."""
    async with make(USDM) as loopback:
        ring, now = loopback.host.desk.keyring, loopback.place.now()
        first = ring.listen(KEY, now)
        again = ring.listen(KEY, now + LIFE // 2)
        later = ring.listen(KEY, now + 2 * LIFE)
        path = "fstream.binance.com/private/ws?listenKey="
        async with socket(loopback, path + "0" * 64) as line:
            closed = await line.receive(timeout=2)
        async with socket(loopback, path + ring.listen(KEY, loopback.place.now())) as line:
            loopback.host.interfere(deed(), by_hand=True)
            told = await line.receive_json(timeout=2)

    assert (first, True) == (again, first != later)
    assert 1008 == closed.data
    assert ("ORDER_TRADE_UPDATE", "TRADE", "FILLED") == (
        told["e"], told["o"]["x"], told["o"]["X"]
    )  # fmt: skip


def deed():
    """Return what somebody does by hand."""
    return Deed("desk", FIRST[USDM], D(1))
