"""Serving: a running book, its control socket open, its signals heard, somebody watching."""

import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rebalancer.cli.outlets import REDACTOR
from rebalancer.cli.signals import heard, rereader
from rebalancer.ops.log import configure
from rebalancer.ops.terminal import LiveView
from rebalancer.ports import SECOND, UNPULLED, Brake, Clock, Log
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import Settings
from rebalancer.storage.caretaker import DiskCaretaker
from rebalancer.storage.killfile import KillFile
from rebalancer.wiring import Outward, Running, Served, Waiting, companions

JOURNAL = "journal.sqlite"
FLIGHT = "flight"  # folder of the recorded events, beside the journal
FRAME = SECOND // 10  # real ns between two drawings of the live view


@dataclass(frozen=True, slots=True)
class Wish:
    """How a book is to be run."""

    settings: Settings
    folder: Path  # journal and control socket
    dress: str
    seed: int
    speed: float  # market seconds per real second; 0: as fast as it goes
    duration: int | None  # ns of market time
    stays: bool = True  # whether the folder outlives the run
    config: Path | None = None  # file of the settings; None: it is not read again

    @property
    def demo(self) -> bool:
        """Whether it is none of the services: it decides the same on any disk."""
        return self.dress.startswith("demo")

    @property
    def brake(self) -> Brake:
        """What somebody with a shell can pull."""
        return UNPULLED if self.demo else KillFile(self.folder, REDACTOR.known)

    @property
    def flight(self) -> Path | None:
        """Where events are recorded: beside a journal that stays."""
        return self.folder / FLIGHT if self.stays else None

    @property
    def caretaker(self) -> DiskCaretaker | None:
        """Who looks after the journal of a service."""
        return None if self.demo else DiskCaretaker(self.folder / JOURNAL)

    @property
    def watched(self) -> bool:
        """Whether a person looks on."""
        return self.demo and sys.stdout.isatty()

    def log(self, stack: ExitStack, clock: Clock, epoch: int) -> Log:
        """Return the log, with every secret taken out that this process reads.

        It goes to standard error, or aside where a live view is drawn.
        """
        about = {"book": self.settings.book.id, "epoch": epoch}
        return configure(self._stream(stack), clock, redactor=REDACTOR, about=about)

    def _stream(self, stack: ExitStack) -> TextIO:
        if not self.watched:
            return sys.stderr
        return stack.enter_context((self.folder / "log.jsonl").open("w"))


async def serve(
    running: Running, wish: Wish, told: Outward, waiting: Waiting | None = None
) -> None:
    """Run the daemon with its signals heard and its companions beside it.

    Args:
        running: The book.
        wish: How it is to be run.
        told: How it is heard.
        waiting: Its start: what carries its alerts already, and beyond its end, and
            where it can be asked; None: they begin and end with it.
    """
    leaving = told.leaving
    if waiting is not None and waiting.messenger is not None:
        waiting.messenger.attend(running)
        leaving = None
    read = rereader(wish.config, wish.settings, told.log)
    async with AsyncExitStack() as stack:
        stack.enter_context(heard(running.stop.ask, read, last=not wish.demo))
        beside = (leaving, REDACTOR, None if waiting is None else waiting.doors)
        served = Served(wish.settings, wish.folder, running, told.log, *beside)
        for each in companions(served):
            stack.push_async_callback(each.close)
            await each.start()
        await running.daemon.run(wish.duration)


def watch(running: Running, view: LiveView) -> None:
    """Draw the status after a step, but no more often than an eye can follow."""
    wall = WallClock()
    drawn = 0

    def draw(*_unused: object) -> None:
        nonlocal drawn
        now = wall.monotonic()
        if now - drawn >= FRAME:
            drawn = now
            view.refresh(running.status.status())

    running.engine.observe(draw)
