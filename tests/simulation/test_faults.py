"""Each fault does what it says: to the request, to the books, to the stream."""

import asyncio
import json
import time
from decimal import Decimal

import aiohttp
import ccxt
import pytest
from aiohttp import ClientSession, WSMsgType

from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.simulation.faults import Deed, Kind, Plan, Script
from tests.simulation.fair import ACCOUNT, HOST, PERP, ccxt_rest, fair, step_of, wire

D = Decimal
SYMBOL = "BTC/USD:BTC"
BUY = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "market"}
BID = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "limit", "price": 99_000}
TICKER = "ticker.BTC-PERPETUAL.100ms"
TRADES = "user.trades.any.any.raw"


def move(loopback, ticks):
    """Let the market move."""
    loopback.place.tell(step_of(loopback.place.clock.now(), ticks))


# What ccxt makes of each, and how many orders are in the books: the second is the truth.
REST = [
    (Plan(Kind.DROP_BEFORE, "private/buy"), None, 1),  # the silent second send buys
    (Plan(Kind.DROP_BEFORE, "private/buy", times=2), ccxt.ExchangeNotAvailable, 0),
    (Plan(Kind.DROP_AFTER, "private/buy", times=2), ccxt.ExchangeNotAvailable, 2),
    (Plan(Kind.ERROR_BEFORE, "private/buy"), ccxt.ExchangeNotAvailable, 0),
    (Plan(Kind.ERROR_AFTER, "private/buy"), ccxt.ExchangeNotAvailable, 1),
    (Plan(Kind.ERROR_AFTER, "private/buy", code=504), ccxt.RequestTimeout, 1),
    (Plan(Kind.TRUNCATE, "private/buy"), ccxt.ExchangeError, 1),
    (Plan(Kind.HTML, "private/buy"), TypeError, 1),
    (Plan(Kind.LIMIT, "private/buy"), ccxt.DDoSProtection, 0),
    (Plan(Kind.CODE, "private/buy", code=10041), ccxt.OnMaintenance, 0),
    (Plan(Kind.CODE, "private/buy", code=10047), ccxt.DDoSProtection, 0),
    (Plan(Kind.SLOW, "private/buy", seconds=0.6), ccxt.RequestTimeout, 1),
    (Plan(Kind.LATE, "private/buy", seconds=0.6), ccxt.RequestTimeout, 1),
]


@pytest.mark.parametrize(("plan", "error", "orders"), REST, ids=lambda each: str(each)[:40])
async def test_rest(plan, error, orders):
    """A request meets its fault; what was accepted is in the books, whatever its sender heard."""
    async with fair() as loopback, ccxt_rest(loopback, timeout=400) as exchange:
        await exchange.load_markets()
        loopback.script.add(plan)
        if error is None:
            await exchange.create_order(SYMBOL, "market", "buy", 10, None, {"label": "x"})
        else:
            with pytest.raises(error):
                await exchange.create_order(SYMBOL, "market", "buy", 10, None, {"label": "x"})
        await asyncio.sleep(0.3 if plan.kind in (Kind.SLOW, Kind.LATE) else 0)
        placed = loopback.place.orders(ACCOUNT, "x")

    assert orders == len(placed)
    assert orders * D(10) == loopback.place.positions(ACCOUNT).get(PERP, 0)
    assert plan.times == len(loopback.script.struck(plan.kind))


@pytest.mark.parametrize(
    ("kind", "code", "orders"),
    [
        (Kind.LIMIT, 10028, 0),
        (Kind.ERROR_BEFORE, 11094, 0),
        (Kind.ERROR_AFTER, 11094, 1),
        (Kind.CODE, 10041, 0),
    ],
)
async def test_refusal_by_websocket(kind, code, orders):
    """What is an HTTP status over REST is an error of the venue here."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        loopback.script.add(Plan(kind, "private/buy", code=10041))
        told = await line.ask("private/buy", **BUY)
        after = await line.ask("private/buy", **BUY)

    assert code == told["error"]["code"]
    assert "filled" == after["result"]["order"]["order_state"]
    assert orders + 1 == len(loopback.place.orders(ACCOUNT))


@pytest.mark.parametrize(("kind", "orders"), [(Kind.DROP_BEFORE, 0), (Kind.DROP_AFTER, 1)])
async def test_drop_by_websocket(kind, orders):
    """The connection is gone, before or after the order was taken."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        loopback.script.add(Plan(kind, "private/buy"))
        await line.send("private/buy", 7, **BUY)
        end = await line.socket.receive(timeout=2)

    assert end.type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)
    assert orders == len(loopback.place.orders(ACCOUNT))


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.HTML])
async def test_nonsense_by_websocket(kind):
    """The answer is no JSON, the order is in the books, the next answer is whole."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        loopback.script.add(Plan(kind, "private/buy"))
        await line.send("private/buy", 7, **BUY)
        with pytest.raises(json.JSONDecodeError):
            await line.next()
        await line.ask("public/test")

    assert 1 == len(loopback.place.orders(ACCOUNT))


@pytest.mark.parametrize(("kind", "at_once"), [(Kind.SLOW, 1), (Kind.LATE, 0)])
async def test_slow_by_websocket(kind, at_once):
    """One answer is late; what is asked after it is answered before it."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        loopback.script.add(Plan(kind, "private/buy", seconds=0.3))
        began = time.monotonic()
        await line.send("private/buy", 70, **BUY)
        await line.ask("public/test")
        early, now = time.monotonic() - began, len(loopback.place.orders(ACCOUNT))
        told = await line.next()
        late = time.monotonic() - began

    assert (70, at_once) == (told["id"], now)
    assert early < 0.25 < late


