"""Live venues: one account with everything around it, put together.

Orders go through ccxt, the market comes over a native stream, the account is
read by polling with the stream as a hint, and the dead-man switch is armed
where something may rest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rebalancer.core.events import Event, PositionReport, ShutOut
from rebalancer.core.instruments import Instrument
from rebalancer.core.params import RESTING
from rebalancer.errors import ConfigError, Defect, Fault, Unavailable
from rebalancer.ports import Clock, Describe, Feed, Log, Randomness, Tasks
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Settings
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.budget import Budget
from rebalancer.venues.chorus import together
from rebalancer.venues.connection import Connection, Limited, connect
from rebalancer.venues.countdown import Countdown
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.dead_man import DeadManKeeper, DeadManSwitch, Guardian, MayRest
from rebalancer.venues.examination import identify
from rebalancer.venues.findings import Subject
from rebalancer.venues.following import Following
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import ListingWatch, Seat
from rebalancer.venues.native import NativeFeed, Ports
from rebalancer.venues.orders_ccxt import Bars, CcxtVenue, Line, Sent, load, unbarred
from rebalancer.venues.outcome import ShutsOut
from rebalancer.venues.parts import parts_of
from rebalancer.venues.polling import AccountPoll
from rebalancer.venues.profile import DeadManKind, Profile
from rebalancer.venues.profiles import profile_of
from rebalancer.venues.requests import Market
from rebalancer.venues.resting import RestingWatch, left
from rebalancer.venues.seats import AccountSeat, FeedSeat, SocketSeat, StreamSeat
from rebalancer.venues.skew import SkewWatch
from rebalancer.venues.terms import mistaken
from rebalancer.venues.wanted import followed


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a live venue works with."""

    clock: Clock
    tasks: Tasks
    randomness: Randomness
    log: Log
    deliver: Callable[[Event], None]  # where hints go
    healthy: Callable[[], bool] = lambda: True  # whether whoever decides still does
    barred: Bars = unbarred  # whether an order that waited for a connection may still leave


@dataclass(frozen=True, slots=True)
class LiveVenue:
    """One account, connected, its markets loaded."""

    name: str
    venue: CcxtVenue
    connection: Connection
    line: Line
    markets: Mapping[str, Market]
    held: Sequence[PositionReport]  # at the start
    began: int  # ns: what the venue dates before it is in what the book began with
    heard: int | None = None  # ns: from where bookings are looked for; None: from `began`

    def mistaken(self, instrument: Instrument) -> str | None:
        """Return how the venue's terms of an instrument are others than ours; None: they are not.

        They are those of the start.
        """
        listed = (self.connection.exchange.markets or {}).values()
        return mistaken(instrument, listed, self.line.profile)

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()


class Feeds(NamedTuple):
    """What one account tells, and what keeps it safe."""

    market: Feed
    bookings: AccountPoll
    keeper: Feed
    resting: Feed
    skew: Feed
    following: Following
    hold: Feed
    listings: ListingWatch

    @property
    def running(self) -> tuple[Feed, ...]:
        """What runs for as long as the book does."""
        return (
            self.market,
            self.bookings,
            self.keeper,
            self.resting,
            self.skew,
            self.hold,
            self.listings,
        )


