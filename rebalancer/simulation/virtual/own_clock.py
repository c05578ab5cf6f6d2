"""A process's own clock: it goes on from what the machine showed, and stops while the process does.

The true time is the exchanges'. A machine's clock may be wrong when a process
begins and be set right, or wrong, while it runs; it may go too fast or too slow,
as one that is made to come round does, and then the process's does too. A
process that is stopped (SIGSTOP, a frozen virtual machine) is called late: all
that was due in between comes when it goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.ports import SECOND, Clock, Timer
from rebalancer.runtime.clock import until


@dataclass(slots=True)
class Machine:
    """A machine, which outlives its processes: its wall's clock may be set, all may go wrong."""

    step: int = 0  # ns that the wall's clock is ahead of the steady one, which begins at the truth
    gains: int = 0  # ns a second that both gain now
    _gained: int = 0  # ns that they had gained at `_since`
    _since: int = 0  # true ns
    _before: int = 0  # ns a second that they gained until then

    def gained(self, true: int) -> int:
        """Return ns that the steady clock is ahead of the true time, at a true time, ns."""
        gains = self.gains if true >= self._since else self._before
        return self._gained + gains * (true - self._since) // SECOND

    def drift(self, gains: int, true: int) -> None:
        """Let its clocks gain so many ns a second from a true time (ns) on, where a process is."""
        true = max(true, self._since)
        self._before = self.gains
        self._gained, self._since, self.gains = self.gained(true), true, gains

    def set(self, ahead: int, true: int) -> None:
        """Set the wall's clock `ahead` ns off the true time of now, ns."""
        self.step = ahead - self.gained(true)


class OwnClock:
    """A `ports.Clock` of one process.

    Args:
        clock: The true time.
        machine: It runs on.
    """

    def __init__(self, clock: Clock, machine: Machine) -> None:
        self._clock, self._machine = clock, machine
        self._step = machine.step  # ns of what it shows before the steady clock
        self._stopped = 0  # true ns until when nothing of the process runs
        self._busy = 0  # true ns that have gone by, for what it does at this instant

    def true(self) -> int:
        """Return true ns at which the process is: what it waits for is done then."""
        return max(self._clock.now(), self._busy)

    @property
    def ahead(self) -> int:
        """Ns of what it shows before the true time."""
        return self._step + self._machine.gained(self.true())

    def now(self) -> int:
        """Return ns since 1970 UTC, as this process takes them."""
        return self.monotonic() + self._step

    def monotonic(self) -> int:
        """Return ns that never jump."""
        true = self.true()
        return true + self._machine.gained(true)

    def wall(self) -> int:
        """Return what the machine's clock shows."""
        return self.monotonic() + self._machine.step

    def anchor(self) -> None:
        """Go on from what the machine's clock shows now."""
        self._step = self._machine.step

    def stop(self, duration: int) -> None:
        """Let nothing of the process run for a while, ns."""
        self._stopped = max(self._stopped, self._clock.now() + duration)

    def wait(self, duration: int) -> None:
        """Let the process wait in the middle of what it does, ns: when that goes on it is late."""
        self._busy = self.true() + duration
        self._stopped = max(self._stopped, self._busy)

    async def waited(self) -> None:
        """Return when all that the process waited for in the middle of something has gone by."""
        if self._busy > self._clock.now():
            await until(self, self.now())

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once when this clock shows `ts`, measured from now."""
        call = _Call(self, callback, ts)
        self._clock.call_at(self._due(ts), call.fire)
        return call

    def _due(self, ts: int) -> int:
        """Return the true ns at which this clock shows `ts`, as it goes now."""
        now = self._clock.now()
        left = ts - now - self._step - self._machine.gained(now)
        return now - -left * SECOND // (SECOND + self._machine.gains) if left > 0 else now + left

    @property
    def stopped(self) -> bool:
        """Whether nothing of the process runs now."""
        return self._clock.now() < self._stopped

    def ran(self, since: int) -> bool:
        """Whether the process ran all the time since then, true ns."""
        return self._stopped <= since

    def postponed(self, call: "_Call") -> bool:
        """Whether a call has to wait: the process stands still, or its clock slowed down."""
        due = self._stopped if self.stopped else self._due(call.ts)
        if due <= self._clock.now():
            return False
        self._clock.call_at(due, call.fire)
        return True

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns."""
        await until(self, self.now() + duration)


class _Call:
    __slots__ = ("_callback", "_clock", "ts")

    def __init__(self, clock: OwnClock, callback: Callable[[], None], ts: int) -> None:
        self._clock, self.ts = clock, ts  # ns that it shows when the call is due
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        if self._callback is not None and not self._clock.postponed(self):
            self._callback()