async def test_lag():
    """Queries see the state of a while ago: no order, no fill, no position, the old balance."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        await asyncio.sleep(0.01)
        loopback.script.add(Plan(Kind.LAG, "private/get_*", seconds=0.3, times=None))
        order = (await line.ask("private/buy", **BID, label="new"))["result"]["order"]
        await line.ask("private/buy", **BUY)
        asked = {"currency": "BTC"}
        early = [
            (await line.ask("private/get_open_orders_by_currency", **asked))["result"],
            (await line.ask("private/get_positions", **asked))["result"],
            (await line.ask("private/get_user_trades_by_currency", **asked))["result"]["trades"],
            (await line.ask("private/get_order_state_by_label", **asked, label="new"))["result"],
            (await line.ask("private/get_transaction_log", **asked))["result"]["logs"],
        ]
        state = await line.ask("private/get_order_state", order_id=order["order_id"])
        before = (await line.ask("private/get_account_summary", **asked))["result"]["balance"]
        await asyncio.sleep(0.35)
        late = (await line.ask("private/get_open_orders_by_currency", **asked))["result"]
        after = (await line.ask("private/get_account_summary", **asked))["result"]["balance"]

    assert [[]] * 5 == early
    assert (10004, 10) == (state["error"]["code"], before)
    assert [order["order_id"]] == [each["order_id"] for each in late]
    assert after < before


async def test_others_trade():
    """Somebody else's order comes to rest, somebody trades by hand: facts of the account."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        await line.ask("private/subscribe", channels=["user.orders.any.any.raw"])
        loopback.script.add(
            Plan(
                Kind.FOREIGN, "private/get_positions", deed=Deed(ACCOUNT, PERP, D(-10), D(101_000))
            ),
            Plan(Kind.MANUAL, "private/get_positions", first=2, deed=Deed(ACCOUNT, PERP, D(500))),
        )
        for _ in range(3):
            await line.ask("private/get_positions", currency="any")
        positions = await line.ask("private/get_positions", currency="any")
        orders = [each["params"]["data"] for each in line.heard]

    assert [500] == [each["size"] for each in positions["result"]]
    assert [("open", False), ("filled", True)] == [(e["order_state"], e["web"]) for e in orders]
    assert {} == loopback.place.differences(ACCOUNT)


async def tickers(loopback, line, moves=4):
    """Return the bids that a ticker channel tells while the market moves tick by tick."""
    await line.ask("public/subscribe", channels=[TICKER])
    found = []
    for ticks in range(moves):
        move(loopback, ticks)
        await asyncio.sleep(0.13)
    await line.ask("public/test")
    while line.heard:
        found.append(line.heard.pop(0)["params"]["data"]["best_bid_price"])
    return found


BIDS = [99_999.5, 99_999.5, 100_000, 100_000.5, 101_000]  # greeting, then a tick a move


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        (Kind.LOSE, [0, 1, 3]),
        (Kind.DUPLICATE, [0, 1, 2, 2, 3]),
        (Kind.REORDER, [0, 1, 3, 2]),
    ],
)
async def test_one_message(kind, heard):
    """One message is lost, comes twice, or after the next one."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.script.add(Plan(kind, "ticker.*", first=3))
        found = await tickers(loopback, line, 3)

    assert [BIDS[each] for each in heard] == found


@pytest.mark.parametrize(("kind", "heard"), [(Kind.STALL, [0]), (Kind.FREEZE, [0, 0, 0, 0])])
async def test_a_dead_channel(kind, heard):
    """A channel says nothing, or the same for ever, and the connection lives."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.host.desk.heartbeat_least = 1
        await line.ask("public/set_heartbeat", interval=1)
        move(loopback, 0)
        loopback.script.add(Plan(kind, "ticker.*", first=2, times=None, lasts=0.9))
        found = await tickers(loopback, line, 3)
        beat = await line.next()
        await asyncio.sleep(0.1)
        move(loopback, 2)
        (after,) = await line.until(TICKER)

    assert [BIDS[each] for each in heard] == found
    assert "heartbeat" == beat["method"]
    assert 100_000.5 == after["best_bid_price"]


