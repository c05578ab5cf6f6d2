"""`why`: one decision, told by the running book, or by its journal where no daemon answers."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rebalancer.cli.explained import explained
from rebalancer.cli.output import emit_json, state_folder
from rebalancer.cli.reaching import reach
from rebalancer.cli.times import nanoseconds
from rebalancer.errors import Unavailable, UsageError

WIDTH = 116  # columns where nobody looks on

State = Annotated[
    Path | None,
    typer.Option(
        "--state", help="Folder of the book; its control.sock is asked, else its journal.sqlite."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def why(
    key: Annotated[
        str, typer.Argument(help="Client order id, step, or time (ns or ISO 8601); the last act.")
    ] = "",
    state: State = None,
    as_json: Json = False,
) -> None:
    """Explain a decision: its inputs, its band, every guard, what was sent and what came back.

    Without a word it is the last decision that acted or was refused.

    Example: rebalancer why rb0000010000001hz
    """
    told = _told(state_folder(state), _moment(key))
    if told is None and not key:
        raise UsageError("why: this book has not acted yet, and nothing was refused")
    if told is None:
        raise UsageError(f"why: must name an order, a step or a time of this book, was {key}")
    if as_json:
        emit_json(told)
        return
    seen = sys.stdout.isatty()
    console = Console(width=None if seen else WIDTH, highlight=False)
    for part in explained(told, console.width):
        console.print(part)


def _told(folder: Path, key: str) -> Any:
    """Return what the daemon says, or the journal alone where none answers."""
    try:
        return reach(folder).call("why", key=key)
    except Unavailable as silent:
        path = folder / "journal.sqlite"
        if not path.is_file():
            raise
        return _from_journal(path, key, silent)


def _from_journal(path: Path, key: str, silent: Unavailable) -> Any:
    from rebalancer.runtime.why import why as explain  # a running book needs none of it
    from rebalancer.storage.sqlite import open_reader

    sys.stderr.write(f"{silent}; reading {path.name}\n")
    reader = open_reader(path)
    try:
        return explain(reader, key)
    finally:
        reader.close()


def _moment(key: str) -> str:
    """Return ns for an ISO 8601 time, anything else as it is."""
    return str(nanoseconds(key)) if "-" in key or ":" in key else key


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(why)
