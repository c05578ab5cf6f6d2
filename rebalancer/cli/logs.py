"""`logs`: what a book said, searched and followed, from its file or the system's journal."""

import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli import journalctl
from rebalancer.cli.outlets import REDACTOR
from rebalancer.cli.times import duration, nanoseconds
from rebalancer.errors import UsageError
from rebalancer.ops.console import ConsoleLines
from rebalancer.ops.log import LEVELS, line_of, stamp
from rebalancer.ops.logbook import Wanted, bare, facts_of
from rebalancer.ops.tail import Tail, followed
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock, run_wall

KEPT = "log.jsonl"  # in the folder of a book whose standard error is somebody's screen
BEFORE = 20  # lines shown first where one follows and nothing else was asked


def logs(
    file: Annotated[
        Path | None, typer.Argument(help="File of JSON lines, - for standard input; the journal.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    event: Annotated[str | None, typer.Option(help="A name or a pattern: order.*")] = None,
    level: Annotated[str, typer.Option(help="The least: debug, info, warning, error.")] = "debug",
    underlying: Annotated[str | None, typer.Option(help="One coin: BTC.")] = None,
    order: Annotated[str | None, typer.Option(help="One client order id.")] = None,
    since: Annotated[str | None, typer.Option(help="1h, or 2026-01-28T08:00 in UTC.")] = None,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, help="The last so many.")
    ] = None,
    book: Annotated[str, typer.Option(help="Of the unit in the journal.")] = "*",
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder of a book: its log.jsonl, else its unit's journal."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Show the log of a book: from a file, standard input, or the system's journal.

    Example: rebalancer logs --follow --level warning
    Example: rebalancer logs --event 'order.*' --underlying BTC --since 1h
    Example: rebalancer logs --state /var/lib/rebalancer/btc-desk --since 1h
    Example: rebalancer logs log.jsonl --order rb7q00010000e1v3f
    """
    if level not in LEVELS:
        raise UsageError(f"--level: must be one of {', '.join(LEVELS)}, was {level}")
    if state is not None:
        file, book = _of(state, file, book)
    start = None if since is None else _start(since)
    moment = None if start is None else stamp(start)
    view = _View(Wanted(event, level, underlying, order, moment), as_json=as_json)
    last = BEFORE if lines is None and follow and start is None else lines
    try:
        if file is None:
            _journal(view, book, start, last, follow=follow)
        elif str(file) == "-":
            view.pour(sys.stdin, None if follow else last)
        else:
            run_wall(_read(view, file, last, follow=follow))
    except KeyboardInterrupt:
        return


def _of(state: Path, file: Path | None, book: str) -> tuple[Path | None, str]:
    """Return the log in the folder of a book, or the name of its unit in the journal.

    Raises:
        UsageError: There is no such folder, or another place was named beside it.
    """
    if file is not None or book != "*":
        raise UsageError("--state: must stand alone, without FILE or --book")
    if not state.is_dir():
        raise UsageError(f"--state: must be the folder of a book, {state} is none")
    kept = state / KEPT
    return (kept, book) if kept.is_file() else (None, state.resolve().name)


def _start(text: str) -> int:
    """Return ns since 1970 of a time, or of so long ago."""
    if text[-1:] in ("d", "h", "m", "s"):
        return WallClock().now() - duration(text)
    return nanoseconds(text)


class _View:
    """Shows what is wanted, as a person or a program reads it."""

    def __init__(self, wanted: Wanted, *, as_json: bool) -> None:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._wanted, self._as_json = wanted, as_json
        self._render = line_of if as_json else ConsoleLines(colour=colour)

    def pour(self, lines: Iterable[str], last: int | None = None) -> None:
        """Print lines as they come, or the last of them once there are no more."""
        told = (entry for line in lines if (entry := self._read(line)) is not None)
        for entry in told if last is None else deque(told, maxlen=last):
            shown = entry if isinstance(entry, str) else REDACTOR.text(self._render(entry))
            sys.stdout.write(f"{shown}\n")
            sys.stdout.flush()

    def _read(self, line: str) -> dict[str, Any] | str | None:
        """Return what is to be shown of a line: facts, or itself where it holds none."""
        facts = facts_of(line, REDACTOR)
        if facts is not None:
            return facts if self._wanted.admits(facts) else None
        shows = self._wanted.everything and not self._as_json and line.strip()
        return bare(line, REDACTOR) if shows else None


def _journal(view: _View, book: str, start: int | None, last: int | None, *, follow: bool) -> None:
    """Show what stands in the journal, then what comes after it."""
    now = WallClock().now()
    where = () if start is None else (journalctl.since(start // SECOND),)
    cursor = None

    def noting(lines: Iterable[str]) -> Iterator[str]:
        nonlocal cursor
        for line in lines:
            cursor = line
            yield line

    with journalctl.entries(book, *where) as told:
        view.pour(noting(told), last)
    if follow:
        known = None if cursor is None else json.loads(cursor).get("__CURSOR")
        place = journalctl.since(now // SECOND) if known is None else journalctl.after(known)
        with journalctl.entries(book, place, follow=True) as told:
            view.pour(told)


async def _read(view: _View, file: Path, last: int | None, *, follow: bool) -> None:
    """Show what stands in a file, then what comes after it.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        tail = Tail(file)
    except OSError as error:
        raise UsageError(f"{file}: must be a file that can be read: {error.strerror}") from error
    try:
        view.pour(tail.take(), last)
        if follow:
            async for line in followed(tail, WallClock()):
                view.pour((line,))
        elif (rest := tail.end()) is not None:
            view.pour((rest,))
    finally:
        tail.close()


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(logs)
