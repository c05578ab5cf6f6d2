"""The caretaker of a journal on disk."""

from pathlib import Path

from rebalancer.ports import Room
from rebalancer.storage import room


class DiskCaretaker:
    """A `ports.Caretaker` of the folder that a journal is in.

    Args:
        folder: The state folder of the book.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def room(self) -> Room:
        """Return how much room there is."""
        return room.measure(self._folder)

    def reserve(self) -> bool:
        """Set room aside that is given up when the disk is full; return whether it is there."""
        return room.reserve(self._folder)
