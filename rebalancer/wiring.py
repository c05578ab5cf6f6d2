"""Wiring: the one file that knows what is real and what is modelled.

`paper` puts a book into paper dress: the daemon as it is, its venues played by
the exchange model. Where the market comes from (a seeded world, recordings) is
handed in as a feed; so are clock, journal and log, because demo, replay and a
long-running service differ in nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core import recovery
from rebalancer.core.events import Booking, Event, PositionReport
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.state import State
from rebalancer.errors import ConfigError, Defect, Fault
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ops.alerts import LogAlertSink
from rebalancer.ports import SECOND, Clock, Journal, Log, Randomness, Venue
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, not_enforced, to_params
from rebalancer.settings.models import Holding, Mode, Role
from rebalancer.settings.models import Venue as VenueSettings
from rebalancer.storage import codec, ownership
from rebalancer.venues import live as live_venues
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.live import LiveVenue
from rebalancer.venues.mischance import Mischance, Mishap
from rebalancer.venues.modelled import open_exchange
from rebalancer.venues.paper import (
    Latency,
    PaperMarket,
    PaperVenue,
    Witness,
    holdings,
)
from rebalancer.venues.past import Past
from rebalancer.venues.seeded import FeedOf
from rebalancer.venues.streams import Stream
from rebalancer.venues.unreliable import Unreliable

MILLISECOND = 1_000_000  # ns
HEALTHY = 5 * SECOND  # ns that the engine may be behind while the dead-man switch is renewed


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What a book is put into."""

    clock: Clock
    journal: Journal
    log: Log
    feed: FeedOf | None  # of a paper book; a live one has those of its venues
    dress: str  # demo, paper or replay: what the status calls it
    witness: Witness | None = None
    tick: int = SECOND  # ns between two looks at the clock
    extra: Mapping[str, Any] = field(default_factory=dict)  # what else the status tells
    randomness: Randomness = field(default_factory=lambda: SeededRandomness(0))  # of faults
    money: str = Mode.PAPER  # what a paper book's journal is kept for


@dataclass(frozen=True, slots=True)
class Running:
    """A book that is ready to run, and the handles that its caller needs."""

    daemon: Daemon
    engine: Engine
    status: BookStatus
    stop: Stop
    exchanges: Mapping[str, Exchange]
    inbox: Inbox


def paper(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    entries: Mapping[str, Decimal],
    around: Surrounding,
) -> Running:
    """Return a book in paper dress.

    Args:
        settings: Without faults.
        instruments: Every instrument that may be met, by id.
        entries: Price of each holding at the start, where the configuration
            names none; quote currency, an inverse option's in coin.
        around: Clock, journal, log and feed.

    Raises:
        ConfigError: A holding has no entry and no price, or a venue no fees;
            or the journal is another book's, or of real money.
    """
    clock, log = around.clock, around.log
    ownership.check(around.journal, settings.book.id, around.money)
    params = to_params(settings, around.journal.epoch, instruments)
    state = State(instruments, params, clock.now())
    prices = _entries(settings, instruments, entries)
    exchanges = {
        name: open_exchange(settings, instruments, prices, name) for name in settings.venues
    }
    _begin(state, settings, prices, around)
    inbox, stop = Inbox(), Stop()
    tasks = TaskRegistry(stop.fail)
    played = {name: _play(settings, exchanges[name], around, name) for name in settings.venues}
    witness = _witness(around.witness, played)
    venues = {name: _venue(each, around, witness, inbox) for name, each in played.items()}
    alerts = LogAlertSink(log, clock)
    dispatch = Dispatch(state, params, venues, inbox, clock, tasks, alerts, log, [False])
    engine = Engine(state, params, inbox, Surroundings(around.journal, codec.encode, dispatch, log))
    streams = {name: each.stream for name, each in played.items() if each.stream is not None}
    heard = {name: venue.hear for name, venue in venues.items()}
    feed = _feed_of(around)(PaperMarket(exchanges, log, witness, streams, heard), clock, tasks)
    parts = Parts(
        engine=engine,
        inbox=inbox,
        dispatch=dispatch,
        feeds=(feed,),
        venues=venues,
        clock=clock,
        tasks=tasks,
        scheduler=ClockScheduler(clock),
        journal=around.journal,
        log=log,
        tick=around.tick,
    )
    unenforced = not_enforced(settings)
    if unenforced:
        log.warning("limits.not_enforced", keys=list(unenforced), meaning="not enforced yet")
    faults = {name: each.mischance.struck for name, each in played.items()}
    extra = {**around.extra, "faults": faults}  # counted on while the book runs
    status = BookStatus(engine, inbox, clock, around.journal, around.dress, extra)
    ownership.claim(around.journal, settings.book.id, around.money)
    return Running(Daemon(parts, stop), engine, status, stop, exchanges, inbox)


