"""The engine: takes events from the inbox one by one and lets the core decide.

What a step wants sent is on disk before it leaves. The digest runs over the
canonical line of every decision that acts or is refused: two runs that agree
on it made the same decisions.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rebalancer.core import hedger, inputs, kept, tuning
from rebalancer.core.commands import Cancel, Command, Query, Submit
from rebalancer.core.decision import Action, Decision, canonical
from rebalancer.core.events import (
    Adopted,
    Booking,
    CashMoved,
    ContractBooking,
    Delivered,
    Described,
    Event,
    Fill,
    FundingPaid,
    InstrumentUnfit,
    Operator,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    OutsideTold,
    Reconciled,
    Settled,
    ShutOut,
    Tick,
    VenueHeld,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.journal import JournalDamaged, RoomTold
from rebalancer.core.knobs import Tuned
from rebalancer.core.orders import OrderState
from rebalancer.core.params import Params
from rebalancer.core.state import State
from rebalancer.ports import (
    SECOND,
    UNRECORDED,
    Describe,
    Entry,
    Flight,
    Journal,
    Log,
    Moved,
    nobody,
)
from rebalancer.runtime.clock import breathe
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.latching import LATCH, latched
from rebalancer.runtime.telling import key_of, tell, tell_decision, tell_latch

JOURNALED = (
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
    OrderEnded,
    OrderNotFound,
    Fill,
    FundingPaid,
    Settled,
    Delivered,
    CashMoved,
    Adopted,
    OutsideTold,
    Described,
    ShutOut,
    VenueHeld,
    InstrumentUnfit,
    Operator,
    Reconciled,
    RoomTold,
    JournalDamaged,
    Tuned,
)
RECENT = 50  # decisions kept at hand for the status
KEPT = "kept"  # journal key of what must outlive a restart beside the ledger
KEEPS = 60 * SECOND  # ns between two times that it is written down without an order
NEVER = 1 << 63  # ns: longer than any run

Encode = Callable[[Any], Mapping[str, Any]]
Observe = Callable[[Event, Sequence[Decision]], None]


def _nobody_asks(_error: BaseException) -> None:
    """Do nothing: whoever commands hears the error himself."""


@dataclass(slots=True)
class Tally:
    """What the engine counted since it started."""

    events: int = 0
    orders: int = 0  # decided
    hedges: int = 0  # of them those that were filled, in part at least
    refusals: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # refusals by reason
    fills: int = 0
    rejects: int = 0
    unknowns: int = 0
    resolved: int = 0  # of them those that the venue proved

    def count(self, event: Event, state: State) -> None:
        """Count what a venue said of an order."""
        match event:
            case Fill():
                self.fills += 1
                order = state.orders.get(event.client_order_id or "")
                if order is not None and order.filled == event.quantity:  # its first
                    self.hedges += 1
            case OrderRejected():
                self.rejects += 1
            case OrderUnknown():
                self.unknowns += 1
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine works with."""

    journal: Journal
    encode: Encode  # record → JSON values
    dispatch: Dispatch
    log: Log
    describe: Describe = nobody  # who knows the terms of what no setting names
    flight: Flight = UNRECORDED  # who keeps what came in
    keeps: int = KEEPS  # ns between two times that is written down what must outlive a restart
    fail: Callable[[BaseException], None] = _nobody_asks  # hears what a command died of


