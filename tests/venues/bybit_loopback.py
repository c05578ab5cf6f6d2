"""A loopback Bybit with an account of ours on it, and the live venue pointed at it.

`desk` puts the real parts together as wiring does: connection, budget, reader,
private stream, venue. What may rest passes as if a dead-man switch were armed.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import (
    FeedStatus,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
)
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.exchange.terms import AccountTerms
from rebalancer.market.records import Book, WorldStep, quote_of
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopback, open_setup
from rebalancer.venues.budget import Budget
from rebalancer.venues.bybit import build
from rebalancer.venues.bybit.account import BybitAccount
from rebalancer.venues.bybit.private import Access, BybitPrivate
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.native import NativeFeed, Ports
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from rebalancer.venues.seats import AccountSeat
from tests.venues.deribit_frames import Lines

D = Decimal
ACCOUNT = "bybit"
KEY = Key("key-of-desk", "secret-of-desk", ACCOUNT, uid=12_345)
READER = Key("key-of-reader", "secret-of-reader", ACCOUNT, uid=12_345, trades=False)
WITHDRAWER = Key("key-of-owner", "secret-of-owner", ACCOUNT, uid=12_345, withdraws=True)
MOVER = Key("key-of-mover", "secret-of-mover", ACCOUNT, uid=12_345, transfers=True)
PERP, ETH, USDC = "bybit:BTCUSDT", "bybit:ETHUSDT", "bybit:BTCPERP"
INVERSE, PAIR = "bybit:BTCUSD", "bybit:BTC/USDT"
CALL, PUT = "bybit:BTC-25DEC37-100000-C-USDT", "bybit:BTC-25DEC37-90000-P"
SOON = "bybit:BTC-25DEC36-95000-C-USDT"  # a test says how soon
NAMES = (PERP, ETH, USDC, INVERSE, CALL, PUT)
INSTRUMENTS = {name: known(name) for name in NAMES}
WITH_PAIR = INSTRUMENTS | {PAIR: known(PAIR)}
MARKS = {PERP: D(100_000), ETH: D(3_500), USDC: D(100_010), INVERSE: D(99_990)}
OPTIONS = {CALL: D(35_000), PUT: D(20_000), SOON: D(12_000)}
BID, ASK, SIZE = D("99999.9"), D("100000.1"), D(2)
CASH = {"USDT": D(1_000_000), "USDC": D(500_000), "BTC": D(10)}
SHARES = {"USDT": D(1), "USDC": D("0.98"), "BTC": D("0.95")}
HOURS_8 = 8 * 3_600 * SECOND


def books(move=0):
    """Return a book of every contract: one level a side, a tick from the mark."""
    found = []
    for name, mark in {**MARKS, **OPTIONS, PAIR: D(100_000)}.items():
        tick = known(name).tick
        middle = mark + move * tick
        size = {INVERSE: D(200_000), ETH: D(50)}.get(name, SIZE)
        found.append(Book(name, ((middle - tick, size),), ((middle + tick, size),)))
    return tuple(found)


def step(ts, move=0, **changes):
    """Return a market whose every price is moved by so many ticks."""
    told = books(move)
    rates = ((PERP, HOURS_8), (USDC, HOURS_8), (INVERSE, HOURS_8), (ETH, HOURS_8 // 2))
    return replace(
        WorldStep(ts, *((),) * 11),
        books=told,
        quotes=tuple(quote_of(each, ts) for each in told),
        marks=tuple(
            Mark(ts, ts, name, mark + move * known(name).tick)
            for name, mark in {**MARKS, PAIR: D(100_000)}.items()
        ),
        indexes=(
            Index(ts, ts, ACCOUNT, "BTC", D(100_000) + move),
            Index(ts, ts, ACCOUNT, "ETH", D(3_500)),
        ),
        option_marks=tuple(
            OptionMark(ts, ts, name, mark + move * 5, 0.6, 101_000.0)
            for name, mark in OPTIONS.items()
        ),
        funding_rates=tuple(FundingRate(ts, ts, n, 0.0001, every, None) for n, every in rates),
        **changes,
    )


def make(instruments=INSTRUMENTS, cash=None, clock=None, **changes):
    """Return a loopback of one account, its market told once; it does not listen yet."""
    clock = clock or WallClock()
    terms = AccountTerms(leverage=D(10), collateral=SHARES)
    account = OpeningAccount(ACCOUNT, CASH | (cash or {}), terms=terms)
    setup = open_setup(ACCOUNT, list(instruments.values()), [account])
    chance = SeededRandomness(7).generator("faults")
    loopback = Loopback(setup, [KEY, READER, WITHDRAWER, MOVER], clock, chance)
    loopback.place.tell(step(clock.now(), **changes))
    return loopback


def credentials_of(key):
    """Return what a key signs with."""
    return Credentials(Secret(key.client_id), Secret(key.secret))


class Armed(DeadManSwitch):
    """A switch that counts as armed, though nothing holds it."""

    armed = True


@dataclass
class Desk:
    """Everything around one live venue."""

    loopback: Loopback
    venue: CcxtVenue
    books: BybitAccount
    line: Line
    delivered: list = field(default_factory=list)

    @property
    def clock(self):
        return self.line.clock

    @property
    def place(self):
        return self.loopback.place

    def orders(self, name=None):
        """Return what the exchange holds of our orders."""
        return self.place.orders(ACCOUNT, name)

    def asked(self, word):
        """Return the calls whose name has a word in it."""
        return [method for method, _ in self.loopback.server.calls if word in method]


class Hearing:
    """What is delivered, as the daemon takes it: an end once, no "accepted" after the answer."""

    def __init__(self):
        self.events, self._over = [], set()

    def __call__(self, event):
        if isinstance(event, OrderAccepted | FeedStatus):
            return
        if isinstance(event, OrderEnded):
            if event.client_order_id in self._over:
                return
            self._over.add(event.client_order_id)
        self.events.append(event)


@asynccontextmanager
async def desk(key=KEY, instruments=INSTRUMENTS, stream=False, **changes):
    """Yield a desk; `stream` hears the account's own topics too."""
    loopback = make(instruments, **changes)
    async with loopback, at(loopback, key, instruments, stream) as opened:
        yield opened


