"""An OKX of one coin whose market is told by hand, and ccxt pointed at it."""

import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
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
from tests.simulation.fair import point

D = Decimal
REST, SOCKET = "www.okx.com", "ws.okx.com:8443"
ACCOUNT, OTHER = "okx", "other"
KEY = Key("key-1", "secret-1", ACCOUNT, uid=12_345, passphrase="word-1")
POOR = Key("key-2", "secret-2", ACCOUNT, uid=12_345, trades=False, passphrase="word-2")
RICH = Key("key-3", "secret-3", ACCOUNT, uid=12_345, withdraws=True, passphrase="word-3")
STRANGER = Key("key-4", "secret-4", OTHER, uid=777, passphrase="word-4")
INVERSE, LINEAR, FUTURE = "okx:BTC-USD-SWAP", "okx:BTC-USDT-SWAP", "okx:BTC-USD-371225"
CALL, PAIR = "okx:BTC-USD-371225-100000-C", "okx:BTC-USDT"
NAMES = (INVERSE, LINEAR, FUTURE, CALL, PAIR)
INSTRUMENTS = {name: known(name) for name in NAMES}
MARKS = {INVERSE: D(100_000), LINEAR: D(100_000), FUTURE: D(101_000), CALL: D("0.35")}
MARKS |= {PAIR: D(100_000)}
SIZES = {INVERSE: D(2_000), LINEAR: D(2_000), FUTURE: D(500), CALL: D(50), PAIR: D(2)}
SYMBOLS = {INVERSE: "BTC/USD:BTC", LINEAR: "BTC/USDT:USDT", PAIR: "BTC/USDT"}
SYMBOLS |= {CALL: "BTC/USD:BTC-371225-100000-C", FUTURE: "BTC/USD:BTC-371225"}


def book_of(name, middle, levels=5):
    """Return a book around a price, a tick from it, a tick between levels."""
    tick, size = INSTRUMENTS[name].tick, SIZES[name]
    bids = tuple((middle - tick * each, size) for each in range(1, levels + 1))
    asks = tuple((middle + tick * each, size) for each in range(1, levels + 1))
    return Book(name, bids, asks)


def step_of(ts, move=0, trades=(), levels=5, **changes):
    """Return a step with every price moved by `move` ticks."""
    prices = {name: mark + D(move) * INSTRUMENTS[name].tick for name, mark in MARKS.items()}
    prices[CALL] = MARKS[CALL]
    books = tuple(book_of(name, price, levels) for name, price in prices.items())
    told = replace(
        WorldStep(ts, *((),) * 11),
        books=books,
        quotes=tuple(quote_of(each, ts) for each in books),
        trades=tuple(Trade(ts, ts, *each) for each in trades),
        marks=tuple(Mark(ts, ts, name, prices[name]) for name in NAMES if name != CALL),
        indexes=(Index(ts, ts, "okx", "BTC", D(100_000) + D(move) * D("0.1")),),
        option_marks=(OptionMark(ts, ts, CALL, prices[CALL], 0.6, 101_000.0),),
        funding_rates=(FundingRate(ts, ts, INVERSE, 0.0001, 8 * 3600 * SECOND, None),),
    )
    return replace(told, **changes)


def make(levels=5, cash=None, collateral=None, ends=None, clock=None):
    """Return a loopback of two accounts before it listens, its market told once.

    `ends` is in how many ns what is dated expires, whatever its name says.
    """
    clock, listed = clock or WallClock(), list(INSTRUMENTS.values())
    if ends is not None:
        at = clock.now() + ends
        listed = [replace(each, expiry=at) if each.expiry else each for each in listed]
    terms = AccountTerms(leverage=D(10), collateral=collateral)
    money = {"BTC": D(10), "USDT": D(500_000)} if cash is None else cash
    accounts = [OpeningAccount(ACCOUNT, money, terms=terms), OpeningAccount(OTHER, {"BTC": D(1)})]
    setup = open_setup("okx", listed, accounts)
    chance = SeededRandomness(7).generator("faults")
    loopback = Loopback(setup, [KEY, POOR, RICH, STRANGER], clock, chance)
    loopback.place.tell(step_of(clock.now(), levels=levels))
    return loopback


