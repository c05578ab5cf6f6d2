"""The same Deribit frames over loopback to our feed and to ccxt.pro's watch loop, side by side.

A sender in a process of its own speaks enough Deribit for both: tickers of 50
instruments, and among them fills and order states of one account. Each client
hears the same frames, as fast as they come and at 1,000 and 5,000 a second;
they take turns within one run. Figures that count are the ratios: CPU a
message of the whole client process, and the time from the sender's socket to
the inbox. `tapped ccxt` is the generic feed: ccxt's transport and parsers, our
handlers. What must hold is asserted and needs no clock: our feeds see the
last value of every instrument, and account events once each, in their order.

    python benchmarks/feed_ingest.py [--rounds 3] [--flood 20000] [--seconds 2]
"""

import argparse
import asyncio
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.pro
from aiohttp import WSMsgType, web

from rebalancer.core.events import Event, Fill, Mark, OptionMark, OrderAccepted
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.stream import Access, DeribitStream
from rebalancer.venues.generic.life import Tapping, Watch
from rebalancer.venues.generic.stream import CcxtFeed, CcxtTaps
from rebalancer.venues.generic.tap import Kind, Word
from rebalancer.venues.native import NativeFeed, Ports

PERPETUAL = "BTC-PERPETUAL"
OPTIONS = tuple(f"BTC-25DEC37-{strike}-C" for strike in range(50_000, 99_000, 1_000))
NAMES = (PERPETUAL, *OPTIONS)
SYMBOLS = [
    "BTC/USD:BTC",
    *(f"BTC/USD:BTC-371225-{name.split('-')[2]}-C" for name in OPTIONS),
]
RATES = (0, 1_000, 5_000)  # messages a second; 0: as fast as they go
ACCOUNT_EVERY = 50  # one message in so many is of the account
PATIENCE = 2.0  # s that a client may lag behind the sender
T = 1_700_000_000_000  # ms

# --- the sender -------------------------------------------------------------


def instrument(name: str) -> dict[str, Any]:
    """Return an instrument as `public/get_instruments` has it."""
    option = name != PERPETUAL
    told = {
        "kind": "option" if option else "future",
        "instrument_name": name,
        "instrument_type": "reversed",
        "base_currency": "BTC",
        "quote_currency": "BTC" if option else "USD",
        "counter_currency": "USD",
        "settlement_currency": "BTC",
        "settlement_period": "month" if option else "perpetual",
        "price_index": "btc_usd",
        "creation_timestamp": T,
        "expiration_timestamp": 2_145_340_800_000 if option else 32_503_708_800_000,
        "is_active": True,
        "tick_size": 0.0001 if option else 0.5,
        "contract_size": 1.0 if option else 10.0,
        "min_trade_amount": 0.1 if option else 10.0,
        "maker_commission": 0.0003,
        "taker_commission": 0.0003,
    }
    if option:
        told |= {"strike": float(name.split("-")[2]), "option_type": "call"}
    return told


def template(name: str) -> str:
    """Return a ticker with holes for its channel's time and its mark price."""
    data = {
        "timestamp": "@T",
        "stats": {"volume": 869.0, "price_change": 0.1, "low": 0.0015, "high": 0.0025},
        "state": "open",
        "settlement_price": 0.01,
        "open_interest": 12685.0,
        "min_price": 0.0001,
        "max_price": 0.025,
        "mark_price": "@M",
        "last_price": 0.002,
        "instrument_name": name,
        "index_price": 100006.72,
        "estimated_delivery_price": 100006.72,
        "best_bid_price": 0.0015,
        "best_bid_amount": 4714.0,
        "best_ask_price": 0.0025,
        "best_ask_amount": 873.0,
    }
    if name == PERPETUAL:
        data |= {"current_funding": 0.0001, "funding_8h": 0.0001}
    else:
        greeks = {"vega": 0.2, "theta": -1.6, "rho": 0.01, "gamma": 0.0002, "delta": 0.03}
        data |= {"underlying_price": 100103.61, "underlying_index": "BTC-25DEC37"}
        data |= {"mark_iv": 60.74, "bid_iv": 55.62, "ask_iv": 65.63, "greeks": greeks}
        data |= {"interest_rate": 0.0}
    return told(f"ticker.{name}.100ms", data).replace('"@T"', "%d").replace('"@M"', "%s")


