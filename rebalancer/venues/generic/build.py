"""What the account of a venue without a package is made of: its profile says all that differs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ccxt.pro

from rebalancer.core.events import Event, InstrumentUnfit, Unfit
from rebalancer.errors import ConfigError, Defect, Fault
from rebalancer.settings.models import Venue
from rebalancer.settings.profiling import UNIFIED_CALLS, ProfileTable
from rebalancer.venues.budget import Budget, Rate
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.generic import identity
from rebalancer.venues.generic.account import GenericAccount
from rebalancer.venues.generic.life import Tapping, Watch
from rebalancer.venues.generic.names import Names
from rebalancer.venues.generic.options import OptionPoll
from rebalancer.venues.generic.stream import CcxtFeed, CcxtTaps
from rebalancer.venues.generic.words import Dialect
from rebalancer.venues.profile import LOG, OTHER, Profile
from rebalancer.venues.profiles import row_of
from rebalancer.venues.requests import named
from rebalancer.venues.seats import FeedSeat, VenueParts
from rebalancer.venues.wanted import Wanted

_BOOK = "watch_order_book"
RATES: Mapping[str, Rate] = {OTHER: Rate(1, 4), LOG: Rate(1, 4)}  # of questions, where none is told
_TOGETHER = ("watch_bids_asks", "watch_tickers")  # that take all symbols at once


def feed(seat: FeedSeat) -> "GenericFeed":
    """Return the feed of a market, and of hints of what happens at the account."""
    return GenericFeed(seat)


class GenericFeed:
    """A feed over ccxt.pro that follows what a book holds; a `following.Follower`.

    Args:
        seat: Where it sits. Who hears levels is shown the venue's book too, whatever
            its profile watches.

    Raises:
        ConfigError: ccxt.pro cannot watch there what the profile names.
    """

    def __init__(self, seat: FeedSeat) -> None:
        own = seat.seat
        self._account, self._keyed, self._shown = own.account, own.keys is not None, own.depth
        profile, self._table = _known(own.account, seat.venue)
        faults = [*unfollowed(own.account, seat.venue, shown=own.depth is not None)]
        if faults:
            raise ConfigError("venues", faults)
        self._ports, self._wanted = seat.ports, own.wanted
        self._missing: dict[str, None] = {}  # ids that the venue lists no more, as was said
        self._deliver: Callable[[Event], None] | None = None
        dialect = dialect_of(self._table, profile)
        taps = CcxtTaps(own.depth, seat.reconcile, hint=seat.reconcile, dialect=dialect)

        def opened(tapping: Tapping) -> Connection:
            return connect(own.account, seat.venue, own.mode, own.keys, None, tapping)

        self._feed = CcxtFeed(own.account, opened, self._watches, seat.ports, taps)
        options = self._table.stream.options
        budget = seat.budget or Budget({**RATES, **profile.rates}, seat.ports.clock)
        self._poll = OptionPoll(own.account, options, seat.ports, budget) if options.call else None
        self._follow_options()

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        self._deliver = deliver
        if self._poll is not None:
            asking = self._poll.run(lambda: self._feed.connection, deliver)
            self._ports.tasks.spawn(f"options/{self._account}", asking)
        await self._feed.run(deliver)

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on."""
        del now
        before, self._wanted = self._wanted, wanted
        self._follow_options()
        if wanted.hedge != before.hedge:
            self._feed.again()

    def flush(self) -> None:
        """Do nothing: what is followed is asked for as it is told."""

    def _follow_options(self) -> None:
        if self._poll is not None:
            self._poll.want(self._wanted.options)

    def _watches(self, connection: Connection) -> tuple[Watch, ...]:
        """Return the streams of what is wanted, by the names that ccxt knows."""
        names, listed = Names(self._account, connection), []
        for name in self._wanted.hedge:
            market = names.of(f"{self._account}:{name}")
            if market:
                listed.append(str(market["symbol"]))
            else:
                self._say_missing(f"{self._account}:{name}")
        symbols = tuple(listed)
        public: list[Watch] = []
        for method in streams_of(self._table, shown=self._shown is not None) if symbols else ():
            if method in _TOGETHER:
                public.append(Watch(method, (symbols,)))
            else:
                public += [Watch(method, (symbol,)) for symbol in symbols]
        private = self._table.stream.private if self._keyed else ()
        return (*public, *(Watch(method, private=True) for method in private))

    def _say_missing(self, name: str) -> None:
        """Tell once that there is no such instrument: nothing will ever be heard of it."""
        if name not in self._missing and self._deliver is not None:
            self._missing[name] = None
            what = f"{self._account} lists none of this name"
            self._deliver(InstrumentUnfit(self._ports.clock.now(), name, Unfit.GONE, what))


def _known(name: str, venue: Venue) -> tuple[Profile, ProfileTable]:
    """Return what is known of a venue; raises Defect where that is nothing."""
    profile = row_of(name, venue.profile)
    if profile is None or profile.table is None:
        raise Defect(f"{name}: a feed must have a profile table, had none")
    return profile, profile.table


def streams_of(table: ProfileTable, *, shown: bool) -> tuple[str, ...]:
    """Return the public streams of a table; `shown`: with the book, whatever it says."""
    watch = table.stream.watch
    return (*watch, _BOOK) if shown and _BOOK not in watch else watch


def unfollowed(name: str, venue: Venue, *, shown: bool) -> Iterator[Fault]:
    """Yield why the market of a venue cannot be followed; nothing where it can.

    Args:
        name: ccxt id.
        venue: Its table of the settings.
        shown: Whether its book is needed, out of which paper orders are filled.
    """
    profile = row_of(name, venue.profile)
    table = None if profile is None else profile.table
    if table is None:
        yield Fault(f"venues.{name}.profile", "must be there: none is shipped", "missing")
        return
    if name not in ccxt.pro.exchanges:
        yield Fault(f"venues.{name}", "must be a venue that ccxt.pro knows", name)
        return
    base, place = getattr(ccxt.pro, name), f"venues.{name}.profile.stream"
    for method in streams_of(table, shown=shown):
        if not callable(getattr(base, method, None)) or not method.startswith("watch_"):
            yield Fault(f"{place}.watch", f"must be streams of ccxt.pro's {name}", method)
    call = table.stream.options.call
    if call and not _offers(base(), call):
        yield Fault(f"{place}.options.call", f"must be a call of ccxt's {name}", call)


def _offers(exchange: Any, call: str) -> bool:
    """Whether ccxt has a call for a venue, rather than the refusal that it has for all."""
    if not call.startswith(UNIFIED_CALLS):
        return callable(getattr(exchange, call, None))
    first, *rest = call.split("_")
    return bool(exchange.has.get(first + "".join(each.capitalize() for each in rest)))


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
