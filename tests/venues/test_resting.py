"""Open orders that this start did not send: its own old ones go, others' stay and are told."""

import asyncio
from decimal import Decimal

import pytest

from rebalancer.core import ids
from rebalancer.core.commands import TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.deribit.desk import Stop
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.resting import EVERY, RestingWatch
from tests.runtime.stage import Lines
from tests.venues.loopback import ACCOUNT, ETH, INSTRUMENTS, PERP, desk, order

OWN = (2, 7)  # place of the account, epoch of the start
OLD = ids.encode(ids.ClientOrderId(2, 6, 41))


async def rest(opened, label, symbol="BTC/USD:BTC", amount=100, price=99_000):
    """Let a bid rest that bears a label, sent by somebody else's hand."""
    params = {"label": label, "post_only": True}
    exchange = opened.line.connection.exchange
    await exchange.create_order(symbol, "limit", "buy", amount, price, params)


def watch(opened):
    """Return a watch over an open desk, and its log."""
    log = Lines()
    return RestingWatch(opened.venue, opened.line.sent, OWN, opened.clock, log), log


def labels(opened):
    """Return the labels that are open at the exchange."""
    return [
        each.asked.label
        for each in opened.loopback.place.orders(ACCOUNT)
        if each.state is OrderState.OPEN
    ]


@pytest.mark.trap("deribit-lists-are-of-bitcoin", "deribit")
async def test_an_order_that_an_earlier_start_left():
    """It is withdrawn in whatever currency it rests, and somebody hears of it."""
    async with desk() as opened:
        await rest(opened, OLD)
        eth = ids.encode(ids.ClientOrderId(2, 5, 1))
        await rest(opened, eth, "ETH/USD:ETH", 10, 3_000)
        watched, log = watch(opened)
        await watched.look()

        assert [] == labels(opened)
        told = [(event, facts["instrument"], facts["withdrawn"]) for _, event, facts in log.said]
        assert {("order.foreign", PERP, True), ("order.foreign", ETH, True)} == set(told)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "by-hand",
        ids.encode(ids.ClientOrderId(1, 6, 41)),  # of another account
        ids.encode(ids.ClientOrderId(2, 8, 41)),  # of a start after this one
        ids.encode(ids.ClientOrderId(2, 7, 41)),  # of this one, which did not send it
    ],
)
async def test_an_order_of_somebody_else(label):
    """It stays where it is, and is told once, however long it rests."""
    async with desk() as opened:
        await rest(opened, label)
        watched, log = watch(opened)
        for _ in range(3):
            await watched.look()

        assert [label] == [each or "" for each in labels(opened)]
        assert [("error", "order.foreign", False)] == [
            (level, event, facts["withdrawn"]) for level, event, facts in log.said
        ]


async def test_an_order_of_this_start():
    """What this start sent, or remembers from an earlier one, is its hedger's to withdraw."""
    async with desk(resting=True) as opened:
        rests = order(price=Decimal(99_000), time_in_force=TimeInForce.POST_ONLY)
        await opened.venue.submit(rests)
        opened.line.sent.note(OLD, 0)
        await rest(opened, OLD)
        watched, log = watch(opened)
        await watched.look()

        assert {OLD, rests.client_order_id} == set(labels(opened))
        assert [] == log.said


async def test_a_venue_that_does_not_answer():
    """A look that was not answered, or a withdrawal, is said and tried again."""
    async with desk() as opened:
        await rest(opened, OLD)
        watched, log = watch(opened)
        for path in ("private/get_open_orders", "private/cancel_by_label"):
            opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, path, code=500))
            await watched.look()
            assert [OLD] == labels(opened)
        assert ["reconcile.unanswered"] * 2 == log.events()
        await watched.look()
        assert [] == labels(opened)


def test_looks_go_on():
    """A look each half a minute, whatever became of the one before."""
    clock, looks = MarketClock(0), []

    class Silent:
        account = "v"

        async def resting(self):
            looks.append(clock.now())
            raise Unavailable("down")

    async def main():
        watched = RestingWatch(Silent(), None, OWN, clock, Lines())
        task = asyncio.get_running_loop().create_task(watched.run(lambda event: None))
        await clock.sleep(3 * EVERY + 1)
        task.cancel()

    run_market(clock, main())
    assert [0, EVERY, 2 * EVERY, 3 * EVERY] == looks


def stop(opened, name=PERP, label=""):
    """Let a person leave a stop order that sells."""
    made = Stop(
        *(f"BTC-SLMS-{len(opened.loopback.host.desk.stops)}", ACCOUNT, INSTRUMENTS[name]),
        *(Decimal(-10), Decimal(90_000), opened.clock.now(), label),
    )
    opened.loopback.host.desk.stops.append(made)
    return made


async def test_a_stop_order_hides_nothing():
    """A person's stop order, which tells no filled amount, is told; what is ours is withdrawn."""
    async with desk() as opened:
        left = stop(opened)
        await rest(opened, OLD)
        watched, log = watch(opened)
        for _ in range(2):
            await watched.look()

        assert [] == labels(opened)
        told = {facts["order_id"]: facts for _, _, facts in log.said}
        assert (Decimal(-10), False) == (
            told[left.order_id]["quantity"],
            told[left.order_id]["withdrawn"],
        )
        assert 2 == len(log.said) == len(told)


BROKEN = [
    {"filled_amount": None},  # not left out, but null
    {"amount": None},
    {"order_state": "dreaming"},
    {"direction": "zero"},
]


@pytest.mark.parametrize("changes", [*BROKEN, {"instrument_name": None}, {"order_id": ""}])
async def test_a_row_that_nobody_reads_hides_nothing(changes):
    """What can be named is told without its size, what cannot is told as it is: once."""
    async with desk() as opened:
        await rest(opened, OLD)
        await rest(opened, "by-hand")
        ask = opened.line.connection.exchange.private_get_get_open_orders

        async def altered(params):
            answer = await ask(params)
            rows = [
                {**row, **(changes if row["label"] == "by-hand" else {})}
                for row in answer["result"]
            ]
            return {**answer, "result": rows}

        opened.line.connection.exchange.private_get_get_open_orders = altered
        watched, log = watch(opened)
        for _ in range(2):
            await watched.look()

        assert ["by-hand"] == labels(opened)
        told = [event for _, event, facts in log.said if not facts.get("withdrawn")]
        named = changes in BROKEN
        assert ["order.foreign" if named else "order.unread"] == told
