"""Live dress: real venues, or servers on this machine that stand for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rebalancer.core.commands import Submit
from rebalancer.core.decision import Decision
from rebalancer.core.events import ContractBooking, Event, Operator, Reconciled, Verb
from rebalancer.core.instruments import Instrument
from rebalancer.core.state import State
from rebalancer.errors import ConfigError, Fault, Unavailable
from rebalancer.ops.redaction import hiding
from rebalancer.ports import SECOND, AlertSink, Journal, Log, Venue
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Observe, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.meter import BookMeter
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.runtime.tuner import Tuner
from rebalancer.settings import Settings, to_params
from rebalancer.settings.models import Mode
from rebalancer.storage import codec, ownership
from rebalancer.venues import live as live_venues
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.live import Feeds, LiveVenue
from rebalancer.wiring.beginning import (
    Running,
    Surrounding,
    begin,
    care_of,
    entries_of,
    files_of,
    flight_of,
    retention_of,
)
from rebalancer.wiring.measuring import measured, pulse_of
from rebalancer.wiring.measuring import outside as measures_of
from rebalancer.wiring.outward import heard
from rebalancer.wiring.recovered import BEGAN, Recovered, recover

HEALTHY = 5 * SECOND  # ns that the engine may be behind while the dead-man switch is renewed


async def live(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Mapping[str, Credentials],
    around: Surrounding,
    opening: Callable[[str], None] = lambda _venue: None,
) -> Running:
    """Return a book in live dress: real venues, or servers on this machine that stand for them.

    What a first start finds at the venues becomes the book's; later starts
    begin with the ledger that the journal kept.

    Args:
        settings: Without faults; what it holds at the start is what lies outside.
        instruments: Those that it names, by id.
        keys: By venue.
        around: Clock, journal, log, chance.
        opening: Hears of each venue before it is asked anything.

    Raises:
        ConfigError: A venue is not finished, or not as the settings say; or the
            journal is another book's, or of other money.
        Unavailable: A venue did not answer.
    """
    ownership.check(around.journal, settings.book.id, _money(settings))
    around, meter = measured(settings, around)
    around, told = heard(settings.book.id, around)
    secrets = hiding(each.reveal() for own in keys.values() for each in own)

    def hide(words: str) -> str:
        return secrets.known(around.hide(words))

    clock, log, inbox, stop = around.clock, around.log, Inbox(hide), Stop()
    tasks = TaskRegistry(stop.fail)
    late = _Late()
    seam = live_venues.Surroundings(
        clock, tasks, around.randomness, log, inbox.put, barred=late.barred
    )
    opened: dict[str, LiveVenue] = {}
    try:
        for name in settings.venues:
            opening(name)
            own = await live_venues.open_venue(name, settings, keys[name], instruments, seam)
            opened[name] = own
            instruments = live_venues.described(own, instruments, log)
        past = recover(around.journal, settings.venues)
        opened = _resumed(opened, past, around.journal)
        meter.ask(measures_of(opened))
        outside = _Outside(inbox, stop, tasks, opened, past, meter, late, told)
        return _live(settings, past.described(instruments), keys, around, outside)
    except BaseException as error:
        try:
            await tasks.close()
        finally:
            for each in opened.values():
                await each.close()
        if isinstance(error, Unavailable):
            raise live_venues.heeding(error, opened.values()) from error.__cause__
        raise


@dataclass(frozen=True, slots=True)
class _Outside:
    """What a live book is connected to."""

    inbox: Inbox
    stop: Stop
    tasks: TaskRegistry
    opened: Mapping[str, LiveVenue]
    past: Recovered
    meter: BookMeter
    late: "_Late"
    told: AlertSink


class _Late:
    """A dispatch that is made after the venues, whose orders it may still forbid to leave."""

    dispatch: Dispatch | None = None

    def barred(self, order: Submit) -> str | None:
        """Return why an order must not leave; None where it may."""
        return None if self.dispatch is None else self.dispatch.barred(order)


def _resumed(
    opened: Mapping[str, LiveVenue], past: Recovered, journal: Journal
) -> dict[str, LiveVenue]:
    """Return the venues with the times from where an earlier start goes on.

    An account that the book never had begins now, and the journal keeps when.
    """
    found: dict[str, LiveVenue] = {}
    for name, each in opened.items():
        began = past.began.get(name)
        if began is None:
            journal.put_meta(f"{BEGAN}{name}", str(each.began))
            found[name] = each
        else:
            found[name] = replace(
                each, began=began, heard=began if past.agreed is None else past.agreed
            )
    return found


def _live(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Mapping[str, Credentials],
    around: Surrounding,
    outside: _Outside,
) -> Running:
    """Put the daemon between venues that are open."""
    clock, log, inbox = around.clock, around.log, outside.inbox
    params = to_params(settings, around.journal.epoch, instruments, around.tick)
    state = State(instruments, params, clock.now())
    begin(state, settings, entries_of(settings, instruments, {}), around)
    _put_back(state, outside, log)
    venues: dict[str, Venue] = {name: each.venue for name, each in outside.opened.items()}
    meter, tasks, told = outside.meter, outside.tasks, outside.told
    ways = (venues, inbox, clock, tasks, told, log)
    dispatch = Dispatch(state, params, *ways, [False], meter, around.brake)
    outside.late.dispatch = dispatch
    flight = flight_of(settings, around, told)
    describe = live_venues.describing(outside.opened, log)
    decides = Surroundings(
        *(around.journal, codec.encode, dispatch, log, describe, flight), fail=outside.stop.fail
    )
    engine = Engine(state, params, inbox, decides)

    def healthy() -> bool:
        return not dispatch.closed[0] and clock.now() - state.now < HEALTHY

    seam = live_venues.Surroundings(clock, tasks, around.randomness, log, inbox.put, healthy)
    feeds = [
        live_venues.feeds(each, settings, instruments, keys[name], seam, params.epoch)
        for name, each in outside.opened.items()
    ]
    engine.observe(_follows(state, feeds))
    parts = Parts(
        engine=engine,
        inbox=inbox,
        dispatch=dispatch,
        feeds=(*files_of(settings, around), *(feed for each in feeds for feed in each.running)),
        venues=venues,
        clock=clock,
        tasks=tasks,
        scheduler=ClockScheduler(clock),
        journal=around.journal,
        log=log,
        tick=around.tick,
        retention=retention_of(settings),
        care=care_of(settings, around),
        pulse=pulse_of(around, meter),
        adopts=outside.past.first,
        archives=_Archives(feeds),
        describe=describe,
        closing=tuple(each.close for each in outside.opened.values()),
    )
    status = BookStatus(engine, inbox, clock, around.journal, around.dress, dict(around.extra))
    ownership.claim(around.journal, settings.book.id, _money(settings))
    tuner = Tuner(engine, settings, instruments, clock, inbox.plain)
    return Running(
        Daemon(parts, outside.stop), engine, status, outside.stop, {}, inbox, tuner, told
    )


def _put_back(state: State, outside: _Outside, log: Log) -> None:
    """Let a state know what earlier starts sent and nobody proved."""
    for order in outside.past.put_back(state, log):
        if order.submit.account in outside.opened:  # else unknown until somebody looks it up
            outside.opened[order.submit.account].line.sent.remember(order)


@dataclass(frozen=True, slots=True)
class _Archives:
    """The archives of all accounts."""

    feeds: Sequence[Feeds]

    def told(self) -> bool:
        return all(each.bookings.told for each in self.feeds)

    def ask(self) -> None:
        for each in self.feeds:
            each.bookings.look_back()


def _follows(state: State, feeds: Sequence[Feeds]) -> Observe:
    """Return what lets each stream and watch follow what is held, whenever that changed.

    And what lets the terms that an operator has seen hold, once he arms, and each
    account know when the ledger agreed with it.
    """

    def follow(event: Event, _decisions: Sequence[Decision]) -> None:
        if isinstance(event, ContractBooking):
            held = [name for (_, name), each in state.ledger.positions.items() if each.quantity]
            for each in feeds:
                each.following.hold(held, state.instruments)
                each.listings.hold(held, state.instruments)
        elif isinstance(event, Operator) and event.verb is Verb.ARM:
            for each in feeds:
                each.listings.armed()
        elif isinstance(event, Reconciled) and not event.differences:
            for each in feeds:
                each.bookings.agreed(event.ts_local)

    return follow


def _money(settings: Settings) -> str:
    """Return what a live book trades: real money, a testnet's, or that of this machine.

    Raises:
        ConfigError: Paper has no venue outside; and no book trades at a real venue
            and at one that is played.
    """
    played = {each.loopback is not None for each in settings.venues.values()}
    faults = []
    if settings.book.mode is Mode.PAPER:
        faults.append(Fault("book.mode", "must be live or testnet", Mode.PAPER))
    if len(played) > 1:
        must = "must have a loopback all or none: money and play do not mix"
        faults.append(Fault("venues", must, ", ".join(settings.venues)))
    if faults:
        raise ConfigError(settings.book.id, faults)
    return "loopback" if True in played else settings.book.mode
