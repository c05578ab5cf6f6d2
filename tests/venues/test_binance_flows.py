"""What comes into a spot account and goes out of it: slow, while nobody looks, page by page."""

import asyncio
from dataclasses import replace

import pytest

from rebalancer.exchange.orders import CashRequest
from rebalancer.exchange.records import CashKind
from rebalancer.ports import SECOND
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.binance import flows
from rebalancer.venues.binance.calls import BinanceCalls
from rebalancer.venues.binance.family import SPOT as FAMILY_SPOT
from rebalancer.venues.binance.flows import DAY, CashFlows
from tests.venues.binance_desk import SPOT, D, desk


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Look each time, and no further back than must be."""
    monkeypatch.setattr(flows, "EVERY", 0)
    monkeypatch.setattr(flows, "BEHIND", 0)


def reader(found):
    """Return a reader that knows nothing yet, as after a start."""
    return CashFlows(
        BinanceCalls(FAMILY_SPOT, found.line.connection, found.line.budget, found.clock)
    )


async def look(found, own, since=None):
    """Return what a look tells, by kind, amount and the moment of the balance."""
    told = await own.read(found.clock.now() if since is None else since)
    assert told.fault is None
    return [(each.kind, each.amount, each.ts_venue) for each in told.events]


@pytest.mark.parametrize(("amount", "kind"), [("1.5", "deposit"), ("-2", "withdrawal")])
async def test_one_that_takes_its_time(amount, kind):
    """What is under way is looked for until it is done, however long ago it began."""
    async with desk(SPOT) as found:
        own, host = reader(found), found.host
        begun = host.begin("desk", "USDT", D(amount))
        await asyncio.sleep(0.01)
        for _ in range(3):
            assert [] == await look(found, own)
        host.complete(begun)
        await asyncio.sleep(0.01)
        told = await look(found, own)
        again = await look(found, own)

    moved = begun.ends if kind == "deposit" else begun.began // SECOND * SECOND
    assert [(kind, D(amount), moved // 10**6 * 10**6)] == told
    assert [] == again


@pytest.mark.parametrize(("amount", "kind"), [("1.5", "deposit"), ("-2", "withdrawal")])
async def test_done_while_nobody_looked(amount, kind):
    """The first look after a start finds what began days ago and was done meanwhile."""
    async with desk(SPOT) as found:
        begun = found.host.begin("desk", "USDT", D(amount))
        begun.began -= 5 * DAY
        since = found.clock.now()
        await asyncio.sleep(0.01)
        found.host.complete(begun)
        ((told, _, at),) = await look(found, reader(found), since)

    assert kind == told
    assert (at >= since - 10**6) is (kind == "deposit")  # else it was out of the balance by then


async def test_a_deposit_of_which_no_time_is_told():
    """One that was seen under way and is done is dated by the look that saw it."""
    async with desk(SPOT) as found:
        own = reader(found)
        begun = found.host.begin("desk", "USDT", D(3))
        begun.began -= DAY
        assert [] == await look(found, own, begun.began)
        found.host.complete(begun)
        table = found.loopback.host._private
        name = "GET /sapi/v1/capital/deposit/hisrec"
        whole = table[name]
        table[name] = lambda asking: [
            {field: value for field, value in each.items() if field != "completeTime"}
            for each in whole(asking)
        ]
        ((_, _, at),) = await look(found, own)

    assert at >= begun.ends


async def test_more_than_the_venue_tells_at_once():
    """After months without a look the lists are asked for in spans that the venue takes."""
    async with desk(SPOT) as found:
        begun = found.host.begin("desk", "USDT", D(3))
        begun.began -= 200 * DAY
        found.host.complete(begun)
        begun.ends = begun.began
        told = await look(found, reader(found), found.clock.now() - 250 * DAY)

    assert [D(3)] == [amount for _, amount, _ in told]


async def test_gifts_page_by_page(monkeypatch):
    """Gifts have no pages: the next ones are asked for by time; a batch is not one gift."""
    pages = tuple(replace(each, size=2) if each.pages == "time" else each for each in flows.FLOWS)
    monkeypatch.setattr(flows, "FLOWS", pages)
    amounts = [D(each) for each in ("1", "2", "3", "-4", "5")]
    async with desk(SPOT) as found:
        since = found.clock.now()
        for each in amounts:
            found.loopback.place.move_cash(CashRequest("desk", CashKind.INTEREST, "USDT", each))
            await asyncio.sleep(0.005)
        own = reader(found)
        told = await own.read(since)

    assert told.fault is None
    assert sorted(amounts) == sorted(each.amount for each in told.events)
    assert [False] * 5 == [each.flow for each in told.events]


async def test_a_list_that_fails():
    """It takes nothing from the others, and is not asked for again at once: it weighs much."""
    async with desk(SPOT) as found:
        since, own = found.clock.now(), reader(found)
        found.loopback.place.move_cash(CashRequest("desk", CashKind.DEPOSIT, "USDT", D(7)))
        where = "signed/GET */withdraw/history"
        found.loopback.script.add(Plan(Kind.ERROR_BEFORE, where, code=500))
        told = [await own.read(since) for _ in range(3)]
        asked = [name for name, _ in found.loopback.server.calls if "withdraw" in name]

    assert [D(7)] == [each.amount for each in told[0].events]
    assert all(each.fault is not None for each in told)
    assert 1 == len(asked)
