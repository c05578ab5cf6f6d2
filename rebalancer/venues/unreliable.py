"""An unreliable venue: what goes wrong between here and an exchange, at rates from the settings.

A *reject* is the venue saying no for reasons of its own. A *lost
acknowledgement* is worse: the order lives and fills, but neither the answer
nor the stream ever says so, and only a question brings it to light.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rebalancer.core.commands import Cancel, Query, Submit
from rebalancer.core.events import (
    AccountEvent,
    Event,
    OrderEvent,
    OrderRejected,
    OrderUnknown,
    PositionReport,
)
from rebalancer.ports import SECOND, Clock, Venue

NEVER = 24 * 3_600 * SECOND  # ns: far beyond any deadline


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often a venue misbehaves, fraction of orders."""

    reject: float = 0.0
    lost_ack: float = 0.0


class Unreliable:
    """A venue in front of which things go wrong.

    Args:
        open_venue: Makes the venue behind, given where its events go.
        rates: How often what goes wrong.
        chance: Stream of random numbers, one draw an order.
        clock: Market time.
        deliver: Where the events that get through go.
    """

    def __init__(
        self,
        open_venue: Callable[[Callable[[Event], None]], Venue],
        rates: FaultRates,
        chance: np.random.Generator,
        clock: Clock,
        deliver: Callable[[Event], None],
    ) -> None:
        self._venue = open_venue(self._hear)
        self._rates = rates
        self._chance = chance
        self._clock = clock
        self._deliver = deliver
        self._lost: dict[str, None] = {}  # client order ids that nobody is told about
        self.account = self._venue.account

    def _hear(self, event: Event) -> None:
        if getattr(event, "client_order_id", None) not in self._lost:
            self._deliver(event)

    async def submit(self, order: Submit) -> OrderEvent:
        """Send an order, or let it be rejected, or lose every word about it."""
        drawn, name = self._chance.random(), order.client_order_id
        if drawn < self._rates.reject:
            await self._clock.sleep(SECOND // 20)
            ts = self._clock.now()
            return OrderRejected(ts, ts, name, "the venue is busy")
        if drawn < self._rates.reject + self._rates.lost_ack:
            self._lost[name] = None
            await self._venue.submit(order)
            await self._clock.sleep(NEVER)
            return OrderUnknown(self._clock.now(), None, name, "the answer was lost")
        return await self._venue.submit(order)

    async def cancel(self, order: Cancel) -> None:
        """Pass a cancellation on."""
        await self._venue.cancel(order)

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue knows; a question always gets through."""
        return await self._venue.query(order)

    async def positions(self) -> Sequence[PositionReport]:
        """Return every holding and cash balance."""
        return await self._venue.positions()
