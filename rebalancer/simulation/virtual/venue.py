"""Venues of a simulated run: the end of a wire that one process holds."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from rebalancer.core.commands import Cancel, Query, Submit
from rebalancer.core.events import (
    AccountEvent,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    PositionReport,
)
from rebalancer.core.figures import MarginTold
from rebalancer.simulation.virtual.own_clock import OwnClock
from rebalancer.simulation.virtual.wire import NEAR, Wire
from rebalancer.venues.accounts import History
from rebalancer.venues.skew import SkewWatch

Told = TypeVar("Told", bound=AccountEvent | OrderEvent | MarginTold)


class VirtualVenue:
    """A `ports.Venue`: one process's end of a wire.

    Args:
        wire: The account's.
        clock: The process's.
        lives: Whether the process still lives.
        watch: Whether its clock may be trusted.
    """

    def __init__(
        self, wire: Wire, clock: OwnClock, lives: Callable[[], bool], watch: SkewWatch
    ) -> None:
        self.account = wire.account
        self._wire, self._clock, self._lives, self._watch = wire, clock, lives, watch

    def _own(self, event: Told, *, late: bool = False) -> Told:
        """Return an event as this process takes it down, at its own time; late: that of now."""
        if late:
            return replace(event, ts_local=self._clock.now())
        ahead = self._clock.ahead
        return replace(event, ts_local=event.ts_local + ahead) if ahead else event

    async def _lingers(self) -> bool:
        """Return whether an answer was held up, once it is here."""
        held_up = self._wire.lingers()
        if held_up:
            await self._clock.sleep(held_up)
        return bool(held_up)

    async def submit(self, order: Submit) -> OrderEvent:
        """Send once, never again; return what came back, if anything does."""
        answered = asyncio.get_running_loop().create_future()
        name, decided = order.client_order_id, self._clock.now()
        await self._clock.waited()  # its write is over; if it stood still meanwhile, so is this
        stood = "it stood still" if self._clock.now() > decided + NEAR else None
        refused = stood or self._watch.refusal()
        if refused is not None:
            return OrderRejected(self._clock.now(), None, name, f"not sent: {refused}", sent=False)

        def arrive(event: OrderEvent) -> None:
            if not answered.done():
                answered.set_result(self._own(event))

        def answer(event: OrderEvent) -> None:
            self._clock.call_at(self._clock.now(), lambda: arrive(event))

        if self._lives():
            self._wire.send(order, answer)
        event: OrderEvent = await answered
        return event

    async def cancel(self, order: Cancel) -> None:
        """Ask to withdraw an order."""
        await self._clock.waited()
        if self._lives():
            self._wire.withdraw(order)
        await self._clock.sleep(self._wire.near())

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue shows of an order."""
        asked = self._clock.now()
        await self._clock.sleep(self._wire.near())
        told = self._wire.lists.order(order.client_order_id, order.instrument)
        late = await self._lingers()
        await self._clock.sleep(self._wire.near())
        return [_asked(self._own(each, late=late), asked) for each in told]

    async def positions(self) -> Sequence[PositionReport]:
        """Return what the account holds."""
        await self._clock.sleep(self._wire.near())
        told = self._wire.lists.positions()
        late = await self._lingers()
        await self._clock.sleep(self._wire.near())
        return [self._own(each, late=late) for each in told]

    async def margin(self) -> MarginTold:
        """Return how the account stands."""
        asked = self._clock.now()
        await self._clock.sleep(self._wire.near())
        told = self._wire.lists.figures(asked)
        return self._own(told, late=await self._lingers())

    async def history(self, since: int, *, whole: bool = True) -> History:  # noqa: ARG002
        """Return the bookings since a time, ns."""
        await self._clock.sleep(self._wire.near())
        told = self._wire.lists.history(since)
        late = await self._lingers()
        return History([self._own(each, late=late) for each in told.events], told.fault)


def _asked(event: AccountEvent, ts: int) -> AccountEvent:
    """Return an answer with when it was asked for, ns, where that matters."""
    return replace(event, asked=ts) if isinstance(event, OrderNotFound) else event
