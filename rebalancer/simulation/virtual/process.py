"""The process of a simulated run: the real daemon between virtual ports, until it is killed.

It is the book in live dress: it adopts what the venues hold, recovers from its
journal, follows streams, polls bookings, reconciles. Killing it cuts its ports
first, so that nothing it does on its way out reaches anything.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from rebalancer.core.commands import Alert
from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, Reconciled
from rebalancer.core.state import State
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.runtime.upkeep import Care
from rebalancer.settings import Settings, to_params
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.caretaker import LEAST, VirtualCaretaker
from rebalancer.simulation.virtual.journal import Disk, VirtualJournal
from rebalancer.simulation.virtual.own_clock import Machine, OwnClock
from rebalancer.simulation.virtual.venue import VirtualVenue
from rebalancer.simulation.virtual.wire import Wire
from rebalancer.storage import codec
from rebalancer.venues.connection import Connection
from rebalancer.venues.polling import AccountPoll
from rebalancer.venues.skew import SkewWatch
from rebalancer.wiring.beginning import Surrounding, begin
from rebalancer.wiring.recovered import BEGAN, Recovered, recover

Hear = Callable[[Event], None]


@dataclass(slots=True)
class Told:
    """What a process said to people."""

    hear: Callable[[int, Alert], None] = lambda *_: None  # alerts, at their ns
    failures: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # reasons of what guards refused
    seen: int = 0  # of them, when somebody looked last

    def news(self) -> list[str]:
        """Return the reasons since this was asked last."""
        news, self.seen = self.refused[self.seen :], len(self.refused)
        return news


class VirtualLog:
    """A log of which only failures are kept, and an alert sink.

    Args:
        clock: When something was said.
        told: Where it is kept.
        lives: Whether the process still lives.
    """

    def __init__(self, clock: Clock, told: Told, lives: Callable[[], bool]) -> None:
        self._clock, self._told, self._lives = clock, told, lives

    def debug(self, event: str, **facts: Any) -> None:
        """Say nothing."""

    def info(self, event: str, **facts: Any) -> None:
        """Say nothing."""

    def warning(self, event: str, **facts: Any) -> None:
        """Keep what a guard refused."""
        if event == "hedge.refused" and self._lives():
            self._told.refused.append(str(facts.get("reason")))

    def error(self, event: str, **facts: Any) -> None:
        """Keep that the daemon failed."""
        if event == "daemon.failed" and self._lives():
            self._told.failures.append(str(facts.get("error")))

    def send(self, alert: Alert) -> None:
        """Pass an alert on."""
        if self._lives():
            self._told.hear(self._clock.now(), alert)


@dataclass(frozen=True, slots=True)
class _Archives:
    polls: Sequence[AccountPoll]

    def told(self) -> bool:
        return all(each.told for each in self.polls)

    def ask(self) -> None:
        for each in self.polls:
            each.look_back()


class _TimeOf:
    """What a `SkewWatch` asks: the clock of one wire's venue."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self.venue, self.exchange = wire.account, self
        self._wire, self._clock = wire, clock

    async def fetch_time(self) -> int:
        await self._clock.sleep(self._wire.near())
        told = self._wire.lists.time()
        await self._clock.sleep(self._wire.lingers() + self._wire.near())
        self._wire.lists.timed()
        return told


@dataclass(frozen=True, slots=True)
class Outside:
    """What a process begins with and outlives it."""

    own: Settings
    clock: Clock  # true time
    machine: Machine
    wires: Mapping[str, Wire]
    disk: Disk
    told: Told  # what it says to people
    reached: Callable[[Event, int], None]  # is told of what reaches a process, true ns
    before: Hear  # is told of each event that the engine takes
    after: Hear  # the same, once it is written down


