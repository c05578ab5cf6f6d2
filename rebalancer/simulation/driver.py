"""The driver: a market that goes on by itself, step by step on the wall clock."""

from collections.abc import Callable, Iterable

from rebalancer.market.records import WorldStep
from rebalancer.ports import Clock
from rebalancer.simulation.place import Place


class Driver:
    """Steps a world and tells every place of it.

    Args:
        advance: Advances the world to a time, ns, that never comes twice.
        places: Who is told.
        clock: When; a late step leads to the present, none is made up for.
        period: ns between two steps.
    """

    def __init__(
        self,
        advance: Callable[[int], WorldStep],
        places: Iterable[Place],
        clock: Clock,
        period: int,
    ) -> None:
        self._advance, self._places = advance, tuple(places)
        self._clock, self._period = clock, period
        self._last = 0

    def pace(self, period: int) -> None:
        """Let so many ns pass between two steps from now on."""
        self._period = period

    def step(self) -> WorldStep:
        """Let the present be told, everywhere."""
        self._last = max(self._clock.now(), self._last + 1)
        step = self._advance(self._last)
        for place in self._places:
            place.tell(step)
        return step

    async def run(self) -> None:
        """Go on until canceled."""
        while True:
            await self._clock.sleep(self._period)
            self.step()
