"""The mark of a start: `running` in the state folder, until its end in order takes it away.

Whoever finds it while no daemon runs knows that the last one did not end in
order: it was killed, or it left orders of which it did not hear the end.
"""

import os
from pathlib import Path

from rebalancer.errors import DataError
from rebalancer.storage import folder

NAME = "running"
LONGEST = 500  # characters that are read of it


class StartMark:
    """The mark in one state folder.

    Args:
        folder: Of the book's state.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def left(self) -> str | None:
        """Return what an earlier start left word of; None: it ended in order, or there was none.

        One that cannot be read was left all the same.
        """
        try:
            told = self.path.read_bytes()[: 4 * LONGEST].decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"its mark cannot be read: {error.strerror}"
        return "; ".join(told.split("\n")).strip("; ")[:LONGEST] or "it left no word"

    def make(self, words: str) -> None:
        """Leave the mark of a start, on disk when this returns, in place of an earlier one.

        Raises:
            DataError: The disk refused.
        """
        self._write(words, os.O_TRUNC)

    def add(self, words: str) -> None:
        """Write under the mark of a start that is gone how it ended.

        Raises:
            DataError: The disk refused.
        """
        self._write(words, os.O_APPEND)

    def clear(self) -> None:
        """Take the mark away: the start ended in order.

        Raises:
            DataError: The disk refused.
        """
        try:
            self.path.unlink(missing_ok=True)
            folder.settle(self.path.parent)
        except OSError as error:
            raise DataError(f"{self.path}: must be a file that can be taken away: {error}") from (
                error
            )

    def _write(self, words: str, how: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | how
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, f"{words}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            folder.settle(self.path.parent)
        except OSError as error:
            raise DataError(f"{self.path}: must be a file that can be written: {error}") from error
