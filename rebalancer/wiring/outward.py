"""Outward: how what a book tells of itself leaves it, where its settings say so."""

import os
from collections.abc import Callable
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
        running: The book.
        leaving: What carries its alerts.
    """

    def __init__(self, book: str, running: Running, leaving: Leaving) -> None:
        self._book, self._running = book, running
        clock = WallClock()
        self._messenger = Messenger(leaving.orders, leaving.outbox, leaving.log, clock)
        told = (leaving.outbox, running.status, clock, leaving.log, self._messenger.look)
        self._step: Callable[..., None] = Beats(*told).step

    async def start(self) -> None:
        """Begin; a book whose alerts cannot leave does not start.

        Raises:
            Unavailable: The messenger did not begin.
        """
        await self._messenger.start()
        self._running.engine.observe(self._step)

    async def close(self) -> None:
        """Say how the book ended, and say goodbye."""
        cause = self._running.stop.cause
        ending = Ending(Severity.WARNING, "daemon.stopped", "stopped in order; nobody hedges")
        if cause is not None:
            text = f"ended by {type(cause).__name__}: {cause}; nobody hedges"
            ending = Ending(Severity.ERROR, "daemon.failed", text)
        self._messenger.last(ending, self._book)
        await self._messenger.close()
