"""The process of a simulated run: the real daemon between virtual ports, until it is killed.

It is the book in live dress: it adopts what the venues hold, recovers from its
journal, follows streams, polls bookings, reconciles. Killing it cuts its ports
first, so that nothing it does on its way out reaches anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.core.commands import Alert
from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, Reconciled
from rebalancer.core.state import State
from rebalancer.ports import SECOND, Clock
from rebalancer.runtime.daemon import Daemon, Parts, Stop
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.schedule import ClockScheduler
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, to_params
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.journal import VirtualJournal
from rebalancer.simulation.virtual.venue import VirtualVenue, Wire
from rebalancer.storage import codec
from rebalancer.venues.polling import AccountPoll
from rebalancer.wiring.beginning import Surrounding, begin
from rebalancer.wiring.recovered import BEGAN, recover

Hear = Callable[[Event], None]


@dataclass(slots=True)
class Told:
    """What a process said to people."""

    alerts: list[tuple[int, Alert]]
    failures: list[str]


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
        """Say nothing."""

    def error(self, event: str, **facts: Any) -> None:
        """Keep that the daemon failed."""
        if event == "daemon.failed" and self._lives():
            self._told.failures.append(str(facts.get("error")))

    def send(self, alert: Alert) -> None:
        """Keep an alert."""
        if self._lives():
            self._told.alerts.append((self._clock.now(), alert))


@dataclass(frozen=True, slots=True)
class _Archives:
    polls: Sequence[AccountPoll]

    def told(self) -> bool:
        return all(each.told for each in self.polls)

    def ask(self) -> None:
        for each in self.polls:
            each.look_back()


class Process:
    """One start of the daemon.

    Args:
        clock: Virtual time.
        wires: Of its accounts.
        journal: Opened for this start.
        told: What it says to people.
        heard: Is told of each event that the engine takes: before, and once it is written down.
    """

    def __init__(
        self,
        clock: Clock,
        wires: Mapping[str, Wire],
        journal: VirtualJournal,
        told: Told,
        heard: tuple[Hear, Hear],
    ) -> None:
        self.clock, self.journal, self.lives = clock, journal, True
        self.inbox, self.stop = Inbox(), Stop()
        self._tasks = TaskRegistry(self.stop.fail)
        self._log = VirtualLog(clock, told, lambda: self.lives)
        own = _as_live(book.settings())
        self.state = State(
            dict(book.instruments()),
            to_params(own, journal.epoch, book.instruments(), SECOND),
            clock.now(),
        )
        self.polls: list[AccountPoll] = []
        self.daemon = self._daemon(own, wires)
        self.engine.watch(heard[0])
        self.engine.observe(lambda event, _: heard[1](event))

    def _daemon(self, own: Settings, wires: Mapping[str, Wire]) -> Daemon:
        clock, journal, log, state = self.clock, self.journal, self._log, self.state
        past = recover(journal, wires)
        around = Surrounding(clock, journal, log, None, "virtual")
        begin(state, own, {}, around)
        past.put_back(state, log)
        ends = {name: VirtualVenue(each, clock, lambda: self.lives) for name, each in wires.items()}
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
        self._scheduler = ClockScheduler(clock)
        return Daemon(
            Parts(
                engine=self.engine,
                inbox=self.inbox,
                dispatch=dispatch,
                feeds=self.polls,
                venues=ends,
                clock=clock,
                tasks=self._tasks,
                scheduler=self._scheduler,
                journal=journal,
                log=log,
                adopts=past.first,
                archives=_Archives(self.polls),
            ),
            self.stop,
        )

    def _agreed(self, event: Event, _decisions: Sequence[Decision]) -> None:
        if isinstance(event, Reconciled) and not event.differences:
            for each in self.polls:
                each.agreed(event.ts_local)

    def hear(self, event: Event) -> None:
        """Take in what a stream carries."""
        if self.lives:
            self.inbox.put(event)

    def kill(self) -> None:
        """Cut it off from everything, at this instant, and let it fall."""
        self.lives = False
        self.journal.cut = True
        self._dispatch.shut()
        self.stop.ask()


def _as_live(own: Settings) -> Settings:
    """Return the settings without holdings: it adopts what the venues hold."""
    return own.model_copy(update={"holdings": ()})
