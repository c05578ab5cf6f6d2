"""The reader: files of a flight line by line, up to where one was torn.

A daemon that was killed leaves its last file without an end: what was written
before is read, the rest is missing and is said to be. Damage before the end of
what can be unpacked is another thing: a line that is none raises.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.errors import DataError
from rebalancer.storage.flight import rows
from rebalancer.storage.flight.recorder import files

CHUNK = 64 * 1024  # bytes
_GZIP = 16 + zlib.MAX_WBITS
_NAME = re.compile(r"([0-9]{7,})-([0-9]{12,})\.jsonl\.gz")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file begins with."""

    book: str
    epoch: int  # start of the daemon
    release: str
    fingerprint: str  # of the settings
    step: int  # steps taken before the first line
    ts: int  # ns
    snapshot: bytes


class Reel:
    """One file.

    Args:
        path: Of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0  # lines read
        self.taken = 0  # bytes of the file read
        self.torn = False  # whether it ended before its end
        self._sum = 0
        self._rows = self._read()

    def header(self) -> Header:
        """Return what the file begins with; to be asked for first.

        Raises:
            DataError: It begins otherwise, or is of another format.
        """
        row = next(self._rows, None)
        if row is None or row.type != rows.HEADER or not row.intact:
            raise DataError(f"{self.path}: must begin with the header of a flight, does not")
        told = row.record
        if told.get("format") != rows.FORMAT:
            must = f"must be of format {rows.FORMAT}, was {told.get('format')}"
            raise DataError(f"{self.path}: {must}; verify it with release {told.get('release')}")
        try:
            label = (str(told["book"]), int(told["epoch"]), str(told["release"]))
            snapshot = base64.b64decode(told["snapshot"], validate=True)
            return Header(*label, str(told["fingerprint"]), row.step, int(told["ts"]), snapshot)
        except (KeyError, ValueError, TypeError, binascii.Error) as e:
            raise DataError(f"{self.path}: header must be whole: {type(e).__name__}: {e}") from e

    def __iter__(self) -> Iterator[rows.Row]:
        """Yield the lines that come next.

        Raises:
            DataError: One is no line of a flight, or the file cannot be read.
        """
        return self._rows

    def _read(self) -> Iterator[rows.Row]:
        for line in self._lines():
            self.line += 1
            row = rows.read(line, self._sum)
            if row is None:
                raise DataError(f"{self.path}: line {self.line}: must be a line of a flight")
            self._sum = row.sum
            yield row

    def _lines(self) -> Iterator[bytes]:
        """Yield whole lines; what follows the last end of line is torn off."""
        rest = b""
        for told in self._unpacked():
            *whole, rest = (rest + told).split(b"\n")
            yield from whole
        self.torn = self.torn or bool(rest)

    def _unpacked(self) -> Iterator[bytes]:
        packer = zlib.decompressobj(_GZIP)
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    self.taken += len(chunk)
                    before = packer.copy()
                    try:
                        told = packer.decompress(chunk)
                    except zlib.error:
                        self.torn = True
                        yield _as_far(before, chunk)
                        return
                    yield told
        except OSError as e:
            raise DataError(f"{self.path}: must be a file that can be read: {e}") from e
        self.torn = not packer.eof


def _as_far(packer: Any, chunk: bytes) -> bytes:
    """Return what can be unpacked of a damaged chunk, byte by byte up to the damage."""
    found = bytearray()
    try:
        for place in range(len(chunk)):
            found += packer.decompress(chunk[place : place + 1])
    except zlib.error:
        return bytes(found)
    return bytes(found)


def starts(place: Path) -> Mapping[int, tuple[Path, ...]]:
    """Return the files of each start, oldest first.

    Raises:
        DataError: There is none.
    """
    found: dict[int, tuple[Path, ...]] = {}
    for path in files(place):
        named = _NAME.fullmatch(path.name)
        if named is not None and path.stat().st_size:  # else killed before its first line
            epoch = int(named[1])
            found[epoch] = (*found.get(epoch, ()), path)
    if not found:
        why = "recorded is what a book with --state does, unless flight.enabled is false"
        raise DataError(f"{place}: must hold the flight of the journal, holds none; {why}")
    return found
