"""After a lost answer: each question finds the order where the ones before it are blind.

A venue shows late, and not everywhere at once. So every question but one is
answered here as if the order had never been.
"""

from decimal import Decimal

import pytest

from rebalancer.core.commands import Query, TimeInForce
from rebalancer.core.events import Fill, OrderAccepted, OrderEnded, OrderNotFound, OrderUnknown
from rebalancer.simulation.faults import Kind, Plan
from tests.venues.loopback import ACCOUNT, BID, PERP, desk, order

D = Decimal
STATE, OPEN = "private/get_order_state_by_label", "private/get_open_orders_by_label"
TRADES = "private/get_user_trades_by_currency_and_time"
TAKEN = order()
RESTING = order(price=BID, time_in_force=TimeInForce.POST_ONLY)
QUERY = Query(TAKEN.client_order_id, ACCOUNT, PERP)
ENDED = [OrderAccepted, Fill, OrderEnded]


def blind(*calls):
    """Return plans by which calls are answered from before anything happened."""
    return [Plan(Kind.LAG, call, times=None, seconds=60) for call in calls]


@pytest.mark.parametrize(
    ("sent", "lost", "without", "told"),
    [
        (TAKEN, True, (OPEN, TRADES), ENDED),  # by its label
        (RESTING, True, (STATE, TRADES), [OrderAccepted]),  # among the open ones
        (TAKEN, False, (STATE, OPEN, TRADES), ENDED),  # by the number it was accepted under
        (TAKEN, True, (STATE, OPEN), [Fill]),  # by its trades
        (TAKEN, True, (STATE, OPEN, TRADES), [OrderNotFound]),  # nowhere
    ],
)
async def test_found(sent, lost, without, told):
    """One question that sees is enough, whichever it is."""
    async with desk(resting=sent is RESTING) as opened:
        if lost:
            opened.loopback.script.add(Plan(Kind.ERROR_AFTER, "private/buy"))
        answer = await opened.venue.submit(sent)
        opened.loopback.script.add(*blind(*without))
        found = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown) is lost
        assert told == [type(each) for each in found]
        assert {D(100)} >= {each.quantity for each in found if isinstance(each, Fill)}
        if OrderNotFound in told:
            assert D(100) == found[0].position  # which speaks against it, and it is not believed
