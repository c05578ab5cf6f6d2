"""What the account of a venue without a package is made of: its profile says all that differs."""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.core.events import Event
from rebalancer.errors import Defect
from rebalancer.settings.profiling import ProfileTable
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.generic import identity
from rebalancer.venues.generic.account import GenericAccount
from rebalancer.venues.generic.life import Tapping, Watch
from rebalancer.venues.generic.names import Names
from rebalancer.venues.generic.stream import CcxtFeed, CcxtTaps
from rebalancer.venues.generic.words import Dialect
from rebalancer.venues.profile import Profile
from rebalancer.venues.requests import named
from rebalancer.venues.seats import FeedSeat, VenueParts
from rebalancer.venues.wanted import Wanted

_TOGETHER = ("watch_bids_asks", "watch_tickers")  # that take all symbols at once


def feed(seat: FeedSeat) -> "GenericFeed":
    """Return the feed of a market, and of hints of what happens at the account."""
    return GenericFeed(seat)


class GenericFeed:
    """A feed over ccxt.pro that follows what a book holds; a `following.Follower`.

    Args:
        seat: Where it sits; its connection has read the markets.
    """

    def __init__(self, seat: FeedSeat) -> None:
        own, connection = seat.seat, seat.seat.connection
        if connection is None or connection.profile is None or connection.profile.table is None:
            raise Defect(f"{own.account}: a feed must have a profile table, had none")
        self._table = connection.profile.table
        self._names = Names(own.account, connection)
        self._account, self._keyed = own.account, own.keys is not None
        dialect = dialect_of(self._table, connection.profile)
        taps = CcxtTaps(own.depth, seat.reconcile, hint=seat.reconcile, dialect=dialect)

        def opened(tapping: Tapping) -> Connection:
            return connect(own.account, seat.venue, own.mode, own.keys, None, tapping)

        self._feed = CcxtFeed(own.account, opened, self._watches(own.wanted), seat.ports, taps)

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        await self._feed.run(deliver)

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on."""
        del now
        self._feed.watch(self._watches(wanted))

    def flush(self) -> None:
        """Do nothing: what is followed is asked for as it is told."""

    def _watches(self, wanted: Wanted) -> tuple[Watch, ...]:
        """Return the streams of what is wanted, by the names that ccxt knows."""
        found = (self._names.of(f"{self._account}:{name}") for name in wanted.hedge)
        symbols = tuple(str(each["symbol"]) for each in found if each)
        stream = self._table.stream
        public: list[Watch] = []
        for method in stream.watch if symbols else ():
            if method in _TOGETHER:
                public.append(Watch(method, (symbols,)))
            else:
                public += [Watch(method, (symbol,)) for symbol in symbols]
        private = stream.private if self._keyed else ()
        return (*public, *(Watch(method, private=True) for method in private))


def dialect_of(table: ProfileTable, profile: Profile) -> Dialect:
    """Return what differs in the words of a venue."""
    stream = table.stream

    def name(market: Mapping[str, Any]) -> str:
        return named(market, profile)

    return Dialect(
        name=name,
        quotes=stream.quotes,
        mark=stream.mark,
        index=stream.index,
        funding=stream.funding,
        interval=stream.funding_interval or 0,
        next=stream.funding_next,
        time=stream.time,
    )


PARTS = VenueParts(GenericAccount, lambda _seat: (), identity.QUESTIONS, identity.mark, feed=feed)