@asynccontextmanager
async def fair(**changes):
    """Yield a loopback that listens; what broke in it fails the test."""
    async with make(**changes) as loopback:
        yield loopback


def _asked(key, options):
    own = {"apiKey": key.client_id, "secret": key.secret, "password": key.passphrase}
    return {**own, "enableRateLimit": False, "hostname": REST, **options}


def _named(exchange):
    """Fill the host into ccxt's addresses, as it does itself at each call."""
    rest = exchange.urls["api"]["rest"].replace("{hostname}", REST)
    exchange.urls["api"] = {**exchange.urls["api"], "rest": rest}
    return exchange


@asynccontextmanager
async def ccxt_rest(loopback, key=KEY, **options):
    """Yield ccxt's unmodified OKX over REST."""
    exchange = _named(ccxt.async_support.okx(_asked(key, options)))
    try:
        yield point(exchange, loopback.address)
    finally:
        await exchange.close()


@asynccontextmanager
async def ccxt_pro(loopback, key=KEY):
    """Yield ccxt.pro's unmodified OKX."""
    exchange = _named(ccxt.pro.okx(_asked(key, {})))
    try:
        yield point(exchange, loopback.address)
    finally:
        await exchange.close()


def stamp(seconds=0.0):
    """Return the time as a request is signed with it, so many seconds off."""
    moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def signature(key, text):
    """Return the signature of a text."""
    made = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode()


async def get(loopback, path, key=None, at=None, **headers):
    """Return status and JSON of a request by hand; `at` is the time that it is signed with."""
    target = f"/api/v5/{path}"
    signed = {}
    if key is not None:
        at = stamp() if at is None else at
        signed = {
            "OK-ACCESS-KEY": key.client_id,
            "OK-ACCESS-PASSPHRASE": key.passphrase,
            "OK-ACCESS-TIMESTAMP": at,
            "OK-ACCESS-SIGN": signature(key, f"{at}GET{target}"),
        }
    async with (
        ClientSession() as session,
        session.get(f"{loopback.address}/{REST}{target}", headers=signed | headers) as answer,
    ):
        return answer.status, await answer.json()


class Wire:
    """A websocket spoken by hand."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, op, *args, number="1"):
        """Send a request and wait for nothing."""
        await self.socket.send_json({"id": number, "op": op, "args": list(args)})

    async def next(self, seconds=3.0):
        """Return the next message, a word as it is."""
        text = await self.socket.receive_str(timeout=seconds)
        return text if text == "pong" else json.loads(text)

    async def ask(self, op, *args, number="1"):
        """Return the answer to a request; pushes in between are passed over."""
        await self.send(op, *args, number=number)
        while True:
            told = await self.next()
            if "event" in told:
                return told

    async def log_in(self, key=KEY, seconds=0):
        """Log in, and return what the venue says to it."""
        at = str(int(datetime.now(UTC).timestamp()) + seconds)
        sign = signature(key, f"{at}GET/users/self/verify")
        told = {"apiKey": key.client_id, "passphrase": key.passphrase, "timestamp": at}
        return await self.ask("login", {**told, "sign": sign})

    async def until(self, channel, count=1):
        """Return the next pushes of a channel."""
        found = []
        while len(found) < count:
            told = await self.next()
            if isinstance(told, dict) and told.get("arg", {}).get("channel") == channel:
                found += [told] if "data" in told else []
        return found


@asynccontextmanager
async def wire(loopback, path="public"):
    """Yield a websocket to the loopback."""
    async with (
        ClientSession() as session,
        session.ws_connect(f"{loopback.address}/{SOCKET}/ws/v5/{path}", autoping=True) as socket,
    ):
        yield Wire(socket)
