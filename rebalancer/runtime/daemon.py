"""Start and stop: what runs, in which order it begins, and in which it ends.

Start: state as it was latched → engine → feeds → first reconciliation → ACTIVE.
Stop: no new orders → own orders canceled → their ends awaited → tasks, youngest
first → journal on disk. Positions stay. The order is the same when a part broke
or the daemon itself is canceled; only where the engine or its journal died is
there nobody left to take an end down, so none is awaited.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from rebalancer.core.commands import Cancel
from rebalancer.core.events import Tick
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import RebalancerError
from rebalancer.ports import (
    ALL_TOLD,
    SECOND,
    Archives,
    Beat,
    Clock,
    Describe,
    Feed,
    Journal,
    Log,
    Retention,
    Scheduler,
    Venue,
    nobody,
)
from rebalancer.runtime.adoption import Adoption
from rebalancer.runtime.braking import BrakeWatch
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine
from rebalancer.runtime.figures import Figures
from rebalancer.runtime.housekeeping import HOUR, Housekeeping
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.lifesign import LifeSign
from rebalancer.runtime.pulse import pulse
from rebalancer.runtime.reconcile import AGAIN, Reconciler
from rebalancer.runtime.room import RoomWatch
from rebalancer.runtime.rounds import Rounds
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.runtime.upkeep import HOURLY, Care, Upkeep
from rebalancer.settings.parameters import FIGURES

SILENT = 180 * SECOND  # ns without a look at the accounts after which they are no longer looked at
DRAIN = 30 * SECOND  # most that a stop waits for its orders


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a daemon is made of; `wiring` puts it together."""

    engine: Engine
    inbox: Inbox
    dispatch: Dispatch
    feeds: Sequence[Feed]
    venues: Mapping[str, Venue]
    clock: Clock
    tasks: TaskRegistry
    scheduler: Scheduler
    journal: Journal
    log: Log
    tick: int = SECOND  # ns between two looks at the clock
    closing: Sequence[Callable[[], Awaitable[None]]] = ()  # connections that end with the daemon
    adopts: bool = False  # whether a first start takes what the venues hold as the book's
    archives: Archives = ALL_TOLD
    describe: Describe = nobody  # who knows the terms of what no setting names
    retention: Retention | None = None  # None: the journal keeps everything
    care: Care | None = None  # None: the journal is on no disk, or not for long
    pulse: Callable[[int], None] | None = None  # hears how late calls of the loop are; None: nobody


