"""The end of a file that is still being written, also when it is rotated away or cut."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from rebalancer.ports import SECOND, Clock

PAUSE = SECOND // 4  # ns between two looks
CHUNK = 64 * 1024  # bytes
KNOWN = 64  # bytes before the place in a file by which it is known again
LONGEST = 1024 * 1024  # bytes of a line; what is longer is told in pieces


class Tail:
    """Lines of a file as they come; a line without its end waits for it.

    Args:
        path: Of the file; it need not be there while a rotation is under way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = path.open("rb")
        self._part = b""
        self._known = b""

    def take(self) -> Iterator[str]:
        """Yield every whole line that is there, of the file that was and of the one that is."""
        if self._cut():
            yield from self._anew()
            return
        yield from self._rest()
        if self._moved():
            yield from self._rest()  # what was written between the two looks
            yield from self._anew()

    def end(self) -> str | None:
        """Return what stands at the end without a line's end."""
        return self._told(b"") if self._part else None

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file, self._known = None, b""

    def _rest(self) -> Iterator[str]:
        while self._file is not None and (chunk := self._file.read(CHUNK)):
            self._known = (self._known + chunk)[-KNOWN:]
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                yield self._told(line)
            self._part += rest
            if len(self._part) > LONGEST:
                yield self._told(b"")

    def _told(self, line: bytes) -> str:
        whole, self._part = self._part + line, b""
        return whole.decode("utf-8", "replace")

    def _anew(self) -> Iterator[str]:
        """Yield the end of what was, then what the path leads to now."""
        if self._part:
            yield self._told(b"")
        self.close()
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return
        yield from self._rest()

    def _cut(self) -> bool:
        """Whether other bytes stand now where we were: its size alone says nothing."""
        if self._file is None:
            return False
        before = self._file.tell() - len(self._known)
        return os.pread(self._file.fileno(), len(self._known), before) != self._known

    def _moved(self) -> bool:
        """Whether the path leads to another file now."""
        if self._file is None:
            return self._path.exists()
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between two names: what is open is still the log
        mine = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino)


async def followed(tail: Tail, clock: Clock) -> AsyncIterator[str]:
    """Yield lines until canceled."""
    while True:
        for line in tail.take():
            yield line
        await clock.sleep(PAUSE)
