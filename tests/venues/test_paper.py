"""The paper venue: late like a venue, exact like the model, and never kinder than live."""

import asyncio
from decimal import Decimal

import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import (
    Delivered,
    Ending,
    Fill,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    Quote,
    Settled,
    Trade,
)
from rebalancer.ports import SECOND
from rebalancer.venues.paper import (
    Delivery,
    Depth,
    FundingAccrual,
    FundingStamp,
    SessionEnd,
)
from tests.venues import contract
from tests.venues.contract import Subject, buy, cancel_of, query_of
from tests.venues.fair import ASK, BID, CALL, EXPIRY, LATENCY, LINEAR, PERP, SIZE, START, visit

D = Decimal
HOUR = 3600 * SECOND


def subject(fair):
    """Return what the contract must know of a fair."""
    return Subject(*(fair.venue, fair.clock, LINEAR, BID, ASK, SIZE, fair.delivered, 10 * LATENCY))


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
def test_contract(story):
    """The paper venue keeps the contract of every venue."""

    async def told(fair):
        await contract.check(story, subject(fair))

    visit(told)


@pytest.mark.parametrize(
    ("moved_at", "price"),
    [(0, 101_000), (LATENCY - 1, 101_000), (LATENCY + 1, 100_000), (2 * LATENCY, 100_000)],
)
def test_fills_at_send_plus_latency(moved_at, price):
    """An order meets the book of one latency after it was sent, not the one that it saw."""

    async def story(fair):
        book = Depth(LINEAR.id, ((D(100_999), SIZE),), ((D(101_000), SIZE),))
        fair.move(Depth(LINEAR.id, ((D(99_999), SIZE),), ((D(100_000), SIZE),)))
        fair.clock.call_at(START + moved_at, lambda: fair.move(book))
        order = buy(subject(fair), price=D(102_000))
        answer = await fair.venue.submit(order)
        fair.answered = (answer.ts_venue - START, answer.ts_local - START, fair.clock.now() - START)
        await fair.clock.sleep(SECOND)

    fair = visit(story)
    fills = [event for event in fair.delivered if isinstance(event, Fill)]

    assert (LATENCY, 2 * LATENCY, 2 * LATENCY) == fair.answered
    assert [(D(price), LATENCY, 2 * LATENCY)] == [
        (fill.price, fill.ts_venue - START, fill.ts_local - START) for fill in fills
    ]


def test_witness_hears_first():
    """The witness hears of a booking when it is made, one latency before the daemon."""

    async def story(fair):
        task = asyncio.ensure_future(fair.venue.submit(buy(subject(fair))))
        await fair.clock.sleep(LATENCY + 1)
        assert ["Accepted", "Filled", "Ended"] == [type(r).__name__ for r in fair.booked]
        assert [] == fair.delivered
        await task

    visit(story)


def test_positions_are_as_old_as_an_answer():
    """Positions are those of one latency ago: what was booked since is not in them."""

    async def story(fair):
        asked = asyncio.ensure_future(fair.venue.positions())
        await fair.clock.sleep(1)
        order = asyncio.ensure_future(fair.venue.submit(buy(subject(fair))))
        rows = await asked
        await order
        assert {LATENCY} == {row.ts_venue - START for row in rows}
        assert {2 * LATENCY} == {row.ts_local - START for row in rows}
        assert LINEAR.id not in [row.instrument for row in rows]
        assert LINEAR.id in [row.instrument for row in await fair.venue.positions()]

    visit(story)


def test_query_races_the_order():
    """A query that overtakes its order finds nothing; that is evidence, and no proof."""

    async def story(fair):
        order = buy(subject(fair))
        fair.clock.call_at(START, lambda: None)
        query = asyncio.ensure_future(fair.venue.query(query_of(order)))
        await fair.clock.sleep(1)
        sent = asyncio.ensure_future(fair.venue.submit(order))
        assert [OrderNotFound] == [type(each) for each in await query]
        assert isinstance(await sent, OrderAccepted)

    visit(story)


REFUSED = [
    Depth(LINEAR.id, ((D(100), D(1)),), ((D(99), D(1)),)),  # crossed
    Depth(LINEAR.id, ((D(-1), D(1)),), ()),
    Depth("fair:NOTHING", (), ()),
    Mark(START, START, LINEAR.id, D(0)),
    Mark(START, START, LINEAR.id, D("NaN")),
    OptionMark(START, START, CALL.id, D(-1), 0.5, 1e5),
    Index(START, START, "fair", "BTC", D(-5)),
    Trade(START, START, LINEAR.id, D(0), D(1)),
    FundingRate(START, START, LINEAR.id, float("nan"), HOUR, None),
    FundingRate(START, START, LINEAR.id, 0.0, 0, None),
    FundingRate(START, START, CALL.id, 0.0, HOUR, None),
    SessionEnd(PERP.id, D(0)),
    Delivery(CALL.id, D(100_000)),  # before its expiry
    FundingStamp("fair:NOTHING"),
]


