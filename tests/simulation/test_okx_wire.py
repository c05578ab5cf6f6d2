"""OKX's websockets on the loopback, spoken by hand and by unmodified ccxt.pro."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from zlib import crc32

import pytest

from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.okx import session
from tests.simulation.okx_fair import (
    ACCOUNT,
    CALL,
    KEY,
    LINEAR,
    PAIR,
    SYMBOLS,
    ccxt_pro,
    fair,
    get,
    step_of,
    wire,
)

D = Decimal
SWAP = "BTC-USDT-SWAP"
BBO = {"channel": "bbo-tbt", "instId": SWAP}
BOOKS = {"channel": "books", "instId": SWAP}
ORDERS = {"channel": "orders", "instType": "ANY"}
ONE, ASK = D(1), D("100000.1")


@asynccontextmanager
async def moving(loopback):
    """Let the market move by a tick every 50 ms, with a print each time."""

    async def move():
        count = 0
        while True:
            await asyncio.sleep(0.05)
            count += 1
            trade = (LINEAR, D(100_000), D(3))
            loopback.place.tell(step_of(loopback.place.clock.now(), count % 3, [trade]))

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()


def submit(loopback, quantity=ONE, price=ASK, **changes):
    """Let an order of the account arrive."""
    told = {"time_in_force": TimeInForce.IOC, "label": "rb1"} | changes
    return loopback.place.submit(Asked(ACCOUNT, LINEAR, quantity, price, **told))


async def test_ping_is_a_word():
    """`ping` is answered with `pong`, and neither is JSON."""
    async with fair() as loopback, wire(loopback) as line:
        await line.socket.send_str("ping")

        assert "pong" == await line.next()


async def test_a_silent_socket_is_given_up(monkeypatch):
    """Where nobody says a word for half a minute the venue hangs up."""
    monkeypatch.setattr(session, "PATIENCE", 100_000_000)
    async with fair() as loopback, wire(loopback) as line:
        message = await line.socket.receive(timeout=2)

        assert message.type.name in ("CLOSE", "CLOSED", "CLOSING", "ERROR")


async def test_subscriptions_are_answered_one_by_one():
    """Each channel has an answer of its own; one that there is not has an error with the number."""
    async with fair() as loopback, wire(loopback) as line:
        none = {"channel": "bbo-tbt", "instId": "BTC-NOTHING"}
        await line.send("subscribe", BBO, none, number="7")
        told = [await line.next() for _ in range(3)]

    acks = [each for each in told if each.get("event") == "subscribe"]
    errors = [each for each in told if each.get("event") == "error"]
    assert [BBO] == [each["arg"] for each in acks]
    assert [("60018", "7")] == [(each["code"], each["id"]) for each in errors]
    assert ["100000.1"] == [level[0] for level in told[1]["data"][0]["asks"]]


@pytest.mark.parametrize(
    ("changes", "seconds", "code"),
    [
        ({}, 0, None),
        ({"secret": "wrong"}, 0, "60007"),
        ({"client_id": "nobody"}, 0, "60005"),
        ({"passphrase": "wrong"}, 0, "60024"),
        ({}, -40, "60006"),
    ],
)
async def test_login(changes, seconds, code):
    """A login is signed with its time; without one nothing private is told."""
    async with fair() as loopback, wire(loopback, "private") as line:
        before = await line.ask("subscribe", ORDERS)
        told = await line.log_in(replace(KEY, **changes), seconds)
        after = await line.ask("subscribe", ORDERS)

    assert "60011" == before["code"]
    assert ("login" if code is None else "error") == told["event"]
    assert code in (None, told["code"])
    assert ("subscribe" if code is None else "error") == after["event"]


async def test_a_book_and_its_changes():
    """A book comes whole and then by what changes, chained, each with its checksum."""
    async with fair() as loopback, wire(loopback) as line, moving(loopback):
        await line.ask("subscribe", BOOKS)
        told = await line.until("books", 4)

    books = {"bids": {}, "asks": {}}
    rows = [each["data"][0] for each in told]
    assert ["snapshot", "update", "update", "update"] == [each["action"] for each in told]
    assert [-1, *(row["seqId"] for row in rows[:3])] == [row["prevSeqId"] for row in rows]
    for row in rows:
        for side, levels in books.items():
            levels |= {D(price): size for price, size, *_ in row[side]}
            books[side] = {price: size for price, size in levels.items() if size != "0"}
        words = []
        bids, asks = sorted(books["bids"], reverse=True), sorted(books["asks"])
        for bid, ask in zip(bids, asks, strict=True):
            words += [f"{bid:f}".rstrip("0").rstrip(".") if "." in f"{bid:f}" else f"{bid:f}"]
            words += [books["bids"][bid]]
            words += [f"{ask:f}".rstrip("0").rstrip(".") if "." in f"{ask:f}" else f"{ask:f}"]
            words += [books["asks"][ask]]
        assert crc32(":".join(words).encode()) == row["checksum"] % 2**32


async def test_each_fill_is_pushed_with_its_order():
    """An order that meets two levels is told twice: each fill with its own fee, then the end."""
    async with fair() as loopback, wire(loopback, "private") as line:
        await line.log_in()
        await line.ask("subscribe", ORDERS)
        submit(loopback, D(2_500), D("100000.2"))
        told = [each["data"][0] for each in await line.until("orders", 2)]
        submit(loopback, D(2_400), D("100000.2"), label="rb2")
        rest = [each["data"][0] for each in await line.until("orders", 2)]
        fills = loopback.place.fills(ACCOUNT)

    assert ["partially_filled", "filled"] == [each["state"] for each in told]
    assert ["2000", "500"] == [each["fillSz"] for each in told]
    assert [-each.fee for each in fills[:2]] == [D(each["fillFee"]) for each in told]
    assert D(told[1]["fee"]) == D(told[0]["fillFee"]) + D(told[1]["fillFee"])
    assert ("canceled", "14", "") == tuple(
        rest[-1][name] for name in ("state", "cancelSource", "tradeId")
    )


async def test_a_fee_has_its_own_currency():
    """The fee of a purchase of a pair is coin, that of a sale money: the stream says it as REST."""
    own = {"time_in_force": TimeInForce.IOC, "label": "rb1"}
    async with fair() as loopback, wire(loopback, "private") as line:
        await line.log_in()
        await line.ask("subscribe", ORDERS)
        for quantity, price in ((D("0.5"), ASK), (D("-0.2"), D("99999.9"))):
            loopback.place.submit(Asked(ACCOUNT, PAIR, quantity, price, **own))
        pushed = [each["data"][0] for each in await line.until("orders", 2)]
        _, listed = await get(loopback, "trade/fills", KEY)

    fills = list(reversed(listed["data"]))
    assert ["BTC", "USDT"] == [each["feeCcy"] for each in fills]
    assert [tuple(each[name] for name in ("tradeId", "fee", "feeCcy")) for each in fills] == [
        tuple(each[name] for name in ("tradeId", "fillFee", "fillFeeCcy")) for each in pushed
    ]


async def test_force_has_two_trade_ids():
    """What was taken down is pushed with a trade id, and listed with a negative one."""
    async with fair(cash={"USDT": D(40_000)}) as loopback, wire(loopback, "private") as line:
        submit(loopback, D(300), D("100000.5"))
        await line.log_in()
        await line.ask("subscribe", ORDERS)
        for move in (-50_000, -90_000, -120_000, -150_000):  # ticks of 0.1
            loopback.place.tell(step_of(loopback.place.now(), move))
        (told,) = await line.until("orders")
        _, listed = await get(loopback, "trade/fills", KEY)

    (pushed,), ids = told["data"], [each["tradeId"] for each in listed["data"]]
    assert ("full_liquidation", "") == (pushed["category"], pushed["clOrdId"])
    assert int(pushed["tradeId"]) > 0
    assert f"-{pushed['tradeId']}" in ids
    assert pushed["tradeId"] not in ids


async def test_an_order_that_rests():
    """What rests is live; what is withdrawn says by whom."""
    async with fair() as loopback, wire(loopback, "private") as line:
        await line.log_in()
        await line.ask("subscribe", ORDERS)
        outcome = submit(loopback, price=D(90_000), time_in_force=TimeInForce.GTC)
        loopback.place.cancel(ACCOUNT, outcome.order.order_id)
        told = [each["data"][0] for each in await line.until("orders", 2)]

    assert [("live", ""), ("canceled", "1")] == [
        (each["state"], each["cancelSource"]) for each in told
    ]


async def test_option_summaries_tell_both_deltas():
    """`delta` is less the premium, `deltaBS` is Black-Scholes; vols are fractions."""
    async with fair() as loopback, wire(loopback) as line:
        await line.ask("subscribe", {"channel": "opt-summary", "instFamily": "BTC-USD"})
        (told,) = await line.until("opt-summary")

    row = next(each for each in told["data"] if each["instId"] == CALL.partition(":")[2])
    assert ("0.6", "101000") == (row["markVol"], row["fwdPx"])
    assert float(row["deltaBS"]) - 0.35 == pytest.approx(float(row["delta"]))
    assert 0 < float(row["deltaBS"]) < 1


async def test_an_option_that_the_model_says_nothing_of():
    """Its row is there, and what is not known of it is an empty text."""
    async with fair() as loopback:
        loopback.place.tape.seen[CALL].vol = None
        _, told = await get(loopback, "public/opt-summary?instFamily=BTC-USD")

    assert [("", "", "")] == [
        tuple(each[name] for name in ("markVol", "fwdPx", "deltaBS")) for each in told["data"]
    ]


async def test_old_events_can_be_told_again():
    """A subscription may begin with what an account was told before."""
    async with fair() as loopback:
        async with wire(loopback, "private") as line:
            await line.log_in()
            await line.ask("subscribe", ORDERS)
            submit(loopback)
            (first,) = await line.until("orders")
        loopback.script.add(Plan(Kind.REPLAY, "orders"))
        async with wire(loopback, "private") as line:
            await line.log_in()
            await line.send("subscribe", ORDERS)
            (again,) = await line.until("orders")

    assert first == again


async def test_ccxt_pro():
    """Ticker, touch, book and trades arrive; an order and its fill after a login."""
    async with fair() as loopback, ccxt_pro(loopback) as exchange, moving(loopback):
        await exchange.load_markets()
        symbol = SYMBOLS[LINEAR]
        ticker = await exchange.watch_ticker(symbol)
        for _ in range(3):
            book = await exchange.watch_order_book(symbol)
        trades = await exchange.watch_trades(symbol)
        heard = asyncio.create_task(exchange.watch_orders(symbol))
        while not any("orders" in each.channels for each in loopback.host.sessions.values()):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        await exchange.create_order(symbol, "limit", "buy", 10, 100_100, {"clOrdId": "rb3"})
        orders = await asyncio.wait_for(heard, 3)

    assert abs(ticker["bid"] - 100_000) < 2
    assert book["bids"][0][0] < book["asks"][0][0]
    assert (100_000, "buy", 3) == tuple(trades[-1][each] for each in ("price", "side", "amount"))
    assert ("rb3", 10) == (orders[-1]["clientOrderId"], orders[-1]["filled"])


async def test_account_and_positions():
    """Balances and positions are pushed when something was booked."""
    async with fair() as loopback, wire(loopback, "private") as line:
        await line.log_in()
        for channel in ("account", "positions"):
            await line.ask("subscribe", {"channel": channel, "instType": "ANY"})
        submit(loopback, D(7))
        (position,) = await line.until("positions")
        submit(loopback, D(1), label="rb2")
        (account,) = await line.until("account")

    assert [("BTC-USDT-SWAP", "7", "net")] == [
        (each["instId"], each["pos"], each["posSide"]) for each in position["data"]
    ]
    balances = {each["ccy"]: D(each["cashBal"]) for each in account["data"][0]["details"]}
    assert loopback.place.balances(ACCOUNT) == balances
