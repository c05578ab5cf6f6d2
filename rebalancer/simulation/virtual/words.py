"""Words: what a process heard of the market, how old it is, and which of it was no lie."""

from rebalancer.core.events import Event, Index, Quote
from rebalancer.core.params import Params


class Words:
    """The last words of quotes and indexes that reached a process.

    Args:
        params: Of the book: its first account's index is the one that counts.
    """

    def __init__(self, params: Params) -> None:
        self.lies: list[Event] = []  # words of the market that were not true
        self._first, self._limit = params.accounts[0], params.staleness.index
        self._quoted: dict[str, int] = {}  # instrument → ns
        self._indexed: dict[str, int] = {}  # venue → ns
        self._prices: dict[str, float] = {}  # venue → last index that was no lie

    def hear(self, event: Quote | Index) -> None:
        """Note a word: how old it is, and, unless it is a lie, what it says."""
        if isinstance(event, Quote):
            self._quoted[event.instrument] = event.ts_local
            return
        self._indexed[event.venue] = event.ts_local
        if not any(event is each for each in self.lies[-5:]):
            self._prices[event.venue] = float(event.price)

    def since(self, instrument: str) -> int:
        """Return when an instrument was quoted last, ns; 0: never."""
        return self._quoted.get(instrument, 0)

    @property
    def youngest(self) -> int:
        """When any index was told last, ns; 0: never."""
        return max(self._indexed.values(), default=0)

    def index(self, ts: int) -> float | None:
        """Return by which index a process measures: the first venue's while it is young."""
        if not self._prices:
            return None
        if ts - self._indexed.get(self._first, 0) <= self._limit and self._first in self._prices:
            return self._prices[self._first]
        return self._prices[max(self._prices, key=lambda venue: self._indexed[venue])]
