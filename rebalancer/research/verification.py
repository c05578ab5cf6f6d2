"""Verification: a recorded flight is stepped again, and must decide what the journal holds.

The very engine that ran takes the very events, from the snapshot that the
oldest file of a start begins with; in its journal's place stands one that holds
each entry against the one that was stored: decisions, orders, what was booked
and latched. JSON must agree byte for byte, floats as the digest spells them,
with nine decimals, since the last bit may be another machine's.

A start that ended in order must agree to the last entry. One that was killed
may have lost the end of its flight, or of its journal; what only one of them
holds is counted and proves nothing. A line of the flight that is not what was
written is named even where no decision rests on it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError, UsageError
from rebalancer.ports import Entry
from rebalancer.research.comparison import (
    DECISION,
    ORDER,
    Compared,
    Differs,
    Digest,
    Digests,
    engine_of,
)
from rebalancer.research.differing import Altered, Difference, Place, difference, failure
from rebalancer.runtime.engine import Engine
from rebalancer.storage import codec
from rebalancer.storage.flight import rows, snapshot
from rebalancer.storage.flight.reader import Header, Reel, starts
from rebalancer.storage.sqlite import open_reader
from rebalancer.wiring.recovered import START

FLIGHT = "flight"  # folder beside the journal
OFTEN = 512  # lines between two words on how far it has come

Progress = Callable[[int, int, int], None]  # bytes read, bytes there are, ns of market time


@dataclass(slots=True)
class Start:
    """What came of one start of the daemon."""

    epoch: int
    release: str = ""
    first: int = 0  # steps that were taken before the oldest file that is left
    last: int = 0  # the last step that was recorded
    events: int = 0
    decisions: int = 0
    orders: int = 0
    whole: bool = False  # whether it ended in order
    unrecorded: int = 0  # entries of the journal after the end of the flight
    unwritten: int = 0  # entries decided after the end of the journal
    altered: Altered | None = None  # the first line that is not what was written
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of all starts."""

    starts: tuple[Start, ...]
    missing: tuple[int, ...]  # starts of the journal without a flight
    digest: str  # of the decisions that were made again
    stored: str  # of those that the journal holds

    @property
    def agrees(self) -> bool:
        """Whether nothing was found."""
        return not any(each.altered or each.difference for each in self.starts)


def verify(path: Path, progress: Progress | None = None) -> Verified:
    """Step the flight beside a journal again, start by start, up to the first difference.

    Args:
        path: The journal; a daemon may be writing it.
        progress: Is told how far it has come.

    Raises:
        DataError: There is no flight, it has a gap, or a file cannot be trusted.
        UsageError: There is no journal.
    """
    if not path.is_file():
        raise UsageError(f"JOURNAL: must be a file, such as DIR/journal.sqlite, was {path}")
    recorded = starts(path.parent / FLIGHT)
    meter = _Meter(recorded, progress)
    digests = Digests(Digest(), Digest())
    done: list[Start] = []
    missing: list[int] = []
    journal = open_reader(path)
    try:
        for epoch, entries in _by_start(iter(journal.read())):
            if epoch not in recorded:
                missing.append(epoch)
                continue
            told = _Stepped(recorded[epoch], entries, digests, meter).run(epoch)
            done.append(told)
            if told.difference is not None:
                break
    finally:
        journal.close()
    if not done:
        kept = ", ".join(map(str, recorded))
        raise DataError(f"{path}: must hold start {kept}, whose flight is there, holds none of it")
    return Verified(tuple(done), tuple(missing), digests.computed.told(), digests.stored.told())


def _by_start(entries: Iterator[Entry]) -> Iterator[tuple[int, Iterator[Entry]]]:
    """Yield the number of each start and its entries; what precedes the first is of none."""
    first = next((each for each in entries if each.kind == START), None)
    following = [] if first is None else [first]

    def own() -> Iterator[Entry]:
        for entry in entries:
            if entry.kind == START:
                following.append(entry)
                return
            yield entry

    while following:
        epoch, mine = int(following.pop().payload["epoch"]), own()
        yield epoch, mine
        for _ in mine:  # what nobody asked for
            pass