class Process:
    """One start of the daemon.

    Args:
        outside: Where it runs.
        journal: Opened for this start.
    """

    daemon: Daemon  # once it is open
    engine: Engine
    state: State

    def __init__(self, outside: Outside, journal: VirtualJournal) -> None:
        self.clock, self.journal, self.lives = (
            OwnClock(outside.clock, outside.machine),
            journal,
            True,
        )
        self.inbox, self.stop = Inbox(), Stop()
        self._waiting: deque[Event] = deque()  # what came while it is stopped
        self._outside = outside
        self._tasks = TaskRegistry(self.stop.fail)
        self._log = VirtualLog(outside.clock, outside.told, lambda: self.lives)
        self._watches = {
            name: SkewWatch(
                cast(Connection, _TimeOf(wire, self.clock)), self.clock, self._log, wire.lists.rests
            )
            for name, wire in outside.wires.items()
        }
        self.polls: list[AccountPoll] = []

    async def open(self) -> None:
        """Compare the clocks, read what earlier starts left, and put the daemon together.

        Raises:
            DataError: The disk failed.
            Unavailable: The machine's clock is wrong.
        """
        for watch in self._watches.values():
            await watch.look()
            refused = watch.refusal()
            if refused is not None:
                raise Unavailable(refused)
        own = self._outside.own
        self.state = new_state(own, self.journal.epoch, self.clock.now())
        past = recover(self.journal, self._outside.wires)
        around = Surrounding(self.clock, self.journal, self._log, None, "virtual")
        begin(self.state, own, {}, around)
        past.put_back(self.state, self._log)
        self.daemon = self._daemon(past)
        self.engine.watch(self._outside.before)
        self.engine.observe(self._written)

    def _ends(self) -> dict[str, VirtualVenue]:
        return {
            name: VirtualVenue(wire, self.clock, lambda: self.lives, self._watches[name])
            for name, wire in self._outside.wires.items()
        }

    def _daemon(self, past: Recovered) -> Daemon:
        clock, journal, log, state = self.clock, self.journal, self._log, self.state
        ends = self._ends()
        for name, venue in ends.items():
            began = past.began.get(name)
            if began is None:
                journal.put_meta(f"{BEGAN}{name}", str(clock.now()))
                began, heard = clock.now(), None
            else:
                heard = began if past.agreed is None else past.agreed
            self.polls.append(AccountPoll(venue, clock, log, began, heard))
        params = state.params
        dispatch = Dispatch(state, params, ends, self.inbox, clock, self._tasks, log, log, [False])
        self.engine = Engine(
            state, params, self.inbox, Surroundings(journal, codec.encode, dispatch, log)
        )
        self.engine.observe(self._agreed)
        self._dispatch = dispatch
        return Daemon(
            Parts(
                engine=self.engine,
                inbox=self.inbox,
                dispatch=dispatch,
                feeds=(*self.polls, *self._watches.values()),
                venues=ends,
                clock=clock,
                tasks=self._tasks,
                scheduler=ClockScheduler(clock),
                journal=journal,
                log=log,
                adopts=past.first,
                archives=_Archives(self.polls),
                care=Care(VirtualCaretaker(self._outside.disk), LEAST),
            ),
            self.stop,
        )

    def _written(self, event: Event, _decisions: Sequence[Decision]) -> None:
        through = self.engine.state.sequence <= self.journal.through
        if self.lives or through:  # else it was killed before it was written
            written = self.clock.true()  # a while from now, where the disk is slow
            if written > self._outside.clock.now():
                self._outside.clock.call_at(written, lambda: self._outside.after(event))
            else:
                self._outside.after(event)

    def _agreed(self, event: Event, _decisions: Sequence[Decision]) -> None:
        if isinstance(event, Reconciled) and not event.differences:
            for each in self.polls:
                each.agreed(event.ts_local)

    def hear(self, event: Event) -> None:
        """Take in what a stream carries; what comes while it is stopped waits, in its order."""
        if not self._waiting and not self.clock.stopped:
            self._take(event)
            return
        self._waiting.append(event)
        if len(self._waiting) == 1:
            self.clock.call_at(self.clock.now(), self._go_on)

    def _go_on(self) -> None:
        while self._waiting:
            self._take(self._waiting.popleft())

    def _take(self, event: Event) -> None:
        if self.lives:
            now = self.clock.now()
            self._outside.reached(event, self.clock.true())
            self.inbox.put(event if event.ts_local == now else replace(event, ts_local=now))

    def kill(self) -> None:
        """Cut it off from everything, at this instant, and let it fall."""
        self.lives = False
        self.journal.cut = True
        self._dispatch.shut()
        self.stop.ask()


def new_state(own: Settings, epoch: int, now: int) -> State:
    """Return the state of a start that knows nothing yet.

    Args:
        own: Settings of the book, without holdings.
        epoch: Of the start.
        now: ns.
    """
    params = to_params(own, epoch, book.instruments(), SECOND)
    return State(dict(book.instruments()), params, now)


def remembered(disk: Disk, own: Settings, accounts: Sequence[str], now: int) -> State:
    """Return what a start at `now` (ns) would make of a disk, which it leaves alone."""
    copy = Disk(list(disk.entries), dict(disk.meta), disk.epoch, dict(disk.intents))
    journal = VirtualJournal(copy)
    state = new_state(own, journal.epoch, now)
    log = VirtualLog(MarketClock(now), Told(), lambda: False)
    begin(state, own, {}, Surrounding(MarketClock(now), journal, log, None, ""))
    recover(journal, accounts).put_back(state, log)
    return state
