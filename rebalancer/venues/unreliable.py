"""An unreliable venue: what goes wrong between here and an exchange, at rates from the settings.

A *reject* is the venue saying no for reasons of its own. A *lost
acknowledgement* is worse: the order lives and fills, but neither the answer
nor the stream ever says so, and only a question brings it to light. A *slow*
answer comes when nobody waits for it any more, and everything about the order
behind it. *Late fills* come after their order was said to be over. A position
snapshot that *lags* shows an account as it was and says that it is so now.
A question after an order always gets through, and is told the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from rebalancer.core.commands import Cancel, Query, Submit
from rebalancer.core.events import (
    AccountEvent,
    Event,
    Fill,
    OrderEnded,
    OrderEvent,
    OrderRejected,
    OrderUnknown,
    PositionReport,
)
from rebalancer.core.figures import MarginTold
from rebalancer.ports import SECOND, Clock, Venue
from rebalancer.venues.mischance import Mischance, Mishap, between
from rebalancer.venues.past import Past

NEVER = 24 * 3_600 * SECOND  # ns: far beyond any deadline
SLOW = (SECOND, 8 * SECOND)  # ns that an answer is late: least and most
LATE_FILL = (SECOND // 5, 3 * SECOND)  # ns from an order's ending to its fills
LAG = (SECOND // 2, 5 * SECOND)  # ns that a snapshot is behind


class Unreliable:
    """A venue in front of which things go wrong.

    Args:
        open_venue: Makes the venue behind, given where its events go.
        mischance: Says what goes wrong when.
        clock: Market time.
        deliver: Where the events that get through go.
        past: What the account held before; None: snapshots cannot lag.
    """

    def __init__(
        self,
        open_venue: Callable[[Callable[[Event], None]], Venue],
        mischance: Mischance,
        clock: Clock,
        deliver: Callable[[Event], None],
        past: Past[tuple[str, Decimal]] | None = None,
    ) -> None:
        self._venue = open_venue(self.hear)
        self._mischance = mischance
        self._clock = clock
        self._deliver = deliver
        self._past = past
        self._lost: dict[str, None] = {}  # client order ids that nobody is told about
        self._held: dict[str, list[Event]] = {}  # what waits behind a slow answer, by order
        self._lags: dict[str, int] = {}  # ns that an order's fills come late
        self._struck: set[str] = set()  # orders of which a fill came late
        self.account = self._venue.account

    async def submit(self, order: Submit) -> OrderEvent:
        """Send an order, or let it be rejected; its answer may be late, or never come."""
        name, draw = order.client_order_id, self._mischance.draw
        # Each is drawn for each order, whatever the others say: else one would shift another.
        rejected, lost, slow, late = map(
            draw, (Mishap.REJECT, Mishap.LOST_ACK, Mishap.SLOW, Mishap.LATE_FILL)
        )
        if rejected is not None:
            self._mischance.count(Mishap.REJECT)
            await self._clock.sleep(SECOND // 20)
            ts = self._clock.now()
            return OrderRejected(ts, ts, name, "the venue is busy")
        if lost is not None:
            self._mischance.count(Mishap.LOST_ACK)
            self._lost[name] = None
            await self._venue.submit(order)
            await self._clock.sleep(NEVER)
            return OrderUnknown(self._clock.now(), None, name, "the answer was lost")
        if late is not None:
            self._lags[name] = between(late.hard, LATE_FILL)
        if slow is None:
            answer = await self._venue.submit(order)
        else:
            answer = await self._slowly(order, between(slow.hard, SLOW))
        if isinstance(answer, OrderRejected):
            self._lags.pop(name, None)
        return answer

    def hear(self, event: Event) -> None:
        """Take in what the venue says: lost, kept behind a slow answer, or passed on."""
        name = getattr(event, "client_order_id", None)
        if name in self._lost:
            return
        if name in self._held:
            self._held[name].append(event)
        else:
            self._pass_on(event)

    async def _slowly(self, order: Submit, delay: int) -> OrderEvent:
        """Send an order at once and return its answer late; what follows it waits behind it."""
        self._mischance.count(Mishap.SLOW)
        self._held[order.client_order_id] = []
        try:
            answer = await self._venue.submit(order)
            await self._clock.sleep(delay)
        finally:  # what follows arrives once the answer has gone its way
            self._clock.call_at(self._clock.now(), lambda: self._release(order.client_order_id))
        return replace(answer, ts_local=self._clock.now())

    def _release(self, name: str) -> None:
        for event in self._held.pop(name):
            self._pass_on(self._now(event))

    def _now(self, event: Event) -> Event:
        """Return an event as it is when it is learnt now."""
        return replace(event, ts_local=self._clock.now())

    def _pass_on(self, event: Event) -> None:
        """Deliver an event; the fills of some orders come late, after their end if that is near."""
        name = getattr(event, "client_order_id", None)
        lag = self._lags.get(name or "")
        if name is None or lag is None:
            self._deliver(event)
        elif isinstance(event, Fill):
            self._late(name, event, lag)
        else:
            self._deliver(event)
            if isinstance(event, OrderEnded):
                del self._lags[name]

    def _late(self, name: str, fill: Fill, lag: int) -> None:
        if name not in self._struck:
            self._struck.add(name)
            self._mischance.count(Mishap.LATE_FILL)
        self._clock.call_at(self._clock.now() + lag, lambda: self._deliver(self._now(fill)))

    async def cancel(self, order: Cancel) -> None:
        """Pass a cancellation on."""
        await self._venue.cancel(order)

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue knows; a question always gets through."""
        return await self._venue.query(order)

    async def margin(self) -> MarginTold:
        """Return how the account stands."""
        return await self._venue.margin()

    async def positions(self) -> Sequence[PositionReport]:
        """Return every holding and cash balance, or those of a while ago as if they were now."""
        lagging = self._mischance.draw(Mishap.POSITION_LAG)
        told = await self._venue.positions()
        if lagging is None or self._past is None or not told:
            return told
        self._mischance.count(Mishap.POSITION_LAG)
        now, claimed = told[0].ts_local, told[0].ts_venue
        asked = now if claimed is None else claimed
        rows = self._past.at(asked - between(lagging.hard, LAG))
        return [PositionReport(now, claimed, self.account, *row) for row in rows]
