"""What each topic of a Bybit socket tells the daemon, at once and in the order in which it came.

Nothing is coalesced and nothing withheld but words that are older than the
newest of their topic. What a topic told last stays here as its pulse, so that a
standstill can be told from a quiet market.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from rebalancer.core.events import Event
from rebalancer.venues.bybit import topics
from rebalancer.venues.bybit.topics import DEPTH
from rebalancer.venues.freezing import FreezeWatch, Pulse
from rebalancer.venues.paper import Depth
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.books import Took
from rebalancer.wire.bybit import books, market, tickers
from rebalancer.wire.bybit.frames import Told
from rebalancer.wire.bybit.market import Ticker
from rebalancer.wire.bybit.values import VENUE, Category, Refused, coin, ns

Deliver: TypeAlias = Callable[[Event], None]
Tap: TypeAlias = Callable[[int, Depth], None]  # ns local, the best levels
Handler: TypeAlias = Callable[[Told, int], None]


@dataclass(slots=True)
class Counts:
    """What became of the frames, since the start."""

    decoded: int = 0
    unknown: int = 0  # of another type, or of a topic that nobody follows
    refused: int = 0
    late: int = 0  # older than what the topic told before
    gaps: int = 0  # books that had lost a change
    dropped: list[str] = field(default_factory=list)  # topics that cannot be had


class Topics:
    """The topics of one socket that are followed, and where each of their words goes.

    Args:
        category: Of the socket.
        watch: Keeps the pulses.
        counts: Counts what is late or lost.
        depth: Hears the best levels.
    """

    def __init__(
        self, category: Category, watch: FreezeWatch, counts: Counts, depth: Tap | None
    ) -> None:
        self._category, self._watch, self._counts, self._depth = category, watch, counts, depth
        self._routes: dict[str, Handler] = {}
        self._books: dict[str, books.Book] = {}
        self._tickers: dict[str, tickers.Kept] = {}
        self._broken: list[str] = []  # topics that must be subscribed anew
        self._deliver: Deliver = _nowhere

    def __contains__(self, name: str) -> bool:
        return name in self._routes

    def begin(self, deliver: Deliver) -> None:
        """Forget what the last socket told."""
        self._deliver = deliver
        self._books.clear()
        self._tickers.clear()
        self._broken.clear()
        self._watch.pulses.clear()

    def follow(self, wanted: Wanted) -> None:
        """Route each topic to what reads it."""
        own = topics.here(wanted, self._category)
        self._watch.follow(topics.witnesses(own))
        pulse, indexes = self._watch.pulses, topics.index_tickers(wanted)
        routes: dict[str, Handler] = {}
        for name in dict.fromkeys((*own.hedge, *own.options)):
            tells = indexes.get(coin(name)) == name
            topic = topics.ticker(name)
            routes[topic] = partial(self._ticker, pulse[topic], tells)
        for name in own.hedge:
            topic = topics.book(name)
            routes[topic] = partial(self._book, pulse[topic], f"{VENUE}:{name}")
            routes[topics.trades(name)] = self._trades
        self._routes = routes

    def take(self, message: Told, now: int) -> bool:
        """Deliver what a topic says; return False when nobody follows it."""
        handler = self._routes.get(message.topic)
        if handler is None:
            return False
        handler(message, now)
        return True

    def drop(self, name: str) -> None:
        """Go on without a topic."""
        self._routes.pop(name, None)
        self._watch.pulses.pop(name, None)

    def forget(self, name: str) -> None:
        """Take nothing that a topic told as still so: it is subscribed anew."""
        self._books.pop(name, None)
        self._tickers.pop(name, None)

    def broken(self) -> list[str]:
        """Return the topics that lost a change, or told what cannot be, once."""
        broken, self._broken = self._broken, []
        return broken

    def _ticker(self, pulse: Pulse, tells: bool, message: Told, now: int) -> None:
        told, ts = message.body, message.ts
        if not isinstance(told, Ticker) or not pulse.beat(ns(ts), now):
            self._counts.late += 1
            return
        kept = self._tickers.setdefault(message.topic, tickers.Kept())
        whole = tickers.take(kept, told, message.kind, self._category)
        if isinstance(whole, Refused):
            self._counts.refused += 1
            self._broken.append(message.topic)
        if not isinstance(whole, Ticker):
            return
        where = (self._category, ts, now)
        index = market.index(whole, *where)
        pulse.touch = market.touch(whole)
        pulse.index = None if index is None else index.price
        found = (
            index if tells else None,
            market.mark(whole, *where),
            market.funding(whole, *where),
            market.open_interest(whole, *where),
        )
        for event in found:
            if event is not None:
                self._deliver(event)

    def _book(self, pulse: Pulse, instrument: str, message: Told, now: int) -> None:
        told: Any = message.body
        book = self._books.setdefault(message.topic, books.Book())
        took = books.take(book, told, message.kind)
        pulse.beat(ns(message.ts), now)
        if took in (Took.GAP, Took.CROSSED):
            self._counts.gaps += 1
            self._broken.append(message.topic)
        best = books.ladder(book, DEPTH if self._depth else 1) if took is Took.APPLIED else None
        if best is None:
            return
        quote = books.quote(best, instrument, ns(message.ts), now)
        pulse.touch = (quote.bid, quote.ask)
        self._deliver(quote)
        if self._depth is not None:
            self._depth(now, Depth(instrument, best.bids, best.asks))

    def _trades(self, message: Told, now: int) -> None:
        prints: Any = message.body
        for each in prints:
            self._deliver(market.trade(each, self._category, now))


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
