"""Stand-ins for venues without a package: a netted linear account, and a server that records.

They are written by the venues' documentation and share nothing with what reads them.
`desk` puts the real parts together at one, as wiring does, around unmodified ccxt.
"""

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal

from aiohttp import web

from rebalancer.core import ledger
from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import CashMoved, Fill, FundingPaid, OrderAccepted
from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.reconcile import differences
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from rebalancer.venues.parts import parts_of
from rebalancer.venues.seats import AccountSeat

D = Decimal
NONE, MARK, OFFERED, FEE, CASH = D(0), D(65_000), D(10), D("0.0005"), D(10_000)


@dataclass
class Execution:
    number: int
    order: int
    quantity: Decimal  # signed
    price: Decimal
    fee: Decimal
    profit: Decimal
    ts: int  # ms


@dataclass
class Order:
    number: int
    label: str
    quantity: Decimal  # signed
    price: Decimal
    kind: str
    filled: Decimal = NONE
    status: str = "open"
    ts: int = 0


@dataclass
class Linear:
    """One linear contract of one account, netted; profit and funding go to cash at once."""

    cash: Decimal
    quantity: Decimal = NONE
    basis: Decimal = NONE  # what the position cost
    mark: Decimal = MARK
    offered: Decimal = OFFERED  # on each side, at `mark` ± 1
    fee: Decimal = FEE
    orders: dict = field(default_factory=dict)
    executions: list = field(default_factory=list)
    payments: list = field(default_factory=list)  # (ms, amount, position)
    moved: list = field(default_factory=list)  # (ms, kind, amount, more)
    _count: object = field(default_factory=lambda: itertools.count(1_000))

    @property
    def profit(self):
        return self.quantity * self.mark - self.basis

    @property
    def equity(self):
        return self.cash + self.profit

    def take(self, label, quantity, price, kind):
        """Match an order: an "ioc" takes what is offered, whatever else rests."""
        order = Order(next(self._count), label, quantity, price, kind, ts=now())
        self.orders[order.number] = order
        touch = self.mark + (1 if quantity > 0 else -1)
        crosses = price >= touch if quantity > 0 else price <= touch
        if kind != "ioc":
            return order
        size = min(abs(quantity), self.offered) if crosses else D(0)
        if size:
            self.execute(order, size if quantity > 0 else -size, touch)
        order.status = "filled" if order.filled == quantity else "canceled"
        order.status = order.status if size else "rejected"
        return order

    def execute(self, order, quantity, price):
        closing = D(0)
        if self.quantity and (quantity > 0) != (self.quantity > 0):
            closing = min(abs(quantity), abs(self.quantity)) * (1 if quantity > 0 else -1)
        released = self.basis * -closing / self.quantity if closing else D(0)
        profit = -closing * price - released
        opening = quantity - closing
        self.quantity += quantity
        self.basis += opening * price - released
        fee = abs(quantity) * price * self.fee
        self.cash += profit - fee
        order.filled += quantity
        number = next(self._count)
        told = Execution(number, order.number, quantity, price, fee, profit, now())
        self.executions.append(told)
        return told

    def fund(self, amount):
        self.cash += amount
        self.payments.append((now(), amount, self.quantity))

    def move(self, kind, amount, **more):
        self.cash += amount
        self.moved.append((now(), kind, amount, more))

    def open(self):
        return [each for each in self.orders.values() if each.status == "open"]


def now():
    return time.time_ns() // 1_000_000


class Server:
    """A server that keeps what it was asked; `handle` answers."""

    def __init__(self, handle, sockets=None):
        self.seen = []  # (method, path, query, body)
        self._handle, self._sockets = handle, sockets

    async def _serve(self, request):
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._sockets(request)
        body = await request.text()
        self.seen.append((request.method, request.path, dict(request.query), body))
        return await self._handle(request, body)

    def asked(self, word):
        return [each for each in self.seen if word in each[1] or word in each[3]]


