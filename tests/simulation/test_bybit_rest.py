"""The loopback Bybit through unmodified ccxt, and asked by hand: keys, windows, pages, shapes."""

import gzip
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support
import pytest
from aiohttp import ClientSession

from rebalancer.core.instruments import Kind
from rebalancer.ports import SECOND
from rebalancer.settings.catalogue import known
from rebalancer.simulation.faults import Kind as Fault
from rebalancer.simulation.faults import Plan
from tests.simulation.fair import point
from tests.venues.bybit_loopback import (
    CALL,
    INSTRUMENTS,
    INVERSE,
    KEY,
    PAIR,
    PERP,
    READER,
    USDC,
    WITH_PAIR,
    make,
)

D = Decimal
HOST = "api.bybit.com"


@asynccontextmanager
async def ccxt_rest(loopback, key=KEY, **options):
    """Yield ccxt's unmodified Bybit over REST."""
    asked = {"apiKey": key.client_id, "secret": key.secret, "enableRateLimit": False, **options}
    exchange = ccxt.async_support.bybit(asked)
    exchange.urls["api"] = {
        name: each.replace("{hostname}", "bybit.com")
        for name, each in exchange.urls["api"].items()
        if isinstance(each, str)
    }
    try:
        yield point(exchange, loopback.address)
    finally:
        await exchange.close()


async def test_markets():
    """Every instrument is a market of ccxt's, with its lot, tick, settle currency and end."""
    async with make(WITH_PAIR) as loopback, ccxt_rest(loopback) as exchange:
        markets = await exchange.load_markets()
        by_name = {(each["id"], each["spot"]): each for each in markets.values()}

        for each in WITH_PAIR.values():
            pair = each.kind is Kind.SPOT
            market = by_name[each.name.replace("/", ""), pair]
            steps = market["precision"]
            assert (each.lot, each.tick) == (D(str(steps["amount"])), D(str(steps["price"])))
            assert each.minimum == D(str(market["limits"]["amount"]["min"]))
            assert pair or each.settle == market["settle"]
            assert (each.inverse, each.kind is Kind.OPTION) == (
                bool(market["inverse"]),
                market["option"],
            )
            assert (each.expiry or 0) // 1_000_000 == (market["expiry"] or 0)


@pytest.mark.trap("bybit-options-in-pages", "bybit")
async def test_a_long_list_of_options():
    """The venue lists more options than fit a page; ccxt left alone reads one."""
    many = {name: known(name) for name in (f"bybit:BTC-25DEC37-{n}-C-USDT" for n in range(1, 621))}
    async with make(INSTRUMENTS | many) as loopback:
        for told, count in (({}, 500), ({"fetchMarkets": {"loadAllOptions": True}}, 620)):
            async with ccxt_rest(loopback, options=told) as exchange:
                markets = await exchange.load_markets()
            assert count <= sum(each["option"] for each in markets.values()) <= count + 2


async def test_an_order():
    """An order is taken, answered with two ids, and is in the books as it was asked for."""
    async with make() as loopback, ccxt_rest(loopback) as exchange:
        told = await exchange.create_order(
            "BTC/USDT:USDT", "limit", "sell", 0.25, 99_999.9, {"orderLinkId": "hand-1"}
        )
        (placed,) = loopback.place.orders("bybit")

        assert (placed.order_id, "hand-1") == (told["id"], told["clientOrderId"])
        assert (None, None) == (told["status"], told["filled"])
        assert (PERP, D("-0.25")) == (placed.instrument.id, placed.filled or placed.asked.quantity)


