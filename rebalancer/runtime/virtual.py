"""The virtual loop: an event loop without a selector, whose time and order a seed decides.

Nothing outside can wake it. While something is ready it runs, in an order that
is drawn anew each time round: whoever relies on who comes first is found out.
When nothing is, the market clock jumps to its next call. Same draws, same run,
to the last instruction.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rebalancer.errors import Defect
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock

Result = TypeVar("Result")
Shuffle = Callable[[list[Any]], None]


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop for what happens in virtual time.

    Args:
        clock: The only source of time; jumps while nothing is ready.
        shuffle: Puts what is ready at once into the order in which it runs.
    """

    _ready: Any  # handles that are due, of the base class

    def __init__(self, clock: MarketClock, shuffle: Shuffle) -> None:
        super().__init__()
        self._clock, self._shuffle = clock, shuffle

    def time(self) -> float:
        """Return virtual seconds."""
        return self._clock.now() / SECOND

    def call_at(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """Refuse: whoever waits, waits on the clock port.

        Raises:
            Defect: Always.
        """
        raise Defect("a timer must be the clock port's, was the event loop's")

    def _process_events(self, _: Any) -> None:
        """Do nothing: there are none."""

    def _write_to_self(self) -> None:
        """Do nothing: nobody sleeps."""

    def _run_once(self) -> None:
        """Run what is ready; where nothing is, let time jump."""
        if not self._ready:
            if self._clock.pause() is None:
                raise Defect("something must be due, or nobody ever wakes again")
            self._clock.jump()
        due = list(self._ready)
        self._ready.clear()
        if len(due) > 1:
            self._shuffle(due)
        for handle in due:
            if not handle._cancelled:
                handle._run()


def run_virtual(clock: MarketClock, shuffle: Shuffle, main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end in virtual time, in an order that `shuffle` draws."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, shuffle)) as runner:
        return runner.run(main)