def told(channel: str, data: Any) -> str:
    """Return a notification."""
    params = {"channel": channel, "data": data}
    frame = {"jsonrpc": "2.0", "method": "subscription", "params": params}
    return json.dumps(frame, separators=(",", ":"))


def account_frame(number: int) -> str:
    """Return an order's state, or a fill; in turn."""
    common = {
        "instrument_name": PERPETUAL,
        "order_id": str(number),
        "label": "rb0100020000e1v7v",
        "direction": "buy",
        "amount": 10.0,
        "price": 100_000.5,
    }
    if number % 2:
        fill = {"timestamp": T + number, "trade_id": str(number), "trade_seq": number}
        fill |= {"fee": 3.5e-7, "fee_currency": "BTC", "liquidity": "T", "state": "open"}
        return told("user.trades.any.any.raw", [common | fill])
    state = {"order_state": "open", "last_update_timestamp": T + number, "order_type": "limit"}
    state |= {"creation_timestamp": T, "time_in_force": "good_til_cancelled", "filled_amount": 0.0}
    return told("user.orders.any.any.raw", common | state)


def framed(text: str) -> bytes:
    """Return a websocket text frame."""
    body = text.encode()
    if len(body) < 126:
        return bytes((0x81, len(body))) + body
    return b"\x81\x7e" + len(body).to_bytes(2, "big") + body


