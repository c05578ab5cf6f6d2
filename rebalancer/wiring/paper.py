"""Paper: the daemon as it is, its venues played by the exchange model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import Event
from rebalancer.core.instruments import Instrument
from rebalancer.core.state import State
from rebalancer.errors import Defect
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ports import Log, Venue, nobody
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import KEEPS, NEVER, Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.runtime.tuner import Tuner
from rebalancer.settings import Settings, not_enforced, to_params
from rebalancer.settings.models import Venue as VenueSettings
from rebalancer.storage import codec, ownership
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
from rebalancer.wiring.outward import heard

MILLISECOND = 1_000_000  # ns


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
        ConfigError: A holding has no price, a venue no fees; or the journal is another's.
    """
    around, meter = measured(settings, around)
    around, told = heard(settings.book.id, around)
    clock, log, inbox, stop = around.clock, around.log, Inbox(around.hide), Stop()
    ownership.check(around.journal, settings.book.id, around.money)
    params = to_params(settings, around.journal.epoch, instruments, around.tick)
    state = State(instruments, params, clock.now())
    prices = entries_of(settings, instruments, entries)
    exchanges = {n: open_exchange(settings, instruments, prices, n) for n in settings.venues}
    begin(state, settings, prices, around)
    tasks = TaskRegistry(stop.fail)
    played = {name: _play(settings, exchanges[name], around, name) for name in settings.venues}
    witness = _witness(around.witness, played)
    venues = {name: _venue(each, around, witness, inbox) for name, each in played.items()}
    ways = (venues, inbox, clock, tasks, told, log)
    dispatch = Dispatch(state, params, *ways, [False], meter, around.brake)
    keeps = KEEPS if around.lasting else NEVER
    records = (nobody, flight_of(settings, around, told), keeps, stop.fail)
    decides = Surroundings(around.journal, codec.encode, dispatch, log, *records)
    engine = Engine(state, params, inbox, decides)
    feed = _feed_of(around)(_market(played, venues, log, witness), clock, tasks)
    parts = Parts(
        engine=engine,
        inbox=inbox,
        dispatch=dispatch,
        feeds=(feed, *files_of(settings, around)),
        venues=venues,
        clock=clock,
        tasks=tasks,
        scheduler=ClockScheduler(clock),
        journal=around.journal,
        log=log,
        tick=around.tick,
        retention=retention_of(settings) if around.lasting else None,
        care=care_of(settings, around),
        pulse=pulse_of(around, meter),
    )
    _say_unwatched(settings, log)
    extra = {**around.extra, "faults": {n: e.mischance.struck for n, e in played.items()}}  # live
    status = BookStatus(engine, inbox, clock, around.journal, around.dress, extra)
    ownership.claim(around.journal, settings.book.id, around.money)
    tuner = Tuner(engine, settings, instruments, clock, inbox.plain)
    return Running(Daemon(parts, stop), engine, status, stop, exchanges, inbox, tuner, told)


def _say_unwatched(settings: Settings, log: Log) -> None:
    """Say which guards the settings leave out: a book without them is no book for money."""
    unset = not_enforced(settings)
    if unset:
        log.warning("limits.not_enforced", keys=list(unset), meaning="nobody watches there")


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
    past: Past[tuple[str, Decimal]] | None  # None: snapshots do not lag
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


def _market(
    played: Mapping[str, _Played], venues: Mapping[str, Unreliable], log: Log, witness: Witness
) -> PaperMarket:
    exchanges = {name: each.exchange for name, each in played.items()}
    streams = {name: each.stream for name, each in played.items() if each.stream is not None}
    heard = {name: venue.hear for name, venue in venues.items()}
    return PaperMarket(exchanges, log, witness, streams, heard)


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
