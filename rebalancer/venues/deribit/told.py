"""What each channel of Deribit tells the daemon, at once and in the order in which it came.

Nothing is coalesced and nothing withheld but words that are older than the
newest of their channel. What a channel told last stays here as its pulse, so
that a standstill can be told from a quiet market.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from rebalancer.core.events import Event
from rebalancer.venues.deribit import channels
from rebalancer.venues.deribit.channels import DEPTH, PRIVATE, Wanted
from rebalancer.venues.freezing import FreezeWatch, Pulse
from rebalancer.venues.paper import Depth
from rebalancer.wire.books import Took
from rebalancer.wire.deribit import account as deribit_account
from rebalancer.wire.deribit import books as deribit_books
from rebalancer.wire.deribit import market as deribit_market
from rebalancer.wire.deribit.account import Portfolio
from rebalancer.wire.deribit.frames import Told
from rebalancer.wire.deribit.market import BookChange, Levels, Ticker
from rebalancer.wire.deribit.values import coin, instrument_id, ns

Deliver: TypeAlias = Callable[[Event], None]
Handler: TypeAlias = Callable[[Any, int], None]


@dataclass(frozen=True, slots=True)
class Taps:
    """Who hears what is no event of the core."""

    depth: Callable[[int, Depth], None] | None = None  # ns local, the best levels
    portfolio: Callable[[int, Portfolio], None] | None = None  # ns local, margins of a currency


@dataclass(slots=True)
class Counts:
    """What became of the frames, since the start."""

    decoded: int = 0
    unknown: int = 0  # of another type, or of a channel that nobody follows
    refused: int = 0
    late: int = 0  # older than what the channel told before
    gaps: int = 0  # books that had lost a change
    dropped: list[str] = field(default_factory=list)  # channels that cannot be had


class Channels:
    """The channels that are followed, and where each of their words goes.

    Args:
        watch: Keeps the pulses.
        counts: Counts what is late or lost.
        taps: Who hears levels and margins.
        account: Whose private channels are followed, if any.
    """

    def __init__(self, watch: FreezeWatch, counts: Counts, taps: Taps, account: str | None) -> None:
        self._watch, self._counts, self._taps, self._account_name = watch, counts, taps, account
        self._routes: dict[str, Handler] = {}
        self._indexes: dict[str, str] = {}  # coin → channel of its index
        self._unindexed: dict[str, None] = {}  # coins whose index only the tickers tell
        self._books: dict[str, deribit_books.Book] = {}
        self._broken: list[str] = []  # books that must be subscribed anew
        self._deliver: Deliver = _nowhere

    def __contains__(self, name: str) -> bool:
        return name in self._routes

    def begin(self, deliver: Deliver) -> None:
        """Forget what the last socket told."""
        self._deliver = deliver
        self._books.clear()
        self._broken.clear()
        self._unindexed.clear()
        self._watch.pulses.clear()

    def follow(self, wanted: Wanted) -> None:
        """Route each channel to what reads it."""
        self._watch.follow(channels.witnesses(wanted))
        pulse = self._watch.pulses
        hedge = dict.fromkeys(wanted.hedge)
        routes: dict[str, Handler] = {}
        for name in (*hedge, *(each for each in wanted.options if each not in hedge)):
            own = channels.ticker(name, wanted)
            routes[own] = partial(self._ticker, pulse[own], coin(name))
        for name in hedge:
            touch, book = f"quote.{name}", f"book.{name}.{wanted.book}"
            routes[touch] = partial(self._touch, pulse[touch])
            routes[book] = partial(self._book, pulse[book], book)
            routes[f"trades.{name}.{wanted.interval}"] = self._trades
        named = channels.index_names(wanted).items()
        self._indexes = {each: channels.index(name) for each, name in named}
        for own in self._indexes.values():
            routes[own] = partial(self._index, pulse[own])
        if self._account_name is not None:
            routes[PRIVATE[0]] = routes[PRIVATE[1]] = partial(self._account, self._account_name)
            routes[PRIVATE[2]] = self._portfolio
        self._routes = routes

    def take(self, message: Told, now: int) -> bool:
        """Deliver what a channel says; return False when nobody follows it."""
        handler = self._routes.get(message.channel)
        if handler is None:
            return False
        handler(message.body, now)
        return True

    def drop(self, name: str) -> None:
        """Go on without a channel; an index is told by the tickers then."""
        self._routes.pop(name, None)
        self._watch.pulses.pop(name, None)
        self._unindexed |= {each: None for each, own in self._indexes.items() if own == name}

    def broken(self) -> list[str]:
        """Return the books that lost a change, once."""
        broken, self._broken = self._broken, []
        return broken

    def _ticker(self, pulse: Pulse, underlying: str, told: Ticker, now: int) -> None:
        if not pulse.beat(ns(told.timestamp), now):
            self._counts.late += 1
            return
        pulse.index, pulse.touch = told.index, (told.bid or None, told.ask or None)
        deliver = self._deliver
        deliver(deribit_market.mark(told, now))
        for event in (deribit_market.funding(told, now), deribit_market.open_interest(told, now)):
            if event is not None:
                deliver(event)
        if underlying in self._unindexed:
            index = deribit_market.index(told, now)
            if index is not None:
                deliver(index)

    def _touch(self, pulse: Pulse, told: deribit_market.Touch, now: int) -> None:
        if not pulse.beat(ns(told.timestamp), now):
            self._counts.late += 1
            return
        pulse.touch = (told.bid or None, told.ask or None)
        self._deliver(deribit_market.quote(told, now))

    def _index(self, pulse: Pulse, told: deribit_market.PriceIndex, now: int) -> None:
        if not pulse.beat(ns(told.timestamp), now):
            self._counts.late += 1
            return
        pulse.index = told.price
        index = deribit_market.index(told, now)
        if index is not None:
            self._deliver(index)

    def _trades(self, told: tuple[deribit_market.Print, ...], now: int) -> None:
        for each in told:
            self._deliver(deribit_market.trade(each, now))

    def _book(self, pulse: Pulse, name: str, told: Levels | BookChange, now: int) -> None:
        if isinstance(told, Levels) and ns(told.timestamp) < pulse.ts:
            self._counts.late += 1
            return
        book = self._books.setdefault(told.instrument, deribit_books.Book())
        took = deribit_books.take(book, told)
        if took in (Took.GAP, Took.CROSSED):
            self._counts.gaps += 1
            self._broken.append(name)
        if took is not Took.APPLIED:
            return
        pulse.beat(ns(told.timestamp), now)
        best = deribit_books.ladder(book, DEPTH if self._taps.depth else 1)
        if best is None:
            return
        pulse.touch = tuple(side[0][0] if side else None for side in (best.bids, best.asks))  # type: ignore[assignment]
        if self._taps.depth is not None:
            self._taps.depth(now, Depth(instrument_id(told.instrument), best.bids, best.asks))

    def _account(self, account: str, told: Any, now: int) -> None:
        for event in deribit_account.events(told, account, now):
            self._deliver(event)

    def _portfolio(self, told: Portfolio, now: int) -> None:
        if self._taps.portfolio is not None:
            self._taps.portfolio(now, told)


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
