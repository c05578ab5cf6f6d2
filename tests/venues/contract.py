"""What every `ports.Venue` must do, told as one table of stories.

A venue passes when each story of `STORIES` runs against a fresh account of its
(`Subject`): flat, with cash, in front of a book that does not move. Every
implementation's test module calls `check` with each of them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core.commands import Cancel, Purpose, Query, Submit, TimeInForce
from rebalancer.core.events import (
    Ending,
    Event,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
)
from rebalancer.core.instruments import Instrument
from rebalancer.ports import Clock, Venue

D = Decimal


@dataclass
class Subject:
    """A venue under test, and what the stories must know of its market."""

    venue: Venue
    clock: Clock
    instrument: Instrument  # a perpetual that may be traded
    bid: Decimal  # best bid, and best ask; nothing else is displayed
    ask: Decimal
    size: Decimal  # displayed at each, contracts
    delivered: list[Event]  # what came through the feed of account events
    patience: int  # ns after which everything that is due has arrived

    async def settle(self) -> None:
        """Wait until everything due has arrived."""
        await self.clock.sleep(self.patience)

    def of(self, kind: type, name: str) -> list:
        """Return what was delivered of one kind for an order."""
        told = (event for event in self.delivered if isinstance(event, kind))
        return [event for event in told if event.client_order_id == name]

    async def held(self) -> Decimal:
        """Return the position that the venue reports; 0 where it names none."""
        told = {row.instrument: row.quantity for row in await self.venue.positions()}
        return told.get(self.instrument.id, D(0))


def buy(tested: Subject, name: str = "rb01", **changes: object) -> Submit:
    """Return an order that takes half of what is offered, unless told otherwise."""
    told = Submit(
        client_order_id=name,
        account=tested.venue.account,
        instrument=tested.instrument.id,
        quantity=tested.size / 2,
        price=tested.ask,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying=tested.instrument.underlying,
        decided_at=tested.clock.now(),
    )
    return replace(told, **changes)


def cancel_of(order: Submit) -> Cancel:
    """Return the cancel of an order."""
    return Cancel(order.client_order_id, order.account, order.instrument)


def query_of(order: Submit) -> Query:
    """Return the query for an order."""
    return Query(order.client_order_id, order.account, order.instrument)


async def accepts_and_fills(tested: Subject) -> None:
    """An order is accepted; its fills and its end arrive afterwards, and add up."""
    order = buy(tested)
    began = tested.clock.now()
    answer = await tested.venue.submit(order)
    assert isinstance(answer, OrderAccepted)
    assert order.client_order_id == answer.client_order_id
    assert answer.venue_order_id
    assert [] == tested.of(Fill, order.client_order_id)  # accepted arrives first
    await tested.settle()
    fills = tested.of(Fill, order.client_order_id)
    (end,) = tested.of(OrderEnded, order.client_order_id)
    assert (Ending.FILLED, order.quantity) == (end.how, end.filled)
    assert order.quantity == sum(fill.quantity for fill in fills)
    assert tested.delivered.index(fills[-1]) < tested.delivered.index(end)
    for fill in fills:
        assert tested.venue.account == fill.account
        assert tested.instrument.id == fill.instrument
        assert tested.ask == fill.price
        assert began <= fill.ts_local
        assert fill.ts_venue is None or fill.ts_venue <= fill.ts_local
    assert order.quantity == await tested.held()


async def sells_are_negative(tested: Subject) -> None:
    """A sale is negative from the order to the position."""
    order = buy(tested, quantity=-tested.size / 2, price=tested.bid)
    await tested.venue.submit(order)
    await tested.settle()
    (end,) = tested.of(OrderEnded, order.client_order_id)
    assert order.quantity == end.filled
    assert all(fill.quantity < 0 for fill in tested.of(Fill, order.client_order_id))
    assert order.quantity == await tested.held()


async def partial_ioc(tested: Subject) -> None:
    """What an immediate order does not find expires, and the end says how much it found."""
    order = buy(tested, quantity=tested.size * 3)
    assert isinstance(await tested.venue.submit(order), OrderAccepted)
    await tested.settle()
    (end,) = tested.of(OrderEnded, order.client_order_id)
    assert (Ending.EXPIRED, tested.size) == (end.how, end.filled)
    assert tested.size == sum(fill.quantity for fill in tested.of(Fill, order.client_order_id))
    assert tested.size == await tested.held()


async def price_is_a_limit(tested: Subject) -> None:
    """An immediate order whose price nobody offers ends with nothing."""
    order = buy(tested, price=tested.bid)
    assert isinstance(await tested.venue.submit(order), OrderAccepted)
    await tested.settle()
    (end,) = tested.of(OrderEnded, order.client_order_id)
    assert (Ending.EXPIRED, 0) == (end.how, end.filled)
    assert 0 == await tested.held()


async def rejects(tested: Subject) -> None:
    """What may not trade is rejected with a reason, and never known afterwards."""
    lot, tick = tested.instrument.lot, tested.instrument.tick
    for number, changes in enumerate(
        (
            {"quantity": lot / 2},
            {"price": tested.ask + tick / 2},
            {"instrument": f"{tested.instrument.venue}:NOTHING"},
            {"reduce_only": True},
            {"time_in_force": TimeInForce.POST_ONLY},
        )
    ):
        order = buy(tested, f"rb1{number}", **changes)
        answer = await tested.venue.submit(order)
        assert isinstance(answer, OrderRejected), changes
        assert answer.reason
        await tested.settle()
        assert isinstance((await tested.venue.query(query_of(order)))[0], OrderNotFound)
    assert [] == tested.delivered
    assert 0 == await tested.held()


async def query_unknown(tested: Subject) -> None:
    """An order that was never sent is not found."""
    (answer,) = await tested.venue.query(query_of(buy(tested)))
    assert isinstance(answer, OrderNotFound)
    assert 0 == answer.position
    assert "rb01" == answer.client_order_id
    assert answer.asked is not None
    assert answer.asked <= answer.ts_local


async def query_unknown_beside_a_position(tested: Subject) -> None:
    """With "not found" comes what is held by then: it may be what the order left behind."""
    order = buy(tested, "rb1")
    await tested.venue.submit(order)
    await tested.settle()
    (answer,) = await tested.venue.query(query_of(buy(tested, "rb2")))
    assert isinstance(answer, OrderNotFound)
    assert order.quantity == answer.position == await tested.held()


async def query_known(tested: Subject) -> None:
    """A query tells the whole story again: the same fills by the same ids, and the end."""
    order = buy(tested)
    await tested.venue.submit(order)
    await tested.settle()
    told = await tested.venue.query(query_of(order))
    ids = [fill.trade_id for fill in tested.of(Fill, order.client_order_id)]
    assert ids == [event.trade_id for event in told if isinstance(event, Fill)]
    assert [Ending.FILLED] == [event.how for event in told if isinstance(event, OrderEnded)]
    assert not any(isinstance(event, OrderNotFound | OrderRejected) for event in told)


async def trade_ids_are_unique(tested: Subject) -> None:
    """No two executions share an id."""
    for number in range(4):
        quantity = tested.instrument.minimum * (-1 if number % 2 else 1)
        price = tested.bid if number % 2 else tested.ask
        await tested.venue.submit(buy(tested, f"rb2{number}", quantity=quantity, price=price))
        await tested.settle()
    ids = [event.trade_id for event in tested.delivered if isinstance(event, Fill)]
    assert 4 == len(ids) == len(set(ids))


async def cancels(tested: Subject) -> None:
    """A resting order is withdrawn; its end arrives, once, and it fills no more."""
    order = buy(tested, price=tested.bid, time_in_force=TimeInForce.GTC)
    assert isinstance(await tested.venue.submit(order), OrderAccepted)
    await tested.settle()
    assert [] == tested.delivered
    await tested.venue.cancel(cancel_of(order))
    await tested.settle()
    (end,) = tested.of(OrderEnded, order.client_order_id)
    assert (Ending.CANCELED, 0) == (end.how, end.filled)
    await tested.venue.cancel(cancel_of(order))
    await tested.settle()
    assert 1 == len(tested.of(OrderEnded, order.client_order_id))


async def cancels_nothing(tested: Subject) -> None:
    """A cancel of what is over, or never was, says nothing and raises nothing."""
    order = buy(tested)
    await tested.venue.cancel(cancel_of(order))
    await tested.venue.submit(order)
    await tested.settle()
    before = list(tested.delivered)
    await tested.venue.cancel(cancel_of(order))
    await tested.settle()
    assert before == tested.delivered


async def positions_name_cash(tested: Subject) -> None:
    """Positions name the cash of the account too, as `venue:CURRENCY`, each row once."""
    await tested.venue.submit(buy(tested))
    await tested.settle()
    rows = await tested.venue.positions()
    names = [row.instrument for row in rows]
    assert len(names) == len(set(names))
    assert f"{tested.instrument.venue}:{tested.instrument.settle}" in names
    assert {tested.venue.account} == {row.account for row in rows}
    assert all(row.ts_local <= tested.clock.now() for row in rows)


Story = Callable[[Subject], Awaitable[None]]

STORIES: Sequence[Story] = (
    accepts_and_fills,
    sells_are_negative,
    partial_ioc,
    price_is_a_limit,
    rejects,
    query_unknown,
    query_unknown_beside_a_position,
    query_known,
    trade_ids_are_unique,
    cancels,
    cancels_nothing,
    positions_name_cash,
)


async def check(story: Story, tested: Subject) -> None:
    """Run one story of the contract."""
    await story(tested)
