"""After a lost answer: each question finds the order where the ones before it are blind.

A venue shows late, and not everywhere at once. So every question but one is
answered here as if the order had never been.
"""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import ccxt
import pytest

from rebalancer.core.commands import Query, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderUnknown,
)
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.orders_ccxt import LONG_OVER
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
@pytest.mark.proves("deribit", "lookup", "loopback")
@pytest.mark.trap("found-by-our-id", "deribit")
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


@pytest.mark.trap("unified-lookup-asks-for-another", "deribit")
async def test_ccxt_looks_up_nothing():
    """Why the lookup is raw: the unified call asks for an order without a number, by no label."""
    async with desk() as opened:
        await opened.venue.submit(TAKEN)
        exchange = opened.line.connection.exchange
        with pytest.raises(ccxt.BaseError):
            await exchange.fetch_order_with_client_order_id("rb01", "BTC/USD:BTC")
        asked = parse_qs(urlsplit(exchange.last_request_url).query, keep_blank_values=True)
        told = await opened.venue.query(QUERY)

    assert [""] == asked["order_id"]
    assert "label" not in asked
    assert ENDED == [type(each) for each in told]


IOC = order(quantity=D(5_000), price=D("100000.5"))  # the book has 2,000
LATER = LONG_OVER + SECOND


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("accepted", [True, False])
async def test_what_the_venue_forgot(accepted, forgotten):
    """An order in part filled that is shown no more has ended with what its trades tell.

    Only long after its time: a moment ago its trades may not all be shown yet.
    """
    async with desk() as opened:
        if not accepted:
            opened.loopback.script.add(Plan(Kind.ERROR_AFTER, "private/buy"))
        await opened.venue.submit(IOC)
        if forgotten:
            opened.loopback.host.desk.remembers = -1
        sent, name = opened.line.sent, IOC.client_order_id
        early = await opened.venue.query(QUERY)
        sent._at[name] -= LATER
        late = await opened.venue.query(QUERY)

        whole = [OrderAccepted, Fill, OrderEnded]
        assert ([Fill] if forgotten else whole) == [type(each) for each in early]
        assert ([Fill, OrderEnded] if forgotten else whole) == [type(each) for each in late]
        assert (Ending.EXPIRED, D(2_000)) == (late[-1].how, late[-1].filled)


async def test_what_the_venue_forgot_and_nothing_was_filled():
    """An order that was accepted, filled nothing and is shown no more has ended with nothing."""
    async with desk() as opened:
        await opened.venue.submit(order(price=BID))
        opened.loopback.host.desk.remembers = -1
        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(QUERY)
        opened.line.sent._at[TAKEN.client_order_id] -= LATER
        (end,) = await opened.venue.query(QUERY)

        assert (Ending.EXPIRED, D(0)) == (end.how, end.filled)


async def test_what_may_rest_is_never_taken_for_forgotten():
    """An order that may rest and is not found lives, as far as anybody knows."""
    async with desk(resting=True) as opened:
        await opened.venue.submit(RESTING)
        opened.loopback.script.add(*blind(STATE, OPEN, "private/get_order_state"))
        opened.line.sent._at[RESTING.client_order_id] -= LATER
        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(QUERY)
