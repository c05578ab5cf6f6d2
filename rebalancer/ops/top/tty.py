"""The terminal: keys in, lines out, and everything as it was found when it is left.

Only lines that changed are written, so that a slow way to the person carries
little. Nothing of it needs a library of the terminal's kind: cursor movement,
erasing and the second screen are spoken by every terminal of the last decades.
"""

import os
import select
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # second screen, no cursor, empty
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_KEYS = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1bOC": "right",
    b"\x1bOD": "left",
    b"\x1b[Z": "back",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\t": "tab",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "delete",
    b"\b": "delete",
    b"\x1b": "escape",
}
_SMALLEST = (20, 5)  # columns and lines; what says less is not believed
_USUAL = (80, 24)


@dataclass(frozen=True, slots=True)
class Key:
    """One key that was pressed: its letter, or its name."""

    name: str


def keys(told: bytes) -> Iterator[Key]:
    r"""Yield the keys that bytes of a terminal stand for.

    >>> [key.name for key in keys(b"q\x1b[A\t")]
    ['q', 'up', 'tab']
    """
    while told:
        found = next((each for each in _KEYS if len(each) > 1 and told.startswith(each)), None)
        found = found or next((each for each in _KEYS if told.startswith(each)), None)
        if found is not None:
            yield Key(_KEYS[found])
            told = told[len(found) :]
            continue
        letter, told = told[:1], told[1:]
        if letter.isascii() and letter.decode("ascii", "replace").isprintable():
            yield Key(letter.decode("ascii"))


class Terminal:
    """A terminal that a picture is drawn on.

    Args:
        inward: Descriptor that keys come from.
        outward: Descriptor that is drawn on.
    """

    def __init__(self, inward: int, outward: int) -> None:
        self._in, self._out = inward, outward
        self._drawn: list[str] = []
        self._size = (0, 0)
        self._told: int | None = None  # descriptor that says that a signal came

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the terminal, and leave it as it was found, however this ends."""
        before = termios.tcgetattr(self._in)
        try:
            with self._resizes():
                tty.setcbreak(self._in)
                self._write(_ENTER)
                yield
        finally:
            try:
                self._write(_LEAVE)
            finally:
                termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    @contextmanager
    def _resizes(self) -> Iterator[None]:
        """Have a change of size end a wait for keys."""
        told, tell = os.pipe()
        for end in (told, tell):
            os.set_blocking(end, False)
        handler = signal.signal(signal.SIGWINCH, lambda *_: None)
        waker = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        self._told = told
        try:
            yield
        finally:
            self._told = None
            signal.set_wakeup_fd(waker)
            signal.signal(signal.SIGWINCH, handler)
            os.close(told)
            os.close(tell)

    def size(self) -> tuple[int, int]:
        """Return columns and lines."""
        try:
            found = os.get_terminal_size(self._out)
        except OSError:
            return _USUAL
        small = found.columns < _SMALLEST[0] or found.lines < _SMALLEST[1]
        return _USUAL if small else (found.columns, found.lines)

    def draw(self, lines: Sequence[str]) -> None:
        """Put lines on the screen, from the top; those that are there already stay."""
        size = self.size()
        whole = size != self._size
        self._size, shown = size, list(lines)[: size[1]]
        told = ["\x1b[2J"] if whole else []
        before = [] if whole else self._drawn
        for number, line in enumerate(shown):
            if number >= len(before) or before[number] != line:
                told.append(f"\x1b[{number + 1};1H{line}\x1b[0m\x1b[K")
        if len(shown) < len(before):
            told.append(f"\x1b[{len(shown) + 1};1H\x1b[J")
        self._drawn = shown
        self._write("".join(told))

    def pressed(self, seconds: float) -> list[Key] | None:
        """Return the keys that come within some time; None: the terminal is gone."""
        sources = [self._in] if self._told is None else [self._in, self._told]
        ready, _, _ = select.select(sources, [], [], max(seconds, 0.0))
        if self._told in ready:
            os.read(self._told or 0, 256)
        if self._in not in ready:
            return []
        try:
            told = os.read(self._in, 256)
        except OSError:
            return None
        return list(keys(told)) if told else None

    def _write(self, text: str) -> None:
        told = text.encode("utf-8", "replace")
        while told:
            told = told[os.write(self._out, told) :]
