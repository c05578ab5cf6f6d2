"""The unreliable venue: rejects, lost answers, and the way back to the truth."""

import asyncio
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core.events import Fill, OrderAccepted, OrderEnded, OrderRejected
from rebalancer.venues.paper import PaperVenue
from rebalancer.venues.unreliable import FaultRates, Unreliable
from tests.venues import contract
from tests.venues.contract import Subject, buy, query_of
from tests.venues.fair import ASK, BID, LATENCY, LINEAR, SIZE, visit


def behind_faults(fair, *, reject=0.0, lost_ack=0.0):
    """Return a fair's venue with faults in front of it, as the contract wants to know it."""
    heard = []

    def open_venue(deliver):
        return PaperVenue("fair", fair.exchange, fair.clock, LATENCY, deliver)

    chance = np.random.Generator(np.random.PCG64(1))
    rates = FaultRates(reject, lost_ack)
    venue = Unreliable(open_venue, rates, chance, fair.clock, heard.append)
    return Subject(*(venue, fair.clock, LINEAR, BID, ASK, SIZE, heard, 10 * LATENCY))


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
def test_contract(story):
    """Without faults it keeps the contract of every venue."""

    async def told(fair):
        await contract.check(story, behind_faults(fair))

    visit(told)


def test_reject():
    """A rejected order never reaches the exchange."""

    async def told(fair):
        tested = behind_faults(fair, reject=1.0)
        answer = await tested.venue.submit(buy(tested))
        await tested.settle()
        assert isinstance(answer, OrderRejected)
        assert ([], ()) == (tested.delivered, fair.exchange.fills("fair"))

    visit(told)


def test_lost_answer():
    """An order whose answer is lost fills once; nobody hears of it until somebody asks."""

    async def told(fair):
        tested = behind_faults(fair, lost_ack=1.0)
        order = buy(tested)
        waiting = asyncio.get_running_loop().create_task(tested.venue.submit(order))
        await tested.settle()
        assert ([], False) == (tested.delivered, waiting.done())
        assert order.quantity == await tested.held()

        kinds = [type(event) for event in await tested.venue.query(query_of(order))]
        assert [OrderAccepted, Fill, OrderEnded] == kinds
        assert 1 == len(fair.exchange.fills("fair"))
        waiting.cancel()
        await asyncio.wait([waiting])

    visit(told)


def test_rates():
    """Faults come as often as they were asked for, the same for the same stream."""

    async def told(fair):
        tested = behind_faults(fair, reject=0.25)
        answers = []
        for number in range(400):
            order = buy(tested, f"rb{number:02}", quantity=Decimal("0.001"))
            answers.append(type(await tested.venue.submit(order)))
        assert 70 <= answers.count(OrderRejected) <= 130
        assert 400 == answers.count(OrderRejected) + answers.count(OrderAccepted)

    visit(told)
