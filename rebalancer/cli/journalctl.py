"""The system's journal read through its own program, one entry a line."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rebalancer.errors import UsageError

UNIT = "rebalancer@{book}.service"


@contextmanager
def entries(book: str, *from_where: str, follow: bool = False) -> Iterator[Iterator[str]]:
    """Give the entries of a book's unit as JSON, oldest first; the program ends with the block.

    Args:
        book: Its id; `*` stands for all.
        from_where: What `since` or `after` says; nothing: as far back as there are any.
        follow: Whether to go on as they come.

    Raises:
        UsageError: There is no journal here.
    """
    program = shutil.which("journalctl")
    if program is None:
        raise UsageError("FILE: must be named, this machine has no journalctl")
    unit = f"--unit={UNIT.format(book=book)}"
    asked: Sequence[str] = (program, "--output=json", "--all", "--no-pager", "--quiet", unit)
    more = ("--follow", "--no-tail") if follow else ()
    command = (*asked, *from_where, *more)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as running:
        try:
            yield (line.decode("utf-8", "replace") for line in running.stdout or ())
        finally:
            running.terminate()


def since(seconds: int) -> str:
    """Ask for what was written from a time on, s since 1970."""
    return f"--since=@{seconds}"


def after(cursor: str) -> str:
    """Ask for what was written after an entry, by its `__CURSOR`."""
    return f"--after-cursor={cursor}"
