"""A journal that lives as long as the run: for replay, demo and simulation."""

from collections import deque
from collections.abc import Iterable

from rebalancer.ports import Entry, Retention


class MemoryJournal:
    """A `ports.Journal` without a disk; its epoch is always 1.

    Args:
        limit: Most entries kept, the youngest; None keeps all. A long replay
            writes millions, and nobody asks why after it.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.epoch = 1
        self.entries: deque[Entry] = deque(maxlen=limit)
        self._meta: dict[str, str] = {}

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(entry)

    def flush(self) -> None:
        """Return at once: there is no disk to wait for."""

    def read(self, kind: str | None = None, key: str | None = None) -> Iterable[Entry]:
        """Yield what was there when asked, in the order in which it was written."""
        for entry in tuple(self.entries):
            if kind in (None, entry.kind) and key in (None, entry.key):
                yield entry

    def step(self, sequence: int) -> Iterable[Entry]:
        """Yield the entries of one step, in the order in which they were written."""
        return (entry for entry in tuple(self.entries) if entry.sequence == sequence)

    def latest(self, kind: str, ts: int) -> Entry | None:
        """Return the last entry of a kind written at or before `ts` (ns), or None."""
        told = (entry for entry in reversed(self.entries) if entry.kind == kind and entry.ts <= ts)
        return next(told, None)

    def get_meta(self, key: str) -> str | None:
        """Return what was put under a name, or None."""
        return self._meta.get(key)

    def put_meta(self, key: str, value: str | None) -> None:
        """Keep one value under a name, in place of the one before; None forgets it."""
        if value is None:
            self._meta.pop(key, None)
        else:
            self._meta[key] = value

    def prune(self, _retention: Retention, _now: int, _most: int) -> int:
        """Let nothing go: it lives no longer than the run."""
        return 0

    def crowded(self, _retention: Retention) -> bool:
        """Return False: there is no disk to fill."""
        return False

    def close(self) -> None:
        """Return: what was kept can still be read."""
