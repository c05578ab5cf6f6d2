"""A websocket spoken by hand: logins, channels, heartbeats, errors."""

import asyncio
import base64
import hashlib
import hmac
from decimal import Decimal

import pytest
from aiohttp import ClientSession, WSMsgType

from rebalancer.simulation.deribit.budgets import Bucket, Budgets
from tests.simulation.fair import (
    ACCOUNT,
    CALL,
    HOST,
    KEY,
    PERP,
    POOR,
    RICH,
    STRANGER,
    fair,
    get,
    step_of,
    wire,
)

D = Decimal
BUY = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "market"}
BID = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "limit", "price": 99_000}


async def test_envelope():
    """An answer bears the caller's id and the venue's times, over either way."""
    async with fair() as loopback, wire(loopback) as line:
        told = await line.ask("public/test")
        status, rest = await get(loopback, "public/test")

    assert {"jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"} == set(told)
    assert {"jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"} == set(rest)
    assert (200, told["usOut"] - told["usIn"]) == (status, told["usDiff"])


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("public/nonsense", {}, -32601),
        ("public/ticker", {}, -32602),
        ("public/ticker", {"instrument_name": "BTC-NEVER"}, 13020),
        ("public/get_index_price", {"index_name": "doge_usd"}, -32602),
        ("private/get_positions", {"currency": "BTC"}, 13009),
        ("private/buy", BUY, 13009),
        ("private/get_positions", {"access_token": "stale"}, 13009),
        ("public/auth", {"grant_type": "client_credentials", "client_id": "no"}, 13004),
        ("public/subscribe", {"channels": ["trades.BTC-PERPETUAL.raw"]}, 13778),
    ],
)
async def test_refused_to_strangers(method, params, code):
    """What nobody may ask, or what makes no sense, is an error with Deribit's code."""
    async with fair() as loopback, wire(loopback) as line:
        told = await line.ask(method, **params)

    assert code == told["error"]["code"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("private/buy", {**BUY, "amount": 0}, 10002),
        ("private/buy", {**BUY, "amount": 13}, -32602),
        ("private/buy", {**BUY, "amount": "much"}, -32602),
        ("private/buy", {**BUY, "label": "x" * 65}, -32602),
        ("private/buy", {**BUY, "type": "stop_market"}, 10033),
        ("private/buy", {**BID, "price": 99_000.3}, 10043),
        ("private/buy", {**BID, "time_in_force": "soon"}, -32602),
        ("private/sell", {**BUY, "reduce_only": True}, 11030),
        ("private/buy", {**BUY, "amount": 50_000_000}, 10009),
        ("private/cancel", {"order_id": "BTC-7"}, 10004),
        ("private/edit", {"order_id": "BTC-7", "amount": 20}, 10004),
        ("private/get_order_state", {"order_id": "BTC-7"}, 10004),
        ("private/get_account_summary", {}, -32602),
    ],
)
async def test_refused_to_a_trader(method, params, code):
    """What the venue rejects has Deribit's code and leaves no trace."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        told = await line.ask(method, **params)

    assert code == told["error"]["code"]
    assert [] == loopback.place.orders(ACCOUNT)


@pytest.mark.parametrize(("frame", "code"), [("{", -32700), ("[]", -32600), ('{"id":1}', -32600)])
async def test_bad_frame(frame, code):
    """A frame that is no request is answered, and the next one too."""
    async with fair() as loopback, wire(loopback) as line:
        await line.socket.send_str(frame)
        told = await line.next()
        after = await line.ask("public/test")

    assert code == told["error"]["code"]
    assert "result" in after


@pytest.mark.parametrize(
    ("key", "trade", "wallet"),
    [(KEY, "read_write", "read"), (POOR, "read", "read"), (RICH, "read_write", "read_write")],
)
async def test_scope(key, trade, wallet):
    """What a key may do stands in the scope of its token."""
    async with fair() as loopback, wire(loopback) as line:
        scope = (await line.log_in(key))["result"]["scope"].split()

    assert {f"trade:{trade}", f"wallet:{wallet}"} <= set(scope)


async def test_logins():
    """A signature, a refresh token and a token in the parameters open as the secret does."""
    signed = hmac.new(KEY.secret.encode(), b"1000\nonce\n", hashlib.sha256).hexdigest()
    async with fair() as loopback, wire(loopback) as line:
        told = await line.ask(
            "public/auth",
            grant_type="client_signature",
            client_id=KEY.client_id,
            timestamp=1000,
            nonce="once",
            data="",
            signature=signed,
        )
        token = told["result"]["refresh_token"]
        fresh = await line.ask("public/auth", grant_type="refresh_token", refresh_token=token)
        async with wire(loopback) as other:
            access = fresh["result"]["access_token"]
            read = await other.ask("private/get_positions", currency="any", access_token=access)
        wrong = await line.ask(
            "public/auth",
            grant_type="client_signature",
            client_id=KEY.client_id,
            timestamp=1001,
            nonce="once",
            data="",
            signature=signed,
        )

    assert ([], 13004) == (read["result"], wrong["error"]["code"])


async def test_book_channel():
    """A book comes whole and then by its changes, each naming the one before it."""
    channel = "book.BTC-PERPETUAL.100ms"
    async with fair() as loopback, wire(loopback) as line:
        await line.ask("public/subscribe", channels=[channel])
        (first,) = await line.until(channel)
        told = [first]
        for move in (1, 2, 3):
            loopback.place.tell(step_of(loopback.place.clock.now(), move))
            told += await line.until(channel)
        truth = loopback.place.book(PERP)

    sides = {"bids": {}, "asks": {}}
    for each in told:
        for name, side in sides.items():
            for action, price, amount in each[name]:
                side[price] = amount
                if action == "delete":
                    del side[price]
    assert ["snapshot"] + ["change"] * 3 == [each["type"] for each in told]
    before = [each["change_id"] for each in told[:-1]]
    assert before == [each["prev_change_id"] for each in told[1:]]
    assert {float(price): float(size) for price, size in truth.bids} == sides["bids"]
    assert {float(price): float(size) for price, size in truth.asks} == sides["asks"]


CHANNELS = {
    "ticker.BTC-PERPETUAL.100ms": "mark_price",
    "ticker.BTC-25DEC37-100000-C.agg2": "greeks",
    "quote.BTC-PERPETUAL": "best_bid_price",
    "book.BTC-PERPETUAL.none.20.100ms": "change_id",
    "perpetual.BTC-PERPETUAL.100ms": "interest",
    "deribit_price_index.btc_usd": "price",
    "markprice.options.btc_usd": None,
    "trades.BTC-PERPETUAL.100ms": None,
    "trades.future.BTC.100ms": None,
}


@pytest.mark.parametrize(("channel", "field"), CHANNELS.items())
async def test_public_channel(channel, field):
    """Each public channel speaks when the market moves; what it has to say is there."""
    async with fair() as loopback, wire(loopback) as line:
        told = await line.ask("public/subscribe", channels=[channel, "ticker.NOTHING.raw", "x"])
        loopback.place.tell(step_of(loopback.place.clock.now(), 1, [(PERP, D(100_000), D(10))]))
        (data,) = await line.until(channel)
        silent = await line.ask("public/unsubscribe", channels=[channel])

    assert [channel] == told["result"] == silent["result"]
    assert data
    assert field is None or field in data


async def test_five_fills_in_a_burst():
    """An order that eats five levels is five messages of fills, before its answer."""
    channels = ["user.trades.any.any.raw", "user.orders.any.any.raw", "user.portfolio.btc"]
    changes = "user.changes.BTC-PERPETUAL.raw"
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        await line.ask("private/subscribe", channels=[*channels, changes])
        told = await line.ask("private/buy", **{**BUY, "amount": 50_000, "label": "burst"})
        heard = [(each["params"]["channel"], each["params"]["data"]) for each in line.heard]

    fills = [data[0] for name, data in heard if name == channels[0]]
    (order,) = (data for name, data in heard if name == channels[1])
    (wallet,) = (data for name, data in heard if name == channels[2])
    (changed,) = (data for name, data in heard if name == changes)
    assert fills == told["result"]["trades"] == changed["trades"]
    assert [100_000.5, 100_001, 100_001.5, 100_002, 100_002.5] == [each["price"] for each in fills]
    assert 5 == len({each["trade_id"] for each in fills})
    assert ("filled", 50_000, "burst") == (
        *(order["order_state"], order["filled_amount"]),
        order["label"],
    )
    assert 50_000 == changed["positions"][0]["size"]
    assert float(round(loopback.place.exchange.equity(ACCOUNT, "BTC"), 8)) == wallet["equity"]


async def test_accounts_hear_their_own():
    """Nothing of one account reaches another, and channels choose by currency."""
    async with fair() as loopback, wire(loopback) as mine, wire(loopback) as theirs:
        await mine.log_in()
        await theirs.log_in(STRANGER)
        await mine.ask("private/subscribe", channels=["user.orders.future.eth.raw"])
        await theirs.ask("private/subscribe", channels=["user.orders.any.any.raw"])
        await mine.ask("private/buy", **BID)
        await mine.ask("private/buy", **{**BID, "instrument_name": "ETH-PERPETUAL", "price": 3_000})
        found = await theirs.ask("private/get_open_orders")
        (order,) = await mine.until("user.orders.future.eth.raw")

    assert ("ETH-PERPETUAL", []) == (order["instrument_name"], found["result"])
    assert [] == theirs.heard
    assert [] == mine.heard


async def test_the_same_label_twice():
    """Labels are not unique: both orders are, and cancelling by label takes both."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        for _ in range(2):
            await line.ask("private/buy", **BID, label="same")
        found = await line.ask("private/get_order_state_by_label", currency="BTC", label="same")
        gone = await line.ask("private/cancel_by_label", label="same")

    assert (2, 2) == (len(found["result"]), gone["result"])


