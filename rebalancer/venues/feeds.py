"""Feeds: the seeded world and recordings, each item at its own time on the clock port."""

from collections.abc import Callable, Iterable, Iterator

from rebalancer.core.events import Event
from rebalancer.ports import Clock
from rebalancer.venues.paper import MarketItem, PaperMarket

Timed = tuple[int, MarketItem]  # ns when it is known, and what it is


class ReplayFeed:
    """Plays items that are in time order, and ends with them.

    Args:
        items: What happened, each with its time; read one ahead, never more.
        market: Models that the items move.
        clock: Market time; it stands at or before the first item.
        progress: Is told the time of each item, for whoever watches.
    """

    def __init__(
        self,
        items: Iterable[Timed],
        market: PaperMarket,
        clock: Clock,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._items = items
        self._market = market
        self._clock = clock
        self._progress = progress

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver everything; what belongs to one instant comes in one go."""
        last = None
        for ts, item in self._items:
            if last is not None and ts > last:
                self._market.judge(last, deliver)
            last = ts
            if ts > self._clock.now():
                await self._clock.sleep(ts - self._clock.now())
                if self._progress is not None:
                    self._progress(ts)
            self._market.move(ts, item, deliver)
        if last is not None:
            self._market.judge(last, deliver)


class StepFeed:
    """Asks a world for what happens next, step by step, for ever.

    Args:
        advance: Returns the items of the step that ends at a time.
        period: ns of one step.
        market: Models that the items move.
        clock: Market time.
    """

    def __init__(
        self,
        advance: Callable[[int], Iterator[MarketItem] | Iterable[MarketItem]],
        period: int,
        market: PaperMarket,
        clock: Clock,
    ) -> None:
        self._advance = advance
        self._period = period
        self._market = market
        self._clock = clock

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver step after step until canceled; the first one at once."""
        due = self._clock.now()
        while True:
            for item in self._advance(due):
                self._market.move(due, item, deliver)
            self._market.judge(due, deliver)
            due += self._period
            await self._clock.sleep(due - self._clock.now())
