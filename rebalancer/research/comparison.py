"""Comparison: a journal that holds each entry against the one that was stored, and its engine.

Nothing that the engine asks for leaves: its orders, alerts and lines go nowhere.
"""

import hashlib
import json
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rebalancer.core.commands import Alert
from rebalancer.core.decision import canonical
from rebalancer.core.state import State
from rebalancer.ports import Entry, Retention
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.storage import codec

DECISION, ORDER = "decision", "order"  # journal kinds
NINE = 9  # decimals of a float, as `decision.canonical` spells them


class Differs(Exception):
    """An entry is not the one that was stored; None stands for one that is not there."""

    def __init__(self, stored: Entry | None, computed: Entry | None) -> None:
        super().__init__("an entry differs from the stored one")
        self.stored, self.computed = stored, computed


class Digest:
    """SHA-256 over the canonical lines of decisions, as the engine makes it."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def take(self, entry: Entry) -> None:
        """Add an entry, if it is a decision.

        Raises:
            DataError: It is none that this release knows.
        """
        if entry.kind == DECISION:
            self._sum.update(canonical(codec.decode(entry.payload)).encode() + b"\n")

    def told(self) -> str:
        """Return it, hex."""
        return self._sum.hexdigest()


@dataclass(frozen=True, slots=True)
class Digests:
    """Of all that was compared, on both sides."""

    stored: Digest
    computed: Digest


class Compared:
    """A `ports.Journal` that compares.

    Args:
        stored: Entries of one start, in order.
        digests: Take what is compared.
        epoch: Number of the start.
    """

    def __init__(self, stored: Iterator[Entry], digests: Digests, epoch: int) -> None:
        self.epoch = epoch
        self.counts: dict[str, int] = {}  # entries that agree, by kind
        self.beyond: Entry | None = None  # the first that was decided after the last stored one …
        self.unwritten = 0  # … and how many there are
        self._stored, self._digests = stored, digests
        self._next = next(stored, None)

    def append(self, entry: Entry) -> None:
        """Hold an entry against the stored one.

        Raises:
            Differs: It is another.
        """
        entry = replace(entry, payload=plain(entry.payload))
        stored = self._next
        if stored is None:
            self.beyond = self.beyond or entry
            self.unwritten += 1
            return
        if stored.sequence > entry.sequence:
            raise Differs(None, entry)
        if not same(stored, entry):
            raise Differs(stored, entry)
        self._digests.stored.take(stored)
        self._digests.computed.take(entry)
        self.counts[entry.kind] = self.counts.get(entry.kind, 0) + 1
        self._next = next(self._stored, None)

    def stepped(self, step: int) -> None:
        """See to it that nothing more is stored of a step that was taken.

        Raises:
            Differs: Something is.
        """
        if self._next is not None and self._next.sequence <= step:
            raise Differs(self._next, None)

    def rest(self) -> list[Entry]:
        """Return what is stored beyond the last that was compared."""
        return [] if self._next is None else [self._next, *self._stored]

    def flush(self) -> None:
        """Return: nothing is written."""

    def read(self, _kind: str | None = None, _key: str | None = None) -> Iterable[Entry]:
        """Return nothing: nobody asks."""
        return ()

    def get_meta(self, _key: str) -> str | None:
        """Return None."""
        return None

    def put_meta(self, key: str, value: str | None) -> None:
        """Keep nothing: what is kept for a restart follows from what is compared."""

    def step(self, _sequence: int) -> Iterable[Entry]:
        """Return nothing: nobody asks it why."""
        return ()

    def latest(self, _kind: str, _ts: int) -> Entry | None:
        """Return None: nobody asks it why."""
        return None

    def prune(self, _retention: Retention, _now: int, _most: int) -> int:
        """Let nothing go: the stored journal is only read."""
        return 0

    def crowded(self, _retention: Retention) -> bool:
        """Return False: nothing is written."""
        return False

    def close(self) -> None:
        """Return: there is nothing to let go of."""


def same(stored: Entry, computed: Entry) -> bool:
    """Whether two entries with plain payloads agree byte for byte, floats at nine decimals."""
    if _head(stored) != _head(computed):
        return False
    first, second = stored.payload, computed.payload
    if _spelled(first) == _spelled(second):
        return True
    return _spelled(rounded(first)) == _spelled(rounded(second))


def _head(entry: Entry) -> tuple[int, int, str, str]:
    return entry.sequence, entry.ts, entry.kind, entry.key


def _spelled(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload as it comes back from a file."""
    found: dict[str, Any] = json.loads(_spelled(told))
    return found


def rounded(told: Any) -> Any:
    """Return JSON values with floats as texts of nine decimals."""
    if isinstance(told, dict):
        return {key: rounded(value) for key, value in told.items()}
    if isinstance(told, list):
        return [rounded(value) for value in told]
    return f"{round(told, NINE) + 0.0:.9f}" if isinstance(told, float) else told


def engine_of(state: State, journal: Compared) -> Engine:
    """Return an engine that decides from a state on, and sends nothing."""
    clock, inbox, silent = MarketClock(state.now), Inbox(), _Silence()
    dispatch = Dispatch(
        state, state.params, {}, inbox, clock, _Nobody(), _Unheard(), silent, [True]
    )
    around = Surroundings(journal, codec.encode, dispatch, silent)
    return Engine(state, state.params, inbox, around)


class _Silence:
    """A log that says nothing."""

    def _say(self, event: str, **facts: Any) -> None:
        pass

    debug = info = warning = error = _say


class _Unheard:
    """A sink where alerts end."""

    def send(self, alert: Alert) -> None:
        pass


class _Nobody:
    """Tasks that are never begun."""

    def spawn(self, _name: str, work: Coroutine[Any, Any, None]) -> None:
        work.close()

    async def close(self) -> None:
        pass
