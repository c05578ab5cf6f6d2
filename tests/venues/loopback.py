"""A loopback Deribit with an account of ours on it, and the live venue pointed at it.

`desk` puts the real parts together as wiring does: connection, budget, reader,
dead-man switch, venue. `answering` is a server that says what a test tells it to,
byte for byte, and counts what reached it.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from aiohttp import web

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import FundingRate, Index, Mark, OptionMark
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.exchange.terms import AccountTerms
from rebalancer.market.records import Book, WorldStep, quote_of
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopback, open_setup
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.deribit.account import DeribitAccount
from rebalancer.venues.deribit.socket import DeribitSocket
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from rebalancer.venues.profiles import DERIBIT

D = Decimal
ACCOUNT = "deribit"
KEY = Key("key-of-desk", "secret-of-desk", ACCOUNT, uid=12_345)
READER = Key("key-of-reader", "secret-of-reader", ACCOUNT, uid=12_345, trades=False)
WITHDRAWER = Key("key-of-owner", "secret-of-owner", ACCOUNT, uid=12_345, withdraws=True)
PERP, ETH = "deribit:BTC-PERPETUAL", "deribit:ETH-PERPETUAL"
CALL = "deribit:BTC-25DEC37-100000-C"
INSTRUMENTS = {name: known(name) for name in (PERP, ETH, CALL)}
BID, ASK, SIZE = D("99999.5"), D("100000.5"), D(2_000)
BOOKS = (
    Book(PERP, ((BID, SIZE),), ((ASK, SIZE),)),
    Book(ETH, ((D("3499.95"), D(500)),), ((D("3500.05"), D(500)),)),
    Book(CALL, ((D("0.3495"), D(5)),), ((D("0.3505"), D(5)),)),
)


def step(ts, **changes):
    """Return a still market."""
    told = replace(
        WorldStep(ts, *((),) * 11),
        books=BOOKS,
        quotes=tuple(quote_of(each, ts) for each in BOOKS),
        marks=(Mark(ts, ts, PERP, D(100_000)), Mark(ts, ts, ETH, D(3_500))),
        indexes=tuple(
            Index(ts, ts, ACCOUNT, *each) for each in (("BTC", D(100_000)), ("ETH", D(3_500)))
        ),
        option_marks=(OptionMark(ts, ts, CALL, D("0.35"), 0.6, 101_000.0),),
        funding_rates=(FundingRate(ts, ts, PERP, 0.0001, 8 * 3600 * SECOND, None),),
    )
    return replace(told, **changes)


def make(instruments=INSTRUMENTS, cash=None, **changes):
    """Return a loopback of one account, its market told once; it does not listen yet."""
    clock = WallClock()
    terms = AccountTerms(leverage=D(10))
    account = OpeningAccount(ACCOUNT, {"BTC": D(10), "ETH": D(100)} | (cash or {}), terms=terms)
    setup = open_setup(ACCOUNT, list(instruments.values()), [account])
    loopback = Loopback(setup, [KEY, READER, WITHDRAWER], clock)
    loopback.place.tell(step(clock.now(), **changes))
    return loopback


def credentials_of(key):
    """Return what a key signs with."""
    return Credentials(Secret(key.client_id), Secret(key.secret))


@dataclass
class Desk:
    """Everything around one live venue."""

    loopback: Loopback
    venue: CcxtVenue
    books: DeribitAccount
    line: Line
    delivered: list = field(default_factory=list)

    @property
    def clock(self):
        return self.line.clock

    def buys(self, name=None):
        """Return what the exchange holds of our orders."""
        return self.loopback.place.orders(ACCOUNT, name)


@asynccontextmanager
async def desk(key=KEY, resting=False, instruments=INSTRUMENTS):
    """Yield a desk; `resting` opens the trading socket and arms the dead-man switch."""
    async with make() as loopback, at(loopback, key, resting, instruments) as opened:
        yield opened


@asynccontextmanager
async def at(loopback, key=KEY, resting=False, instruments=INSTRUMENTS):
    """Yield a desk at a loopback that listens."""
    clock, delivered, sent, failures = WallClock(), [], Sent(), []
    budget = Budget(DERIBIT.rates, clock)
    settings, credentials = Venue(loopback=loopback.address, account="12345"), credentials_of(key)
    tasks = TaskRegistry(failures.append)
    connection = connect(
        *(ACCOUNT, settings, Mode.LIVE, credentials),
        lambda pause, banned: budget.complained(pause, banned=banned),
    )
    switch = DeadManSwitch(DERIBIT, None, clock)
    socket = DeribitSocket(connection, credentials, clock, tasks, switch.lost)
    try:
        if resting:
            switch.socket = socket
            await socket.start()
            await switch.arm()
        books = DeribitAccount(ACCOUNT, connection, budget, clock, instruments, sent.ours)
        line = Line(connection, DERIBIT, budget, clock, switch, sent)
        markets = await load(connection)
        venue = CcxtVenue(ACCOUNT, books, line, markets, instruments, delivered.append)
        yield Desk(loopback, venue, books, line, delivered)
    finally:
        await socket.close()
        await tasks.close()
        await connection.close()
    assert [] == failures


def order(name="rb01", **changes):
    """Return an order for 100 USD of the perpetual at the ask."""
    told = Submit(
        client_order_id=name,
        account=ACCOUNT,
        instrument=PERP,
        quantity=D(100),
        price=ASK,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=0,
    )
    return replace(told, **changes)


class Answering:
    """A server that does what it is told; `seen` is what reached it."""

    def __init__(self, act):
        self.seen = []
        self._act = act

    async def _handle(self, request):
        self.seen.append(request)
        return await self._act(request)

    def asked(self, word):
        """Return the requests whose path has a word in it."""
        return [each for each in self.seen if word in each.path]


@asynccontextmanager
async def answering(act):
    """Yield a server and its address; `act` takes a request and returns a response, or cuts."""
    server = Answering(act)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server._handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def json_of(text, status=200):
    """Return an answer of JSON."""
    return web.Response(text=text, status=status, content_type="application/json")


def cut(request):
    """End the connection without an answer."""
    request.transport.abort()
    return web.Response()


async def pause():
    """Let what is due be delivered."""
    await asyncio.sleep(0.05)