class _Meter:
    """How much of all files was read."""

    def __init__(self, recorded: Mapping[int, Sequence[Path]], progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0  # bytes of files that are read
        self._total = sum(_size(path) for paths in recorded.values() for path in paths)

    def tell(self, reel: Reel, now: int) -> None:
        """Say how far it has come."""
        if self._progress is not None:
            self._progress(self._done + reel.taken, self._total, now)

    def finished(self, reel: Reel) -> None:
        """Count a file as read."""
        self._done += reel.taken


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as e:
        raise DataError(f"{path}: must be a file that can be read: {e}") from e


class _Stepped:
    """One start, stepped again.

    Args:
        paths: Files of its flight, oldest first.
        stored: Entries of its journal.
        digests: Take what is compared.
        meter: Is told how far it has come.
    """

    def __init__(
        self, paths: Sequence[Path], stored: Iterator[Entry], digests: Digests, meter: _Meter
    ) -> None:
        self._paths, self._stored = paths, stored
        self._digests, self._meter = digests, meter

    def run(self, epoch: int) -> Start:
        """Step through all files, or up to the first difference."""
        reels = [Reel(path) for path in self._paths]
        header = self._header(reels[0], epoch)
        told = Start(epoch, header.release, first=header.step, last=header.step)
        later = (each for each in self._stored if each.sequence > header.step)
        journal = Compared(later, self._digests, epoch)
        engine = engine_of(_thawed(reels[0], header), journal)
        for number, reel in enumerate(reels):
            if number:
                self._follows(reel, self._header(reel, epoch), engine)
            self._play(reel, engine, journal, told)
            self._meter.finished(reel)
            if told.difference is not None:
                break
            if reel.torn and number + 1 < len(reels):
                raise DataError(f"{reel.path}: must be whole, others follow it; was torn")
        told.decisions = journal.counts.get(DECISION, 0)
        told.orders = journal.counts.get(ORDER, 0)
        if told.difference is None:
            _close(told, journal, engine, reels[-1])
        return told

    def _header(self, reel: Reel, epoch: int) -> Header:
        header = reel.header()
        if header.epoch != epoch:
            raise DataError(f"{reel.path}: must be of start {epoch}, was of {header.epoch}")
        return header

    def _follows(self, reel: Reel, header: Header, engine: Engine) -> None:
        if header.step != engine.state.sequence:
            must = f"must go on after step {engine.state.sequence}, goes on after {header.step}"
            raise DataError(f"{reel.path}: {must}; a file before it is missing")

    def _play(self, reel: Reel, engine: Engine, journal: Compared, told: Start) -> None:
        """Step through one file."""
        for row in reel:
            if reel.line % OFTEN == 0:
                self._meter.tell(reel, engine.state.now)
            place = _place(told, row, reel, engine)
            if not row.intact and told.altered is None:
                told.altered = Altered(place, row.record)
            if row.type == rows.END:
                told.whole = True
            elif row.type == rows.MOVED:
                _expect(row.step == engine.state.sequence, row, reel, engine)
                engine.move(*_move(row, reel))
            else:
                _expect(row.step == engine.state.sequence + 1, row, reel, engine)
                told.difference = _step(engine, journal, row, place)
                told.events, told.last = told.events + 1, row.step
            if told.difference is not None:
                return


def _expect(holds: bool, row: rows.Row, reel: Reel, engine: Engine) -> None:
    if not holds:
        must = f"must go on after step {engine.state.sequence}, was step {row.step}"
        more = "" if row.intact else "; it is not what was recorded there"
        raise DataError(f"{reel.path}: line {reel.line}: {must}{more}")


def _move(row: rows.Row, reel: Reel) -> tuple[TradingState, str]:
    try:
        return TradingState(row.record["mode"]), str(row.record["reason"])
    except (KeyError, ValueError) as e:
        where = f"{reel.path}: line {reel.line}"
        raise DataError(f"{where}: must name a state and a reason: {e}") from e


def _thawed(reel: Reel, header: Header) -> Any:
    try:
        return snapshot.thaw(header.snapshot)
    except DataError as e:
        raise DataError(f"{reel.path}: {e}; it was recorded by {header.release}") from e


def _place(told: Start, row: rows.Row, reel: Reel, engine: Engine) -> Place:
    at, now = row.record.get("ts_local"), engine.state.now
    ts = max(now, at) if isinstance(at, int) else now
    return Place(told.epoch, row.step, ts, reel.path.name, reel.line)


def _step(engine: Engine, journal: Compared, row: rows.Row, place: Place) -> Difference | None:
    """Take one event again; return what it makes otherwise."""
    try:
        engine.take(codec.decode(row.record))
        journal.stepped(row.step)
    except Differs as told:
        return difference(place, row.record, told, engine.state)
    except Exception as error:  # noqa: BLE001 - it is what is found: told, with its place
        return failure(place, row.record, error, engine.state)
    return None


def _close(told: Start, journal: Compared, engine: Engine, reel: Reel) -> None:
    """Judge what only the flight or only the journal holds."""
    rest = journal.rest()
    told.unrecorded, told.unwritten = len(rest), journal.unwritten
    if told.whole and (rest or journal.beyond is not None):
        place = Place(told.epoch, told.last, engine.state.now, reel.path.name, reel.line)
        stored = rest[0] if rest else None
        found = Differs(stored, journal.beyond)
        told.difference = difference(place, {}, found, engine.state)
