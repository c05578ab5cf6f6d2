"""Companions: what stands beside a running book and serves those who look after it.

They begin before the book does and end after it, the last one first, so that
its start and its end can be watched. None of them decides anything.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebalancer.ops.notify import Notifier
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import Companion, Log
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import Settings
from rebalancer.storage.startmark import StartMark
from rebalancer.wiring.beginning import Running
from rebalancer.wiring.channels import KeptChannels
from rebalancer.wiring.doors import Doors, Lodge
from rebalancer.wiring.ending import Ending
from rebalancer.wiring.outward import Leaving, MessengerBeside


@dataclass(frozen=True, slots=True)
class Served:
    """A book that is about to run."""

    settings: Settings
    folder: Path  # of its state
    running: Running
    log: Log
    leaving: Leaving | None = None  # None: no alert leaves the program
    redactor: Redactor = field(default_factory=Redactor)  # knows what the process has read
    doors: Doors | None = None  # that are open already; None: they open and close with the book


def companions(served: Served) -> Sequence[Companion]:
    """Return what stands beside a book, in the order in which it begins."""
    status, log = served.running.status, served.log
    notifier = Notifier(os.environ, status, WallClock(), log, served.redactor)
    served.running.daemon.attend(notifier.beat)
    found: list[Companion] = []
    if served.leaving is not None:  # the first: what the others do wrong leaves by it
        book = served.settings.book.id
        found.append(MessengerBeside(book, served.leaving, served.running))
    found.append(KeptChannels(served.settings, served.folder, log))
    found += [notifier, Ending(StartMark(served.folder), served.running, WallClock())]
    lodge = Lodge(served.settings, served.folder, log, served.redactor)
    found.append(served.doors or Doors(lodge, status, served.running.tuner))
    return found
