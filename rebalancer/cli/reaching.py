"""Reaching: the way of a command to the daemon of a book, and why there is none."""

from pathlib import Path

from rebalancer.errors import DataError
from rebalancer.ops.client import TIMEOUT, ControlClient
from rebalancer.ops.protocol import SOCKET
from rebalancer.storage.folder import holder
from rebalancer.storage.killfile import NAME


def reach(folder: Path, timeout: float = TIMEOUT) -> ControlClient:
    """Return a client of the daemon that writes in a state folder.

    Args:
        folder: Of the book's state.
        timeout: Longest wait for an answer, s of real time.
    """

    def held() -> str | None:
        try:
            number = holder(folder)
        except DataError as error:
            return f"nobody answers, and nobody can tell whether a daemon runs: {error}"
        if number is None:
            return None
        how = f"try again, or stop it by `touch {folder / NAME}`"
        return f"process {number} holds this book, and cannot be asked as it begins or ends; {how}"

    return ControlClient(folder / SOCKET, timeout, held)