@contextlib.asynccontextmanager
async def serving(handle, sockets=None):
    """Yield a server and its address."""
    server = Server(handle, sockets)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server._serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def perpetual(name, settle, tick, lot):
    """Return a linear perpetual as a configuration declares it."""
    step = D(lot)
    return Instrument(name, Kind.PERPETUAL, "BTC", settle, D(1), step, step, D(tick))


@dataclass
class Desk:
    """Everything around one live venue."""

    server: Server
    linear: Linear
    venue: CcxtVenue
    books: object
    line: Line
    instrument: Instrument
    delivered: list

    @property
    def exchange(self):
        return self.line.connection.exchange

    def order(self, number=1, **changes):
        told = Submit(
            client_order_id=name_of(number),
            account=self.instrument.venue,
            instrument=self.instrument.id,
            quantity=D("0.01"),
            price=D(65_100),
            time_in_force=TimeInForce.IOC,
            reduce_only=False,
            purpose=Purpose.HEDGE,
            underlying="BTC",
            decided_at=0,
        )
        return replace(told, **changes)


def name_of(number):
    """Return one of our order ids."""
    return encode(ClientOrderId(account=1, epoch=2, sequence=number))


@contextlib.asynccontextmanager
async def desk(address, server, linear, instrument, keys, profile=None, mode=Mode.LIVE):
    """Yield a desk at a venue that listens."""
    name, clock, delivered, sent = instrument.venue, WallClock(), [], Sent()
    settings = Venue(loopback=address, account="uid", profile=profile)
    credentials = Credentials(*(Secret(each) for each in keys))
    connection = connect(name, settings, mode, credentials)
    row = connection.profile
    row = replace(row, rates={each: replace(rate, per_second=1_000.0, burst=1_000.0)
                              for each, rate in row.rates.items()})  # fmt: skip
    budget = Budget(row.rates, clock)
    try:
        seat = AccountSeat(name, connection, budget, clock, {instrument.id: instrument}, sent.ours)
        books = parts_of(name).account(seat)
        line = Line(connection, row, budget, clock, DeadManSwitch(row, None, clock), sent)
        markets = await load(connection)
        venue = CcxtVenue(name, books, line, markets, {instrument.id: instrument}, delivered.append)
        yield Desk(server, linear, venue, books, line, instrument, delivered)
    finally:
        await connection.close()


def books_of(desk, told, cash):
    """Return the ledger that bookings make, from an account that held only cash."""
    book, account = ledger.Ledger(), desk.instrument.venue
    ledger.credit(book, account, desk.instrument.settle, cash)
    for event in told:
        match event:
            case Fill():
                ledger.book_fill(
                    book, event, desk.instrument, ours=event.client_order_id is not None
                )
            case FundingPaid():
                ledger.book_funding(book, event)
            case CashMoved():
                ledger.book_cash(book, event)
            case _:
                raise AssertionError(event)
    return book


async def gaps_of(desk, cash=CASH):
    """Return what the venue holds less what the bookings make of it, and all that was told."""
    told = await desk.venue.history(0)
    again = await desk.venue.history(0)  # looks overlap: nothing is booked twice
    book = books_of(desk, (*told.events, *again.events), cash)
    held = await desk.venue.positions()
    known = {desk.instrument.id: desk.instrument}
    return differences(book, desk.instrument.venue, held, known), told


async def trade(desk, seed, rounds=12):
    """Trade, fund and move cash by chance."""
    chance = random.Random(seed)
    for number in range(rounds):
        desk.linear.mark = D(chance.randrange(60_000, 70_000))
        size = D(chance.randrange(1, 300)) / 10_000
        buys = chance.random() < 0.5
        price = desk.linear.mark + (100 if buys else -100)
        order = desk.order(number, quantity=size if buys else -size, price=price)
        assert isinstance(await desk.venue.submit(order), OrderAccepted)
        if chance.random() < 0.4:
            desk.linear.fund(D(chance.randrange(-5_000, 5_000)) / 10_000)
        await asyncio.sleep(0.002)  # the venue's clock has milliseconds
