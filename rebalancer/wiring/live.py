"""Live dress: real venues, or servers on this machine that stand for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core import recovery
from rebalancer.core.events import Booking
from rebalancer.core.instruments import Instrument
from rebalancer.core.state import State
from rebalancer.errors import ConfigError, Fault
from rebalancer.ops.alerts import LogAlertSink
from rebalancer.ports import SECOND, Venue
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, to_params
from rebalancer.settings.models import Mode
from rebalancer.storage import codec, ownership
from rebalancer.venues import live as live_venues
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.live import LiveVenue
from rebalancer.wiring.beginning import Running, Surrounding, begin, entries_of

HEALTHY = 5 * SECOND  # ns that the engine may be behind while the dead-man switch is renewed


async def live(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Mapping[str, Credentials],
    around: Surrounding,
) -> Running:
    """Return a book in live dress: real venues, or servers on this machine that stand for them.

    What a first start finds at the venues becomes the book's; later starts
    begin with the ledger that the journal kept.

    Args:
        settings: Without faults; what it holds at the start is what lies outside.
        instruments: Those that it names, by id.
        keys: By venue.
        around: Clock, journal, log, chance.

    Raises:
        ConfigError: A venue is not finished, or not as the settings say; or the
            journal is another book's, or of other money.
        Unavailable: A venue did not answer.
    """
    ownership.check(around.journal, settings.book.id, _money(settings))
    clock, log, inbox, stop = around.clock, around.log, Inbox(), Stop()
    tasks = TaskRegistry(stop.fail)
    outside = live_venues.Surroundings(clock, tasks, around.randomness, log, inbox.put)
    opened: dict[str, LiveVenue] = {}
    try:
        for name in settings.venues:
            own = await live_venues.open_venue(name, settings, keys[name], instruments, outside)
            opened[name] = own
            instruments = live_venues.described(own, instruments, log)
        return _live(settings, instruments, keys, around, _Outside(inbox, stop, tasks, opened))
    except BaseException:
        for each in opened.values():
            await each.close()
        raise


@dataclass(frozen=True, slots=True)
class _Outside:
    """What a live book is connected to."""

    inbox: Inbox
    stop: Stop
    tasks: TaskRegistry
    opened: Mapping[str, LiveVenue]


def _live(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Mapping[str, Credentials],
    around: Surrounding,
    outside: _Outside,
) -> Running:
    """Put the daemon between venues that are open."""
    clock, log, inbox = around.clock, around.log, outside.inbox
    params = to_params(settings, around.journal.epoch, instruments)
    state = State(instruments, params, clock.now())
    begin(state, settings, entries_of(settings, instruments, {}), around)
    fresh = not _recover(state, around)
    venues: dict[str, Venue] = {name: each.venue for name, each in outside.opened.items()}
    dispatch = Dispatch(
        state, params, venues, inbox, clock, outside.tasks, LogAlertSink(log, clock), log, [False]
    )
    engine = Engine(state, params, inbox, Surroundings(around.journal, codec.encode, dispatch, log))

    def healthy() -> bool:
        return not dispatch.closed[0] and clock.now() - state.now < HEALTHY

    seam = live_venues.Surroundings(
        clock, outside.tasks, around.randomness, log, inbox.put, healthy
    )
    feeds = tuple(
        feed
        for name, each in outside.opened.items()
        for feed in live_venues.feeds(each, settings, instruments, keys[name], seam)
    )
    parts = Parts(
        engine=engine,
        inbox=inbox,
        dispatch=dispatch,
        feeds=feeds,
        venues=venues,
        clock=clock,
        tasks=outside.tasks,
        scheduler=ClockScheduler(clock),
        journal=around.journal,
        log=log,
        tick=around.tick,
        adopts=fresh,
        closing=tuple(each.close for each in outside.opened.values()),
    )
    status = BookStatus(engine, inbox, clock, around.journal, around.dress, dict(around.extra))
    ownership.claim(around.journal, settings.book.id, _money(settings))
    return Running(Daemon(parts, outside.stop), engine, status, outside.stop, {}, inbox)


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


def _recover(state: State, around: Surrounding) -> bool:
    """Book again what the journal of earlier starts kept; False where there was nothing."""
    told = (codec.decode(entry.payload) for entry in around.journal.read("event"))
    bookings = [event for event in told if isinstance(event, Booking)]
    lost = recovery.rebook(state.ledger, bookings, state.instruments)
    for name in lost:
        around.log.error("reconcile.differed", instrument=name, error="not described any more")
    return bool(bookings)
