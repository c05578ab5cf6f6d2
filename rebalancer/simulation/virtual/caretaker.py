"""The caretaker of a simulated journal: it tells how much room there is, and makes no copies."""

from rebalancer.errors import Defect
from rebalancer.ports import Errand, LeastRoom, Room
from rebalancer.simulation.virtual.journal import Disk

MIB = 1024 * 1024  # bytes
LEAST = LeastRoom(256 * MIB, 0.05, 1024 * MIB)
WHOLE = 100_000 * MIB  # bytes of the disk


class VirtualCaretaker:
    """A `ports.Caretaker` of a disk.

    Args:
        disk: Of the journal.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def room(self) -> Room:
        """Return how much room there is."""
        return Room(MIB if self._disk.short else WHOLE // 2, WHOLE)

    def reserve(self) -> bool:
        """Return True: room is always set aside."""
        return True

    def copied(self, day: str) -> bool:  # noqa: ARG002
        """Return True: none is to be made."""
        return True

    async def copy(self, day: str, keep: int, spare: int) -> Errand:
        """Refuse.

        Raises:
            Defect: Always: none is to be made.
        """
        raise Defect(f"no copy must be asked for, was of {day}: {keep} with {spare} spare")

    async def check(self) -> Errand:
        """Refuse.

        Raises:
            Defect: Always: none is to be made.
        """
        raise Defect("no check must be asked for")

    def mark(self, what: str) -> bool:
        """Refuse.

        Raises:
            Defect: Always: no check finds anything.
        """
        raise Defect(f"nothing must be found damaged, was {what}")

    def marked(self) -> str | None:
        """Return None: nothing was found damaged."""
        return None

    def unmark(self) -> None:
        """Do nothing: there is no word of damage."""

    def give_up(self) -> None:
        """Do nothing: nothing is on its way."""
