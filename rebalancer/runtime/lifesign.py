"""The sign of life: once a tick the engine itself says how the daemon comes along.

It is taken in the step of a tick and nowhere else. So it stops when the loop is
blocked, when the engine hangs or has died, when nobody puts ticks any more; and
one that the engine comes to late says so. No timer and no thread can say it in
the engine's place.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, Reconciled, Tick
from rebalancer.ports import SECOND, Beat, Clock

LATE = 5 * SECOND  # ns that a tick may wait for its turn


class Wish(Protocol):
    """Whether the daemon is to end."""

    @property
    def wished(self) -> bool:
        """Whether somebody asked, or something broke."""


class LifeSign:
    """Tells somebody of each tick that the engine took.

    Args:
        clock: By which ticks are dated.
        ailment: Returns what is wrong with the daemon; None: nothing.
        stop: Whether it is to end.
        tell: Hears of each tick; must not raise.
    """

    def __init__(
        self,
        clock: Clock,
        ailment: Callable[[], str | None],
        stop: Wish,
        tell: Callable[[Beat], None],
    ) -> None:
        self._clock, self._ailment, self._stop, self._tell = clock, ailment, stop, tell
        self._begun = False

    def step(self, event: Event, _decisions: Sequence[Decision]) -> None:
        """Take a step of the engine."""
        if isinstance(event, Reconciled):
            self._begun = True
        elif isinstance(event, Tick):
            late = self._clock.now() - event.ts_local
            behind = f"the engine is {late // SECOND} s behind" if late > LATE else None
            self._tell(Beat(self._begun, behind or self._ailment(), self._stop.wished))
