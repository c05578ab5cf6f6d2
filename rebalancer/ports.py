"""The seams of the program: what is real in production and replaced elsewhere.

Clock, scheduler, randomness and task spawning are ports so that demo, replay
and simulation run the very code that runs live. `wiring` alone chooses.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rebalancer.core.commands import Alert, Cancel, Query, Submit
from rebalancer.core.events import AccountEvent, Event, OrderEvent, PositionReport, Verb
from rebalancer.core.figures import MarginTold
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument

if TYPE_CHECKING:  # who asks a running book loads nothing that a book runs on
    from rebalancer.core.state import State

SECOND = 1_000_000_000  # ns


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call; harmless once it was made."""


class Clock(Protocol):
    """The only source of time. Nanoseconds; market time where the market is not live."""

    def now(self) -> int:
        """Return ns since 1970 UTC."""

    def monotonic(self) -> int:
        """Return ns that never jump, for ages and deadlines."""

    def wall(self) -> int:
        """Return ns since 1970 UTC by the machine's own clock, which may be set while we run."""

    def anchor(self) -> None:
        """Let `now()` go on from the machine's own clock, which was set since."""

    def call_at(self, ts: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once when `now()` reaches `ts`, at once when it has."""

    async def sleep(self, duration: int) -> None:
        """Return after `duration` ns."""


class Tasks(Protocol):
    """The only way to start something that runs beside its caller."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start `work`; an exception in it stops the daemon, in order."""

    async def close(self) -> None:
        """Cancel what still runs, youngest first, and wait for it."""


class Scheduler(Protocol):
    """Calls that repeat, driven by the clock port."""

    def every(self, name: str, period: int, call: Callable[[], None]) -> None:
        """Call each `period` ns, first after one period."""

    def at(self, name: str, crontab: str, call: Callable[[], None]) -> None:
        """Call at the times of a five-field crontab line, UTC."""

    def close(self) -> None:
        """Forget every call."""


class Randomness(Protocol):
    """The only source of chance."""

    def generator(self, name: str) -> np.random.Generator:
        """Return the stream of this name: same seed and name, same numbers."""


Describe = Callable[[str], Instrument | None]
"""Returns the terms of an instrument by its id, None where nobody knows them."""


def nobody(_name: str) -> Instrument | None:
    """Know no terms."""
    return None


class Venue(Protocol):
    """An account on an exchange, real or modelled.

    What a venue tells later (fills, endings, funding) comes through `deliver`
    of its feed of account events; `submit` only answers for the request.
    """

    account: str

    async def submit(self, order: Submit) -> OrderEvent:
        """Send once, never again; return accepted, rejected or unknown."""

    async def cancel(self, order: Cancel) -> None:
        """Ask to withdraw an order."""

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue knows of the order: fills and state, or not found."""

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and cash balance of the account."""

    async def margin(self) -> MarginTold:
        """Return how the account stands by the venue's own reckoning."""


class Feed(Protocol):
    """A source of events: a market, an account, or both."""

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled or, where the source is finite, until its end."""


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


@dataclass(frozen=True, slots=True)
class Moved:
    """The daemon itself moved the book to another state: it starts, or it stops."""

    mode: TradingState
    reason: str


class Flight(Protocol):
    """What keeps all that a book took, so that its day can be stepped again; never raises."""

    def note(self, step: int, what: Event | Moved, state: "State") -> None:
        """Keep what is about to be taken; `state` is as it is before."""

    def settle(self, ts: int) -> None:
        """Write down what was kept, if it is time; `ts` is ns."""

    def close(self, *, whole: bool) -> None:
        """Write the rest down; `whole`: all that was decided is in the journal."""


class _Unrecorded:
    """A flight that nobody keeps."""

    def note(self, step: int, what: Event | Moved, state: "State") -> None:
        """Do nothing."""

    def settle(self, ts: int) -> None:
        """Do nothing."""

    def close(self, *, whole: bool) -> None:
        """Do nothing."""


UNRECORDED: Flight = _Unrecorded()


class Archives(Protocol):
    """What the venues wrote down of all accounts of a book."""

    def told(self) -> bool:
        """Whether all was told that was booked while nobody listened, or was asked for again."""

    def ask(self) -> None:
        """Have told again what was booked since ledger and venues last agreed."""


class _AllTold:
    """Archives of accounts of which every booking is heard at once."""

    def told(self) -> bool:
        """Return True."""
        return True

    def ask(self) -> None:
        """Do nothing."""


ALL_TOLD: Archives = _AllTold()


class AlertSink(Protocol):
    """Where alerts leave the program."""

    def send(self, alert: Alert) -> None:
        """Pass an alert on; never blocks, never raises."""


class Log(Protocol):
    """A structured log: an event name from the closed list, then facts."""

    def debug(self, event: str, **facts: Any) -> None:
        """Say what may be deleted."""

    def info(self, event: str, **facts: Any) -> None:
        """Say what is history."""

    def warning(self, event: str, **facts: Any) -> None:
        """Say that a limit worked."""

    def error(self, event: str, **facts: Any) -> None:
        """Wake a person, and say what to do."""


class StatusSource(Protocol):
    """What a running book tells about itself; JSON values, decimals as strings."""

    def status(self) -> Mapping[str, Any]:
        """Return book, mode, state, and per underlying net delta against its band."""

    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Return instrument, quantity, entry, mark and delta of each holding."""

    def orders(self) -> Sequence[Mapping[str, Any]]:
        """Return client order id, instrument, quantity, filled and state of each order."""

    def guards(self) -> Sequence[Mapping[str, Any]]:
        """Return name, scope, limit, measured, headroom and allows of each guard."""

    def bands(self) -> Sequence[Mapping[str, Any]]:
        """Return the band of each underlying, and term by term why it is so wide."""

    def stress(self) -> Sequence[Mapping[str, Any]]:
        """Return the revaluation grid of each underlying."""

    def why(self, key: str) -> Mapping[str, Any] | None:
        """Return the decision behind an order id, a sequence number or a time."""

    def operate(self, verb: Verb, reason: str, who: str, everything: bool) -> Mapping[str, Any]:
        """Pass an operator's order on; return what was done."""