@asynccontextmanager
async def at(loopback, key=KEY, instruments=INSTRUMENTS, stream=False, address=None):
    """Yield a desk at a loopback that listens, or at another server's address."""
    clock, heard, sent, failures = WallClock(), Hearing(), Sent(), []
    budget = Budget(BYBIT.rates, clock)
    settings = Venue(loopback=address or loopback.address, account="12345")
    credentials, tasks = credentials_of(key), TaskRegistry(failures.append)
    connection = connect(
        *(ACCOUNT, settings, Mode.LIVE, credentials),
        lambda pause, banned: budget.complained(pause, banned=banned),
    )
    try:
        seat = AccountSeat(ACCOUNT, connection, budget, clock, instruments, sent.ours)
        reader = build.account(seat)
        line = Line(connection, BYBIT, budget, clock, Armed(BYBIT, None, clock), sent)
        markets = await load(connection) if address is None else {}
        venue = CcxtVenue(ACCOUNT, reader, line, markets, instruments, heard)
        if stream:
            access = Access(ACCOUNT, lambda: (key.client_id, key.secret))
            private = BybitPrivate(access, Lines())
            ports = Ports(clock, tasks, SeededRandomness(7), Lines())
            feed = NativeFeed(private, ports, settings.loopback)
            tasks.spawn("private", feed.run(heard))
            while not (feed.connected and private.live and loopback.host.sessions):
                await clock.sleep(SECOND // 100)
        yield Desk(loopback, venue, reader, line, heard.events)
    finally:
        await tasks.close()
        await connection.close()
    assert [] == failures


def order(name="rb01", **changes):
    """Return an order for 0.1 coin of the perpetual at the ask."""
    told = Submit(
        client_order_id=name,
        account=ACCOUNT,
        instrument=PERP,
        quantity=D("0.1"),
        price=ASK,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=0,
    )
    return replace(told, **changes)
