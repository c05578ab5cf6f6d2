"""What a book is put into, and how it begins."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer import __version__
from rebalancer.core import kept, surface
from rebalancer.core.events import PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.standing import why_damaged
from rebalancer.core.state import State
from rebalancer.errors import ConfigError, Fault
from rebalancer.exchange.exchange import Exchange
from rebalancer.ops.messenger.outbox import Outbox
from rebalancer.ports import (
    SECOND,
    UNPULLED,
    UNRECORDED,
    AlertSink,
    Brake,
    Caretaker,
    Clock,
    Feed,
    Flight,
    Journal,
    LeastRoom,
    Log,
    Randomness,
    Retention,
)
from rebalancer.runtime.daemon import Daemon, Stop
from rebalancer.runtime.engine import KEPT, Engine
from rebalancer.runtime.housekeeping import FORGOTTEN
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.latching import restore
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.restoring import halted
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.tuner import Tuner
from rebalancer.runtime.upkeep import Care
from rebalancer.settings import Settings, fingerprint
from rebalancer.settings.guarding import DAY
from rebalancer.settings.models import Holding, Mode, Role
from rebalancer.settings.parameters import account_of
from rebalancer.storage.flight.recorder import MEBIBYTE, FlightRecorder, Label, Limits
from rebalancer.venues.outside import OutsideFile, taken
from rebalancer.venues.paper import Witness
from rebalancer.venues.seeded import FeedOf
from rebalancer.wiring.recovered import begun
from rebalancer.wiring.retuned import retune

MIB = 1024 * 1024  # bytes


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
    flight: Path | None = None  # folder where all events are recorded; None: nowhere
    caretaker: Caretaker | None = None  # of a journal on disk; None: nobody looks after it
    lasting: bool = True  # whether a later start goes on with the journal
    brake: Brake = UNPULLED  # what somebody outside the process can pull
    outbox: Outbox | None = None  # of alerts; None: they are written to the log alone
    hide: Callable[[str], str] = str  # returns words without the secrets that the process has read
    started: int | None = None  # ns when the process began; None: it is about to


@dataclass(frozen=True, slots=True)
class Running:
    """A book that is ready to run, and the handles that its caller needs."""

    daemon: Daemon
    engine: Engine
    status: BookStatus
    stop: Stop
    exchanges: Mapping[str, Exchange]
    inbox: Inbox
    tuner: Tuner
    alerts: AlertSink


def entries_of(
    settings: Settings, instruments: Mapping[str, Instrument], entries: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return the entry price of every holding, by instrument id."""
    prices: dict[str, Decimal] = {}
    faults = []
    for place, holding in enumerate(settings.holdings):
        name = holding.instrument
        price = entries.get(name) if holding.entry is None else holding.entry
        if instruments[name].kind is Kind.CASH or holding.file is not None:
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


def begin(
    state: State, settings: Settings, prices: Mapping[str, Decimal], around: Surrounding
) -> None:
    """Let a state begin with the holdings, and with what was latched before this start.

    The journal holds that it began: what is decided from here on is of this start.
    """
    around.log.info("config.loaded", mode=settings.book.mode, fingerprint=fingerprint(settings))
    if any(own.smile is not None for own in state.params.underlyings.values()):
        surface.prepare()
    for holding in settings.holdings:
        if holding.file is not None:
            continue  # the file tells it, again and again
        _adopt(state, holding, prices, around.clock.now())
    told = around.journal.get_meta(KEPT)
    if told is not None:
        kept.restore(state, json.loads(told), worth=around.feed is None)
    _latch_damage(settings.book.id, around)
    latch_brake(settings.book.id, around)
    if restore(state.standing, around.journal):
        around.log.error(
            "state.latched", state=state.mode, reason=state.mode_reason, halted=dict(state.halted)
        )
    retune(state, around.journal, around.log, fingerprint(settings))
    begun(around.journal, around.clock.now(), settings.book.id)


def _adopt(state: State, holding: Holding, prices: Mapping[str, Decimal], ts: int) -> None:
    """Let the book begin with a holding; what lies outside belongs to an account of that name."""
    name = holding.instrument
    account = account_of(holding, state.instruments[name])
    report = PositionReport(ts, None, account, name, holding.quantity)
    state.adopt(report, prices[name], hedge=holding.role is Role.HEDGE)


def flight_of(settings: Settings, around: Surrounding, alerts: AlertSink) -> Flight:
    """Return what records the events of this start, where somebody asked for it.

    Args:
        settings: Of the book.
        around: Names the folder.
        alerts: Hears when it has failed.
    """
    told = settings.flight
    if around.flight is None or not told.enabled:
        return UNRECORDED
    label = Label(settings.book.id, around.journal.epoch, __version__, fingerprint(settings))
    limits = Limits(told.max_mib * MEBIBYTE, told.rotate)
    return FlightRecorder(around.flight, label, limits, alerts)


def retention_of(settings: Settings) -> Retention:
    """Return what of the journal may go, and when."""
    told = settings.journal
    return Retention(FORGOTTEN, told.retention_days * DAY, told.max_mib * MIB)


def care_of(settings: Settings, around: Surrounding) -> Care | None:
    """Return what is done for the journal while the book runs, where somebody does it."""
    if around.caretaker is None:
        return None
    told, room = settings.journal, settings.journal.room
    least = LeastRoom(room.least_mib * MIB, room.share, room.share_most_mib * MIB)
    copies = 0 if told.backup == "off" else told.backups
    return Care(around.caretaker, least, copies, told.check != "off")


def files_of(settings: Settings, around: Surrounding) -> list[Feed]:
    """Return the feeds of what lies outside and is told by files."""
    return [OutsideFile(each, around.clock, around.log) for each in taken(settings)]


def _latch_damage(book: str, around: Surrounding) -> None:
    """Halt a book whose journal is marked as damaged: the halt itself may not be in it."""
    what = None if around.caretaker is None else around.caretaker.marked()
    if what is None:
        return
    for each in halted(around.journal, around.clock.now(), why_damaged(what)):
        around.journal.append(replace(each, key=book))
    around.journal.flush()


def latch_brake(book: str, around: Surrounding) -> None:
    """Kill a book whose brake is pulled as it begins, so that it stays so when it is let go."""
    why = around.brake.pulled()
    if why is None:
        return
    for each in halted(around.journal, around.clock.now(), why, killed=True):
        around.journal.append(replace(each, key=book))
    around.journal.flush()
