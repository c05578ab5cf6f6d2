"""The live venue of any name, around unmodified ccxt, at a server that says what a test tells it.

Each has one instrument, as ccxt lists it and as a configuration declares it: a
perpetual, or on Binance's spot a pair. `spelt` reads what reached the server.
"""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import parse_qsl

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues import requests
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent
from rebalancer.venues.parts import parts_of
from rebalancer.venues.profiles import PROFILES
from rebalancer.venues.seats import AccountSeat
from tests.venues import hyperliquid, krakenfutures
from tests.venues.loopback import Answering, answering
from tests.venues.standin import name_of

D = Decimal
SHIPPED = ("hyperliquid", "krakenfutures")
VENUES = (*PROFILES, *SHIPPED)
ACCOUNT = "12345"


@dataclass(frozen=True)
class Own:
    """What one venue calls its instrument, and the numbers of an order."""

    name: str
    symbol: str
    quote: str
    settle: str
    amount: str  # in a request
    price: str
    keys: tuple[str, ...] = ("key-of-desk", "hidden-word")


OWN = {
    "deribit": Own("BTC_USDC-PERPETUAL", "BTC/USDC:USDC", "USDC", "USDC", "amount", "price"),
    "binanceusdm": Own("BTCUSDT", "BTC/USDT:USDT", "USDT", "USDT", "quantity", "price"),
    "binancecoinm": Own("BTCUSD_PERP", "BTC/USD:BTC", "USD", "BTC", "quantity", "price"),
    "binance": Own("BTCUSDT", "BTC/USDT", "USDT", "", "quantity", "price"),
    "bybit": Own("BTCUSDT", "BTC/USDT:USDT", "USDT", "USDT", "qty", "price"),
    "okx": Own(
        *("BTC-USDT-SWAP", "BTC/USDT:USDT", "USDT", "USDT", "sz", "px"),
        keys=("key-of-desk", "hidden-word", "hidden-phrase"),
    ),
    "hyperliquid": Own(
        *("BTC-PERP", "BTC/USDC:USDC", "USDC", "USDC", "s", "p"),
        keys=(hyperliquid.WALLET, hyperliquid.SECRET),
    ),
    "krakenfutures": Own(
        *("PF_XBTUSD", "BTC/USD:USD", "USD", "USD", "size", "limitPrice"),
        keys=(krakenfutures.KEY, krakenfutures.SECRET),
    ),
}


def listed(venue, step="0.001", tick="0.5", minimum=None, **changes):
    """Return its instrument as ccxt lists it."""
    own = OWN[venue]
    pair, inverse = venue == "binance", own.settle == "BTC"
    told = {
        "id": "1" if venue == "hyperliquid" else own.name,
        "symbol": own.symbol,
        "baseName": "BTC",
        "base": "BTC",
        "quote": own.quote,
        "settle": own.settle or None,
        "baseId": "1" if venue == "hyperliquid" else "BTC",
        "quoteId": own.quote,
        "settleId": own.settle or None,
        "type": "spot" if pair else "swap",
        "contractSize": None if pair else 1,
        "precision": {"amount": step, "price": tick},
        "limits": {"amount": {"min": minimum}},
        "info": {"orderTypes": ["LIMIT", "LIMIT_MAKER"]},
        "spot": pair,
        "linear": None if pair else not inverse,
        "inverse": None if pair else inverse,
        "expiry": None,
        "strike": None,
        "optionType": None,
        "active": True,
    }
    told |= dict.fromkeys(("swap", "contract"), not pair)
    return told | dict.fromkeys(("margin", "future", "option"), False) | changes


def declared(venue, lot="0.001", tick="0.5"):
    """Return its instrument as a configuration declares it."""
    own = OWN[venue]
    kind = Kind.SPOT if venue == "binance" else Kind.PERPETUAL
    size, step = D(1), D(lot)
    settle = own.settle or own.quote
    return Instrument(f"{venue}:{own.name}", kind, "BTC", settle, size, step, step, D(tick))


@dataclass
class Desk:
    """Everything around one live venue."""

    server: Answering
    venue: CcxtVenue
    line: Line
    instrument: Instrument

    @property
    def connection(self) -> Connection:
        return self.line.connection

    @property
    def exchange(self):
        return self.connection.exchange

    def order(self, number=1, **changes):
        """Return an order to buy a hundredth at 60,000."""
        told = Submit(
            client_order_id=name_of(number),
            account=self.instrument.venue,
            instrument=self.instrument.id,
            quantity=D("0.01"),
            price=D(60_000),
            time_in_force=TimeInForce.IOC,
            reduce_only=False,
            purpose=Purpose.HEDGE,
            underlying="BTC",
            decided_at=0,
        )
        return replace(told, **changes)


@asynccontextmanager
async def desk(venue, act, address=None, lot="0.001", finest="0.5", **market):
    """Yield a desk at a server that answers as `act` says, or at another address.

    Args:
        venue: ccxt id.
        act: Takes a request, returns a response.
        address: Where nobody listens, say.
        lot: Of the declared instrument.
        finest: Tick of the declared instrument.
        market: What differs in ccxt's market, by the names of `listed`.
    """
    async with answering(act) as (server, own):
        clock, sent = WallClock(), Sent()
        settings = Venue(loopback=address or own, account=ACCOUNT)
        keys = Credentials(*(Secret(each) for each in OWN[venue].keys))
        budgets = []
        connection = connect(
            *(venue, settings, Mode.LIVE, keys),
            lambda pause, banned: budgets[0].complained(pause, banned=banned),
        )
        profile, instrument = connection.profile, declared(venue, lot, finest)
        budgets.append(Budget(profile.rates, clock))
        named = {instrument.id: instrument}
        try:
            seat = AccountSeat(venue, connection, budgets[0], clock, named, sent.ours)
            books = parts_of(venue).account(seat)
            connection.exchange.set_markets([listed(venue, **market)])
            found = (
                requests.market(each, profile) for each in connection.exchange.markets.values()
            )
            markets = {each.name: each for each in found if each is not None}
            switch = DeadManSwitch(profile, None, clock)
            line = Line(connection, profile, budgets[0], clock, switch, sent)
            live = CcxtVenue(venue, books, line, markets, named, lambda event: None)
            yield Desk(server, live, line, instrument)
        finally:
            await connection.close()


def spelt(query, body):
    """Return what an order's request says, by the last name of each path."""
    told = dict(query)
    try:
        said = json.loads(body, parse_float=str)
        signed = said.get("action") if isinstance(said, dict) else None  # beside a signature
        _leaves(said if signed is None else signed, "", told)
    except ValueError:
        told.update(parse_qsl(body, keep_blank_values=True))
    return told


def _leaves(told, name, into):
    if isinstance(told, dict):
        for key, each in told.items():
            _leaves(each, key, into)
    elif isinstance(told, list):
        for each in told:
            _leaves(each, name, into)
    else:
        into[name] = told
