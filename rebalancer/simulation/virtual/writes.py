"""Writes: what goes wrong with what one start of a process writes down."""

from typing import TYPE_CHECKING

from rebalancer.ports import SECOND
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.journal import Mishap
from rebalancer.simulation.virtual.weather import MILLISECOND

if TYPE_CHECKING:
    from rebalancer.simulation.virtual.world import World

_OF_A_RUNNING_ONE = (
    ("killed_before_write", Mishap.BEFORE, goals.AT_WRITE),
    ("killed_after_write", Mishap.AFTER, goals.AT_WRITE),
    ("slow_write", Mishap.SLOW, goals.SLOW),
)


class Writes:
    """The writes of one start, the next of a world.

    Args:
        world: Whose faults strike.
        dice: Of this start.
    """

    def __init__(self, world: "World", dice: Dice) -> None:
        self._world, self._dice = world, dice
        self._epoch = world.disk.epoch + 1

    def strikes(self) -> Mishap | None:
        """Return what goes wrong with this write, if anything does."""
        world, process = self._world, self._world.process
        if world.faults.strikes("disk_failed", self._dice):
            return Mishap.FAILS
        if process is None or process.journal.epoch != self._epoch:
            return None
        for fault, mishap, goal in _OF_A_RUNNING_ONE:
            if world.faults.strikes(fault, self._dice):
                world.oracle.goals[goal] += 1
                return mishap
        return None

    def kill(self) -> None:
        """Kill the process."""
        self._world.crash("killed while it writes")

    def wait(self) -> None:
        """Let the process wait for its disk, in the middle of what it does."""
        world, process = self._world, self._world.process
        if process is not None:
            duration = self._dice.between(200, 5000) * MILLISECOND
            world.oracle.note(world.clock.now(), f"a write takes {duration / SECOND:g} s")
            process.clock.wait(duration)
