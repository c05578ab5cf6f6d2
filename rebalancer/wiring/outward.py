"""Outward: how what a book tells of itself leaves it, where its settings say so."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from rebalancer.core.commands import Severity
from rebalancer.ops.alerts import LogAlertSink
from rebalancer.ops.counting import CountedLog
from rebalancer.ops.messenger.beats import Beats
from rebalancer.ops.messenger.child import Ending, Messenger
from rebalancer.ops.messenger.errors import Both, LeavingErrors
from rebalancer.ops.messenger.lines import Orders
from rebalancer.ops.messenger.orders import orders_of
from rebalancer.ops.messenger.outbox import Outbox
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import AlertSink, Log
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import Settings
from rebalancer.wiring.beginning import Running, Surrounding


@dataclass(frozen=True, slots=True)
class Leaving:
    """What carries alerts out of the program."""

    orders: Orders
    outbox: Outbox
    log: Log  # whose errors do not leave


@dataclass(frozen=True, slots=True)
class Outward:
    """How a book is heard."""

    written: Log  # every line
    log: Log  # the same; what is an error leaves too
    leaving: Leaving | None  # None: the log is all that there is

    @property
    def outbox(self) -> Outbox | None:
        """What takes alerts that leave; None: they do not."""
        return None if self.leaving is None else self.leaving.outbox


def outward(settings: Settings, log: Log, redactor: Redactor | None = None) -> Outward:
    """Return how a book is heard; alerts are kept from now on, until the messenger has begun.

    Args:
        settings: Without faults.
        log: Writes every line.
        redactor: Knows the daemon's secrets; None hides by name only.

    Raises:
        ConfigError: A credential of a channel is missing, or not what it needs.
        PermissionRefused: Others may read one of them.
    """
    written = CountedLog.over(log)
    told = orders_of(settings, os.environ, Path.home())
    if told is None:
        return Outward(written, written, None)
    outbox = Outbox(written, WallClock(), redactor or Redactor())
    leaves = LeavingErrors(written, outbox, settings.book.id)
    return Outward(written, leaves, Leaving(told, outbox, written))


def heard(book: str, around: Surrounding) -> tuple[Surrounding, AlertSink]:
    """Return the surroundings of a book whose errors leave, and where its alerts go.

    Args:
        book: Its id.
        around: As it is handed in.
    """
    written = LogAlertSink(around.log, around.clock)
    if around.outbox is None:
        return around, written
    log = LeavingErrors(around.log, around.outbox, book)  # what the sink writes leaves by itself
    return replace(around, log=log), Both(written, around.outbox)


class MessengerBeside:
    """A `ports.Companion`: the messenger of a running book.

    Args:
        book: Its id.
        leaving: What carries its alerts.
        running: The book; None: it is told later, where it begins at all.
    """

    def __init__(self, book: str, leaving: Leaving, running: Running | None = None) -> None:
        self._book, self._leaving, self._running = book, leaving, running
        self._clock = WallClock()
        self._messenger = Messenger(leaving.orders, leaving.outbox, leaving.log, self._clock)

    async def start(self) -> None:
        """Begin; a book whose alerts cannot leave does not start.

        Raises:
            Unavailable: The messenger did not begin.
        """
        await self._messenger.start()
        if self._running is not None:
            self.attend(self._running)

    def attend(self, running: Running) -> None:
        """Have a book that is about to run tell how it stands, with its own steps."""
        self._running = running
        told = (running.status, self._clock, self._leaving.log, self._messenger.look)
        running.engine.observe(Beats(self._leaving.outbox, *told).step)

    def waits(self, why: str) -> None:
        """Tell that there is no book yet, and why; about once a second."""
        self._messenger.look()
        self._leaving.outbox.say("beat", {"state": "waiting", "why": why})

    async def close(self, error: BaseException | None = None) -> None:
        """Say how the book ended, and say goodbye.

        Args:
            error: What kept it from beginning, or broke beside it.
        """
        cause = error if self._running is None else self._running.stop.cause or error
        ending = Ending(Severity.WARNING, "daemon.stopped", "stopped in order; nobody hedges")
        if cause is not None:
            text = f"ended by {type(cause).__name__}: {cause}; nobody hedges"
            ending = Ending(Severity.ERROR, "daemon.failed", text)
        self._messenger.last(ending, self._book)
        await self._messenger.close()