class Daemon:
    """One book, running.

    Args:
        parts: What it is made of.
        stop: Is set when something asks for the end; shared with whoever may ask.
    """

    def __init__(self, parts: Parts, stop: "Stop") -> None:
        self._parts = parts
        self._stop = stop
        self._rounds: Rounds | None = None  # None: not begun

    def attend(self, tell: Callable[[Beat], None]) -> None:
        """Have told, once a tick and by the engine itself, how the daemon comes along."""
        parts = self._parts
        self._parts.engine.observe(LifeSign(parts.clock, self._ailment, self._stop, tell).step)

    def _ailment(self) -> str | None:
        """Return why the daemon must not count as alive; None: nothing is wrong with it."""
        if self._parts.dispatch.closed[0]:
            return "nothing can leave any more: the engine or its journal failed"
        if self._stop.cause is not None:
            return f"a part of it ended: {type(self._stop.cause).__name__}"
        silence = 0 if self._rounds is None else self._rounds.silence
        if silence > SILENT:
            return f"no look at the accounts has ended for {silence // SECOND} s"
        return None

    async def run(self, duration: int | None = None) -> None:
        """Run for `duration` ns, or until asked to stop or a finite feed ends.

        Raises:
            RebalancerError: What a part died of, after everything was shut down.
        """
        try:
            self._start(duration)
            await self._stop.asked()
        finally:
            await self._shut_down()
        if self._stop.cause is not None:
            raise self._stop.cause

    def _start(self, duration: int | None) -> None:
        parts = self._parts
        parts.log.info("daemon.started", book=parts.engine.params.book, epoch=parts.journal.epoch)
        parts.engine.move(TradingState.RECONCILING, "starting")
        parts.tasks.spawn("engine", parts.engine.run())
        for feed in parts.feeds:
            parts.tasks.spawn(f"feed {type(feed).__name__}", self._feed(feed))
        self._schedule()
        if duration is not None:
            parts.clock.call_at(parts.clock.now() + duration, self._stop.ask)

    def _schedule(self) -> None:
        parts = self._parts
        state, venues, inbox = parts.engine.state, parts.venues, parts.inbox
        reconciler = Reconciler(state, venues, inbox, parts.clock, parts.log, parts.archives)
        adoption = Adoption(state, venues, inbox, parts.clock, parts.log, parts.describe)
        rounds = Rounds(reconciler, adoption, state, parts.clock, parts.tasks, adopts=parts.adopts)
        self._rounds = rounds
        parts.engine.observe(reconciler.notice)
        parts.engine.observe(rounds.heed)
        brake = BrakeWatch(parts.dispatch.brake, state, inbox.put, parts.clock)
        parts.scheduler.every("brake", parts.tick, self._guarded(brake.look))
        self._watch_margin()
        self._keep_house()
        self._watch_room()
        self._keep_up()

        def tick() -> None:
            parts.inbox.put(Tick(parts.clock.now()))

        parts.tasks.spawn("reconcile", rounds.begin())
        parts.scheduler.every("tick", parts.tick, self._guarded(tick))
        if parts.pulse is not None:
            parts.tasks.spawn("pulse", pulse(parts.clock, parts.pulse))
        parts.scheduler.every("flush", parts.tick, self._guarded(parts.journal.flush))
        parts.scheduler.every(
            "reconcile", max(AGAIN, parts.tick), self._guarded(rounds.look_if_due)
        )

    def _watch_margin(self) -> None:
        """Ask how the accounts stand, where somebody wants to know."""
        parts = self._parts
        if parts.engine.params.margin is None:
            return
        figures = Figures(
            parts.venues,
            parts.inbox,
            parts.clock,
            parts.log,
            parts.tasks,
            FIGURES * parts.tick,
        )
        parts.engine.observe(figures.heed)
        parts.scheduler.every("margin", parts.tick, self._guarded(figures.look))

    def _keep_house(self) -> None:
        """Prune the journal, once a day."""
        parts = self._parts
        if parts.retention is None:
            return
        state = parts.engine.state

        def busy() -> bool:
            return bool(state.open_orders())

        house = Housekeeping(parts.journal, parts.retention, busy, parts.clock, parts.log)
        parts.scheduler.at("prune", HOUR, self._guarded(house.look))

    def _watch_room(self) -> None:
        """Look at the disk of the journal, now and at each tick."""
        parts = self._parts
        if parts.care is None:
            return
        told = (parts.care.caretaker, parts.care.least, parts.inbox.put, parts.clock, parts.log)
        room = RoomWatch(*told)
        room.begin()
        parts.scheduler.every("room", parts.tick, self._guarded(room.look))

    def _keep_up(self) -> None:
        """Have the journal copied each day and checked each week."""
        parts, care = self._parts, self._parts.care
        if care is None:
            return
        told = (parts.inbox.put, parts.clock, parts.tasks, parts.dispatch.alerts)
        upkeep = Upkeep(care, parts.journal, *told)
        parts.scheduler.at("upkeep", HOURLY, self._guarded(upkeep.look))

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return a call that ends the daemon when it fails; an event loop would only log it."""

        def guarded() -> None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - kept as the cause of the end
                self._parts.dispatch.shut()
                self._stop.fail(error)

        return guarded

    async def _feed(self, feed: Feed) -> None:
        await feed.run(self._parts.inbox.put)
        self._stop.ask()

    async def _shut_down(self) -> None:
        parts, state = self._parts, self._parts.engine.state
        if self._stop.cause is not None:
            cause = self._stop.cause
            parts.log.error("daemon.failed", error=f"{type(cause).__name__}: {cause}")
        parts.log.info("daemon.stopping", open_orders=len(state.open_orders()))
        parts.engine.move(TradingState.DRAINING, "stopping")
        try:
            await self._end_orders()
        finally:
            parts.dispatch.shut()
            parts.scheduler.close()
            try:
                await parts.tasks.close()
                for close in parts.closing:
                    await close()
            finally:
                self._close_journal()
        left = len(state.open_orders())
        parts.log.info("daemon.stopped", digest=parts.engine.digest, open_orders=left)

    def _close_journal(self) -> None:
        """Let go of the journal; that its end is not on disk is a failure of the whole run."""
        try:
            self._parts.journal.close()
        except RebalancerError as error:
            self._parts.log.error("journal.failed", error=str(error))
            self._stop.fail(error)
        self._parts.engine.end(whole=self._stop.cause is None)

    async def _end_orders(self) -> None:
        """Cancel own orders and wait until their ends are known, but not for ever."""
        parts = self._parts
        if parts.dispatch.closed[0]:
            return
        for order in parts.engine.state.open_orders():
            told = order.submit
            parts.dispatch.carry_out(Cancel(told.client_order_id, told.account, told.instrument))
        waited = 0
        while parts.engine.state.open_orders() and waited < DRAIN and not parts.dispatch.closed[0]:
            await parts.clock.sleep(SECOND // 10)
            waited += SECOND // 10


class Stop:
    """A wish to stop, and the failure behind it if there is one."""

    def __init__(self) -> None:
        self._wish = asyncio.Event()
        self.cause: BaseException | None = None

    @property
    def wished(self) -> bool:
        """Whether somebody asked, or something broke."""
        return self._wish.is_set()

    def ask(self) -> None:
        """Ask for an orderly end."""
        self._wish.set()

    def fail(self, cause: BaseException) -> None:
        """Ask for the end because something broke; the first cause is kept."""
        if self.cause is None:
            self.cause = cause
        self._wish.set()

    async def asked(self) -> None:
        """Return once somebody asked."""
        await self._wish.wait()
