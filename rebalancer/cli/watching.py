"""`top`: a running book on one screen, over and over, until it is left."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from rebalancer.cli.explained import explained
from rebalancer.cli.output import state_folder
from rebalancer.cli.reaching import reach
from rebalancer.cli.times import duration
from rebalancer.errors import UsageError
from rebalancer.ops.top.session import Around, Session
from rebalancer.ops.top.tty import Terminal
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock

PATIENCE = 2.0  # s for an answer, before the screen says that there is none
LEAST = SECOND // 5  # ns between two questions


def top(
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder of the book; its control.sock is asked.")
    ] = None,
    every: Annotated[str, typer.Option(help="Between two looks.")] = "1s",
) -> None:
    """Watch a running book in this terminal: state, bands, margin, orders, guards, decisions.

    Tab changes the section, w explains the selected decision, p and k pause and
    kill after the word is typed, q leaves.

    Example: rebalancer top --state /var/lib/rebalancer/btc-desk
    Example: ssh -t desk rebalancer top --every 2s
    """
    pause = duration(every)
    if pause < LEAST:
        raise UsageError(f"--every: must be at least {LEAST / SECOND:g}s, was {every}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError("top: must have a terminal (ssh -t gives one); else see status")
    clock, terminal = WallClock(), Terminal(sys.stdin.fileno(), sys.stdout.fileno())
    around = Around(
        reach(state_folder(state), PATIENCE),
        terminal,
        lambda: clock.monotonic() / SECOND,
        _lines,
        plain="NO_COLOR" in os.environ,
    )
    with _ends(), terminal.taken():
        Session(around, pause / SECOND).run()


def _lines(told: Any, width: int) -> Sequence[str]:
    """Return what `why` answers as plain lines."""
    console = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    for part in explained(told, width):
        console.print(part)
    file: Any = console.file
    lines: list[str] = file.getvalue().split("\n")
    return lines


@contextmanager
def _ends() -> Iterator[None]:
    """Let whatever ends the process leave the terminal as it was: Ctrl-C too."""

    def leave(number: int, _frame: object) -> NoReturn:
        raise typer.Exit(0 if number == signal.SIGINT else 128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(top)