def _feed_of(around: Surrounding) -> FeedOf:
    if around.feed is None:
        raise Defect("a paper book must have a feed, was None")
    return around.feed


@dataclass(frozen=True, slots=True)
class _Played:
    """A venue that the model plays, and what goes wrong in front of it."""

    account: str
    exchange: Exchange
    latency: Latency
    mischance: Mischance
    past: Past | None  # None: snapshots do not lag
    stream: Stream | None  # None: market data do not freeze


def _play(settings: Settings, exchange: Exchange, around: Surrounding, name: str) -> _Played:
    told, clock = settings.venues[name], around.clock
    rates = {Mishap(kind): rate for kind, rate in told.faults.model_dump().items()}
    mischance = Mischance(rates, lambda kind: around.randomness.generator(f"{name}.faults.{kind}"))
    lags, freezes = mischance.can(Mishap.POSITION_LAG), mischance.can(Mishap.STALE_STREAM)
    return _Played(
        account=name,
        exchange=exchange,
        latency=_latency(told),
        mischance=mischance,
        past=Past(lambda: holdings(exchange, name), clock.now()) if lags else None,
        stream=Stream(mischance, clock) if freezes else None,
    )


def _latency(told: VenueSettings) -> Latency:
    back = told.latency_ms if told.report_ms is None else told.report_ms
    ways = (int(each * MILLISECOND) for each in (told.latency_ms, back, told.match_ms))
    return Latency(*ways)


def _witness(first: Witness | None, played: Mapping[str, _Played]) -> Witness:
    """Return what hears of each booking: whoever asked to, and the past of its account."""

    def heard(record: Record) -> None:
        if first is not None:
            first(record)
        venue = played.get(record.account)
        if venue is not None and venue.past is not None:
            venue.past.note(record.ts)

    return heard


def _venue(played: _Played, around: Surrounding, witness: Witness, inbox: Inbox) -> Unreliable:
    def open_venue(deliver: Callable[[Event], None]) -> Venue:
        return PaperVenue(
            played.account, played.exchange, around.clock, played.latency, deliver, witness
        )

    return Unreliable(open_venue, played.mischance, around.clock, inbox.put, played.past)


def _entries(
    settings: Settings, instruments: Mapping[str, Instrument], entries: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return the entry price of every holding, by instrument id."""
    prices: dict[str, Decimal] = {}
    faults = []
    for place, holding in enumerate(settings.holdings):
        name = holding.instrument
        price = entries.get(name) if holding.entry is None else holding.entry
        if instruments[name].kind is Kind.CASH:
            prices[name] = Decimal(1)
        elif price is None:
            must = f"must have an entry, or a price at the start ({name})"
            faults.append(Fault(f"holdings.{place}.entry", must, "neither"))
        else:
            # An option far out of the money is marked at nothing; its entry is for show.
            prices[name] = price or instruments[name].tick
    if faults:
        raise ConfigError(settings.book.id, faults)
    return prices


def _begin(
    state: State, settings: Settings, prices: Mapping[str, Decimal], around: Surrounding
) -> None:
    """Let a state begin with the holdings, and with what was latched before this start."""
    for holding in settings.holdings:
        _adopt(state, holding, prices, around.clock.now())
    if _restore_latch(state, around.journal):
        around.log.error(
            "state.latched", state=state.mode, reason=state.mode_reason, halted=dict(state.halted)
        )


def _adopt(state: State, holding: Holding, prices: Mapping[str, Decimal], ts: int) -> None:
    """Let the book begin with a holding; what lies outside belongs to an account of that name."""
    name = holding.instrument
    outside = holding.role is Role.OUTSIDE
    account = "outside" if outside else state.instruments[name].venue
    report = PositionReport(ts, None, account, name, holding.quantity)
    state.adopt(report, prices[name], hedge=holding.role is Role.HEDGE)


def _restore_latch(state: State, journal: Journal) -> bool:
    """Bring back what was latched or asked before this start; False where there was nothing."""
    last = None
    for entry in journal.read("latch"):
        last = entry
    if last is None:
        return False
    for underlying, reason in last.payload["halted"].items():
        state.halt(underlying, reason)
    state.standing.asked = TradingState(last.payload.get("asked", TradingState.ACTIVE))
    state.standing.sealed = last.payload.get("sealed", False)
    halted = last.payload["mode"] == TradingState.HALTED
    if halted:
        state.latch(last.payload["reason"], killed=last.payload["killed"])
    return halted or bool(state.halted) or state.standing.asked is not TradingState.ACTIVE


# --- live -----------------------------------------------------------------------


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
    _begin(state, settings, _entries(settings, instruments, {}), around)
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
