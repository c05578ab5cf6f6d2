"""A terminal that a test looks at: as much of one as a full-screen program needs."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from dataclasses import dataclass, field

_CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[=>]")
_BEGUN = re.compile(r"\x1b(\[[?0-9;]*)?")


@dataclass
class Emulator:
    """A screen of characters, and whether each is in colour."""

    columns: int = 80
    lines: int = 24
    cells: list[list[str]] = field(default_factory=list)
    row: int = 0
    column: int = 0
    cursor: bool = True
    second: bool = False  # whether the second screen is shown
    rest: str = ""
    colours: int = 0  # codes of colour that were told

    def __post_init__(self):
        self.clear()

    def clear(self):
        """Empty the screen."""
        self.cells = [[" "] * self.columns for _ in range(self.lines)]

    def feed(self, text):
        """Take in what a program writes."""
        text, self.rest, place = self.rest + text, "", 0
        while place < len(text):
            if _BEGUN.fullmatch(text, place):  # the rest of it comes with the next bytes
                self.rest = text[place:]
                return
            code = _CODE.match(text, place)
            if code is not None:
                self._obey(code[1] or "", code[2] or "")
                place = code.end()
                continue
            self._put(text[place])
            place += 1

    def _put(self, letter):
        match letter:
            case "\r":
                self.column = 0
            case "\n":
                self.row, self.column = min(self.row + 1, self.lines - 1), 0
            case _ if self.column < self.columns and letter.isprintable():
                self.cells[self.row][self.column] = letter
                self.column += 1

    def _obey(self, told, what):
        numbers = [int(each) for each in told.strip("?").split(";") if each]
        match what:
            case "H":
                row, column = (*numbers, 1, 1)[:2] if numbers else (1, 1)
                self.row, self.column = row - 1, column - 1
            case "J":
                if numbers == [2]:
                    self.clear()
                else:
                    self.cells[self.row :] = [
                        [" "] * self.columns for _ in range(self.lines - self.row)
                    ]
            case "K":
                self.cells[self.row][self.column :] = [" "] * (self.columns - self.column)
            case "m":
                self.colours += sum(30 <= n <= 49 or 90 <= n <= 107 for n in numbers)
            case "h" | "l" if told.startswith("?"):
                on = what == "h"
                self.cursor = on if 25 in numbers else self.cursor
                self.second = on if 1049 in numbers else self.second

    @property
    def text(self):
        """Return what a person sees."""
        return "\n".join("".join(row).rstrip() for row in self.cells)


class Seat:
    """A program at a terminal of its own."""

    def __init__(self, arguments, environment, columns=80, lines=24):
        self.screen = Emulator(columns, lines)
        self.raw = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvpe(arguments[0], arguments, environment)
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.master)

    def resize(self, columns, lines):
        """Give the terminal another size."""
        told = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, told)
        self.screen.columns, self.screen.lines = columns, lines
        self.screen.clear()

    def type(self, text):
        """Press keys."""
        os.write(self.master, text.encode())

    def read(self, seconds):
        """Take in what is written within some time; False: the program hung up."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                continue
            try:
                told = os.read(self.master, 65_536)
            except OSError:
                return False
            if not told:
                return False
            text = told.decode("utf-8", "replace")
            self.raw += text
            self.screen.feed(text)
        return True

    def until(self, words, seconds=20.0):
        """Return what is seen once some words are; fails when they never are."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(each in self.screen.text for each in words):
                return self.screen.text
            if not self.read(0.1):
                break
        missing = [each for each in words if each not in self.screen.text]
        raise AssertionError(f"never seen: {missing}\n{self.screen.text}\n{self.raw[-2000:]}")

    def end(self, number=None):
        """Let it end, by a signal or by itself; return its exit code and the terminal's modes."""
        if number is not None:
            os.kill(self.pid, number)
        self.read(3.0) if number is None else self.read(1.0)
        modes = None
        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(self.master)
        for _ in range(100):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status), modes
            time.sleep(0.05)
        raise AssertionError("it does not end")

    def close(self):
        """Make sure that it is over."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)
