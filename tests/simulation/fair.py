"""A Deribit of two coins whose market is told by hand, and ccxt pointed at it."""

from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support
import ccxt.pro
from aiohttp import ClientSession

from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Trade
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.exchange.terms import AccountTerms
from rebalancer.market.records import Book, WorldStep, quote_of
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings.catalogue import known
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopback, open_setup

D = Decimal
HOST = "www.deribit.com"
ACCOUNT, OTHER = "desk", "other"
KEY = Key("key-1", "secret-1", ACCOUNT, uid=12_345)
POOR = Key("key-2", "secret-2", ACCOUNT, uid=12_345, trades=False)
RICH = Key("key-3", "secret-3", ACCOUNT, uid=12_345, withdraws=True)
STRANGER = Key("key-4", "secret-4", OTHER, uid=777)
PERP = "deribit:BTC-PERPETUAL"
ETH = "deribit:ETH-PERPETUAL"
CALL = "deribit:BTC-25DEC37-100000-C"
PUT = "deribit:BTC-25DEC37-90000-P"
INSTRUMENTS = [known(each) for each in (PERP, ETH, CALL, PUT)]
MARKS = {PERP: D(100_000), ETH: D(3_500), CALL: D("0.35"), PUT: D("0.2")}
TICKS = {PERP: D("0.5"), ETH: D("0.05"), CALL: D("0.0005"), PUT: D("0.0005")}
SIZES = {PERP: D(10_000), ETH: D(1_000), CALL: D(5), PUT: D(5)}


def book_of(instrument, middle, levels=5):
    """Return a book around a price, a tick from it, a tick between levels."""
    tick, size = TICKS[instrument], SIZES[instrument]
    bids = tuple((middle - tick * each, size) for each in range(1, levels + 1))
    asks = tuple((middle + tick * each, size) for each in range(1, levels + 1))
    return Book(instrument, bids, asks)


def step_of(ts, move=0, trades=(), **changes):
    """Return a step with every price moved by `move` ticks."""
    prices = {name: mark + D(move) * TICKS[name] for name, mark in MARKS.items()}
    books = tuple(book_of(name, price) for name, price in prices.items())
    empty = WorldStep(ts, *((),) * 11)
    return replace(
        empty,
        books=books,
        quotes=tuple(quote_of(each, ts) for each in books),
        trades=tuple(Trade(ts, ts, *each) for each in trades),
        marks=tuple(Mark(ts, ts, name, prices[name]) for name in (PERP, ETH)),
        indexes=(
            Index(ts, ts, "deribit", "BTC", D(100_000)),
            Index(ts, ts, "deribit", "ETH", D(3_500)),
        ),
        option_marks=tuple(
            OptionMark(ts, ts, name, prices[name], 0.6, 101_000.0) for name in (CALL, PUT)
        ),
        funding_rates=(FundingRate(ts, ts, PERP, 0.0001, 8 * 3600 * SECOND, None),),
        **changes,
    )


def make(terms=True):
    """Return a loopback of two accounts before it listens, its market told once."""
    clock = WallClock()
    margin = AccountTerms(leverage=D(10)) if terms else None
    accounts = [
        OpeningAccount(ACCOUNT, {"BTC": D(10), "ETH": D(100)}, terms=margin),
        OpeningAccount(OTHER, {"BTC": D(1)}),
    ]
    setup = open_setup("deribit", INSTRUMENTS, accounts)
    chance = SeededRandomness(7).generator("faults")
    loopback = Loopback(setup, [KEY, POOR, RICH, STRANGER], clock, chance)
    loopback.place.tell(step_of(clock.now()))
    return loopback


@asynccontextmanager
async def fair(terms=True):
    """Yield a loopback that listens; what broke in it fails the test."""
    async with make(terms) as loopback:
        yield loopback


def point(exchange, address):
    """Let a ccxt exchange talk to the loopback, its addresses else as they are."""

    def moved(urls):
        if isinstance(urls, dict):
            return {name: moved(each) for name, each in urls.items()}
        scheme, rest = urls.split("://")
        base = address if scheme.startswith("http") else address.replace("http", "ws")
        return f"{base}/{rest}"

    exchange.urls["api"] = moved(exchange.urls["api"])
    return exchange


@asynccontextmanager
async def ccxt_rest(loopback, key=KEY, **options):
    """Yield ccxt's unmodified Deribit over REST."""
    asked = {"apiKey": key.client_id, "secret": key.secret, "enableRateLimit": False, **options}
    exchange = point(ccxt.async_support.deribit(asked), loopback.address)
    try:
        yield exchange
    finally:
        await exchange.close()


@asynccontextmanager
async def ccxt_pro(loopback, key=KEY):
    """Yield ccxt.pro's unmodified Deribit."""
    asked = {"apiKey": key.client_id, "secret": key.secret, "enableRateLimit": False}
    exchange = point(ccxt.pro.deribit(asked), loopback.address)
    try:
        yield exchange
    finally:
        await exchange.close()


class Wire:
    """A websocket spoken by hand."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []  # everything that is no answer
        self._number = 0

    async def ask(self, method, **params):
        """Return the answer to a request; what comes before it is kept in `heard`."""
        self._number += 1
        await self.send(method, self._number, **params)
        while (told := await self.next()).get("id") != self._number:
            self.heard.append(told)
        return told

    async def send(self, method, number, **params):
        """Send a request and wait for nothing."""
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await self.socket.send_json(asked)

    async def log_in(self, key=KEY):
        """Log in, and return what the venue says to it."""
        return await self.ask(
            "public/auth",
            grant_type="client_credentials",
            client_id=key.client_id,
            client_secret=key.secret,
        )

    async def next(self, seconds=3.0):
        """Return the next message, whatever it is."""
        return await self.socket.receive_json(timeout=seconds)

    async def until(self, channel, count=1):
        """Return the data of the next messages of a channel."""
        found = []
        while len(found) < count:
            told = self.heard.pop(0) if self.heard else await self.next()
            if told.get("params", {}).get("channel") == channel:
                found.append(told["params"]["data"])
        return found


@asynccontextmanager
async def wire(loopback):
    """Yield a websocket to the loopback."""
    async with (
        ClientSession() as session,
        session.ws_connect(f"{loopback.address}/{HOST}/ws/api/v2", autoping=True) as socket,
    ):
        yield Wire(socket)


async def get(loopback, method, key=None, **params):
    """Return status and JSON of a request over HTTP."""
    headers = {}
    async with ClientSession() as session:
        base = f"{loopback.address}/{HOST}/api/v2/"
        if key is not None:
            asked = {
                "grant_type": "client_credentials",
                "client_id": key.client_id,
                "client_secret": key.secret,
            }
            async with session.get(base + "public/auth", params=asked) as answer:
                token = (await answer.json())["result"]["access_token"]
            headers["Authorization"] = f"Bearer {token}"
        async with session.get(base + method, params=params, headers=headers) as answer:
            return answer.status, await answer.json()