async def test_post_only_steps_back():
    """Without `reject_post_only` an order that would take is put a tick behind the best."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        told = await line.ask("private/buy", **{**BID, "price": 100_100, "post_only": True})

    assert ("open", 100_000) == tuple(told["result"]["order"][e] for e in ("order_state", "price"))


async def test_heartbeats():
    """A client that answers tests lives; one that does not is cut off."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.host.desk.heartbeat_least = 1
        assert "ok" == (await line.ask("public/set_heartbeat", interval=1))["result"]
        beat, test = await line.next(), await line.next()
        await line.ask("public/test")
        again = [await line.next(), await line.next()]
        end = await line.socket.receive(timeout=3)

    assert ["heartbeat", "test_request"] == [each["params"]["type"] for each in (beat, test)]
    assert again == [beat, test]
    assert end.type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)


async def test_too_short_a_heartbeat():
    """Less than ten seconds is refused."""
    async with fair() as loopback, wire(loopback) as line:
        told = await line.ask("public/set_heartbeat", interval=9)

    assert -32602 == told["error"]["code"]


async def test_expiry_is_told():
    """A contract that ended is told by its state, and traded no more."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        await line.ask("public/subscribe", channels=["instrument.state.any.any"])
        del loopback.place.active[CALL]
        loopback.place.tell(step_of(loopback.place.clock.now()))
        (told,) = await line.until("instrument.state.any.any")
        listed = await line.ask("public/get_instruments", currency="BTC", kind="option")

    assert ("closed", "BTC-25DEC37-100000-C") == (told["state"], told["instrument_name"])
    assert ["BTC-25DEC37-90000-P"] == [each["instrument_name"] for each in listed["result"]]


async def test_summaries():
    """Every instrument of a currency has its row of figures."""
    async with fair() as loopback:
        _, told = await get(loopback, "public/get_book_summary_by_currency", currency="BTC")
        _, rate = await get(
            loopback,
            "public/get_funding_rate_value",
            instrument_name="BTC-PERPETUAL",
            start_timestamp="0",
            end_timestamp="28800000",
        )
        _, index = await get(loopback, "public/get_index_price", index_name="eth_usd")

    assert {"BTC-PERPETUAL", "BTC-25DEC37-100000-C", "BTC-25DEC37-90000-P"} == {
        each["instrument_name"] for each in told["result"]
    }
    assert pytest.approx(0.0001) == rate["result"]
    assert float(loopback.place.tape.indexes["ETH"]) == index["result"]["index_price"]


@pytest.mark.parametrize("path", ["", "public/get_index_price", "public/ticker"])
async def test_post(path):
    """A request may stand in the body of a POST, whatever its path says."""
    asked = {"id": 3, "method": "public/get_index_price", "params": {"index_name": "btc_usd"}}
    async with fair() as loopback, ClientSession() as session:
        address = f"{loopback.address}/{HOST}/api/v2/{path}"
        async with session.post(address, json=asked) as answer:
            told = await answer.json()
        async with session.post(address, data=b"{") as answer:
            broken = await answer.json()
        async with session.get(f"{loopback.address}/example.com/api") as answer:
            stranger = answer.status

    assert (3, 100_000, -32700, 404) == (
        *(told["id"], told["result"]["index_price"]),
        *(broken["error"]["code"], stranger),
    )


async def test_margins_and_editing():
    """What an order would need is told; one label may be edited while it is one order's."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        name = {"instrument_name": "BTC-PERPETUAL"}
        needed = await line.ask("private/get_margins", **name, amount=50_000, price=100_000)
        await line.ask("private/buy", **BID, label="one")
        edited = await line.ask("private/edit_by_label", label="one", amount=20, price=98_000)
        nothing = await line.ask("private/edit_by_label", label="none", amount=20, price=98_000)
        counted = await line.ask("private/buy", **name, contracts=2, type="limit", price=97_000)
        gone = await line.ask("private/cancel_all_by_currency", currency="BTC", kind="future")
        other = await line.ask("private/cancel_all_by_instrument", **name)

    assert 0.01 == needed["result"]["buy"]
    assert (20, 98_000) == tuple(edited["result"]["order"][each] for each in ("amount", "price"))
    assert (10004, 20) == (nothing["error"]["code"], counted["result"]["order"]["amount"])
    assert (2, 0) == (gone["result"], other["result"])


