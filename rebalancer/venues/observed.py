"""Paper on live data: a venue's own stream, with orders that the exchange model plays.

A venue without a package is followed through ccxt.pro by its profile.

Everything that the streams tell goes through the model first, levels too, and
on to the daemon. What a venue books by the clock, the model is told when its
time has come: continuous funding each hour and the session at 08:00 UTC at the
newest mark, or funding at the stamp that was told, at the last rate told for
it; and a delivery at the average of the index over the last half hour; where
the index was not heard when it counted, at the next one that is. A stream
that is lost shows no levels, so that nothing is filled out of old ones. No key
is asked for: a market is public, and so is what a stream must ask by REST beside it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core.events import Event, FeedStatus, FundingRate, Index, Mark, MarketEvent
from rebalancer.core.instruments import Instrument
from rebalancer.errors import ConfigError, Fault
from rebalancer.ports import SECOND, Clock, Feed, Log, Randomness, Tasks
from rebalancer.settings.models import Mode, Settings, Venue
from rebalancer.settings.profiling import merged
from rebalancer.settings.venues import continuous_funding
from rebalancer.venues.chorus import beside, together
from rebalancer.venues.connection import connect
from rebalancer.venues.following import Flushed, Told
from rebalancer.venues.generic import build as generic
from rebalancer.venues.native import NativeFeed, Ports
from rebalancer.venues.paper import (
    Delivery,
    Depth,
    FundingAccrual,
    FundingStamp,
    PaperMarket,
    SessionEnd,
    VenueItem,
)
from rebalancer.venues.parts import PARTS, parts_of
from rebalancer.venues.seats import FeedSeat, StreamSeat
from rebalancer.venues.seeded import FeedOf
from rebalancer.venues.wanted import Wanted, followed

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
SESSION = 8 * HOUR  # after midnight UTC
DEAF = 60 * SECOND  # ns without an index before an expiry, after which its average is a guess


def observed(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    now: int,
    randomness: Randomness,
    log: Log,
) -> FeedOf:
    """Return the live market of a book's venues as a feed of a paper book.

    Args:
        settings: Without faults; its venues are followed.
        instruments: What the book may trade or holds, by id.
        now: ns; what expired before it can be neither held nor traded.
        randomness: Of the waits between two tries to connect.
        log: Says when the stream is lost.

    Raises:
        ConfigError: A venue has neither a stream of its own nor a profile by which it
            can be followed, or the book begins with something that has expired.
    """
    faults = [*_expired(settings, instruments, now)]
    for name, venue in settings.venues.items():
        faults += () if name in PARTS else _unfollowed(name, venue)
    if faults:
        raise ConfigError(settings.book.id, faults)
    held = [each.instrument for each in settings.holdings]

    def feed(market: PaperMarket, clock: Clock, tasks: Tasks) -> Feed:
        ports = Ports(clock, tasks, randomness, log)
        feeds = []
        for name, venue in settings.venues.items():
            wanted = followed(name, settings, instruments, held)
            dated = {each: instruments[each] for each in instruments if _on(each, name)}
            flows = continuous_funding(name, venue)
            own = Observing(name, wanted, venue, flows=flows)
            feeds.append(ObservedFeed(market, ports, own, dated))
        return beside(feeds, tasks)

    return feed


def _unfollowed(name: str, venue: Venue) -> Iterator[Fault]:
    """Yield why a venue without a package cannot be followed; nothing where it can."""
    if merged(name, venue.profile) is None:
        must = f"must be one of {', '.join(PARTS)}, or have a profile, to follow live"
        yield Fault(f"venues.{name}", must, name)
    else:
        yield from generic.unfollowed(name, venue, shown=True)


def _expired(
    settings: Settings, instruments: Mapping[str, Instrument], now: int
) -> Iterator[Fault]:
    """Yield a fault for each holding and hedge that does not exist any more."""
    named = [(f"holdings.{n}", each.instrument) for n, each in enumerate(settings.holdings)]
    named += [
        (f"underlyings.{coin}.hedge", name)
        for coin, own in settings.underlyings.items()
        for name in dict.fromkeys((*own.hedge.buy, *own.hedge.sell))
    ]
    for place, name in named:
        expiry = instruments[name].expiry
        if expiry is not None and expiry <= now:
            yield Fault(place, "must not have expired", name)


def _on(instrument: str, venue: str) -> bool:
    return instrument.partition(":")[0] == venue


@dataclass(frozen=True, slots=True)
class Observing:
    """Which market is observed."""

    venue: str
    wanted: Wanted
    table: Venue  # of the settings
    flows: bool = True  # whether funding flows at every moment and sessions end, else at stamps


class ObservedFeed:
    """A `ports.Feed` of a live market through the exchange model.

    Args:
        market: Models that the market moves.
        ports: Clock, tasks, chance and log.
        observing: Where, and what is followed.
        instruments: The venue's, by id; those that expire are delivered.
    """

    def __init__(
        self,
        market: PaperMarket,
        ports: Ports,
        observing: Observing,
        instruments: Mapping[str, Instrument],
    ) -> None:
        self._market, self._clock, self._tasks = market, ports.clock, ports.tasks
        self._instruments = instruments
        self._marks: dict[str, Decimal] = {}  # of what is settled daily
        self._indexes: dict[str, tuple[int, Decimal]] = {}  # by coin: when it was heard, ns
        self._late: dict[str, None] = {}  # what expired and has no average
        self._wanted, self._venue = observing.wanted, observing.venue
        self._flows = observing.flows
        self._stamps: dict[str, dict[int, FundingRate]] = {}  # instrument → ns of a stamp → rate
        self._guessed: dict[str, int] = {}  # instrument → ns of a stamp that nobody told
        self._deliver: Callable[[Event], None] = _nowhere
        parts, loopback = parts_of(self._venue), observing.table.loopback
        self._connection = (
            connect(self._venue, observing.table, Mode.LIVE) if parts.asks else None
        )  # without a key
        seat = StreamSeat(
            *(self._venue, self._wanted, ports.log, Mode.LIVE),
            connection=self._connection,
            depth=self._shown,
        )
        self._spoken: list[tuple[Told, Flushed]] = []
        if parts.feed is not None:
            own = parts.feed(FeedSeat(seat, observing.table, ports, _unread))
            self._spoken.append((own, own))
            self._feed: Feed = own
            return
        feeds = []
        for each in parts.streams(seat):
            feeds.append(NativeFeed(each.stream, ports, loopback, None, each.pace, each.way))
            self._spoken.append((each.stream, feeds[-1]))
        self._feed = together(self._venue, feeds, ports.tasks)

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        self._deliver = deliver
        self._tasks.spawn(f"bookings/{self._venue}", self._keep())
        try:
            await self._feed.run(self._told)
        finally:
            if self._connection is not None:
                await self._connection.close()

    def _told(self, event: Event) -> None:
        """Let the model hear of a market event before the daemon does."""
        now, refused = self._clock.now(), self._market.refused
        if not isinstance(event, MarketEvent):
            if isinstance(event, FeedStatus) and not event.alive:
                self._hide(now)
            self._deliver(event)
            return
        self._market.move(now, event, self._deliver)
        if self._market.refused > refused:
            return  # what the model does not believe is settled at by nobody
        if isinstance(event, Mark):
            self._marks[event.instrument] = event.price
        elif isinstance(event, Index):
            self._indexes[event.underlying] = now, event.price
        elif isinstance(event, FundingRate) and not self._flows:
            self._stamped(now, event)

    def _stamped(self, now: int, told: FundingRate) -> None:
        """Note what a stamp will cost; a word that comes after it changes nothing."""
        if told.next_ts is None or told.next_ts <= now:
            return
        stamps = self._stamps.setdefault(told.instrument, {})
        stamps.pop(self._guessed.pop(told.instrument, 0), None)
        stamps[told.next_ts] = told

    def _passed(self, name: str, now: int) -> Iterator[FundingStamp]:
        """Yield the stamps until now; after the last that was told, at the same pace and rate.

        A stream that is lost must make no position cheaper to hold.
        """
        stamps = self._stamps[name]
        while stamps and (first := min(stamps)) <= now:
            told = stamps.pop(first)
            yield FundingStamp(name, told.rate)
            if not stamps and told.interval > 0:
                self._guessed[name] = first + told.interval
                stamps[first + told.interval] = told

    def _hide(self, now: int) -> None:
        """Take the levels away: nobody knows whether they are still there."""
        for name in self._wanted.hedge:
            self._market.move(now, Depth(f"{self._venue}:{name}", (), ()), self._deliver)

    def _shown(self, _ts: int, depth: Depth) -> None:
        self._market.move(self._clock.now(), depth, self._deliver)

    async def _keep(self) -> None:
        """Make the model book what is due, and judge, every second."""
        last = self._clock.now()
        while True:
            await self._clock.sleep(SECOND)
            now = self._clock.now()
            for item in (*self._overdue(), *self._due(last, now)):
                self._book(now, item)
            self._market.judge(now, self._deliver)
            last = now

    def _book(self, now: int, item: VenueItem) -> None:
        """Let the model book; what ended is followed no longer, what it cannot is kept."""
        refused = self._market.refused
        self._market.move(now, item, self._deliver)
        if not isinstance(item, Delivery):
            return
        if self._market.refused > refused:
            self._late[item.instrument] = None
            return
        gone = item.instrument.partition(":")[2]
        self._wanted = replace(
            self._wanted,
            hedge=tuple(name for name in self._wanted.hedge if name != gone),
            options=tuple(name for name in self._wanted.options if name != gone),
        )
        for stream, feed in self._spoken:
            stream.want(self._wanted, now)
            feed.flush()

    def _overdue(self) -> Iterator[VenueItem]:
        """Yield the deliveries that had no average, at an index heard after their time."""
        for name in tuple(self._late):
            instrument = self._instruments[name]
            heard, price = self._indexes.get(instrument.underlying, (0, Decimal(0)))
            if instrument.expiry is not None and heard >= instrument.expiry:
                del self._late[name]
                yield Delivery(name, price)

    def _due(self, last: int, now: int) -> Iterator[VenueItem]:
        """Yield what is booked in (last, now]."""
        for name in self._stamps:
            yield from self._passed(name, now)
        if self._flows and last // HOUR != now // HOUR:
            yield FundingAccrual(self._venue)
        if self._flows and (last - SESSION) // DAY != (now - SESSION) // DAY:
            for name, mark in self._marks.items():
                instrument = self._instruments.get(name)
                if instrument is not None and instrument.margined:
                    yield SessionEnd(name, mark)
        for name, instrument in self._instruments.items():
            if instrument.expiry is None or not last < instrument.expiry <= now:
                continue
            heard, _ = self._indexes.get(instrument.underlying, (0, None))
            if heard < instrument.expiry - DEAF:
                self._late[name] = None
            else:
                yield Delivery(name)


def _unread(_why: str) -> None:
    """Drop a hint to read an account: the model's is never away."""


def _nowhere(_event: Event) -> None:
    """Drop what is told before anybody listens."""