async def until(condition: Callable[[], bool], pause: float = 0.01) -> None:
    """Return once something is so."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - nobody says when it is
            await asyncio.sleep(pause)


class Sender:
    """Deribit, as far as two clients ask."""

    def __init__(self) -> None:
        self.templates = [template(name) for name in NAMES]
        self.transport: Any = None
        self.stamp = T

    async def rest(self, request: web.Request) -> web.Response:
        wanted = request.query.get("kind")
        if not request.path.endswith("get_instruments"):
            return web.json_response({"jsonrpc": "2.0", "result": []})
        listed = [instrument(name) for name in NAMES]
        found = [each for each in listed if wanted in (None, "any", each["kind"])]
        return web.json_response({"jsonrpc": "2.0", "result": found})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.transport = request.transport
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                names = asked.get("params", {}).get("channels")
                result = names or {"access_token": "token"}
                await socket.send_json({"jsonrpc": "2.0", "id": asked["id"], "result": result})
        return socket

    async def go(self, request: web.Request) -> web.Response:
        """Send `count` messages at `rate`; answer with the last value of every instrument."""
        count, rate = int(request.query["count"]), int(request.query["rate"])
        last: dict[str, float] = {}
        account = 0
        began = time.monotonic()
        chunk: list[bytes] = []
        for number in range(count):
            if rate and number / rate > (wait := time.monotonic() - began):
                await asyncio.sleep(number / rate - wait)
            if number % ACCOUNT_EVERY == ACCOUNT_EVERY - 1:
                chunk.append(framed(account_frame(account)))
                account += 1
            else:
                which = number % len(NAMES)
                self.stamp += 1
                value = time.monotonic_ns() / 1000 if rate else float(number + 1)
                last[NAMES[which]] = value
                chunk.append(framed(self.templates[which] % (self.stamp, repr(value))))
            if rate or len(chunk) == 100:
                await self.send(chunk)
        await self.send(chunk)
        return web.json_response({"last": last, "account": account})

    async def send(self, chunk: list[bytes]) -> None:
        self.transport.write(b"".join(chunk))
        chunk.clear()
        await until(lambda: self.transport.get_write_buffer_size() <= 2**18, 0.0005)


async def serve() -> None:
    """Serve until killed; say the port first."""
    sender = Sender()
    app = web.Application()
    for path in ("/ws/api/v2", "/www.deribit.com/ws/api/v2"):
        app.router.add_get(path, sender.stream)
    app.router.add_get("/go", sender.go)
    for path in ("/api/v2/{tail:.*}", "/www.deribit.com/api/v2/{tail:.*}"):
        app.router.add_get(path, sender.rest)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


# --- the clients ------------------------------------------------------------


@dataclass(slots=True)
class Heard:
    """What reached a client."""

    prices: int = 0
    last: dict[str, float] = field(default_factory=dict)
    account: list[int] = field(default_factory=list)
    micros: list[float] = field(default_factory=list)  # socket to inbox

    def price(self, name: str, value: float) -> None:
        self.micros.append(time.monotonic_ns() / 1000 - value)
        self.prices += 1
        self.last[name] = value


Client = Callable[[int, Heard], Awaitable[Callable[[], Awaitable[None]]]]


def inbox(heard: Heard) -> Callable[[Event], None]:
    """Return the way into an inbox that nobody empties before the end but the drain."""
    box = Inbox()

    def deliver(event: Event) -> None:
        box.put(event)
        if isinstance(event, OptionMark | Mark):
            heard.price(event.instrument.partition(":")[2], float(event.price))
        elif isinstance(event, Fill):
            heard.account.append(int(event.trade_id))
        elif isinstance(event, OrderAccepted):
            heard.account.append(int(event.venue_order_id))
        for _ in box.drain():
            pass

    return deliver


def ports(tasks: TaskRegistry) -> Ports:
    return Ports(WallClock(), tasks, SeededRandomness(7), Quiet())


class Quiet:
    """A log that nobody reads."""

    def debug(self, event: str, **facts: Any) -> None: ...
    def info(self, event: str, **facts: Any) -> None: ...
    def warning(self, event: str, **facts: Any) -> None: ...
    def error(self, event: str, **facts: Any) -> None: ...


def fail(error: BaseException) -> None:
    raise SystemExit(f"a client failed: {error!r}")


async def ours(port: int, heard: Heard) -> Callable[[], Awaitable[None]]:
    """Start our own feed."""
    tasks = TaskRegistry(fail)
    access = Access("deribit", lambda: ("id", "secret"))
    stream = DeribitStream(Wanted((PERPETUAL,), OPTIONS), Quiet(), access)
    feed = NativeFeed(stream, ports(tasks), f"http://127.0.0.1:{port}")
    tasks.spawn("feed", feed.run(inbox(heard)))
    await until(lambda: feed.connected and stream.live)
    return tasks.close


def config(port: int) -> dict[str, Any]:
    base = f"127.0.0.1:{port}"
    return {
        "apiKey": "id",
        "secret": "secret",
        "enableRateLimit": False,
        "timeout_on_exit": 0,
        "urls": {"api": {"rest": f"http://{base}", "ws": f"ws://{base}/ws/api/v2"}},
    }


async def watching(port: int, heard: Heard) -> Callable[[], Awaitable[None]]:
    """Start ccxt.pro's own way: a loop a stream that awaits `watch_*` again and again."""
    exchange = ccxt.pro.deribit(config(port))
    await exchange.load_markets()
    deliver, now = inbox(heard), WallClock().now

    async def prices(symbol: str) -> None:
        while True:
            info = (await exchange.watch_ticker(symbol))["info"]
            instrument = f"deribit:{info['instrument_name']}"
            ts, mark = info["timestamp"] * 1_000_000, Decimal(str(info["mark_price"]))
            deliver(Mark(now(), ts, instrument, mark))

    async def fills() -> None:
        while True:
            for trade in await exchange.watch_my_trades():
                heard.account.append(int(trade["id"]))

    async def orders() -> None:
        while True:
            for order in await exchange.watch_orders():
                heard.account.append(int(order["id"]))

    work = [*(prices(symbol) for symbol in SYMBOLS), fills(), orders()]
    tasks = [asyncio.create_task(each) for each in work]
    await subscribed(exchange, len(work))

    async def close() -> None:
        for each in tasks:
            each.cancel()
        await exchange.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    return close


async def tapped(port: int, heard: Heard) -> Callable[[], Awaitable[None]]:
    """Start the generic feed: ccxt.pro whose handlers speak at once."""
    tasks = TaskRegistry(fail)
    watches = (
        *(Watch("watch_ticker", (symbol,)) for symbol in SYMBOLS),
        *(Watch("watch_my_trades", private=True), Watch("watch_orders", private=True)),
    )
    settings = Venue(loopback=f"http://127.0.0.1:{port}")
    credentials = Credentials(Secret("id"), Secret("secret"))

    def opened(kind: Tapping) -> Connection:
        return connect("deribit", settings, Mode.LIVE, credentials, None, kind)

    def listen(word: Word) -> None:
        if word.kind is Kind.TICKER:  # options have no unified event: count what was heard
            info = word.told["info"]
            heard.price(info["instrument_name"], float(info["mark_price"]))

    feed = CcxtFeed("deribit", opened, watches, ports(tasks), CcxtTaps(word=listen))

    def deliver(event: Event) -> None:
        if isinstance(event, Fill):
            heard.account.append(int(event.trade_id))
        elif isinstance(event, OrderAccepted):
            heard.account.append(int(event.venue_order_id))

    tasks.spawn("feed", feed.run(deliver))
    await until(lambda: bool(feed.exchange and feed.exchange.clients))
    await subscribed(feed.exchange, len(watches))
    return tasks.close


