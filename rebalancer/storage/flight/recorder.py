"""The recorder: writes down what comes in, and never stands in the way of trading.

`note` keeps an event before its step is taken, `settle` spells what was kept
after it. The first line of a file needs the state as it is before the step, so
a file is begun in `note`. A disk that fails ends the recording, not the book:
it is told once, and the files stay as they are. What a file begins with is made
before the file is: one without its header would be none.
"""

import base64
import os
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import Event
from rebalancer.core.state import State
from rebalancer.ports import SECOND, AlertSink, Moved
from rebalancer.storage import codec, folder
from rebalancer.storage.flight import rows, snapshot

BLOCK = 5 * SECOND  # ns of events until they reach the system
BATCH = 64  # events until they are spelled
PARTS = 8  # files that the cap is shared by, at least
MEBIBYTE = 1024 * 1024
LEVEL = 1  # of compression: the next ones save a tenth and take twice as long
SUFFIX = ".jsonl.gz"
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Label:
    """What each file says of itself."""

    book: str
    epoch: int  # start of the book
    release: str
    fingerprint: str  # of the settings


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept."""

    total: int  # bytes of all files together
    rotate: int  # ns of events in one file

    @property
    def file(self) -> int:
        """Bytes from which on a file is full."""
        return self.total // PARTS


class FlightRecorder:
    """A `ports.Flight` on disk.

    Args:
        place: Folder of the files; made where there is none.
        label: Of this start.
        limits: Of size and time.
        alerts: Hears once that it has failed.
    """

    def __init__(self, place: Path, label: Label, limits: Limits, alerts: AlertSink) -> None:
        self._place, self._label, self._limits, self._alerts = place, label, limits, alerts
        self._waiting: list[tuple[int, Event | Moved]] = []
        self._file = -1  # descriptor; -1: none is open
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        self._written = 0  # bytes of this file
        self._began = self._flushed = 0  # ns: of this file, of its last block
        self._step = self._sum = 0  # of the last line
        self._ended = False  # closed, or the disk failed
        self._moved = False  # whether a move waits for the step that tells of it

    def note(self, step: int, what: Event | Moved, state: State) -> None:
        """Keep what is about to be taken; `state` is as it is before."""
        if self._ended:
            return
        moved = isinstance(what, Moved)
        if self._file < 0 or (not self._moved and not moved and self._full(state.now)):
            self._guarded(lambda: self._begin(step if moved else step - 1, state))
        self._moved = moved
        self._waiting.append((step, what))

    def settle(self, ts: int) -> None:
        """Write down what was kept, if it is time; `ts` is ns."""
        due = ts - self._flushed >= BLOCK
        if not self._ended and (due or len(self._waiting) >= BATCH):
            self._guarded(lambda: self._spell(ts if due else None))

    def close(self, *, whole: bool) -> None:
        """Write the rest down and let go of the file.

        Args:
            whole: Whether the daemon ended in order: the journal holds all that was decided.
        """
        if not self._ended:
            self._guarded(lambda: self._finish(whole=whole))
            self._ended = True

    def _full(self, ts: int) -> bool:
        return self._written >= self._limits.file or ts - self._began >= self._limits.rotate

    def _guarded(self, work: Any) -> None:
        """Do what may fail; a recorder that failed is silent from then on."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever broke, the book must be hedged on
            self._ended = True
            self._waiting.clear()
            with suppress(OSError):
                self._let_go()
            text = f"{self._place}: {type(error).__name__}: {error}"
            self._alerts.send(Alert(Severity.ERROR, "flight.failed", "flight", text))

    def _begin(self, step: int, state: State) -> None:
        """Go on in a new file."""
        header = self._header(state)
        if self._file >= 0:
            self._spell(None)
            self._write(self._packer.flush())
            self._let_go()
        else:
            self._make_place()
        self._make_room()
        path = self._place / f"{self._label.epoch:07d}-{step:012d}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.open(path, flags, 0o600)
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        self._written = self._sum = 0
        self._began = self._flushed = state.now
        try:
            self._pack(step, header)
            self._write(self._packer.flush(zlib.Z_SYNC_FLUSH))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _header(self, state: State) -> dict[str, Any]:
        told = base64.b64encode(snapshot.freeze(state)).decode("ascii")
        header = {"format": rows.FORMAT, **asdict(self._label), "ts": state.now, "snapshot": told}
        return {rows.TYPE: rows.HEADER, **header}

    def _make_place(self) -> None:
        """Make the folder; files of this start's number, or later ones, are of another journal."""
        folder.prepare(self._place)
        self._place.chmod(0o700)
        for path in files(self._place):
            if path.name >= f"{self._label.epoch:07d}-":
                path.unlink()

    def _make_room(self) -> None:
        """Delete the oldest files until one more fits below the cap."""
        found = [(path, path.stat().st_size) for path in files(self._place)]
        total = sum(size for _, size in found) + self._limits.file
        for path, size in found:
            if total <= self._limits.total:
                return
            path.unlink()
            total -= size

    def _spell(self, flushed: int | None) -> None:
        """Pack what was kept; with a time, have all of it reach the system."""
        for step, what in self._waiting:
            self._pack(step, _record(what))
        self._waiting.clear()
        if flushed is not None:
            self._flushed = flushed
            self._write(self._packer.flush(zlib.Z_SYNC_FLUSH))

    def _finish(self, *, whole: bool) -> None:
        if self._file < 0:
            return
        self._spell(None)
        if whole:
            self._pack(self._step, {rows.TYPE: rows.END})
        self._write(self._packer.flush())
        self._let_go()

    def _pack(self, step: int, record: dict[str, Any]) -> None:
        line, self._sum = rows.spell(step, record, self._sum)
        self._step = step
        self._write(self._packer.compress(line))

    def _write(self, told: bytes) -> None:
        self._written += len(told)
        while told:
            told = told[os.write(self._file, told) :]

    def _let_go(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def files(place: Path) -> list[Path]:
    """Return the files of a folder, oldest first."""
    return sorted(place.glob(f"*{SUFFIX}"))


def _record(what: Event | Moved) -> dict[str, Any]:
    if isinstance(what, Moved):
        return {rows.TYPE: rows.MOVED, "mode": str(what.mode), "reason": what.reason}
    return codec.encode(what)
