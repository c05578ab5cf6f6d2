"""The past of an account: what it held some seconds ago, for snapshots that lag."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rebalancer.ports import SECOND

KEPT = 10 * SECOND  # ns: no snapshot lags further behind

Row = TypeVar("Row")  # an instrument or cash, how much of it is held, and what else is told of it


class Past(Generic[Row]):
    """Remembers what an account held over the last seconds.

    Args:
        read: Returns what the account holds now.
        ts: ns; what it holds now, it has held since before this.
    """

    def __init__(self, read: Callable[[], Sequence[Row]], ts: int) -> None:
        self._read = read
        self._held: deque[tuple[int, Sequence[Row]]] = deque([(ts, read())])  # since when

    def note(self, ts: int) -> None:
        """Look at the account again: something was booked at `ts`."""
        if self._held[-1][0] == ts:
            self._held.pop()
        self._held.append((ts, self._read()))
        while len(self._held) > 1 and self._held[1][0] <= ts - KEPT:
            self._held.popleft()

    def at(self, ts: int) -> Sequence[Row]:
        """Return what was held at `ts`, or when the account was first looked at."""
        return next((rows for since, rows in reversed(self._held) if since <= ts), self._held[0][1])