async def open_venue(
    name: str,
    settings: Settings,
    keys: Credentials,
    instruments: Mapping[str, Instrument],
    around: Surroundings,
) -> LiveVenue:
    """Connect to a venue account and read what it holds.

    Args:
        name: ccxt id.
        settings: Without faults, mode live or testnet.
        keys: Sign for the account.
        instruments: What may be traded or held, by id.
        around: Clock, tasks, chance, log, and where hints go.

    Raises:
        ConfigError: The venue is not finished, or the account not as the settings say.
        KeyRefused: The venue does not accept the key.
        ShutsOut: It shuts this machine out, whatever else its answer said.
        Unavailable: It did not answer; with the time that it asked for.
    """
    profile = profile_of(name, settings.book.mode, settings.venues[name].profile)
    budget = Budget(profile.rates, around.clock)
    limited = _limited(name, profile, budget, around)
    connection = connect(name, settings.venues[name], settings.book.mode, keys, limited)
    try:
        sent = Sent()
        account = parts_of(name).account(
            AccountSeat(name, connection, budget, around.clock, instruments, sent.ours)
        )
        markets = await load(connection)
        own = [each for each in instruments.values() if each.venue == name]
        subject = Subject(
            connection, profile, settings.venues[name], around.clock, own, settings.underlyings
        )
        await identify(subject)
        watch = SkewWatch(connection, around.clock, around.log, lambda: budget.rests)
        hedges = [each for each in own if each.id in _hedges(settings)]
        window = settings.venues[name].dead_man
        rests = MayRest(tuple(hedges), window, lambda: left(account, sent), rest_at(settings, name))
        switch = dead_man(connection, profile, keys, (around.clock, around.tasks), rests)
        hold = VenueHold(connection, profile, hedges, around.clock, around.deliver)
        seat = Seat(connection, profile, budget, around.clock, around.log, hold)
        listings = ListingWatch(seat, _hedges(settings), instruments, markets)
        told = (connection, profile, budget, around.clock, switch, sent, watch, hold, listings)
        line = Line(*told, barred=around.barred)
        venue = CcxtVenue(name, account, line, markets, instruments, around.deliver)
        began = around.clock.now()
        held = await account.positions()
    except BaseException as error:
        await connection.close()
        if isinstance(error, Unavailable):
            raise _heeded(error, name, profile, budget) from error.__cause__
        raise
    return LiveVenue(name, venue, connection, line, markets, held, began)


def _limited(name: str, profile: Profile, budget: Budget, around: Surroundings) -> Limited:
    """Return what hears that a venue says "too many requests"."""

    def limited(pause: int | None, banned: bool) -> None:
        around.log.warning("rate.limited", venue=name, banned=banned)
        budget.complained(pause, banned=banned)
        if banned:
            around.deliver(ShutOut(around.clock.now(), name, _banned(profile)))

    return limited


def _banned(profile: Profile) -> str:
    return f"banned for too many requests: {' or '.join(map(str, profile.bans))}"


def heeding(error: Unavailable, opened: Iterable[LiveVenue]) -> Unavailable:
    """Return what one venue's error comes to beside others that did answer, and may have banned us.

    Args:
        error: Of the one.
        opened: The others, which are about to be given up.
    """
    for each in opened:
        error = _heeded(error, each.name, each.line.profile, each.line.budget)
    return error


def _heeded(error: Unavailable, name: str, profile: Profile, budget: Budget) -> Unavailable:
    """Return an error that says how long to wait, or that the venue shuts this machine out."""
    after = max(error.after, budget.rests)
    if budget.banned:
        return ShutsOut(f"{name} shuts this machine out: {_banned(profile)}", after)
    error.after = after
    return error


def _hedges(settings: Settings) -> list[str]:
    """Return the ids of what orders may go to, on any venue."""
    own = settings.underlyings.values()
    return [name for one in own for name in (*one.hedge.buy, *one.hedge.sell)]


def rest_at(settings: Settings, venue: str) -> bool:
    """Whether the settings let orders of hedges rest at a venue."""
    patient = [each for each in settings.underlyings.values() if each.execution.style in RESTING]
    names = [name for one in patient for name in (*one.hedge.buy, *one.hedge.sell)]
    return any(name.partition(":")[0] == venue for name in names)


def described(
    opened: LiveVenue, instruments: Mapping[str, Instrument], log: Log
) -> dict[str, Instrument]:
    """Return the instruments with those that the account holds and nobody named.

    Raises:
        ConfigError: The venue lists one of them on other terms than it is known by.
    """
    found, faults = dict(instruments), list[Fault]()
    for report in opened.held:
        own = None if report.instrument in found else known(report.instrument)
        wrong = None if own is None else opened.mistaken(own)
        if own is not None and wrong is not None:
            must = "must be declared in [[instruments]] on the venue's terms"
            faults.append(Fault(f"venues.{opened.name}", f"{own.id} {must}", wrong))
        elif own is not None:
            found[own.id] = own
        elif report.instrument not in found and report.quantity:
            log.error("reconcile.differed", instrument=report.instrument, error="not described")
    if faults:
        raise ConfigError(f"venues.{opened.name}", faults)
    return found


