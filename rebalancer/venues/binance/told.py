"""What each of Binance's market messages tells the daemon, at once and in order.

Nothing is coalesced and nothing withheld but words older than the newest of their
channel, by update number or by venue time. Depth is kept from a snapshot, that is asked
for by REST, and the changes since; a book that lost one wants another snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rebalancer.core.events import Event
from rebalancer.core.figures import OpenInterest
from rebalancer.ports import SECOND
from rebalancer.venues.binance import channels
from rebalancer.venues.binance.channels import Socket
from rebalancer.venues.binance.family import Venue
from rebalancer.venues.freezing import FreezeWatch, Pulse
from rebalancer.venues.paper import Depth
from rebalancer.venues.wanted import Wanted
from rebalancer.wire import books
from rebalancer.wire.binance import market, marks
from rebalancer.wire.binance.market import BookTicker, DepthSnapshot, DepthUpdate, TradePrint
from rebalancer.wire.binance.marks import AggTrade, IndexPrice, MarkPrice
from rebalancer.wire.binance.values import ns
from rebalancer.wire.books import Book, Took

Deliver = Callable[[Event], None]
Body = BookTicker | TradePrint | DepthUpdate | DepthSnapshot | MarkPrice | IndexPrice | AggTrade
DEPTH = 20  # levels a side that are told on
EIGHT_HOURS = 8 * 3_600 * SECOND  # ns between two stamps where the venue lists no other


@dataclass(slots=True)
class Counts:
    """What became of the frames, since the start."""

    decoded: int = 0
    unknown: int = 0  # of another type, or of a channel that nobody follows
    refused: int = 0
    late: int = 0  # older than what the channel told before
    gaps: int = 0  # books that had lost a change, or crossed
    dropped: list[str] = field(default_factory=list)  # channels that cannot be had


class Words:
    """The market messages of one socket, and where each goes.

    Args:
        venue: Of the family.
        socket: What it is for.
        watch: Keeps the pulses.
        counts: Counts what is late or lost.
        tap: Hears the best levels, ns local.
    """

    def __init__(
        self,
        venue: Venue,
        socket: Socket,
        watch: FreezeWatch,
        counts: Counts,
        tap: Callable[[int, Depth], None] | None = None,
    ) -> None:
        self._venue, self._socket, self._watch = venue, socket, watch
        self._counts, self._tap = counts, tap
        self._routes: dict[str, None] = {}  # channels that are followed
        self._books: dict[str, Book] = {}
        self._updates: dict[str, int] = {}  # symbol → number of its newest best prices
        self._deliver: Deliver = _nowhere
        self.spoke: dict[str, int] = {}  # steady channel → ns local when it advanced last
        self.bare: dict[str, None] = {}  # symbols whose book waits for a snapshot
        self.intervals: dict[str, int] | None = None  # symbol → ns of funding; None: not told yet

    def __contains__(self, channel: str) -> bool:
        return channel in self._routes

    def begin(self, deliver: Deliver, now: int) -> None:
        """Forget what the last socket told."""
        self._deliver = deliver
        self._books.clear()
        self._updates.clear()
        self._watch.pulses.clear()
        self.spoke.clear()
        self.bare.clear()
        self.spoke |= {name: now for name in self._routes if channels.steady(name)}

    def follow(self, wanted: Wanted, now: int) -> None:
        """Take in these channels from now on."""
        self._watch.follow(channels.witnesses(self._venue, self._socket, wanted))
        self._routes = dict.fromkeys(channels.public(self._venue, self._socket, wanted))
        steady = [name for name in self._routes if channels.steady(name)]
        self.spoke = {name: self.spoke.get(name, now) for name in steady}
        if self._socket.prices:
            self.bare |= {name: None for name in wanted.hedge if name not in self._books}
            for name in [each for each in self._books if each not in wanted.hedge]:
                del self._books[name]
            self.bare = {name: None for name in self.bare if name in wanted.hedge}

    def drop(self, channel: str) -> None:
        """Go on without a channel."""
        self._routes.pop(channel, None)
        self._watch.pulses.pop(channel, None)
        self.spoke.pop(channel, None)

    def take(self, body: Body, now: int) -> bool:
        """Deliver what a message says; return False when nobody follows its channel."""
        match body:
            case BookTicker():
                return self._touch(channels.touch(body.symbol), body, now)
            case DepthUpdate():
                return self._depth(channels.depth(body.symbol), body, now)
            case MarkPrice():
                return self._mark(channels.mark(body.symbol), body, now)
            case IndexPrice():
                return self._index(channels.index(body.pair), body, now)
            case AggTrade():
                if channels.trades(body.symbol) not in self._routes:
                    return False
                self._deliver(marks.trade(body, self._id(body.symbol), now))
                return True
            case _:
                return False

    def snapshot(self, symbol: str, told: DepthSnapshot, now: int) -> None:
        """Begin a book, or begin it again."""
        self.bare.pop(symbol, None)
        self._took(symbol, books.take(self._books.setdefault(symbol, Book()), told), now)

    def open_interest(self, told: OpenInterest) -> None:
        """Deliver how much of a contract is held, that was asked for."""
        self._deliver(told)

    # --- each kind --------------------------------------------------------------

    def _id(self, symbol: str) -> str:
        return f"{self._venue.name}:{symbol}"

    def _touch(self, channel: str, told: BookTicker, now: int) -> bool:
        if channel not in self._routes:
            return False
        pulse = self._watch.pulses[channel]
        at = now if told.matched_ms is None else ns(told.matched_ms)
        fresh = told.update > self._updates.get(told.symbol, -1)
        if not pulse.beat(at if fresh else pulse.ts, now) or not fresh:
            self._counts.late += 1
            return True
        self._updates[told.symbol] = told.update
        pulse.touch = (told.bid, told.ask)
        self._deliver(market.quote(told, self._id(told.symbol), now))
        return True

    def _depth(self, channel: str, told: DepthUpdate, now: int) -> bool:
        if channel not in self._routes:
            return False
        took = books.take(self._books.setdefault(told.symbol, Book()), told)
        if took is Took.STALE:
            self._counts.late += 1
        if took is not Took.STALE:
            self._watch.pulses[channel].beat(ns(told.matched_ms or told.event_ms), now)
        self._took(told.symbol, took, now)
        return True

    def _took(self, symbol: str, took: Took, now: int) -> None:
        """Ask for a book anew where it is broken; else tell its best levels."""
        if took in (Took.GAP, Took.CROSSED):
            self._counts.gaps += 1
            self.bare[symbol] = None
        if took is not Took.APPLIED:
            return
        best = books.ladder(self._books[symbol], DEPTH if self._tap else 1)
        pulse = self._watch.pulses.get(channels.depth(symbol))
        if best is None or pulse is None:
            return
        pulse.touch = (
            best.bids[0][0] if best.bids else None,
            best.asks[0][0] if best.asks else None,
        )
        if self._tap is not None:
            self._tap(now, Depth(self._id(symbol), best.bids, best.asks))

    def _beat(self, channel: str, at: int, now: int) -> Pulse | None:
        """Take note of a word of a steady channel; None: it is old, or nobody follows it."""
        if channel not in self._routes:
            return None
        pulse = self._watch.pulses[channel]
        before = pulse.ts
        if not pulse.beat(at, now):
            self._counts.late += 1
            return None
        if pulse.ts > before:
            self.spoke[channel] = now
        return pulse

    def _mark(self, channel: str, told: MarkPrice, now: int) -> bool:
        if channel not in self._routes:
            return False
        if self._beat(channel, ns(told.event_ms), now) is None:
            return True
        name, coin = self._id(told.symbol), channels.coin(told.symbol)
        index = marks.index(told, self._venue.name, coin, now)
        if index is not None:
            self._deliver(index)
        if self._socket.borrowed:  # its mark and its funding are another contract's
            return True
        self._deliver(marks.mark(told, name, now))
        known = self.intervals
        interval = None if known is None else known.get(told.symbol, EIGHT_HOURS)
        rate = marks.funding(told, name, interval, now)
        if rate is not None:
            self._deliver(rate)
        return True

    def _index(self, channel: str, told: IndexPrice, now: int) -> bool:
        if channel not in self._routes:
            return False
        if self._beat(channel, ns(told.event_ms), now) is not None:
            index = marks.index(told, self._venue.name, channels.coin(told.pair), now)
            if index is not None:
                self._deliver(index)
        return True


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
