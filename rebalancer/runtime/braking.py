"""Braking: the brake outside is looked at each second, and a book that finds it pulled is killed.

`dispatch` looks as well, right before each order leaves, so that nothing waits
for this second. What it finds here is latched: a brake that is let go again
leaves the book killed until an operator arms it.
"""

from collections.abc import Callable

from rebalancer.core.events import Event, Operator, Verb
from rebalancer.core.state import State
from rebalancer.ports import Brake, Clock

WHO = "kill file"


class BrakeWatch:
    """Kills a book whose brake is pulled.

    Args:
        brake: Outside.
        state: Of the book.
        put: Takes the order to kill.
        clock: Dates it.
    """

    def __init__(
        self, brake: Brake, state: State, put: Callable[[Event], None], clock: Clock
    ) -> None:
        self._brake, self._state = brake, state
        self._put, self._clock = put, clock

    def look(self) -> None:
        """Kill the book if somebody pulled the brake and it does not know yet."""
        if self._state.killed:
            return
        why = self._brake.pulled()
        if why is not None:
            self._put(Operator(self._clock.now(), Verb.KILL, why, WHO))
