"""The listing watch, over the wire: what is gone, closed or changed is told and barred."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import InstrumentUnfit, OrderAccepted, OrderRejected, Unfit
from rebalancer.ports import SECOND
from rebalancer.simulation.deribit.desk import Shut
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import AGAIN, ListingWatch, Seat
from rebalancer.venues.profiles import DERIBIT
from tests.runtime.stage import Lines
from tests.venues.loopback import CALL, ETH, INSTRUMENTS, PERP, desk, order

ASKED = ("public/get_instrument", "rest")


@asynccontextmanager
async def watched(held=(), instruments=INSTRUMENTS):
    """Yield a desk with a watch on its orders, what the watch told, and its log."""
    async with desk(instruments=instruments) as opened:
        line, told, log = opened.line, [], Lines()
        hold = VenueHold(line.connection, DERIBIT, [INSTRUMENTS[PERP]], line.clock, told.append)
        seat = Seat(line.connection, DERIBIT, line.budget, line.clock, log, hold)
        watch = ListingWatch(seat, [PERP], instruments, opened.venue._markets)
        watch.hold(held, instruments)
        opened.venue._line = replace(line, hold=hold, listings=watch)
        assert await look(watch, told) > AGAIN
        assert [] == told
        yield opened, watch, told, log


async def look(watch, told):
    """Look at everything now; return ns until the next time."""
    watch.now()
    return await watch.look(told.append)


async def sent(opened, name="rb01"):
    """Send an order; return whether the venue took it."""
    answer = await opened.venue.submit(order(name))
    assert isinstance(answer, OrderAccepted | OrderRejected)
    return isinstance(answer, OrderAccepted)


CASES = {
    "gone": (lambda at: at.delist(PERP), Unfit.GONE, "knows none"),
    "closed": (lambda at: at.close(PERP), Unfit.CLOSED, "inactive"),
    "inactive": (
        lambda at: at.retold.update({PERP: {"state": "inactive"}}),
        Unfit.CLOSED,
        "not traded (inactive)",
    ),
    "delivered": (
        lambda at: at.retold.update({PERP: {"state": "delivered"}}),
        Unfit.CLOSED,
        "not traded (delivered)",
    ),
    "contract size": (
        lambda at: at.retold.update({PERP: {"contract_size": 1}}),
        Unfit.CHANGED,
        "contract size was 10, is 1",
    ),
    "settle": (
        lambda at: at.retold.update({PERP: {"settlement_currency": "USDC"}}),
        Unfit.CHANGED,
        "settle currency was BTC, is USDC",
    ),
    "tick": (
        lambda at: at.retold.update({PERP: {"tick_size": Decimal("2.5")}}),
        Unfit.CHANGED,
        "tick was 0.5, is 2.5",
    ),
    "minimum": (
        lambda at: at.retold.update({PERP: {"min_trade_amount": 100}}),
        Unfit.CHANGED,
        "minimum was 10, is 100",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.proves("deribit", "listing", "loopback")
async def test_unfit(case):
    """It is told, and no order leaves for it; the exchange never hears of one."""
    change, how, what = CASES[case]
    async with watched() as (opened, watch, told, _):
        change(opened.loopback.host.desk)
        await look(watch, told)
        (event,) = told
        assert (InstrumentUnfit, PERP, how) == (type(event), event.instrument, event.how)
        assert what in event.what
        before = list(opened.loopback.server.calls)
        assert not await sent(opened)
        assert before == list(opened.loopback.server.calls)


@pytest.mark.parametrize("spelled", [Decimal("10.0"), 10, Decimal("1E+1")])
async def test_the_same_otherwise_spelled(spelled):
    """A number that is written with more zeros did not change."""
    async with watched() as (opened, watch, told, _):
        opened.loopback.host.desk.retold[PERP] = {"contract_size": spelled}
        await look(watch, told)

        assert [] == told
        assert await sent(opened)


@pytest.mark.parametrize("state", ["settlement", "locked", "halted"])
async def test_a_book_that_is_locked(state):
    """It is no delisting: no order goes to it, others go on, and it is asked again soon."""
    async with watched() as (opened, watch, told, _):
        opened.loopback.host.desk.retold[PERP] = {"state": state}
        assert AGAIN == await look(watch, told)
        assert [(f"its book is {state}", PERP)] == [(e.reason, e.instrument) for e in told]
        assert not await sent(opened)
        ether = order("rb09", instrument=ETH, quantity=Decimal(10), price=Decimal(3_501))
        other = await opened.venue.submit(ether)
        assert isinstance(other, OrderAccepted)

        opened.loopback.host.desk.retold[PERP] = {"state": "open"}
        assert not await sent(opened, "rb02")  # not before a look found it open
        assert await look(watch, told) > AGAIN
        assert await sent(opened, "rb03")
        assert (None, PERP) == (told[-1].reason, told[-1].instrument)


async def test_what_is_held():
    """An option is looked after for as long as it is held."""
    async with watched(held=[CALL]) as (opened, watch, told, _):
        opened.loopback.host.desk.close(CALL)
        await look(watch, told)
        assert [CALL] == [each.instrument for each in told]

        watch.hold((), INSTRUMENTS)
        await look(watch, told)
        assert 1 == len(told)


async def test_what_expired_is_not_asked_after():
    """Its delivery is booked; that it is gone is no news."""
    over = {**INSTRUMENTS, CALL: replace(INSTRUMENTS[CALL], expiry=1)}
    async with watched(held=[CALL], instruments=over) as (opened, watch, told, _):
        opened.loopback.host.desk.delist(CALL)
        await look(watch, told)

        assert [] == told


@pytest.mark.parametrize(("denied", "how"), [("close", Unfit.CLOSED), ("delist", Unfit.GONE)])
async def test_an_order_that_is_denied(denied, how):
    """The venue is asked at once, without waiting for the hour, and nothing follows the order."""
    async with watched() as (opened, watch, told, _):
        running = asyncio.ensure_future(watch.run(told.append))
        await asyncio.sleep(0.2)
        getattr(opened.loopback.host.desk, denied)(PERP)
        assert not await sent(opened)
        assert not await sent(opened, "rb02")
        for _ in range(100):
            await asyncio.sleep(0.02)
            if told:
                break
        running.cancel()

        assert [how] == [each.how for each in told]
        orders = [each for each in opened.loopback.server.calls if each[0] == "private/buy"]
        assert 1 == len(orders)


async def test_denied_and_listed():
    """What is denied once and found fit is traded again, and not before."""
    async with watched() as (opened, watch, told, _):
        opened.loopback.script.add(Plan(Kind.CODE, "private/buy", code=13020))
        assert not await sent(opened)
        assert not await sent(opened, "rb02")
        await look(watch, told)

        assert [] == told
        assert await sent(opened, "rb03")


async def test_denied_while_it_is_asked_after():
    """An answer to a question from before the denial does not let the next order go."""
    async with watched() as (opened, watch, told, _):
        opened.loopback.script.add(
            Plan(Kind.SLOW, ASKED[0], seconds=0.3), Plan(Kind.CODE, "private/buy", code=13020)
        )
        looking = asyncio.ensure_future(look(watch, told))
        await asyncio.sleep(0.1)
        assert not await sent(opened)
        assert AGAIN == await looking
        assert not await sent(opened, "rb02")
        await watch.look(told.append)
        assert await sent(opened, "rb03")


async def test_nothing_is_learned_from_silence():
    """It is said once, asked again soon, and what was barred stays so."""
    async with watched() as (opened, watch, told, log):
        opened.loopback.host.desk.close(PERP)
        await look(watch, told)
        opened.loopback.host.desk.place.active[PERP] = None
        deaf = Plan(Kind.ERROR_BEFORE, "public/get_instrument", times=None)
        opened.loopback.script.add(deaf)
        for _ in range(3):
            assert AGAIN == await look(watch, told)
        assert ["instrument.unread"] == log.events()
        assert not await sent(opened)

        opened.loopback.script.clear()
        assert await look(watch, told) > AGAIN
        assert await sent(opened, "rb02")


async def test_a_venue_that_is_held_is_not_asked():
    """What is locked is not delisted."""
    async with watched() as (opened, watch, told, _):
        watch._seat.hold.shut("maintenance")
        opened.loopback.host.desk.shut = Shut(11051, opened.clock.now() + 60 * SECOND)
        opened.loopback.host.desk.close(PERP)
        asked = list(opened.loopback.server.calls).count(ASKED)
        assert AGAIN == await look(watch, told)

        assert asked == list(opened.loopback.server.calls).count(ASKED)
        assert [] == [each for each in told if isinstance(each, InstrumentUnfit)]


@pytest.mark.parametrize(
    ("terms", "taken"),
    [
        ({"tick_size": Decimal("2.5")}, True),
        ({"min_trade_amount": 50}, True),
        ({"contract_size": 1}, False),
        ({"tick_size": Decimal("2.5"), "contract_size": 1}, False),
    ],
)
async def test_armed(terms, taken):
    """An operator takes new steps, and orders are made by them; a new size he cannot take."""
    async with watched() as (opened, watch, told, _):
        opened.loopback.host.desk.retold[PERP] = terms
        await look(watch, told)
        watch.armed()
        await look(watch, told)

        assert (1 if taken else 2) == len(told)
        assert taken == await sent(opened)
        where = opened.venue._markets["BTC-PERPETUAL"]
        assert (taken and "tick_size" in terms) == (Decimal("2.5") == where.tick)
        assert (taken and "min_trade_amount" in terms) == (Decimal(50) == where.minimum)


async def test_one_that_is_not_answered():
    """It alone is asked again, and it does not keep the others from being asked."""
    async with watched(held=[CALL]) as (opened, watch, told, _):
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, ASKED[0], times=1))
        opened.loopback.host.desk.close(CALL)
        assert AGAIN == await look(watch, told)
        assert [] == told
        before = list(opened.loopback.server.calls).count(ASKED)
        assert await watch.look(told.append) > AGAIN

        assert [CALL] == [each.instrument for each in told]
        assert before + 2 == list(opened.loopback.server.calls).count(ASKED)
        await watch.look(told.append)
        assert before + 2 == list(opened.loopback.server.calls).count(ASKED)
