"""Loopback Binances with an account of ours on each, and the live venue pointed at them.

`desk` puts the real parts together as wiring does; its market is told by hand.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import FundingRate, Index, Mark
from rebalancer.core.instruments import Kind
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.exchange.terms import AccountTerms, VenueTerms
from rebalancer.market.records import Book, WorldStep, quote_of
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.faults import Deed
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopback, open_setup
from rebalancer.venues.binance.account import BinanceAccount
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.live import dead_man
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from rebalancer.venues.parts import PARTS
from rebalancer.venues.profiles import PROFILES
from rebalancer.venues.seats import AccountSeat

D = Decimal
USDM, COINM, SPOT = "binanceusdm", "binancecoinm", "binance"
KEY = Key("key-of-desk", "secret-of-desk", "desk", uid=12_345)
READER = Key("key-of-reader", "secret-of-reader", "desk", uid=12_345, trades=False)
WITHDRAWER = Key("key-of-owner", "secret-of-owner", "desk", uid=12_345, withdraws=True)
MOVER = Key("key-of-mover", "secret-of-mover", "desk", uid=12_345, transfers=True)
FIRST = {
    USDM: "binanceusdm:BTCUSDT",
    COINM: "binancecoinm:BTCUSD_PERP",
    SPOT: "binance:BTCUSDT",
}
LISTED = {
    USDM: ("binanceusdm:BTCUSDT", "binanceusdm:ETHUSDT"),
    COINM: ("binancecoinm:BTCUSD_PERP", "binancecoinm:ETHUSD_PERP"),
    SPOT: ("binance:BTCUSDT", "binance:ETHUSDT"),
}
CASH = {
    USDM: {"USDT": D(1_000_000), "USDC": D(5)},
    COINM: {"BTC": D(10), "ETH": D(100)},
    SPOT: {"USDT": D(1_000_000)},
}
PRICES = {"BTC": D(100_000), "ETH": D(3_500)}
HALVES = {"BTC": D("0.1"), "ETH": D("0.01")}  # of the spread
SIZES = {USDM: D(20), COINM: D(20_000), SPOT: D(20)}
LOTS = {USDM: D("0.01"), COINM: D(10), SPOT: D("0.01")}  # of the test's orders


def price_of(coin, move=0):
    """Return the price of a coin when that of a bitcoin has moved by some USD."""
    return (PRICES[coin] * (1 + D(move) / PRICES["BTC"])).quantize(D("0.01"))


def book_of(name, move=0):
    """Return a book of one level around a coin's price."""
    instrument = known(name)
    price, half = price_of(instrument.underlying, move), HALVES[instrument.underlying]
    size = SIZES[instrument.venue]
    return Book(name, ((price - half, size),), ((price + half, size),))


def step(venue, ts, move=0, **changes):
    """Return a still market, its prices moved by some USD."""
    names = [each for each in LISTED[venue] if known(each)]
    books = tuple(book_of(name, move) for name in names)
    marks = ((name, price_of(known(name).underlying, move)) for name in names)
    told = replace(
        WorldStep(ts, *((),) * 11),
        books=books,
        quotes=tuple(quote_of(each, ts) for each in books),
        marks=tuple(Mark(ts, ts, *each) for each in marks),
        indexes=tuple(Index(ts, ts, venue, coin, price_of(coin, move)) for coin in PRICES),
        funding_rates=tuple(
            FundingRate(ts, ts, name, 0.0001, 8 * 3600 * SECOND, None)
            for name in names
            if known(name).kind is Kind.PERPETUAL
        ),
    )
    return replace(told, **changes)


def make(venue, clock=None, maintenance=None, **changes):
    """Return a loopback of one account, its market told once; it does not listen yet."""
    clock = clock or WallClock()
    terms = AccountTerms(leverage=D(10))
    account = OpeningAccount("desk", CASH[venue], terms=terms)
    listed = [known(each) for each in LISTED[venue]]
    own = None if maintenance is None else dict.fromkeys(Kind, maintenance)
    demands = None if own is None else VenueTerms(maintenance=own)
    setup = open_setup(venue, listed, [account], terms=demands)
    loopback = Loopback(setup, [KEY, READER, WITHDRAWER, MOVER], clock)
    loopback.place.tell(step(venue, clock.now(), **changes))
    return loopback


def credentials_of(key):
    """Return what a key signs with."""
    return Credentials(Secret(key.client_id), Secret(key.secret))


@dataclass
class Desk:
    """Everything around one live venue."""

    name: str
    loopback: Loopback
    venue: CcxtVenue
    books: BinanceAccount
    line: Line
    delivered: list = field(default_factory=list)

    @property
    def clock(self):
        return self.line.clock

    @property
    def exchange(self):
        return self.line.connection.exchange

    @property
    def host(self):
        return self.loopback.host.desk

    def held(self, name=None):
        """Return what the exchange holds of our orders."""
        return self.loopback.place.orders("desk", name)

    def trades(self, quantity, name=None, label=""):
        """Trade at the exchange without us."""
        instrument = FIRST[self.name] if name is None else name
        self.loopback.host.interfere(
            Deed("desk", instrument, D(quantity), None, label), by_hand=True
        )


@asynccontextmanager
async def desk(venue, key=KEY, loopback=None):
    """Yield a desk at a loopback that listens."""
    async with loopback or make(venue) as opened, at(venue, opened, key) as found:
        yield found


@asynccontextmanager
async def at(venue, loopback, key=KEY):
    """Yield a desk at a loopback that listens already."""
    clock, delivered, sent, failures = WallClock(), [], Sent(), []
    profile = PROFILES[venue]
    budget = Budget(profile.rates, clock)
    settings, keys = Venue(loopback=loopback.address, account="12345"), credentials_of(key)
    connection = connect(
        *(venue, settings, Mode.LIVE, keys),
        lambda pause, banned: budget.complained(pause, banned=banned),
    )
    tasks = TaskRegistry(failures.append)
    instruments = {name: known(name) for name in LISTED[venue]}
    try:
        seat = AccountSeat(venue, connection, budget, clock, instruments, sent.ours)
        books = PARTS[venue].account(seat)
        switch = dead_man(connection, profile, keys, (clock, tasks))
        line = Line(connection, profile, budget, clock, switch, sent)
        markets = await load(connection)
        live = CcxtVenue(venue, books, line, markets, instruments, delivered.append)
        yield Desk(venue, loopback, live, books, line, delivered)
    finally:
        await tasks.close()
        await connection.close()
    assert [] == failures


def order(venue, name="rb01", **changes):
    """Return an order that takes a little at the ask."""
    instrument = FIRST[venue]
    told = Submit(
        client_order_id=name,
        account=venue,
        instrument=instrument,
        quantity=LOTS[venue],
        price=book_of(instrument).asks[0][0],
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=0,
    )
    return replace(told, **changes)
