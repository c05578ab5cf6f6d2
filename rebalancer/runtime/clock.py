"""Clocks: the wall's, and a market's that drives every timer, age and latency.

A market clock stands still while there is work to do and jumps to the next
timer when there is none. How long it waits before a jump (`speed`) changes
nothing that happens: the same calls come in the same order at the same
nanosecond, whatever the pace. It does so from the selector of the event loop,
the one place that knows that nothing else is ready to run.
"""

import asyncio
import heapq
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

from rebalancer.ports import SECOND, Clock, Timer

Result = TypeVar("Result")
_LONGEST_WAIT = 3600.0  # real seconds; epoll refuses more than 24 days, and a wait can be resumed


async def until(clock: Clock, ts: int) -> None:
    """Return when a clock reaches `ts`."""
    arrived = asyncio.get_running_loop().create_future()

    def arrive() -> None:
        if not arrived.done():
            arrived.set_result(None)

    timer = clock.call_at(ts, arrive)
    try:
        await arrived
    finally:
        timer.cancel()


async def breathe() -> None:
    """Let everything else that is ready run once; takes no time."""
    await asyncio.sleep(0)


def _steady() -> int:
    """Return ns that never jump; where the system tells, those of a suspended machine count too."""
    boot: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(boot)


class WallClock:
    """Real time: the wall's at the start, and from there a steady clock's.

    A wall clock that is set, forwards or back, moves neither an age nor a deadline,
    until somebody who knows that it is right says `anchor`.

    Args:
        wall: Tells ns since 1970 UTC.
        steady: Tells ns that never jump.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = _steady
    ) -> None:
        self._wall, self._steady = wall, steady
        self._ahead = 0
        self.anchor()

    def now(self) -> int:
        """Return ns since 1970 UTC."""
        return self._ahead + self._steady()

    def monotonic(self) -> int:
        """Return ns that never jump."""
        return self._steady()

    def wall(self) -> int:
        """Return ns since 1970 UTC as the machine tells them now."""
        return self._wall()

    def anchor(self) -> None:
        """Go on from what the machine's clock shows now."""
        self._ahead = self._wall() - self._steady()

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once when the wall shows `ts`, measured from now."""
        delay = max(ts - self.now(), 0) / SECOND
        return asyncio.get_running_loop().call_later(delay, callback)

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns."""
        await until(self, self.now() + duration)


@dataclass(slots=True, eq=False)
class _Call:
    """A due call."""

    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


class MarketClock:
    """Time as the market has it: jumps from timer to timer.

    Args:
        start: ns since 1970 UTC.
        speed: Market seconds per real second; 0 goes as fast as it can.
    """

    def __init__(self, start: int, speed: float = 0.0) -> None:
        self._start = self._now = start
        self._speed = speed
        self._began: float | None = None  # real seconds, at the first wait
        self._calls: list[tuple[int, int, _Call]] = []  # ns, order: of two the first asked for
        self._asked = 0

    def now(self) -> int:
        """Return ns since 1970 UTC."""
        return self._now

    def monotonic(self) -> int:
        """Return the same: market time never jumps back."""
        return self._now

    def wall(self) -> int:
        """Return the same: nobody sets the market's time."""
        return self._now

    def anchor(self) -> None:
        """Do nothing: there is no other clock."""

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once at `ts`, or now if that has passed."""
        self._asked += 1
        call = _Call(callback)
        heapq.heappush(self._calls, (max(ts, self._now), self._asked, call))
        return call

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns of market time."""
        await until(self, self._now + duration)

    def pause(self) -> float | None:
        """Return real seconds to wait before the next call; None when there is none."""
        while self._calls and self._calls[0][2].callback is None:
            heapq.heappop(self._calls)
        if not self._calls:
            return None
        if not self._speed:
            return 0.0
        if self._began is None:
            self._began = time.monotonic()
        due = self._began + (self._calls[0][0] - self._start) / SECOND / self._speed
        return min(max(due - time.monotonic(), 0.0), _LONGEST_WAIT)

    def jump(self) -> None:
        """Move to the next call and make it."""
        self._now, _, call = heapq.heappop(self._calls)
        if call.callback is not None:
            call.callback()


class _IdleSelector(selectors.BaseSelector):
    """A selector that spends the loop's idle time on a market clock."""

    def __init__(self, clock: MarketClock) -> None:
        self._clock = clock
        self._inner = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; when the loop is idle, wait for the next call and make it."""
        if timeout is not None and timeout <= 0:
            return self._inner.select(timeout)
        pause = self._clock.pause()
        if pause is None:
            return self._inner.select(timeout)
        if timeout is not None and timeout < pause:
            return self._inner.select(timeout)
        ready = self._inner.select(pause)
        if not ready and self._clock.pause() == 0.0:
            self._clock.jump()
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


def run_market(clock: MarketClock, main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end on an event loop whose idle time the market clock spends."""

    def new_loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_IdleSelector(clock))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


def run_wall(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end on a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
