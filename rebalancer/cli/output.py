"""How commands show what they found: tables for a person, JSON for a program, one exit code."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from rebalancer.errors import UsageError

WHOLE = 1e6  # from it on the cents of a number are noise
STATE_HOME = Path("~/.local/state/rebalancer")
INSTALLED = Path("/var/lib/rebalancer")  # StateDirectory of the units, one folder a book


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO | None]:
    """Open a file that a command was asked to write, before its work begins; - is standard output.

    What is written takes the place of an earlier file when the command has done
    its work, whatever its exit code; where it fails the earlier one stays.

    Raises:
        UsageError: It cannot be written there.
    """
    if path is None or str(path) == "-":
        yield None if path is None else sys.stdout
        return
    kept = path.resolve()  # a link goes on to name its file
    try:
        with kept.open("a") if kept.exists() else nullcontext():
            direct = kept.exists() and not kept.is_file()  # a device or a pipe has no place beside
        part = kept if direct else kept.with_name(f".{kept.name}.{os.getpid()}.part")
        file = part.open("w", newline="")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error
    try:
        with file:
            yield file
    except typer.Exit:
        _keep(part, kept)
        raise
    except BaseException:
        if not direct:
            part.unlink(missing_ok=True)
        raise
    _keep(part, kept)


def _keep(part: Path, kept: Path) -> None:
    """Let what was written take the place that it was written for; of nothing nothing comes."""
    if part == kept:
        return
    if not part.stat().st_size:
        part.unlink()
        return
    if kept.exists():
        shutil.copymode(kept, part)
    part.replace(kept)


def emit_json(told: Any, file: TextIO | None = None) -> None:
    """Write one JSON document, to standard output unless a file is named."""
    (file or sys.stdout).write(json.dumps(told, indent=2, default=str) + "\n")


def bar() -> Progress:
    """Return a bar of market time, shown on a terminal and nowhere else; a task has `now`."""
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn("{task.fields[now]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    """Print rows under their column names; an absent value is a dash."""
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        numeric = any(_is_number(row.get(column)) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(shown(row.get(column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else 160).print(drawn)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def shown(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < WHOLE else f"{value:,.0f}"
    return str(value)


def state_folder(given: Path | None) -> Path:
    """Return the folder of a running book: as given, as systemd set it, or the only one there is.

    Raises:
        UsageError: Several books have a folder and none was named.
    """
    if given is not None:
        return given
    if told := os.environ.get("STATE_DIRECTORY"):
        return Path(told.partition(":")[0])
    home = STATE_HOME.expanduser()
    books = sorted(each for each in home.iterdir() if each.is_dir()) if home.is_dir() else []
    if len(books) > 1:
        names = ", ".join(each.name for each in books)
        raise UsageError(f"--state must name one of the books in {home}, there are {names}")
    return books[0] if books else home


def default_folder(book: str) -> Path:
    """Return where a book keeps its state when nothing else was said."""
    told = os.environ.get("STATE_DIRECTORY")
    return Path(told.partition(":")[0]) if told else STATE_HOME.expanduser() / book


def folder_of_unit(config: Path) -> Path | None:
    """Return where the unit of a configuration keeps its state; None: it has none, as far as seen.

    Args:
        config: `/etc/rebalancer/BOOK.toml`; one that lies elsewhere has no unit.
    """
    from rebalancer.settings import credentials  # heavier than most commands need

    folder = INSTALLED / config.stem
    installed = config.absolute().parent == credentials.INSTALLED
    there = os.path.isdir(folder)  # noqa: PTH112 - of what it may not see it says no
    return folder if installed and there else None
