"""The listing watch at Bybit: what is gone or changed is told and barred; the hold beside it."""

from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import (
    InstrumentUnfit,
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
    Unfit,
    VenueHeld,
)
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import AGAIN, ListingWatch, Seat
from tests.runtime.stage import Lines
from tests.venues.bybit_loopback import CALL, PAIR, PERP, WITH_PAIR, desk, order

CREATE = "private/post/order/create"


@asynccontextmanager
async def watched(hedge=PERP):
    """Yield a desk with a watch on its orders, and what the watch told."""
    async with desk(instruments=WITH_PAIR) as opened:
        line, told, log = opened.line, [], Lines()
        hold = VenueHold(line.connection, BYBIT, [WITH_PAIR[hedge]], line.clock, told.append)
        seat = Seat(line.connection, BYBIT, line.budget, line.clock, log, hold)
        watch = ListingWatch(seat, [hedge], WITH_PAIR, opened.venue._markets)
        opened.venue._line = replace(line, hold=hold, listings=watch)
        assert await look(watch, told) > AGAIN
        assert [] == told
        yield opened, watch, told


async def look(watch, told):
    """Look at everything now; return ns until the next time."""
    watch.now()
    return await watch.look(told.append)


CASES = {
    "gone": (lambda at, name: at.delist(name), Unfit.GONE, "lists none"),
    "closed": (lambda at, name: at.close(name), Unfit.GONE, "lists none"),
    "minimum": (
        lambda at, name: at.retold.update({name: {"lotSizeFilter": {"minOrderQty": "7"}}}),
        Unfit.CHANGED,
        "minimum was",
    ),
    "tick": (
        lambda at, name: at.retold.update({name: {"priceFilter": {"tickSize": "7"}}}),
        Unfit.CHANGED,
        "is 7",
    ),
    "quote": (
        lambda at, name: at.retold.update({name: {"quoteCoin": "EUR"}}),
        Unfit.CHANGED,
        "is EUR",
    ),
}


@pytest.mark.parametrize("name", [PERP, CALL, PAIR])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.proves("bybit", "listing", "loopback")
async def test_unfit(case, name):
    """It is told, and no order leaves for it; the venue never hears of one."""
    change, how, what = CASES[case]
    async with watched(name) as (opened, watch, told):
        change(opened.loopback.host.desk, name)
        await look(watch, told)
        (event,) = told

        assert (InstrumentUnfit, name, how) == (type(event), event.instrument, event.how)
        assert what in event.what
        lot = WITH_PAIR[name].minimum
        answer = await opened.venue.submit(order(instrument=name, quantity=lot, price=Decimal(50)))
        assert isinstance(answer, OrderRejected)
        assert [] == opened.asked("order/create")


async def test_a_perpetual_that_will_be_delisted():
    """A perpetual that is given an end is not what the book takes it for."""
    async with watched() as (opened, watch, told):
        opened.loopback.host.desk.retold[PERP] = {"deliveryTime": "1900000000000"}
        await look(watch, told)

        assert "expiry was 0" in told[0].what


async def test_denied_by_an_order():
    """An order that is answered with "not live" has its instrument looked after at once."""
    async with watched() as (opened, watch, told):
        opened.loopback.host.desk.close(PERP)
        answer = await opened.venue.submit(order())
        again = await opened.venue.submit(order("rb02"))
        await watch.look(told.append)

        assert (OrderRejected, OrderRejected) == (type(answer), type(again))
        assert 1 == len(opened.asked("order/create"))
        assert [Unfit.GONE] == [each.how for each in told]


async def test_new_steps():
    """What an operator has seen is what orders are made by: tick, step and minimum."""
    async with watched() as (opened, watch, told):
        opened.loopback.host.desk.retold[PERP] = {
            "lotSizeFilter": {"minOrderQty": "0.01", "qtyStep": "0.005"},
            "priceFilter": {"tickSize": "0.5"},
        }
        await look(watch, told)
        watch.armed()
        where = opened.venue._markets["BTCUSDT"]

        assert ("0.005", "0.01", "0.5") == (str(where.step), str(where.minimum), str(where.tick))


@pytest.mark.parametrize(
    ("code", "kind"), [(10016, OrderUnknown), (10019, OrderUnknown), (110066, OrderRejected)]
)
async def test_a_venue_that_takes_no_orders(code, kind):
    """An answer that says "not now" holds everything back; its code alone proves something."""
    async with watched() as (opened, _watch, told):
        opened.loopback.script.add(Plan(Kind.CODE, CREATE, code=code))
        answer = await opened.venue.submit(order())
        again = await opened.venue.submit(order("rb02"))

        assert (kind, OrderRejected) == (type(answer), type(again))
        assert not again.sent
        assert [VenueHeld] == [type(each) for each in told]


async def test_fit_is_traded():
    """What is as it was is traded."""
    async with watched() as (opened, watch, told):
        await look(watch, told)
        assert isinstance(await opened.venue.submit(order()), OrderAccepted)