class Engine:
    """Runs `hedger.step` over the inbox.

    Args:
        state: The book's knowledge; written by the step alone.
        params: Settings of the book.
        inbox: Where events wait.
        around: Journal, dispatch and log.
    """

    def __init__(self, state: State, params: Params, inbox: Inbox, around: Surroundings) -> None:
        self.state = state
        self.plain, self.brake = params, around.dispatch.brake  # settings as the file has them
        self.tally = Tally()
        self.recent: deque[Decision] = deque(maxlen=RECENT)
        self.standing: dict[str, Decision] = {}  # underlying → latest decision
        self.meter = around.dispatch.meter
        self._inbox = inbox
        self._around = around
        self._digest = hashlib.sha256()
        self._observers: list[Observe] = []
        self._watchers: list[Callable[[Event], None]] = []
        self._sent = False  # whether the step just taken wants something sent
        self._latched = _latch(state)
        self._kept_at = state.now  # ns

    @property
    def open(self) -> bool:
        """Whether orders may leave: not once the engine or its journal failed, nor at the end."""
        return not self._around.dispatch.closed[0]

    @property
    def params(self) -> Params:
        """Settings as they hold: those of the file with what was tuned over them."""
        return tuning.effective(self.state.tuning, self.plain)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical lines so far, hex."""
        return self._digest.hexdigest()

    def observe(self, observer: Observe) -> None:
        """Call `observer` after each step with the event and its decisions."""
        self._observers.append(observer)

    def watch(self, watcher: Callable[[Event], None]) -> None:
        """Call `watcher` before each step with the event that is to be taken."""
        self._watchers.append(watcher)

    def move(self, mode: TradingState, reason: str) -> None:
        """Move the book to another state, as the daemon does that starts or stops."""
        self._around.flight.note(self.state.sequence, Moved(mode, reason), self.state)
        self.state.activate(mode, reason)

    def end(self, *, whole: bool) -> None:
        """Let go of the flight; `whole`: all that was decided is in the journal."""
        self._around.flight.close(whole=whole)

    async def run(self) -> None:
        """Take events until canceled."""
        while True:
            await self._inbox.wait()
            for event in self._inbox.drain():
                self.take(event)
                # An order leaves before a burst is worked off, not between two halves of one word.
                if self._sent and not getattr(event, "more", False):
                    self._sent = False
                    await breathe()

    def command(self, event: Operator | Tuned) -> None:
        """Take what an operator says at once, ahead of all that waits.

        When this returns it holds, in memory and on disk: of what was decided
        before, an order that has not yet left will not leave after a kill.

        Raises:
            DataError: The journal failed; nothing leaves any more, and the daemon ends.
        """
        try:
            self.take(event)
        except BaseException as error:
            self._around.fail(error)
            raise

    def take(self, event: Event) -> None:
        """Take one event: step, write down, flush, send.

        Raises:
            DataError: The journal failed; nothing leaves any more.
        """
        try:
            for name in _held(event):
                self._meet(name, event.ts_local)
            self._take(event)
        except BaseException:
            self._around.dispatch.shut()  # at once: an order that waits must not leave either
            raise

    def _meet(self, name: str, ts: int) -> None:
        """Let the book know an instrument before something is booked of it, if anybody does."""
        described = None if name in self.state.instruments else self._around.describe(name)
        if described is not None:
            self._take(Described(ts, described))

    def _take(self, event: Event) -> None:
        self.tally.events += 1
        self._around.flight.note(self.state.sequence + 1, event, self.state)
        for watcher in self._watchers:
            watcher(event)
        unknown, version = self._unknown(event), self.state.ledger.version
        outcome = hedger.step(self.state, event, self.plain)
        if outcome.decisions:
            self.meter.decided(event)
        if unknown is not None and not self._unknown(event):
            self._say_resolved(unknown)
        if isinstance(event, JOURNALED) and not _told_again(event, self.state, version):
            self._write("event", key_of(event), _proof(event, self.state, unknown))
            self.tally.count(event, self.state)
            tell(self._around.log, event)
        for decision in outcome.decisions:
            self.standing[decision.underlying] = decision
            if decision.action is not Action.HOLD:
                self._note(decision)
        leaving = self._write_sent(outcome.commands) or isinstance(event, Tuned)
        self._keep_latch()
        if leaving:
            self._keep()
            self._flush()
            self._sent = True
        elif isinstance(event, Tick) and self.state.now - self._kept_at >= self._around.keeps:
            self._keep()
        for command in outcome.commands:
            self._around.dispatch.carry_out(command)
        for observer in self._observers:
            observer(event, outcome.decisions)
        self._around.flight.settle(self.state.now)
        self.meter.took(event, self.state)

    def _write_sent(self, commands: Iterable[Command]) -> bool:
        """Write down what a step wants sent; return whether it must be on disk before it leaves."""
        leaving = False
        for each in commands:
            if isinstance(each, Submit | Cancel):
                self._write("order", each.client_order_id, each)
                leaving = True
            elif isinstance(each, Query):
                self._write("query", each.client_order_id, each)
        return leaving

    def _flush(self) -> None:
        began = self.meter.began()
        self._around.journal.flush()
        self.meter.committed(began)

    def _keep(self) -> None:
        """Write down what must outlive a restart beside the ledger; durably, with what is due."""
        self._kept_at = self.state.now
        self._around.journal.put_meta(KEPT, json.dumps(kept.kept(self.state)))

    def _unknown(self, event: Event) -> str | None:
        """Return the client order id of an event if its order's outcome is unknown."""
        name = getattr(event, "client_order_id", None)
        order = self.state.orders.get(name or "")
        return name if order is not None and order.state is OrderState.UNKNOWN else None

    def _say_resolved(self, name: str) -> None:
        order = self.state.orders[name]
        self.tally.resolved += 1
        self._around.log.info(
            "order.resolved", client_order_id=name, state=order.state, evidence=order.evidence
        )

    def _note(self, decision: Decision) -> None:
        self._digest.update(canonical(decision).encode() + b"\n")
        key = _key_of(decision)
        self._write("decision", key, decision)
        self._write("inputs", key, inputs.of(self.state, self.params, decision))
        self.recent.append(decision)
        tell_decision(self._around.log, decision)
        if decision.action is Action.ORDER:
            self.tally.orders += 1
        elif decision.action is Action.REFUSE:
            self.tally.refusals += 1
            self.tally.reasons[decision.reason] = self.tally.reasons.get(decision.reason, 0) + 1

    def _write(self, kind: str, key: str, record: object) -> None:
        payload = self._around.encode(record)
        entry = Entry(self.state.sequence, self.state.now, kind, key, payload)
        self._around.journal.append(entry)

    def _keep_latch(self) -> None:
        """Write the trading state down, durably, when it changed."""
        state, now = self.state, _latch(self.state)
        if now == self._latched:
            return
        (_, killed, *_), self._latched = self._latched, now
        entry = Entry(state.sequence, state.now, LATCH, self.plain.book, latched(state.standing))
        self._around.journal.append(entry)
        self._flush()
        tell_latch(self._around.log, state.standing, killed=bool(killed))