@pytest.mark.parametrize("item", REFUSED, ids=lambda item: type(item).__name__)
def test_refused_items(item):
    """What cannot be true is counted, said and not passed on; the market goes on."""

    async def story(fair):
        fair.move(item)
        assert (1, [], ["quote.refused"]) == (
            *(fair.market.refused, fair.delivered),
            fair.log.events(),
        )
        await contract.accepts_and_fills(subject(fair))

    visit(story)


def test_passed_on():
    """What can be true is passed on as it is; so is a word of a venue without a model."""
    told = [
        Mark(START, START, LINEAR.id, D(100_000)),
        OptionMark(START, START, CALL.id, D(0), 0.5, 1e5),
        Index(START, START, "fair", "BTC", D(100_000)),
        Index(START, START, "elsewhere", "BTC", D(100_000)),
        Mark(START, START, "elsewhere:BTC", D(-1)),
        Quote(START, START, LINEAR.id, BID, SIZE, ASK, SIZE),
        Trade(START, START, LINEAR.id, D(100_000), D(1)),
        FundingRate(START, START, LINEAR.id, -0.0001, HOUR, None),
    ]

    async def story(fair):
        for item in told:
            fair.move(item)

    fair = visit(story)

    assert told == fair.delivered
    assert 0 == fair.market.refused


def test_funding_stamp():
    """A stamp charges who holds now at the rate last told, or at the one that it names."""

    async def story(fair):
        fair.move(Mark(START, START, LINEAR.id, D(100_000)))
        fair.move(FundingRate(START, START, LINEAR.id, 0.0001, 8 * HOUR, START))
        fair.move(FundingStamp(LINEAR.id))
        await fair.clock.sleep(HOUR)
        fair.move(FundingStamp(LINEAR.id, -0.0002))
        fair.paid = [event for event in fair.delivered if isinstance(event, FundingPaid)]

    fair = visit(story, [(LINEAR, "2", "100000")])

    assert [D(-20), D(40)] == [event.amount for event in fair.paid]
    assert 2 == len({event.payment_id for event in fair.paid})
    assert D(1_000_020) == fair.exchange.balance("fair", "USDT")


def test_continuous_funding():
    """Funding that flows is booked when it is accrued."""

    async def story(fair):
        fair.move(Mark(START, START, LINEAR.id, D(100_000)))
        fair.move(FundingRate(START, START, LINEAR.id, 0.0008, 8 * HOUR, None))
        await fair.clock.sleep(HOUR)
        fair.move(FundingAccrual("fair"))
        (fair.paid,) = [event for event in fair.delivered if isinstance(event, FundingPaid)]

    assert D(-20) == visit(story, [(LINEAR, "2", "100000")]).paid.amount


def test_settlement_and_delivery():
    """A session's end and a delivery become events with the account, the price and an id."""

    async def story(fair):
        fair.move(SessionEnd(PERP.id, D(110_000)))
        await fair.clock.sleep(EXPIRY - fair.clock.now())
        fair.move(Delivery(CALL.id, D(120_000)))

    fair = visit(story, [(PERP, "-1000", "100000"), (CALL, "-2", "0.05")])
    settled, delivered = fair.delivered

    assert (Settled, "fair", PERP.id, D(110_000)) == (
        *(type(settled), settled.account, settled.instrument),
        settled.price,
    )
    assert (Delivered, "fair", CALL.id, D(120_000)) == (
        *(type(delivered), delivered.account, delivered.instrument),
        delivered.price,
    )
    assert D(10) + D("-0.009090909091") - D("0.5") == fair.exchange.balance("fair", "BTC")
    assert "2" not in [held.instrument for held in fair.exchange.positions("fair")]


def test_resting_order_fills_by_the_market():
    """What rests is filled by the market, with its end behind it."""

    async def story(fair):
        order = buy(subject(fair), price=D(99_000), time_in_force=TimeInForce.GTC)
        await fair.venue.submit(order)
        await fair.clock.sleep(SECOND)
        assert [] == fair.delivered
        fair.move(Depth(LINEAR.id, ((D(98_000), SIZE),), ((D(98_500), SIZE),)))

    kinds = [(type(event), event.ts_local - START) for event in visit(story).delivered]

    assert [(Fill, 2 * LATENCY + SECOND), (OrderEnded, 2 * LATENCY + SECOND)] == kinds


def test_cancel_loses_the_race():
    """A cancel that comes after the fill changes nothing."""

    async def story(fair):
        order = buy(subject(fair))
        sent = asyncio.ensure_future(fair.venue.submit(order))
        await fair.clock.sleep(1)
        await fair.venue.cancel(cancel_of(order))
        await sent
        await fair.clock.sleep(SECOND)
        (fair.end,) = [event for event in fair.delivered if isinstance(event, OrderEnded)]

    assert Ending.FILLED == visit(story).end.how


def test_reject_reason_is_plain_text():
    """The reason of a rejection is plain text, as a journal keeps it."""

    async def story(fair):
        fair.answer = await fair.venue.submit(buy(subject(fair), quantity=D("0.0005")))

    assert str is type(visit(story).answer.reason)
