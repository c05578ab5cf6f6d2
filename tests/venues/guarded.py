"""Venues of this machine at which something rests, their dead-man switch and its keeper.

`guarded` puts together what `live` does around the orders of one account. Its clock
and the venue's are hurried: a window of ten seconds is over in less than one.
"""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.commands import Cancel, Purpose, Query, Submit, TimeInForce
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.faults import Deed
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.budget import Budget, Rate
from rebalancer.venues.connection import connect
from rebalancer.venues.dead_man import DeadManKeeper, MayRest
from rebalancer.venues.live import dead_man
from rebalancer.venues.orders_ccxt import CcxtVenue, Line, Sent, load
from rebalancer.venues.parts import PARTS
from rebalancer.venues.profiles import PROFILES
from rebalancer.venues.resting import left
from rebalancer.venues.seats import AccountSeat
from tests.runtime.stage import Lines
from tests.simulation import okx_fair
from tests.venues import binance_desk, bybit_loopback, okx_loopback

D = Decimal
PACE = 14  # seconds of timers in a second
WINDOW = 10 * SECOND


class Hurried(WallClock):
    """A clock whose timers and ages run many times as fast as its date."""

    def __init__(self, pace=PACE):
        super().__init__()
        self._pace = pace

    def monotonic(self):
        return super().monotonic() * self._pace

    def call_at(self, ts, callback):
        here = self.now()
        return super().call_at(here + max(ts - here, 0) // self._pace, callback)


@dataclass(frozen=True)
class House:
    """What differs between the venues."""

    venue: str
    make: Callable[..., Any]  # with a clock
    key: Any
    credentials: Callable[..., Any]
    account: str  # as the place knows it
    hedge: str
    other: str  # an instrument of another timer, or of the same
    price: Decimal  # at which a buy rests
    quantity: Decimal
    winding: str  # the call, as a fault script knows it


def _binance(venue, path, price, quantity):
    desk = binance_desk
    return House(
        *(venue, lambda clock: desk.make(venue, clock=clock), desk.KEY, desk.credentials_of),
        *("desk", *desk.LISTED[venue], price, quantity),
        f"signed/POST /{path}/v1/countdownCancelAll",
    )


HOUSES = {
    "binanceusdm": _binance("binanceusdm", "fapi", D("99000.1"), D("0.01")),
    "binancecoinm": _binance("binancecoinm", "dapi", D("99000.1"), D(10)),
    "okx": House(
        *("okx", lambda clock: okx_fair.make(clock=clock), okx_fair.KEY),
        *(okx_loopback.credentials_of, okx_fair.ACCOUNT, okx_fair.LINEAR, okx_fair.INVERSE),
        *(D("99000.1"), D(10), "POST trade/cancel-all-after"),
    ),
    "bybit": House(
        *("bybit", lambda clock: bybit_loopback.make(clock=clock), bybit_loopback.KEY),
        *(bybit_loopback.credentials_of, "bybit", bybit_loopback.PERP, bybit_loopback.INVERSE),
        *(D("99000.1"), D("0.1"), "private/get/account/query-dcp-info"),
    ),
}


@dataclass
class Guarded:
    """Everything around the orders of one account, with its keeper at work."""

    house: House
    loopback: Any
    venue: CcxtVenue
    line: Line
    clock: Hurried
    tasks: TaskRegistry
    log: Lines = field(default_factory=Lines)
    well: bool = True  # whether whoever decides still does
    task: Any = None

    @property
    def switch(self):
        return self.line.dead_man

    @property
    def names(self):
        return [name for _, name, _ in self.log.said]

    def order(self, name="rb01", **changes):
        """Return an order that rests below the market."""
        told = {
            "client_order_id": name,
            "account": self.house.venue,
            "instrument": self.house.hedge,
            "quantity": self.house.quantity,
            "price": self.house.price,
            "time_in_force": TimeInForce.GTC,
            "reduce_only": False,
            "purpose": Purpose.HEDGE,
            "underlying": "BTC",
            "decided_at": 0,
        }
        return Submit(**told | changes)

    async def rest(self, name="rb01"):
        """Arm the switch as the first order does, and have an order rest."""
        await self.venue.submit(self.order(name))
        await self.until(lambda: self.switch.armed)
        return await self.venue.submit(self.order(name))

    def state(self, name="rb01"):
        """Return where an order stands at the venue."""
        (placed,) = self.loopback.place.orders(self.house.account, name)
        return placed.state.value

    def foreign(self, instrument=None, price=None):
        """Have somebody else's order rest, with the label `else`."""
        name, price = instrument or self.house.hedge, price or self.house.price
        size = known(name).minimum * 10
        deed = Deed(self.house.account, name, size, price, "else")
        self.loopback.host.interfere(deed, by_hand=False)

    async def told(self, name="rb01"):
        """Return what the daemon reads of an order."""
        return await self.venue.query(Query(name, self.house.venue, self.house.hedge))

    async def cancel(self, name="rb01"):
        await self.venue.cancel(Cancel(name, self.house.venue, self.house.hedge))

    async def until(self, holds):
        """Return once something holds."""
        for _ in range(400):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never held")

    async def windows(self, count):
        """Let so many windows pass."""
        await self.clock.sleep(int(count * WINDOW))

    def asked(self):
        """Return how often it was wound up."""
        return sum(method == self.house.winding for method, _ in self.loopback.server.calls)


@asynccontextmanager
async def guarded(venue, window=WINDOW):
    """Yield it at a loopback that listens; the keeper ends with the test, if not before."""
    house, clock = HOUSES[venue], Hurried()
    async with house.make(clock) as loopback, guarded_at(house, loopback, clock, window) as found:
        yield found


@asynccontextmanager
async def guarded_at(house, loopback, clock, window=WINDOW):
    """Yield another daemon at a loopback that listens already."""
    profile, sent, failures = PROFILES[house.venue], Sent(), []
    budget = Budget(dict.fromkeys(profile.rates, Rate(10_000, 10_000)), clock)
    settings, keys = Venue(loopback=loopback.address), house.credentials(house.key)
    connection = connect(house.venue, settings, Mode.LIVE, keys)
    tasks = TaskRegistry(failures.append)
    listed = {each: known(each) for each in (house.hedge, house.other)}
    try:
        seat = AccountSeat(house.venue, connection, budget, clock, listed, sent.ours)
        books = PARTS[house.venue].account(seat)
        markets = await load(connection)
        rests = MayRest((listed[house.hedge],), window, lambda: left(books, sent))
        switch = dead_man(connection, profile, keys, (clock, tasks), rests)
        line = Line(connection, profile, budget, clock, switch, sent)
        live = CcxtVenue(house.venue, books, line, markets, listed, lambda _: None)
        found = Guarded(house, loopback, live, line, clock, tasks)
        waits = Backoff(SeededRandomness(1).generator("backoff"))
        keeper = DeadManKeeper(*(switch, house.venue, clock, waits, found.log), lambda: found.well)
        tasks.spawn("keeper", keeper.run(None))
        yield found
    finally:
        await tasks.close()
        await connection.close()
    assert [] == failures
