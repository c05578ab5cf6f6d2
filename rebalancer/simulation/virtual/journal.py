"""The journal of a simulated run: what was flushed outlives a crash, what was not is gone.

Its disk can fail once and for good, as a real one's: after that nothing is
written any more. Another start gets another disk with what the last had kept.
And its process can be killed right before or right after a flush.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from rebalancer.errors import DataError
from rebalancer.ports import Entry, Retention


class Mishap(StrEnum):
    """What can go wrong with a flush."""

    FAILS = "fails"  # the disk, for good
    BEFORE = "before"  # the process is killed, and nothing of it is written
    AFTER = "after"  # the process is killed once all of it is
    SLOW = "slow"  # it takes seconds


@dataclass(slots=True)
class Disk:
    """What lasts."""

    entries: list[Entry] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    epoch: int = 0
    intents: dict[str, None] = field(default_factory=dict)  # client order ids that are on it
    short: bool = False  # whether it is nearly full


class VirtualJournal:
    """A `ports.Journal` on a disk that can fail; opened anew by each start.

    Args:
        disk: That it writes to.
        strikes: Says what goes wrong with this flush.
        kill: Kills the process.
        wait: Lets it wait for its disk.
    """

    def __init__(
        self,
        disk: Disk,
        strikes: Callable[[], Mishap | None] = lambda: None,
        kill: Callable[[], None] = lambda: None,
        wait: Callable[[], None] = lambda: None,
    ) -> None:
        disk.epoch += 1
        self.epoch = disk.epoch
        self.cut = False  # whether the process is gone: nothing gets through any more
        self.through = -1  # last step that was written whole, where the process fell right after
        self._disk, self._strikes, self._kill, self._wait = disk, strikes, kill, wait
        self._waiting: list[Entry] = []
        self._dead = False

    @property
    def dead(self) -> bool:
        """Whether its disk failed."""
        return self._dead

    def append(self, entry: Entry) -> None:
        """Keep an entry in memory."""
        self._alive()
        if not self.cut:
            self._waiting.append(entry)

    def flush(self) -> None:
        """Put what waits on the disk.

        Raises:
            DataError: The disk failed, now or before.
        """
        self._alive()
        if self.cut or not self._waiting:
            return
        mishap = self._strikes()
        if mishap is Mishap.FAILS:
            self._dead = True
            self._alive()
        if mishap is Mishap.BEFORE:
            self._kill()
            return
        self._disk.entries += self._waiting
        for entry in self._waiting:
            if entry.kind == "order":
                self._disk.intents[entry.key] = None
        written, self._waiting = self._waiting, []
        if mishap is Mishap.AFTER:
            self.through = max(entry.sequence for entry in written)
            self._kill()
        if mishap is Mishap.SLOW:
            self._wait()

    def _alive(self) -> None:
        if self._dead and not self.cut:
            raise DataError("virtual disk: it failed; nothing more is written or traded")

    def read(self, kind: str | None = None, key: str | None = None) -> Iterable[Entry]:
        """Yield what was there when asked, in the order in which it was written."""
        for entry in (*self._disk.entries, *self._waiting):
            if kind in (None, entry.kind) and key in (None, entry.key):
                yield entry

    def step(self, sequence: int) -> Iterable[Entry]:
        """Yield the entries of one step, in the order in which they were written."""
        return (each for each in self.read() if each.sequence == sequence)

    def latest(self, kind: str, ts: int) -> Entry | None:
        """Return the last entry of a kind written at or before `ts` (ns), or None."""
        told = [each for each in self.read(kind) if each.ts <= ts]
        return told[-1] if told else None

    def get_meta(self, key: str) -> str | None:
        """Return what was put under a name, or None."""
        return self._disk.meta.get(key)

    def put_meta(self, key: str, value: str | None) -> None:
        """Keep one value under a name, on disk with every entry before it."""
        self.flush()
        if self.cut:
            return
        if value is None:
            self._disk.meta.pop(key, None)
        else:
            self._disk.meta[key] = value

    def prune(self, _retention: Retention, _now: int, _most: int) -> int:
        """Let nothing go: a run is short."""
        return 0

    def crowded(self, _retention: Retention) -> bool:
        """Return False: this disk fails, and is never full."""
        return False

    def close(self) -> None:
        """Put what waits on the disk, where it still takes anything."""
        if not self._dead:
            self.flush()