async def subscribed(exchange: Any, count: int) -> None:
    """Wait until a ccxt client has asked for everything."""

    def asked() -> int:
        return sum(len(each.subscriptions) for each in exchange.clients.values())

    await until(lambda: asked() >= count)
    await asyncio.sleep(0.2)


# --- the measurement --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """One client at one rate."""

    cpu: float  # µs a message
    share: float  # of prices sent that were delivered
    p50: float  # µs, socket to inbox; nan in a flood
    p99: float
    complete: bool  # last value of every instrument seen
    ordered: bool  # every account event once, in its order


async def measure(port: int, start: Client, rate: int, count: int) -> Result:
    """Let a client hear `count` messages."""
    heard = Heard()
    stop = await start(port, heard)
    gc.collect()
    began = time.process_time()
    url = f"http://127.0.0.1:{port}/go?count={count}&rate={rate}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        sent = await answer.json()
    deadline = time.monotonic() + PATIENCE
    expected = list(range(sent["account"]))
    while time.monotonic() < deadline:
        if heard.last == sent["last"] and len(heard.account) >= len(expected):
            break
        await asyncio.sleep(0.01)
    cpu = (time.process_time() - began) / count * 1e6
    with contextlib.suppress(asyncio.CancelledError):
        await stop()
    cuts = statistics.quantiles(heard.micros, n=100) if rate else [float("nan")] * 99
    return Result(
        cpu,
        heard.prices / (count - sent["account"]),
        cuts[49],
        cuts[98],
        heard.last == sent["last"],
        heard.account == expected,
    )


CLIENTS: dict[str, Client] = {"ours": ours, "ccxt watch": watching, "tapped ccxt": tapped}


async def compare(port: int, rounds: int, flood: int, seconds: float) -> None:
    """Print the table; the clients take turns at every rate."""
    found: dict[tuple[int, str], list[Result]] = {}
    for _ in range(rounds):
        for rate in RATES:
            for name, start in CLIENTS.items():
                count = int(rate * seconds) if rate else flood
                result = await measure(port, start, rate, count)
                found.setdefault((rate, name), []).append(result)
                if name != "ccxt watch":
                    assert result.complete, f"{name} at {rate}: a last value was not seen"
                    assert result.ordered, f"{name} at {rate}: account events lost or disordered"
    print(
        f"{'rate /s':>8} {'client':>12} {'cpu µs':>8} {'ratio':>7} {'share':>7} "
        f"{'p50 µs':>8} {'p99 µs':>8} {'last seen':>9} {'account':>8}"
    )
    for rate in RATES:
        base = statistics.median(each.cpu for each in found[rate, "ccxt watch"])
        for name in CLIENTS:
            results = found[rate, name]
            cpu, share, p50, p99 = (
                statistics.median(getattr(each, what) for each in results)
                for what in ("cpu", "share", "p50", "p99")
            )
            seen = all(each.complete for each in results)
            ordered = all(each.ordered for each in results)
            print(
                f"{rate or 'flood':>8} {name:>12} {cpu:8.1f} {cpu / base:7.3f} {share:7.1%} "
                f"{p50:8.0f} {p99:8.0f} {'yes' if seen else 'no':>9} "
                f"{'whole' if ordered else 'lost':>8}"
            )


def main() -> None:
    """Start the sender, then compare."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--flood", type=int, default=20_000)
    asked.add_argument("--seconds", type=float, default=2.0)
    asked.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = asked.parse_args()
    if told.serve:
        run_wall(serve())
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        try:
            assert sender.stdout is not None
            port = int(sender.stdout.readline())
            run_wall(compare(port, told.rounds, told.flood, told.seconds))
        finally:
            sender.terminate()


if __name__ == "__main__":
    main()