async def test_balance_and_positions():
    """Ccxt's own reading of wallet and positions agrees with the books."""
    async with make() as loopback, ccxt_rest(loopback) as exchange:
        for number, name in enumerate(("BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC")):
            size = 300 if number == 2 else 0.5
            price = 99_000
            await exchange.create_order(
                name, "limit", "sell", size, price, {"orderLinkId": f"hand-{number}"}
            )
        balance = await exchange.fetch_balance()
        asked = ({"settleCoin": "USDT"}, {"settleCoin": "USDC"}, {"subType": "inverse"})
        held = [each for one in asked for each in await exchange.fetch_positions(None, one)]
        truth = loopback.place.balances("bybit")

        assert {
            "BTCUSDT": ("short", 0.5),
            "BTCPERP": ("short", 0.5),
            "BTCUSD": ("short", 300.0),
        } == {each["info"]["symbol"]: (each["side"], each["contracts"]) for each in held}
        for coin in ("USDT", "USDC", "BTC"):
            assert round(float(truth[coin]), 6) == round(balance["total"][coin], 6)


# --- by hand ------------------------------------------------------------------------


def signed(key, query="", body="", ahead=0, window="5000", now=None):
    """Return the headers of a signed request."""
    stamp = str((now or 0) // 1_000_000 + ahead)
    text = f"{stamp}{key.client_id}{window}{body or query}"
    sign = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {
        "X-BAPI-API-KEY": key.client_id,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": sign,
    }


async def ask(loopback, path, query="", headers=None, body=None):
    """Return the answer to a request."""
    address = f"{loopback.address}/{HOST}/v5/{path}{'?' + query if query else ''}"
    async with ClientSession() as session:
        send = session.get if body is None else session.post
        more = {} if body is None else {"data": body}
        async with send(address, headers=headers or {}, **more) as answer:
            assert 200 == answer.status
            return await answer.json()


INFO = "account/info"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"ahead": 900}, 0),
        ({"ahead": -4_000}, 0),
        ({"ahead": 1_500}, 10002),
        ({"ahead": -6_000}, 10002),
        ({"ahead": -3_000, "window": "2000"}, 10002),
        ({"key": replace(KEY, secret="other")}, 10004),
        ({"key": replace(KEY, client_id="nobody")}, 10003),
        ({"query": "a=2"}, 10004),
    ],
)
async def test_signatures_and_windows(changes, code):
    """A request is signed with its query, by a key that is known, at about this time."""
    async with make() as loopback:
        told = {"key": KEY, "query": "a=1", "now": loopback.place.clock.now()} | changes
        answer = await ask(loopback, INFO, "a=1", signed(**told))

        assert code == answer["retCode"]


async def test_no_signature():
    """Without a key nothing private is told."""
    async with make() as loopback:
        assert 10003 == (await ask(loopback, INFO))["retCode"]


ORDER = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.1",
    "price": "99000",
    "timeInForce": "GTC",
    "orderLinkId": "hand-1",
}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"category": "other"}, 10001),
        ({"category": "inverse"}, 10001),
        ({"symbol": "NOSUCH"}, 10001),
        ({"qty": "0.0005"}, 10001),
        ({"qty": ""}, 10001),
        ({"price": "99000.05"}, 10001),
        ({"timeInForce": "Later"}, 10001),
        ({"positionIdx": 1}, 10001),
        ({"orderLinkId": "x" * 37}, 10001),
        ({"reduceOnly": True}, 110017),
        ({"qty": "500"}, 110007),
        ({"category": "option", "symbol": "BTC-25DEC37-100000-C-USDT", "orderLinkId": ""}, 10001),
    ],
)
async def test_orders_that_are_refused(changes, code):
    """What cannot be an order is refused with the venue's code, and is in no book."""
    async with make() as loopback:
        body = json.dumps(ORDER | changes)
        headers = signed(KEY, body=body, now=loopback.place.clock.now())
        answer = await ask(loopback, "order/create", headers=headers, body=body)

        assert code == answer["retCode"]
        assert (1 if code == 0 else 0) == len(loopback.place.orders("bybit"))


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("position/list", "category=linear", 10001),  # of which currency?
        ("position/list", "category=inverse", 0),
        ("order/realtime", "category=linear", 10001),
        ("order/realtime", "category=linear&orderLinkId=a", 10001),
        ("order/realtime", "category=linear&settleCoin=USDT", 0),
        ("account/wallet-balance", "accountType=CONTRACT", 10001),
        ("execution/list", "category=linear&startTime=1&endTime=700000000", 10001),
        ("execution/list", "category=linear&limit=101", 10001),
        ("account/transaction-log", "limit=51", 10001),
        ("account/nothing", "", 10017),
    ],
)
async def test_questions(path, query, code):
    """What is asked too widely, or of nothing, is refused as the venue refuses it."""
    async with make() as loopback:
        headers = signed(KEY, query, now=loopback.place.clock.now())
        assert code == (await ask(loopback, path, query, headers))["retCode"]


