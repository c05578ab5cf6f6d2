"""What each channel of OKX tells the daemon, at once and in the order in which it came.

Nothing is coalesced and nothing withheld but words that are older than the
newest of their channel. An option is marked once both its mark and what the
venue's model says of it are known. What a channel told last stays here as its
pulse, so that a standstill can be told from a quiet market.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias

from rebalancer.core.events import Event
from rebalancer.venues.freezing import FreezeWatch, Pulse
from rebalancer.venues.okx import channels
from rebalancer.venues.paper import Depth
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.books import Took
from rebalancer.wire.okx import account as okx_account
from rebalancer.wire.okx import books as okx_books
from rebalancer.wire.okx import market as okx_market
from rebalancer.wire.okx.frames import Told, channel_of
from rebalancer.wire.okx.market import BookChange, IndexTicker, MarkPrice, Summary, Ticker, Touch
from rebalancer.wire.okx.values import instrument_id, is_option, ns

Deliver: TypeAlias = Callable[[Event], None]
Handler: TypeAlias = Callable[[Any, int], None]


@dataclass(slots=True)
class Counts:
    """What became of the frames, since the start."""

    decoded: int = 0
    unknown: int = 0  # of another type, or of a channel that nobody follows
    refused: int = 0
    spoiled: int = 0  # rows left out of frames that were read
    late: int = 0  # older than what the channel told before
    gaps: int = 0  # books that had lost a change
    dropped: list[str] = field(default_factory=list)  # channels that cannot be had


class Sayings(Protocol):
    """What is followed on one socket."""

    watch: FreezeWatch

    def names(self) -> tuple[str, ...]:
        """Return the channels that are followed."""

    def follow(self, wanted: Wanted) -> None:
        """Follow something else from now on."""

    def begin(self, deliver: Deliver) -> None:
        """Forget what the last socket told."""

    def take(self, told: Told, now: int) -> bool:
        """Deliver what a channel says; return False when nobody follows it."""

    def drop(self, name: str) -> None:
        """Go on without a channel."""

    def broken(self) -> list[str]:
        """Return the channels that must be subscribed anew, once."""


class Account:
    """The orders of an account, with their fills.

    Args:
        account: Its name in the settings.
        pairs: Ids of pairs whose coin is a position.
        look: Is told why the account is to be read at once: the venue itself
            traded, which only the account's lists tell.
    """

    def __init__(self, account: str, pairs: Container[str], look: Callable[[str], None]) -> None:
        self.watch = FreezeWatch(0)
        self._account, self._pairs, self._look = account, pairs, look
        self._deliver: Deliver = _nowhere

    def names(self) -> tuple[str, ...]:
        """Return the one channel."""
        return (channels.ORDERS,)

    def follow(self, _wanted: Wanted) -> None:
        """Go on: an account is one, whatever a book holds."""

    def begin(self, deliver: Deliver) -> None:
        """Deliver what a new socket tells."""
        self._deliver = deliver

    def take(self, told: Told, now: int) -> bool:
        """Deliver what became of orders."""
        if told.channel != channels.ORDERS:
            return False
        for row in told.rows:
            for event in okx_account.events(row, self._account, now, self._pairs):
                self._deliver(event)
            if okx_account.by_venue(row):
                self._look(f"okx tells an order of the venue itself: {row.category}")
        return True

    def drop(self, _name: str) -> None:
        """Go on without: the account is read all the same."""

    def broken(self) -> list[str]:
        """Return none."""
        return []


class Market:
    """The channels of the market that are followed, and where each of their words goes.

    Args:
        frozen: ns that a channel may stand still while others move.
        counts: Counts what is late or lost.
        depth: Hears the best levels, ns local.
    """

    def __init__(
        self, frozen: int, counts: Counts, depth: Callable[[int, Depth], None] | None = None
    ) -> None:
        self.watch = FreezeWatch(frozen)
        self._counts, self._depth = counts, depth
        self._wanted = Wanted()
        self._routes: dict[str, Handler] = {}
        self._books: dict[str, okx_books.Book] = {}
        self._marks: dict[str, MarkPrice] = {}  # of options
        self._summaries: dict[str, Summary] = {}
        self._broken: list[str] = []
        self._deliver: Deliver = _nowhere

    def names(self) -> tuple[str, ...]:
        """Return the channels that are followed."""
        return channels.public(self._wanted)

    def begin(self, deliver: Deliver) -> None:
        """Forget what the last socket told."""
        self._deliver = deliver
        for kept in (self._books, self._marks, self._summaries, self.watch.pulses):
            kept.clear()
        self._broken.clear()
        self.follow(self._wanted)

    def follow(self, wanted: Wanted) -> None:
        """Route each channel to what reads it."""
        self._wanted = wanted
        self.watch.follow(channels.witnesses(wanted))
        pulses, makers = self.watch.pulses, self._makers()
        held = dict.fromkeys(channels.options(wanted))
        routes: dict[str, Handler] = {}
        for name in channels.public(wanted):
            kind, _, subject = name.partition(":")
            if kind == "opt-summary":
                routes[name] = partial(self._summary, held)
            else:
                routes[name] = partial(makers[kind], pulses.get(name, Pulse()), subject)
        self._routes = routes

    def _makers(self) -> dict[str, Callable[[Pulse, str, Any, int], None]]:
        return {
            "bbo-tbt": self._touch,
            "books": self._book,
            "tickers": self._ticker,
            "trades": self._trade,
            "mark-price": self._mark,
            "index-tickers": self._index,
            "funding-rate": self._funding,
            "open-interest": self._interest,
        }

    def take(self, told: Told, now: int) -> bool:
        """Deliver what a channel says; return False when nobody follows it."""
        handler = self._routes.get(told.channel)
        if handler is None:
            return False
        for row in told.rows:
            if isinstance(row, BookChange):
                handler((row, told.whole), now)
            else:
                handler(row, now)
        return True

    def drop(self, name: str) -> None:
        """Go on without a channel."""
        self._routes.pop(name, None)
        self.watch.pulses.pop(name, None)

    def broken(self) -> list[str]:
        """Return the books that lost a change, once."""
        broken, self._broken = self._broken, []
        return broken

    # --- one a channel ----------------------------------------------------------

    def _fresh(self, pulse: Pulse, ts: int, now: int) -> bool:
        if pulse.beat(ns(ts), now):
            return True
        self._counts.late += 1
        return False

    def _touch(self, pulse: Pulse, name: str, told: Touch, now: int) -> None:
        if self._fresh(pulse, told.ts, now):
            quote = okx_market.quote(told, name, now)
            pulse.touch = (quote.bid, quote.ask)
            self._deliver(quote)

    def _ticker(self, pulse: Pulse, _name: str, told: Ticker, now: int) -> None:
        if self._fresh(pulse, told.ts, now):
            pulse.touch = okx_market.touch(told)

    def _book(self, pulse: Pulse, name: str, told: tuple[BookChange, bool], now: int) -> None:
        change, whole = told
        book = self._books.setdefault(name, okx_books.Book())
        took = okx_books.take(book, change, whole=whole)
        if took in (Took.GAP, Took.CROSSED):
            self._counts.gaps += 1
            self._broken.append(channel_of("books", name))
        if took is not Took.APPLIED:
            return
        pulse.beat(ns(change.ts), now)
        best = okx_books.ladder(book, channels.DEPTH if self._depth else 1)
        if best is None:
            return
        bid, ask = (side[0][0] if side else None for side in (best.bids, best.asks))
        pulse.touch = (bid, ask)
        if self._depth is not None:
            self._depth(now, Depth(instrument_id(name), best.bids, best.asks))

    def _trade(self, _pulse: Pulse, _name: str, told: okx_market.Print, now: int) -> None:
        self._deliver(okx_market.trade(told, now))

    def _mark(self, pulse: Pulse, name: str, told: MarkPrice, now: int) -> None:
        if not self._fresh(pulse, told.ts, now):
            return
        if is_option(name):
            self._marks[name] = told
            self._option(name, now)
        else:
            self._deliver(okx_market.mark(told, now))

    def _summary(self, held: dict[str, None], told: Summary, now: int) -> None:
        """Take what the venue's model says of an option; the channel tells a whole family."""
        before = self._summaries.get(told.instrument)
        if told.instrument not in held:
            return
        if before is not None and told.ts < before.ts:
            self._counts.late += 1
            return
        self._summaries[told.instrument] = told
        self._option(told.instrument, now)

    def _option(self, name: str, now: int) -> None:
        mark, summary = self._marks.get(name), self._summaries.get(name)
        if mark is not None and summary is not None:
            self._deliver(okx_market.option_mark(mark, summary, now))

    def _index(self, pulse: Pulse, _name: str, told: IndexTicker, now: int) -> None:
        if not self._fresh(pulse, told.ts, now):
            return
        pulse.index = told.price
        index = okx_market.index(told, now)
        if index is not None:
            self._deliver(index)

    def _funding(self, _pulse: Pulse, _name: str, told: okx_market.Funding, now: int) -> None:
        self._deliver(okx_market.funding(told, now))

    def _interest(self, _pulse: Pulse, _name: str, told: okx_market.Interest, now: int) -> None:
        interest = okx_market.open_interest(told, now)
        if interest is not None:
            self._deliver(interest)


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
