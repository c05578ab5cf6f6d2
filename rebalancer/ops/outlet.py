"""Outlets: what a process writes for people, with its secrets taken out on the way.

Not all that a process says takes the way of its log: a traceback at its end, a
word of the event loop or of a library, an answer to a command. Whatever is
written here line by line is looked at before it leaves.
"""

from collections.abc import Callable
from typing import Any, TextIO


class Outlet:
    """A text stream in front of another one.

    A line is held back until it is whole, so that no secret leaves in two halves;
    a flush lets go of what is there, as a question waits for its answer.

    Args:
        stream: Where it goes.
        clean: Returns a text without secrets.
    """

    def __init__(self, stream: TextIO, clean: Callable[[str], str]) -> None:
        self._stream, self._clean, self._held = stream, clean, ""

    def write(self, text: str) -> int:
        """Take a text; whole lines of it leave.

        Raises:
            TypeError: It is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"an outlet takes text, was {type(text).__name__}")
        whole, end, rest = (self._held + text).rpartition("\n")
        self._held = rest
        if end:
            self._stream.write(self._clean(whole + end))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Take several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let go of what is there."""
        held, self._held = self._held, ""
        if held:
            self._stream.write(self._clean(held))
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