@pytest.mark.parametrize(
    ("kind", "code", "reads"),
    [(Fault.MAINTENANCE, 10016, 10016), (Fault.SETTLEMENT, 110066, 0)],
)
async def test_a_venue_that_is_shut(kind, code, reads):
    """In a maintenance nothing private is answered, in a settlement no order is taken."""
    async with make() as loopback:
        loopback.host.happen(Plan(kind, seconds=60))
        now = loopback.place.clock.now()
        body = json.dumps(ORDER)
        headers = signed(KEY, body=body, now=now)
        answer = await ask(loopback, "order/create", headers=headers, body=body)
        read = await ask(loopback, INFO, headers=signed(KEY, now=now))
        time = await ask(loopback, "market/time")

        assert [code, reads, 0] == [each["retCode"] for each in (answer, read, time)]


async def test_too_many_requests():
    """The venue's answer to too many requests is a code, with status 200."""
    async with make() as loopback:
        loopback.script.add(Plan(Fault.LIMIT, "private/get/account/info"))
        headers = signed(KEY, now=loopback.place.clock.now())
        assert 10006 == (await ask(loopback, INFO, headers=headers))["retCode"]


async def test_a_key_that_reads():
    """It is told everything, and takes no order."""
    async with make() as loopback:
        now, body = loopback.place.clock.now(), json.dumps(ORDER)
        headers = signed(READER, body=body, now=now)
        answer = await ask(loopback, "order/create", headers=headers, body=body)

        assert 10005 == answer["retCode"]
        assert 0 == (await ask(loopback, INFO, headers=signed(READER, now=now)))["retCode"]


# --- websockets ---------------------------------------------------------------------


@asynccontextmanager
async def socket(loopback, path):
    """Yield a websocket to a path of the streams' host."""
    address = f"{loopback.address}/stream.bybit.com/v5/{path}"
    async with ClientSession() as session, session.ws_connect(address) as opened:
        yield opened


def login(key, now, ahead=5_000):
    """Return a login of a websocket."""
    expires = now // 1_000_000 + ahead
    text = f"GET/realtime{expires}"
    sign = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"req_id": "1", "op": "auth", "args": [key.client_id, expires, sign]}


@pytest.mark.parametrize(
    ("key", "ahead", "done"),
    [(KEY, 5_000, True), (KEY, -5_000, False), (replace(KEY, secret="other"), 5_000, False)],
)
async def test_logins(key, ahead, done):
    """A login signs its own end, and is of no use after it; without one no topic is told."""
    async with make() as loopback, socket(loopback, "private") as opened:
        await opened.send_json({"req_id": "0", "op": "subscribe", "args": ["order"]})
        early = await opened.receive_json(timeout=2)
        await opened.send_json(login(key, loopback.place.clock.now(), ahead))
        answer = await opened.receive_json(timeout=2)
        await opened.send_json({"req_id": "2", "op": "subscribe", "args": ["order"]})
        after = await opened.receive_json(timeout=2)

        assert [False, done, done] == [each["success"] for each in (early, answer, after)]


async def test_a_category_is_a_socket():
    """A socket tells of its own category only; an unknown topic fails its whole request."""
    async with make() as loopback, socket(loopback, "public/linear") as opened:
        for args in (["tickers.BTCUSD"], ["tickers.BTCUSDT", "tickers.BTCUSD"], ["kline.X"]):
            await opened.send_json({"req_id": "1", "op": "subscribe", "args": args})
            assert not (await opened.receive_json(timeout=2))["success"]
        await opened.send_json({"req_id": "2", "op": "subscribe", "args": ["tickers.BTCUSDT"]})
        answer = await opened.receive_json(timeout=2)
        told = await opened.receive_json(timeout=2)

        assert (True, "2") == (answer["success"], answer["req_id"])
        assert ("tickers.BTCUSDT", "snapshot") == (told["topic"], told["type"])


