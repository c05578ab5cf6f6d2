"""A loopback OKX with an account of ours on it, and the live venue pointed at it.

`desk` puts the real parts together as wiring does: connection, budget, reader,
venue. The answer to an order tells nothing of its fills, so `told` asks for what
became of each order that was sent, as the engine does when its stream is silent.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.commands import Purpose, Query, Submit, TimeInForce
from rebalancer.core.events import Fill, OrderEnded
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.budget import Budget, Rate
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.okx.account import OkxAccount
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from tests.simulation.okx_fair import ACCOUNT, INSTRUMENTS, KEY, LINEAR, make

D = Decimal
ASK, BID, SIZE = D("100000.1"), D("99999.9"), D(2_000)
KNOWN = {name: each for name, each in INSTRUMENTS.items() if each.kind != "spot"}
FAST = dict.fromkeys(OKX.rates, Rate(10_000, 10_000))


def credentials_of(key):
    """Return what a key signs with."""
    return Credentials(Secret(key.client_id), Secret(key.secret), Secret(key.passphrase))


class Unarmed(DeadManSwitch):
    """A switch that lets resting orders pass: what takes them away is not what is tested here."""

    def refusal(self, order):
        return None


@dataclass
class Desk:
    """Everything around one live venue."""

    loopback: object
    venue: CcxtVenue
    books: OkxAccount
    line: Line
    delivered: list = field(default_factory=list)
    sent: list = field(default_factory=list)

    @property
    def clock(self):
        return self.line.clock

    def placed(self, name=None):
        """Return what the exchange holds of our orders."""
        return self.loopback.place.orders(ACCOUNT, name)

    async def told(self):
        """Deliver what became of the orders that were sent, each fact once."""
        for query in self.sent:
            for event in await self.venue.query(query):
                known = [event.trade_id] if isinstance(event, Fill) else []
                seen = [each.trade_id for each in self.delivered if isinstance(each, Fill)]
                ended = [
                    each.client_order_id for each in self.delivered if isinstance(each, OrderEnded)
                ]
                new = isinstance(event, Fill) and known[0] not in seen
                over = isinstance(event, OrderEnded) and event.client_order_id not in ended
                self.delivered += [event] if new or over else []


@asynccontextmanager
async def desk(key=KEY, resting=False, instruments=KNOWN, **changes):
    """Yield a desk; `resting` lets orders rest."""
    async with make(**changes) as loopback, at(loopback, key, resting, instruments) as opened:
        yield opened


@asynccontextmanager
async def at(loopback, key=KEY, resting=False, instruments=KNOWN, rates=FAST):
    """Yield a desk at a loopback that listens."""
    clock, delivered, sent = WallClock(), [], Sent()
    budget = Budget(rates, clock)
    settings = Venue(loopback=loopback.address, account="12345")
    connection = connect(
        *("okx", settings, Mode.LIVE, credentials_of(key)),
        lambda pause, banned: budget.complained(pause, banned=banned),
    )
    try:
        books = OkxAccount(ACCOUNT, connection, budget, clock, instruments, sent.ours)
        switch = (Unarmed if resting else DeadManSwitch)(OKX, None, clock)
        line = Line(connection, OKX, budget, clock, switch, sent)
        markets = await load(connection)
        venue = CcxtVenue(ACCOUNT, books, line, markets, instruments, delivered.append)
        yield Desk(loopback, venue, books, line, delivered)
    finally:
        await connection.close()


def order(name="rb01", **changes):
    """Return an order for 10 contracts of the linear swap at the ask."""
    told = Submit(
        client_order_id=name,
        account=ACCOUNT,
        instrument=LINEAR,
        quantity=D(10),
        price=ASK,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=0,
    )
    return replace(told, **changes)


def query(name="rb01", instrument=LINEAR):
    """Return the question after an order."""
    return Query(name, ACCOUNT, instrument)