def _proof(event: Event, state: State, unknown: str | None) -> Event:
    """Return an event as it is written down: an answer with which an order is absent says so.

    Without that each later start would begin to prove it anew.
    """
    order = state.orders.get(unknown or "")
    absent = order is not None and order.state is OrderState.ABSENT
    if isinstance(event, OrderNotFound) and absent:
        return replace(event, proves=True)
    return event


def _key_of(decision: Decision) -> str:
    """Return what a decision is found by: an order's id leads to the one that made it."""
    made = decision.client_order_id if decision.action is Action.ORDER else None
    return made or decision.underlying


def _held(event: Event) -> Iterable[str]:
    """Yield the instruments that an event may put into the book."""
    if isinstance(event, ContractBooking):
        yield event.instrument
    elif isinstance(event, OutsideTold):
        yield from (each.instrument for each in event.held)


def _told_again(event: Event, state: State, version: int) -> bool:
    """Whether a booking changed nothing, because the ledger had it; nobody needs it twice.

    One of an instrument that nobody describes changed nothing either, and is kept.
    """
    if not isinstance(event, Booking) or state.ledger.version != version:
        return False
    return isinstance(event, CashMoved) or event.instrument in state.instruments


def _latch(state: State) -> tuple[object, ...]:
    asked = (state.standing.asked, state.sealed, tuple(state.standing.limited.items()))
    return (state.mode, state.killed, *asked, tuple(state.halted.items()))