async def test_an_address_of_nothing():
    """A path that is none is closed."""
    async with make() as loopback, socket(loopback, "public/other") as opened:
        assert (await opened.receive(timeout=2)).data == 1000


# --- shapes -------------------------------------------------------------------------


def names(told):
    """Return the fields of a message, of the rows in its lists too."""
    found = set()
    if isinstance(told, dict):
        for name, each in told.items():
            found |= {name} | {f"{name}.{more}" for more in names(each)}
    elif isinstance(told, list) and told:
        found = names(told[0])
    return found


async def _ours(loopback):
    """Return one of each payload that is recorded, as the loopback tells it."""
    now = loopback.place.clock.now()
    async with ccxt_rest(loopback) as exchange:
        for number, price in enumerate((99_000, 101_000)):
            params = {"orderLinkId": f"hand-{number}"}
            await exchange.create_order("BTC/USDT:USDT", "limit", "sell", 0.1, price, params)
    found = {}
    for name, path, query in (
        ("http_get_executions", "execution/list", "category=linear"),
        ("http_get_orders_realtime", "order/realtime", "category=linear&settleCoin=USDT"),
        ("http_get_orders_history", "order/history", "category=linear"),
        ("http_get_positions", "position/list", "category=linear&settleCoin=USDT"),
        ("http_get_wallet_balance", "account/wallet-balance", "accountType=UNIFIED"),
        ("http_get_account_info", "account/info", ""),
        ("http_get_instruments_linear", "market/instruments-info", "category=linear"),
        ("http_get_instruments_option", "market/instruments-info", "category=option"),
        ("http_get_instruments_inverse", "market/instruments-info", "category=inverse"),
        ("http_get_instruments_spot", "market/instruments-info", "category=spot"),
        ("http_get_orderbook", "market/orderbook", "category=linear&symbol=BTCUSDT"),
    ):
        headers = {} if path.startswith("market") else signed(KEY, query, now=now)
        found[name] = await ask(loopback, path, query, headers)
    return found


async def test_recorded_shapes(recordings):
    """What is told has only fields that the recorded answers have, but for what is named here."""
    with gzip.open(recordings / "raw" / "payloads_bybit.jsonl.gz") as lines:
        recorded = {
            each["file"].removesuffix(".json"): each["msg"] for each in map(json.loads, lines)
        }
    more = {
        "result.category",  # which some recordings leave out
        "result.nextPageCursor",
        "result.list.category",
        "result.list.sessionAvgPrice",
        "result.list.createType",
        "retExtInfo",
        "time",
    }
    async with make(WITH_PAIR) as loopback:
        ours = await _ours(loopback)
    for name, told in ours.items():
        extra = names(told) - names(recorded[name]) - more
        assert set() == extra, name


async def test_the_time():
    """The venue's clock is that of its place."""
    async with make() as loopback, ccxt_rest(loopback) as exchange:
        told = await exchange.fetch_time()

        assert abs(told * 1_000_000 - loopback.place.clock.now()) < SECOND


async def test_what_is_delisted():
    """What is delisted is known by no name, what is closed is traded no more."""
    async with make() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        loopback.host.happen(Plan(Fault.CLOSING, instrument=INVERSE))
        loopback.host.happen(Plan(Fault.DELISTING, instrument=USDC))
        with pytest.raises(ccxt.ExchangeError, match="110074"):
            await exchange.create_order(
                "BTC/USD:BTC", "limit", "buy", 100, 99_000, {"orderLinkId": "a"}
            )
        with pytest.raises(ccxt.ExchangeError, match="symbol invalid"):
            await exchange.create_order(
                "BTC/USDC:USDC", "limit", "buy", 0.1, 99_000, {"orderLinkId": "b"}
            )

        assert CALL in loopback.place.active
        assert PAIR not in loopback.place.active
