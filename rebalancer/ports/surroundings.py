"""Time, tasks, schedule and chance: the ambient things that a run is put into."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

SECOND = 1_000_000_000  # ns


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call; harmless once it was made."""


class Clock(Protocol):
    """The only source of time. Nanoseconds; market time where the market is not live."""

    def now(self) -> int:
        """Return ns since 1970 UTC."""

    def monotonic(self) -> int:
        """Return ns that never jump, for ages and deadlines."""

    def wall(self) -> int:
        """Return ns since 1970 UTC by the machine's own clock, which may be set while we run."""

    def anchor(self) -> None:
        """Let `now()` go on from the machine's own clock, which was set since."""

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once when `now()` reaches `ts`, at once when it has."""

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns."""


class Tasks(Protocol):
    """The only way to start something that runs beside its caller."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start `work`; an exception in it stops the daemon, in order."""

    async def close(self) -> None:
        """Cancel what still runs, youngest first, and wait for it."""


class Scheduler(Protocol):
    """Calls that repeat, driven by the clock port."""

    def every(self, name: str, period: int, call: Callable[[], None]) -> None:
        """Call each `period` ns, first after one period."""

    def at(self, name: str, crontab: str, call: Callable[[], None]) -> None:
        """Call at the times of a five-field crontab line, UTC."""

    def close(self) -> None:
        """Forget every call."""


class Randomness(Protocol):
    """The only source of chance."""

    def generator(self, name: str) -> np.random.Generator:
        """Return the stream of this name: same seed and name, same numbers."""


@dataclass(frozen=True, slots=True)
class Beat:
    """How a daemon comes along, told by its engine as it takes a tick, and by nobody else."""

    begun: bool  # whether ledger and venues were compared since the start
    ailment: str | None  # why it must not count as alive; None: nothing
    stopping: bool


class Companion(Protocol):
    """What stands beside a running book from before its start until after its end."""

    async def start(self) -> None:
        """Begin; what cannot begin keeps the book from starting."""

    async def close(self) -> None:
        """End; harmless where it never began."""