def describing(opened: Mapping[str, LiveVenue], log: Log) -> Describe:
    """Return who knows the terms of what is met later; nobody does where the venue's are others."""

    def describe(name: str) -> Instrument | None:
        own = known(name)
        venue = None if own is None else opened.get(own.venue)
        wrong = None if own is None or venue is None else venue.mistaken(own)
        if wrong is not None:
            log.error("reconcile.differed", instrument=name, error=f"its terms: {wrong}")
            return None
        return own

    return describe


def feeds(
    opened: LiveVenue,
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Credentials,
    around: Surroundings,
    epoch: int,
) -> Feeds:
    """Return what a venue tells, market and bookings, and what keeps its dead-man switch.

    And what looks for orders that are not of this start, the `epoch`.
    """
    poll = AccountPoll(opened.venue, around.clock, around.log, opened.began, opened.heard)
    held = [each.instrument for each in opened.held if each.quantity]
    held += [each.instrument for each in settings.holdings]  # outside, and marked here
    wanted = followed(opened.name, settings, instruments, held, around.clock.now())
    own = (opened.name, wanted, around.log, settings.book.mode, keys, opened.connection)
    seat = StreamSeat(*own, look=poll.now)
    ports = Ports(around.clock, around.tasks, around.randomness, around.log)
    loopback = settings.venues[opened.name].loopback
    backoff = Backoff(around.randomness.generator(f"backoff/{opened.name}/orders"))
    keeper = DeadManKeeper(
        *(opened.line.dead_man, opened.name, around.clock, backoff, around.log, around.healthy)
    )
    place = (list(settings.venues).index(opened.name), epoch)
    resting = RestingWatch(opened.venue, opened.line.sent, place, around.clock, around.log)
    parts = parts_of(opened.name)
    if parts.feed is not None:
        own_feed = parts.feed(
            FeedSeat(seat, settings.venues[opened.name], ports, poll.now, opened.line.budget)
        )
        market: Feed = own_feed
        following = Following(opened.name, settings, [(own_feed, own_feed)], around.clock)
    else:
        spoken = [
            (each.stream, NativeFeed(each.stream, ports, loopback, poll.now, each.pace, each.way))
            for each in parts.streams(seat)
        ]
        market = together(opened.name, [feed for _, feed in spoken], around.tasks)
        following = Following(opened.name, settings, spoken, around.clock)
    skew, hold, listings = opened.line.skew, opened.line.hold, opened.line.listings
    if skew is None or hold is None or listings is None:
        raise Defect(f"{opened.name}: a live venue must be watched, was not")
    listings.hold([each.instrument for each in opened.held if each.quantity], instruments)
    return Feeds(market, poll, keeper, resting, skew, following, hold, listings)


def dead_man(
    connection: Connection,
    profile: Profile,
    keys: Credentials,
    around: tuple[Clock, Tasks],
    rests: MayRest | None = None,
) -> DeadManSwitch:
    """Return the dead-man switch of an account with what it is armed on.

    Args:
        connection: To the venue.
        profile: Of which kind it is.
        keys: Log in on its websocket, where it has one.
        around: Time, and who runs its reader.
        rests: What may rest there; None: nothing.
    """
    (clock, tasks), kind, parts = around, profile.dead_man, parts_of(profile.venue)
    rests, late = MayRest() if rests is None else rests, _Late()
    window = kind.window if rests.window is None else rests.window
    seat = SocketSeat(connection, keys, clock, tasks, late.lost, rests.hedges, window)
    guardian: Guardian | None = None
    if kind.kind is DeadManKind.COUNTDOWN:
        guardian = Countdown(connection, kind, (each.name for each in rests.hedges), window)
    elif kind.kind is DeadManKind.SERVICE and parts.guardian is not None:
        guardian = parts.guardian(seat)
    socket = None if parts.socket is None else parts.socket(seat)
    late.switch = DeadManSwitch(profile, socket, clock, guardian, rests.left)
    if rests.wanted:
        late.switch.wish()
    return late.switch


class _Late:
    """A switch that is made after what tells it that it was lost."""

    switch: DeadManSwitch | None = None

    def lost(self) -> None:
        if self.switch is not None:
            self.switch.lost()
