"""A shifted clock: another's pace, at another date, so that a world may begin when it must."""

from collections.abc import Callable

from rebalancer.ports import Clock, Timer


class ShiftedClock:
    """A clock that shows `start` now and goes on like another.

    Args:
        clock: Gives the pace.
        start: ns since 1970 UTC.
    """

    def __init__(self, clock: Clock, start: int) -> None:
        self._clock = clock
        self._ahead = start - clock.now()

    def now(self) -> int:
        """Return ns since 1970 UTC."""
        return self._clock.now() + self._ahead

    def monotonic(self) -> int:
        """Return ns that never jump."""
        return self._clock.monotonic()

    def wall(self) -> int:
        """Return what the other's machine shows, at this date."""
        return self._clock.wall() + self._ahead

    def anchor(self) -> None:
        """Let the other go on from its machine's clock."""
        self._clock.anchor()

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once when this clock shows `ts`."""
        return self._clock.call_at(ts - self._ahead, callback)

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns."""
        await self._clock.sleep(duration)