async def test_budgets():
    """Orders and questions have budgets of their own; an empty one refuses, and refills."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.host.desk.budgets = Budgets(Bucket(3, 10.0), Bucket(2, 1.0))
        await line.log_in()
        bought = [await line.ask("private/buy", **BID) for _ in range(4)]
        asked = [await line.ask("private/get_positions", currency="any") for _ in range(3)]
        await asyncio.sleep(0.15)
        again = await line.ask("private/buy", **BID)

    codes = [each.get("error", {}).get("code") for each in (*bought, *asked, again)]
    assert [None] * 3 + [10028] + [None] * 2 + [10028] + [None] == codes
    assert (2, 4) == (loopback.host.desk.budgets.refused, len(loopback.place.orders(ACCOUNT)))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Basic " + base64.b64encode(b"key-1:secret-1").decode(), None),
        ("Basic " + base64.b64encode(b"key-1:wrong").decode(), 13004),
        ("Basic ???", 13004),
        ("Bearer stale", 13009),
        ("deri-hmac-sha256 id=key-1,ts=1,sig=00,nonce=2", 13004),
        ("Magic", 13009),
    ],
)
async def test_authorization_header(header, code):
    """REST is opened by the key itself too, and by nothing that proves nothing."""
    async with fair() as loopback, ClientSession() as session:
        address = f"{loopback.address}/{HOST}/api/v2/private/get_positions?currency=BTC"
        async with session.get(address, headers={"Authorization": header}) as answer:
            told = await answer.json()

    assert code == told.get("error", {}).get("code")


async def test_open_orders():
    """Open orders are found by label, instrument, currency; one that is gone is not edited."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        order = (await line.ask("private/buy", **BID, label="a"))["result"]["order"]
        await line.ask("private/buy", **BID, label="b")
        btc = {"currency": "BTC"}
        labelled = await line.ask("private/get_open_orders_by_label", **btc, label="a")
        every = await line.ask("private/get_open_orders_by_label", **btc)
        other = await line.ask("private/get_open_orders_by_currency", currency="ETH")
        await line.ask("private/cancel_all")
        edited = await line.ask("private/edit", order_id=order["order_id"], amount=20)

    assert [order] == labelled["result"]
    assert ([2, 0], 11044) == (
        [len(each["result"]) for each in (every, other)],
        edited["error"]["code"],
    )
