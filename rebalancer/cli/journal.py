"""`journal`: is it whole, and copies of it that can be put back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, state_folder
from rebalancer.cli.times import utc
from rebalancer.errors import UsageError
from rebalancer.storage.audit import Audit, audit
from rebalancer.storage.chain import Head

FILE = "journal.sqlite"
MIB = 1024 * 1024

State = Annotated[
    Path | None, typer.Option("--state", help="Folder of the book; its journal.sqlite is used.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

group = typer.Typer(
    name="journal", no_args_is_help=True, help="Check, back up, restore and prune a journal."
)


@group.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A backup; the journal of the book when left out.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help='A head that was printed before, "NUMBER HASH": must still be in it.'),
    ] = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Follow every page and every entry of a journal; 65 and the first bad entry if it is damaged.

    Example: rebalancer journal check --state /var/lib/rebalancer/btc-desk
    """
    path = file or state_folder(state) / FILE
    _show(path, audit(path, None if head is None else _head(head)), "sound", as_json=as_json)


def _head(text: str) -> Head:
    number, _, digest = text.strip().partition(" ")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError as error:
        must = "must be a number and a hash, as check prints them"
        raise UsageError(f"--head: {must}, was {text}") from error


def _show(path: Path, told: Audit, word: str, *, as_json: bool) -> None:
    """Print what a journal holds; its head is what an operator writes down."""
    if as_json:
        emit_json({"file": str(path), **_facts(told)})
        return
    typer.echo(f"{path}: {word}")
    span = "" if told.first_ts is None or told.last_ts is None else _span(told)
    typer.echo(f"entries   {told.entries}{span}; {told.pruned} pruned")
    typer.echo(f"starts    {told.epoch}")
    typer.echo(f"size      {told.size / MIB:.2f} MiB")
    typer.echo(f"head      {told.head}")


def _span(told: Audit) -> str:
    return f", from {utc(told.first_ts or 0)} to {utc(told.last_ts or 0)}"


def _facts(told: Audit) -> dict[str, Any]:
    return {
        "entries": told.entries,
        "pruned": told.pruned,
        "first_ts": told.first_ts,
        "last_ts": told.last_ts,
        "epoch": told.epoch,
        "size": told.size,
        "head": str(told.head),
    }


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(group)