@pytest.mark.parametrize(("kind", "whole"), [(Kind.CLOSE, True), (Kind.CUT, False)])
async def test_the_connection_ends(kind, whole):
    """The server closes in order after the message, or the connection is lost before it."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.script.add(Plan(kind, "ticker.*"))
        await line.send("public/subscribe", 1, channels=[TICKER])
        heard = [(await line.socket.receive(timeout=2)) for _ in range(3)]

    told = [each for each in heard if each.type is WSMsgType.TEXT]
    assert (2 if whole else 1) == len(told)
    assert (1000 if whole else 1006) == line.socket.close_code


async def test_garbage():
    """A frame that is no JSON comes between two that are."""
    async with fair() as loopback, wire(loopback) as line:
        loopback.script.add(Plan(Kind.GARBAGE, "ticker.*"))
        await line.ask("public/subscribe", channels=[TICKER])
        with pytest.raises(json.JSONDecodeError):
            await line.next()
        (told,) = await line.until(TICKER)

    assert 99_999.5 == told["best_bid_price"]


async def test_replay():
    """Who subscribes anew hears the fills of before again, with their old ids."""
    async with fair() as loopback:
        async with wire(loopback) as line:
            await line.log_in()
            await line.ask("private/subscribe", channels=[TRADES])
            for _ in range(2):
                await line.ask("private/buy", **BUY)
            first = await line.until(TRADES, 2)
        loopback.script.add(Plan(Kind.REPLAY, TRADES))
        async with wire(loopback) as line:
            await line.log_in()
            await line.ask("private/subscribe", channels=[TRADES])
            again = await line.until(TRADES, 2)

    assert first == again


async def test_half_open():
    """A socket takes everything and says nothing: no answer, no pong."""
    async with fair() as loopback:
        loopback.script.add(Plan(Kind.HALF_OPEN, "connect"))
        async with wire(loopback) as line:
            await line.socket.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(line.ask("public/test"), 0.3)
        async with wire(loopback) as line:
            assert "result" in await line.ask("public/test")


async def test_refused_connection():
    """No websocket opens while the venue refuses, and one does afterwards."""
    async with fair() as loopback, ClientSession() as session:
        loopback.script.add(Plan(Kind.REFUSE, "connect"))
        address = f"{loopback.address}/{HOST}/ws/api/v2"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address)
        async with session.ws_connect(address):
            pass


# --- the script by itself -----------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "struck"),
    [
        (Plan(Kind.LOSE), [0]),
        (Plan(Kind.LOSE, times=None), [0, 1, 2, 3, 4, 5]),
        (Plan(Kind.LOSE, first=3, times=2), [2, 3]),
        (Plan(Kind.LOSE, first=2, lasts=3.0), [1, 2, 3]),
        (Plan(Kind.LOSE, "private/*"), []),
        (Plan(Kind.LOSE, over="rest"), []),
        (Plan(Kind.CUT, times=None), []),
    ],
)
def test_which_occurrence(plan, struck):
    """A plan strikes what it names, from its first to its last."""
    clock = MarketClock(10**18)
    script = Script(clock)
    script.add(plan)
    found = []
    for each in range(6):
        if script.strike((Kind.LOSE,), "ticker.x") is not None:
            found.append(each)
        clock._now += 1_000_000_000

    assert struck == found
    assert struck == [int((each.ts - 10**18) / 1e9) for each in script.done]


def test_chance_is_seeded():
    """The same seed strikes the same, about as often as it says."""

    def run():
        script = Script(MarketClock(0), SeededRandomness(3).generator("faults"))
        script.add(Plan(Kind.LOSE, times=None, chance=0.3))
        return [script.strike((Kind.LOSE,), "x") is not None for _ in range(400)]

    assert run() == run()
    assert 90 < sum(run()) < 150


def test_no_chance_without_numbers():
    """A plan with a chance needs where to draw from."""
    script = Script(MarketClock(0))
    script.add(Plan(Kind.LOSE, chance=0.3))

    with pytest.raises(ValueError, match="generator"):
        script.strike((Kind.LOSE,), "x")


def test_then():
    """What follows a plan strikes from its first strike on, and not before."""
    script = Script(MarketClock(0))
    script.add(Plan(Kind.CUT, "order", times=2, then=(Plan(Kind.LOSE, times=None),)))
    found = []
    for _ in range(3):
        found.append(script.strike((Kind.LOSE,), "x") is not None)
        script.strike((Kind.CUT,), "order")

    assert [False, True, True] == found
    script.clear()
    assert script.strike((Kind.LOSE,), "x") is None


def test_missed():
    """A plan that was certain and never happened is told; one left to chance is not."""
    script = Script(MarketClock(10**18), SeededRandomness(3).generator("faults"))
    met, later = Plan(Kind.CUT, "quote.*"), Plan(Kind.HALF_OPEN, "connect")
    script.add(met, later, Plan(Kind.GARBAGE, "*", chance=1e-9))

    assert [met, later] == script.missed()
    script.strike((Kind.CUT,), "quote.BTC-PERPETUAL")
    assert [later] == script.missed()
    script.clear()
    assert [] == script.missed()
