"""The journal of a book, and who looks after it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    sequence: int  # step that it belongs to
    ts: int  # ns
    kind: str  # event | decision | inputs | order | query | latch | start | pruned | restored
    key: str  # client order id, underlying or name, to find it by
    payload: Mapping[str, Any]  # JSON values only


@dataclass(frozen=True, slots=True)
class Retention:
    """What of a journal may go, and when."""

    kinds: tuple[str, ...]  # of entries; only those that nothing after a restart rests on
    age: int  # ns; older whole days go
    size: int  # bytes in use; above it the oldest days go before their time


@dataclass(frozen=True, slots=True)
class Room:
    """How much the disk of a journal takes, bytes."""

    free: int  # that this user may still fill
    total: int


@dataclass(frozen=True, slots=True)
class LeastRoom:
    """How much must be free for a hedge to leave."""

    floor: int  # bytes, in any case
    share: float  # of the whole disk …
    ceiling: int  # … but never more bytes than that: a large disk is not full at a twentieth

    def of(self, total: int) -> int:
        """Return the bytes that must be free of so many."""
        return max(self.floor, min(int(total * self.share), self.ceiling))


class Outcome(StrEnum):
    """What came of a copy or a check of a journal."""

    DONE = "done"
    FAILED = "failed"  # it says nothing of the journal
    DAMAGED = "damaged"  # what it looked at is not what was written


@dataclass(frozen=True, slots=True)
class Errand:
    """A copy or a check of a journal that has ended."""

    outcome: Outcome
    text: str  # what was found, or why it failed


class Caretaker(Protocol):
    """Who looks after a journal, beside its book."""

    def room(self) -> Room:
        """Return how much room there is."""

    def reserve(self) -> bool:
        """Set room aside that is given up when the disk is full; return whether it is there."""

    def copied(self, day: str) -> bool:
        """Whether there is a copy of a day."""

    async def copy(self, day: str, keep: int, spare: int) -> Errand:
        """Copy the journal while it is written.

        Args:
            day: That it is named for.
            keep: Copies that stay, the youngest.
            spare: Bytes that must be left free.
        """

    async def check(self) -> Errand:
        """Follow every page and every entry of the journal; return what came of it."""

    def give_up(self) -> None:
        """End a copy or a check that is on its way; it has failed."""

    def mark(self, what: str) -> bool:
        """Leave word beside the journal that it is damaged; return whether it is on disk."""

    def marked(self) -> str | None:
        """Return what was found damaged, as `mark` left word of it; None: nothing."""

    def unmark(self) -> None:
        """Take that word back: all of the journal was found whole."""


class Reading(Protocol):
    """What can be read of a journal, also of one that nobody writes any more."""

    def read(self, kind: str | None = None, key: str | None = None) -> Iterable[Entry]:
        """Yield entries in the order in which they were written."""

    def step(self, sequence: int) -> Iterable[Entry]:
        """Yield the entries of one step, in the order in which they were written."""

    def latest(self, kind: str, ts: int) -> Entry | None:
        """Return the last entry of a kind written at or before `ts` (ns), or None."""


class Journal(Reading, Protocol):
    """The durable memory of one book."""

    epoch: int  # start counter: grows by one each time the journal is opened for writing

    def append(self, entry: Entry) -> None:
        """Write an entry; durable only after `flush`.

        Raises:
            DataError: The disk refused; nothing may be traded any more.
        """

    def flush(self) -> None:
        """Return once every entry is on disk."""

    def get_meta(self, key: str) -> str | None:
        """Return what was put under a name, or None."""

    def put_meta(self, key: str, value: str | None) -> None:
        """Keep one value under a name, in place of the one before; None forgets it."""

    def prune(self, retention: Retention, now: int, most: int) -> int:
        """Let the oldest entries go that may, at most so many; return how many went."""

    def crowded(self, retention: Retention) -> bool:
        """Whether more is in use than may be."""

    def close(self) -> None:
        """Flush and let go of the file."""
