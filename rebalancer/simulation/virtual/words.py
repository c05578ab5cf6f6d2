"""Words: what the market told a process last, when, and which of it was not true."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from rebalancer.core.events import Index, MarketEvent, Quote
from rebalancer.core.params import Params
from rebalancer.ports import SECOND

FUTURE = SECOND  # ns that a clock may be off: by more, and a word of now is from its future
KEPT = 10 * SECOND  # ns for which words are remembered: options are marked every eight seconds


class Words:
    """The last words of quotes and indexes that reached a process.

    Args:
        params: Of the book: its first account's index is the one that counts.
    """

    def __init__(self, params: Params) -> None:
        self._lies: dict[tuple[str, int | None, Decimal], None] = {}  # indexes that were not true
        self._first, self._limit = params.accounts[0], params.staleness.index
        self._quoted: dict[str, int] = {}  # instrument → ns
        self._indexed: dict[str, int] = {}  # venue → ns
        self._prices: dict[str, float] = {}  # venue → last index that was no lie
        self._before: deque[tuple[int, float]] = deque()  # ns of a word; by what one measured till

    def lie(self, event: MarketEvent) -> None:
        """Note that what will be told is not true."""
        if isinstance(event, Index):
            self._lies[event.venue, event.ts_venue, event.price] = None

    def hear(self, event: Quote | Index, now: int) -> None:
        """Note a word at `now`, true ns: of when it is, and, unless it is a lie, what it says."""
        ts = event.ts_local if event.ts_venue is None else event.ts_venue
        if ts > event.ts_local + FUTURE:
            return  # by a clock that is late no word of now can be believed
        if isinstance(event, Quote):
            self._quoted[event.instrument] = max(ts, self.since(event.instrument))
            return
        if ts < self._indexed.get(event.venue, ts):
            return  # told late, and something younger before it
        before = self.index(now)
        if before is not None:
            self._before.append((now, before))
        self._indexed[event.venue] = ts
        if (event.venue, event.ts_venue, event.price) not in self._lies:
            self._prices[event.venue] = float(event.price)

    def since(self, instrument: str) -> int:
        """Return when an instrument was quoted last, ns; 0: never."""
        return self._quoted.get(instrument, 0)

    @property
    def youngest(self) -> int:
        """When any index was told last, ns; 0: never."""
        return max(self._indexed.values(), default=0)

    def indexes(self, ts: int, span: int = KEPT) -> Iterable[float]:
        """Yield by which indexes a process measured at `ts` and in the `span` ns before.

        Whether one is still young it may take for a second otherwise, by its own clock.
        """
        for at in (ts, ts - FUTURE, ts + FUTURE):
            now = self.index(at)
            if now is not None:
                yield now
        while self._before and self._before[0][0] < ts - KEPT:
            self._before.popleft()
        yield from (price for at, price in self._before if at >= ts - span)

    def index(self, ts: int) -> float | None:
        """Return by which index a process measures: the first venue's while it is young."""
        if not self._prices:
            return None
        if ts - self._indexed.get(self._first, 0) <= self._limit and self._first in self._prices:
            return self._prices[self._first]
        return self._prices[max(self._prices, key=lambda venue: self._indexed[venue])]
