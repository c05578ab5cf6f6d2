"""Wiring: the one file that knows what is real and what is modelled.

`paper` puts a book into paper dress: the daemon as it is, its venues played by
the exchange model. Where the market comes from (a seeded world, recordings) is
handed in as a feed; so are clock, journal and log, because demo, replay and a
long-running service differ in nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.events import Event, PositionReport
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.state import State
from rebalancer.errors import ConfigError, Fault
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.market.params import WorldParams, standard_params
from rebalancer.market.records import WorldStep, market_events
from rebalancer.market.world import World
from rebalancer.ops.alerts import LogAlertSink
from rebalancer.ports import SECOND, Clock, Feed, Journal, Log, Randomness, Venue
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, not_enforced, to_params
from rebalancer.settings.models import Holding, Role
from rebalancer.storage import codec
from rebalancer.venues.feeds import StepFeed
from rebalancer.venues.paper import (
    Delivery,
    Depth,
    FundingAccrual,
    FundingStamp,
    MarketItem,
    PaperMarket,
    PaperVenue,
    SessionEnd,
    Witness,
)
from rebalancer.venues.unreliable import FaultRates, Unreliable

MILLISECOND = 1_000_000  # ns
PREMIUM_CAP = Decimal("0.125")  # most of an option's premium that a fee may take
DERIBIT_OPTIONS = FeeSchedule(Decimal("0.0003"), Decimal("0.0003"), PREMIUM_CAP)

HOUR = 3_600 * SECOND

FeedOf = Callable[[PaperMarket, Clock], Feed]


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What a book is put into."""

    clock: Clock
    journal: Journal
    log: Log
    feed: FeedOf
    dress: str  # demo, paper or replay: what the status calls it
    witness: Witness | None = None
    tick: int = SECOND  # ns between two looks at the clock
    extra: Mapping[str, Any] = field(default_factory=dict)  # what else the status tells
    randomness: Randomness = field(default_factory=lambda: SeededRandomness(0))  # of faults


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
        ConfigError: A holding has no entry and no price, or a venue no fees.
    """
    clock, log = around.clock, around.log
    params = to_params(settings, around.journal.epoch, instruments)
    state = State(instruments, params, clock.now())
    prices = _entries(settings, instruments, entries)
    exchanges = {name: _exchange(settings, instruments, prices, name) for name in settings.venues}
    for holding in settings.holdings:
        _adopt(state, holding, prices, clock.now())
    if _restore_latch(state, around.journal):
        log.error(
            "state.latched", state=state.mode, reason=state.mode_reason, halted=dict(state.halted)
        )
    inbox, stop = Inbox(), Stop()
    tasks = TaskRegistry(stop.fail)
    venues = {
        name: _venue(settings, exchanges[name], around, inbox, name) for name in settings.venues
    }
    alerts = LogAlertSink(log, clock)
    dispatch = Dispatch(state, params, venues, inbox, clock, tasks, alerts, log, [False])
    engine = Engine(state, params, inbox, Surroundings(around.journal, codec.encode, dispatch, log))
    feed = around.feed(PaperMarket(exchanges, log, around.witness), clock)
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
    status = BookStatus(engine, inbox, clock, around.journal, around.dress, around.extra)
    return Running(Daemon(parts, stop), engine, status, stop, exchanges, inbox)


def _venue(
    settings: Settings, exchange: Exchange, around: Surrounding, inbox: Inbox, name: str
) -> Venue:
    latency = int(settings.venues[name].latency_ms * MILLISECOND)

    def open_venue(deliver: Callable[[Event], None]) -> Venue:
        return PaperVenue(name, exchange, around.clock, latency, deliver, around.witness)

    told = settings.venues[name].faults
    rates = FaultRates(told.reject, told.lost_ack)
    chance = around.randomness.generator(f"{name}.faults")
    return Unreliable(open_venue, rates, chance, around.clock, inbox.put)


def seeded(
    settings: Settings, instruments: Mapping[str, Instrument], seed: int
) -> tuple[FeedOf, Mapping[str, Decimal], int]:
    """Return the seeded world of a configuration: its feed, its first prices, its beginning.

    Args:
        settings: `[market]` says where and when the world begins.
        instruments: What the world quotes, by id.
        seed: Same seed, same world.
    """
    market = settings.market
    params = standard_params(market.start, market.prices, market.vols, market.step)
    world = World(params, tuple(instruments.values()), SeededRandomness(seed).generator)
    first = world.step(market.start)
    prices = {told.instrument: told.price for told in first.marks}
    prices |= {told.instrument: told.price for told in first.option_marks}
    venues = tuple(name for name in settings.venues if _continuous(params, name))

    def advance(ts: int) -> Iterable[MarketItem]:
        return _items(first if ts == market.start else world.step(ts), venues)

    def feed(model: PaperMarket, clock: Clock) -> Feed:
        return StepFeed(advance, market.step, model, clock)

    return feed, prices, market.start


def _continuous(params: WorldParams, venue: str) -> bool:
    return any(told.name == venue and told.funding_interval is None for told in params.venues)


def _items(step: WorldStep, continuous: Sequence[str]) -> Iterable[MarketItem]:
    """Yield a step of the world as a venue would show it: depth, words, then what is due."""
    for book in step.books:
        yield Depth(book.instrument, book.bids, book.asks)
    yield from market_events(step)
    for due in step.funding_due:
        yield FundingStamp(due.instrument, due.rate)
    if step.ts % HOUR == 0:
        for venue in continuous:
            yield FundingAccrual(venue)
    for ended in step.settlements:
        yield SessionEnd(ended.instrument, ended.price)
    for ended_for_good in step.deliveries:
        yield Delivery(ended_for_good.instrument, ended_for_good.price)


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


def _exchange(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, Decimal],
    venue: str,
) -> Exchange:
    """Return the model of one venue with the book's account in it."""
    fees = settings.venues[venue].fees
    if fees is None:
        must = "must name maker and taker: paper without fees would be kinder than any venue"
        raise ConfigError(settings.book.id, [Fault(f"venues.{venue}.fees", must, "missing")])
    listed = [each for each in instruments.values() if each.venue == venue]
    schedule = FeeSchedule(Decimal(str(fees.maker)), Decimal(str(fees.taker)))
    kinds: dict[str, FeeSchedule] = {
        Kind.SPOT: schedule,
        Kind.PERPETUAL: schedule,
        Kind.FUTURE: schedule,
    }
    held = [each for each in _inside(settings) if instruments[each.instrument].venue == venue]
    cash = [each for each in held if instruments[each.instrument].kind is Kind.CASH]
    positions = [each for each in held if instruments[each.instrument].kind is not Kind.CASH]
    account = OpeningAccount(
        venue,
        {instruments[each.instrument].settle: each.quantity for each in cash},
        tuple(
            OpeningPosition(each.instrument, each.quantity, prices[each.instrument])
            for each in positions
        ),
    )
    own = FeeSchedule(schedule.maker, schedule.taker, PREMIUM_CAP)
    kinds[Kind.OPTION] = DERIBIT_OPTIONS if venue == "deribit" else own
    return Exchange(listed, kinds, (account,))


def _inside(settings: Settings) -> Sequence[Holding]:
    """Return the holdings that lie in an account of ours."""
    return [each for each in settings.holdings if each.role is not Role.OUTSIDE]


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
