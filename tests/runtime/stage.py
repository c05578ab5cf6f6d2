"""A stage for the daemon: its real parts, around a venue and a journal that do as they are told."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.commands import Alert, Cancel, Purpose, Query, Submit, TimeInForce
from rebalancer.core.events import (
    AccountEvent,
    AccountRead,
    Ending,
    Event,
    Fill,
    Index,
    Mark,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderRejected,
    PositionReport,
    Quote,
    Reconciled,
)
from rebalancer.core.figures import MarginTold
from rebalancer.core.state import State
from rebalancer.errors import DataError
from rebalancer.ports import SECOND, Clock, Entry
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.meter import BookMeter
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.storage import codec
from rebalancer.storage.memory import MemoryJournal
from tests.scenarios import desk
from tests.scenarios.desk import INSTRUMENTS, LINEAR, PARAMS, SPOT, START

MILLISECOND = 1_000_000
VENUE = "binanceusdm"
D = Decimal


class Lines:
    """A log that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, Any]]] = []

    def _say(self, level: str, event: str, facts: dict[str, Any]) -> None:
        self.said.append((level, event, facts))

    def debug(self, event: str, **facts: Any) -> None:
        self._say("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._say("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._say("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._say("error", event, facts)

    def events(self) -> list[str]:
        """Return the names alone."""
        return [event for _, event, _ in self.said]


class Alerts:
    """A sink that keeps alerts."""

    def __init__(self) -> None:
        self.sent: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)


class Lever:
    """A brake that a test pulls."""

    def __init__(self) -> None:
        self.why: str | None = None

    def pulled(self) -> str | None:
        return self.why


class TracedJournal(MemoryJournal):
    """A journal that says when it was used, and breaks when told to.

    Args:
        trace: Gets what was done, in order.
    """

    def __init__(self, trace: list[str]) -> None:
        super().__init__()
        self._trace = trace
        self.broken: str | None = None  # append | flush | close: fails from now on
        self.closed = 0

    def _do(self, what: str, *more: str) -> None:
        if what == self.broken:
            raise DataError(f"{what}: the disk refused")
        self._trace.append(" ".join((what, *more)))

    def append(self, entry: Entry) -> None:
        self._do("append", entry.kind)
        super().append(entry)

    def flush(self) -> None:
        self._do("flush")

    def close(self) -> None:
        self.closed += 1
        self._do("close")


Answer = Callable[[Submit], Awaitable[OrderEvent]]


class ScriptedVenue:
    """A venue that answers as a test says, and fills whole orders where it says nothing.

    Args:
        clock: Market time.
        deliver: Where fills arrive.
        trace: Gets what was asked, in order.
    """

    def __init__(self, clock: Clock, deliver: Callable[[Event], None], trace: list[str]) -> None:
        self.account = VENUE
        self.clock = clock
        self.deliver = deliver
        self.trace = trace
        self.answer: Answer = self.fills
        self.query_answer: Sequence[AccountEvent] | Exception = ()
        self.cancel_error: Exception | None = None
        self.positions_error: Exception | None = None
        self.figures: Any = ()
        self.held: dict[str, Decimal] = {}
        self.submitted: list[Submit] = []
        self.canceled: list[str] = []
        self.on_cancel: Callable[[Cancel], None] = lambda order: None

    async def submit(self, order: Submit) -> OrderEvent:
        self.trace.append("submit")
        self.submitted.append(order)
        return await self.answer(order)

    async def fills(self, order: Submit) -> OrderEvent:
        await self.clock.sleep(10 * MILLISECOND)
        ts, name = self.clock.now(), order.client_order_id

        def arrive() -> None:
            self.held[order.instrument] = self.held.get(order.instrument, D(0)) + order.quantity
            self.deliver(fill(order, ts))
            self.deliver(OrderEnded(ts, ts, name, Ending.FILLED, order.quantity))

        self.clock.call_at(ts, arrive)
        return OrderAccepted(ts, ts, name, "v1")

    async def never(self, order: Submit) -> OrderEvent:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def rejects(self, order: Submit) -> OrderEvent:
        return OrderRejected(self.clock.now(), None, order.client_order_id, "no")

    async def cancel(self, order: Cancel) -> None:
        self.trace.append("cancel")
        self.canceled.append(order.client_order_id)
        if self.cancel_error is not None:
            raise self.cancel_error
        self.on_cancel(order)

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        self.trace.append("query")
        if isinstance(self.query_answer, Exception):
            raise self.query_answer
        return self.query_answer

    async def positions(self) -> Sequence[PositionReport]:
        self.trace.append("positions")
        ts = self.clock.now()
        if self.positions_error is not None:
            raise self.positions_error
        return [PositionReport(ts, ts, VENUE, name, held) for name, held in self.held.items()]

    async def margin(self) -> MarginTold:
        self.trace.append("margin")
        if isinstance(self.figures, Exception):
            raise self.figures
        ts = self.clock.now()
        return MarginTold(ts, ts, VENUE, self.figures)


class ScriptedFeed:
    """A feed that delivers what is due, each (delay in ns, what) after the one before."""

    def __init__(self, clock: Clock, script: Sequence[tuple[int, Any]], *, ends: bool) -> None:
        self.clock, self.script, self.ends = clock, script, ends
        self.stopped = False

    async def run(self, deliver: Callable[[Event], None]) -> None:
        try:
            for delay, what in self.script:
                await self.clock.sleep(delay)
                if isinstance(what, BaseException):
                    raise what
                for event in what(self.clock.now()):
                    deliver(event)
            if not self.ends:
                await asyncio.get_running_loop().create_future()
        finally:
            self.stopped = True


def fill(order: Submit, ts: int) -> Fill:
    """Return the execution of a whole order."""
    name = order.client_order_id
    return Fill(
        *(ts, ts, order.account, order.instrument, f"t-{name}", name),
        *(order.quantity, D(100_000), D(0), "USDT"),
    )


def market(price: int = 100_000) -> Callable[[int], list[Event]]:
    """Return what makes the events of a whole market at a price; the index comes last."""

    def told(ts: int) -> list[Event]:
        mark, half = D(price), D("0.5")
        quote = Quote(ts, ts, LINEAR, mark - half, D(50), mark + half, D(50))
        return [
            *(Mark(ts, ts, LINEAR, mark), Mark(ts, ts, SPOT, mark), quote),
            Index(ts, ts, VENUE, "BTC", mark),
        ]

    return told


def order(clock: Clock, **changes: Any) -> Submit:
    """Return an order that was decided now."""
    facts = {
        "client_order_id": "rb1",
        "account": VENUE,
        "instrument": LINEAR,
        "quantity": D("-1"),
        "price": D(99_000),
        "time_in_force": TimeInForce.IOC,
        "reduce_only": False,
        "purpose": Purpose.HEDGE,
        "underlying": "BTC",
        "decided_at": clock.now(),
    }
    return Submit(**(facts | changes))


@dataclass
class Stage:
    """A whole daemon of real parts, its venue and its journal; built inside an event loop."""

    clock: MarketClock
    trace: list[str] = field(default_factory=list)
    script: Sequence[tuple[int, Any]] = ()
    ends: bool = False  # whether the feed is finite
    holding: str = "2"  # coins of spot, outside the venues here

    def __post_init__(self) -> None:
        self.log, self.alerts, self.inbox, self.stop = Lines(), Alerts(), Inbox(), Stop()
        self.meter = BookMeter(self.clock)
        self.state = State(INSTRUMENTS, PARAMS, self.clock.now())
        desk.hold(self.state, SPOT, self.holding)
        self.journal = TracedJournal(self.trace)
        self.venue = ScriptedVenue(self.clock, self.inbox.put, self.trace)
        self.tasks = TaskRegistry(self.stop.fail)
        self.brake = Lever()
        self.dispatch = Dispatch(
            *(self.state, PARAMS, {VENUE: self.venue}, self.inbox, self.clock),
            *(self.tasks, self.alerts, self.log, [False], self.meter),
            brake=self.brake,
        )
        around = Surroundings(self.journal, codec.encode, self.dispatch, self.log)
        self.engine = Engine(self.state, PARAMS, self.inbox, around)
        self.feed = ScriptedFeed(self.clock, self.script, ends=self.ends)
        self.scheduler = ClockScheduler(self.clock)
        parts = Parts(
            engine=self.engine,
            inbox=self.inbox,
            dispatch=self.dispatch,
            feeds=(self.feed,),
            venues={VENUE: self.venue},
            clock=self.clock,
            tasks=self.tasks,
            scheduler=self.scheduler,
            journal=self.journal,
            log=self.log,
        )
        self.daemon = Daemon(parts, self.stop)

    def activate(self) -> None:
        """Let the book be reconciled."""
        for account in PARAMS.accounts:
            self.engine.take(AccountRead(self.clock.now(), self.clock.now(), account))
        self.engine.take(Reconciled(self.clock.now(), ()))

    def drained(self) -> list[Event]:
        """Return what waits in the inbox."""
        return list(self.inbox.drain())

    async def settle(self, duration: int = SECOND) -> None:
        """Let market time pass."""
        await self.clock.sleep(duration)


def play(
    story: Callable[[Stage], Coroutine[Any, Any, None]],
    script: Sequence[tuple[int, Any]] = (),
    *,
    ends: bool = False,
    holding: str = "2",
) -> Stage:
    """Build a stage under a market clock, run a story on it, close its tasks, return it."""
    clock = MarketClock(START)

    async def main() -> Stage:
        lost: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, facts: lost.append(facts))
        stage = Stage(clock, script=script, ends=ends, holding=holding)
        await story(stage)
        await stage.tasks.close()
        gc.collect()  # a task that died unheard says so when it is thrown away
        assert [] == lost
        return stage

    return run_market(clock, main())
