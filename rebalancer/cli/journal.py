"""`journal`: is it whole, and copies of it that can be put back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, state_folder
from rebalancer.cli.times import utc
from rebalancer.core.ids import least_epoch
from rebalancer.errors import UsageError
from rebalancer.ports import SECOND, Retention
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.housekeeping import FORGOTTEN, MOST
from rebalancer.runtime.restoring import halted
from rebalancer.storage import damage
from rebalancer.storage.audit import Audit, audit
from rebalancer.storage.backup import back_up, back_up_daily
from rebalancer.storage.backup import restore as put_back
from rebalancer.storage.chain import Head
from rebalancer.storage.sqlite import open_journal, open_reader

FILE = "journal.sqlite"
MIB, DAY = 1024 * 1024, 86_400 * SECOND  # bytes, ns
DAYS, MOST_MIB = 90, 1024  # as in [journal]
KEEP = 30  # copies in a folder, one a day

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
    if damage.found(path) is not None and not as_json:
        typer.echo(f"{damage.place(path)}: halts each start until the book's own check, within an")
        typer.echo("hour, finds the journal whole; a fault of the disk comes back: see to it first")


@group.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="Where to; must not exist yet, or be a folder of copies.")
    ],
    state: State = None,
    keep: Annotated[
        int, typer.Option(min=1, help="Of a folder: the youngest copies that stay.")
    ] = KEEP,
    as_json: Json = False,
) -> None:
    """Copy the journal into one private file, also while its daemon runs; the copy is checked.

    In a folder it is named for the day, UTC; a second one of a day takes the place of the first.

    Example: rebalancer journal backup /var/backups/btc-desk-2026-01-30.sqlite
    Example: rebalancer journal backup --keep 30 /mnt/other/btc-desk
    """
    source, day = state_folder(state) / FILE, utc(WallClock().now())[:10]
    if file.is_dir():
        file, told = back_up_daily(source, file, day, keep)
    else:
        told = back_up(source, file)
    _show(file, told, "backed up", as_json=as_json)


@group.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What backup made.")],
    state: State = None,
    force: Annotated[
        bool, typer.Option("--force", help="Move a journal that is there aside.")
    ] = False,
    epoch: Annotated[
        int, typer.Option(min=0, help="An epoch that was used; the next start lies above it.")
    ] = 0,
) -> None:
    """Put a backup in the journal's place; the book begins halted, and goes on when armed.

    Its next start has an epoch above every one that was used: above those of the
    backup and of the journal that is there, and above the ten minutes since 2025.

    Example: rebalancer journal restore btc-desk-2026-01-30.sqlite --force
    """
    now, target = WallClock().now(), state_folder(state) / FILE
    least = max(least_epoch(now), epoch + 1)
    told = put_back(file, target, least, lambda journal: halted(journal, now), force=force)
    if told.aside is not None:
        typer.echo(f"{told.aside}: what was there before")
    _show(target, told.copy, "restored", as_json=False)
    typer.echo(f"epoch     {told.epoch}, the next start has {told.epoch + 1}")
    typer.echo(
        "The book begins halted. Orders that the backup does not know are found at the venue:"
    )
    typer.echo("what rests there is withdrawn, what was filled is told by its archive and booked.")
    typer.echo("Compare positions and orders, then: rebalancer arm --reason TEXT")


@group.command()
def prune(
    state: State = None,
    days: Annotated[int, typer.Option(min=1, help="What is older goes, by whole days.")] = DAYS,
    max_mib: Annotated[
        int, typer.Option(min=1, help="Above it the oldest days go before their time.")
    ] = MOST_MIB,
) -> None:
    """Let old decisions go and give their room back; bookings, orders and latches stay.

    A daemon does the same by itself each night, as [journal] says; it must not run now.

    Example: rebalancer journal prune --days 30 --state /var/lib/rebalancer/btc-desk
    """
    path = state_folder(state) / FILE
    open_reader(path).close()  # else one would be made
    retention = Retention(FORGOTTEN, days * DAY, max_mib * MIB)
    journal, now, gone = open_journal(path), WallClock().now(), 0
    try:
        while count := journal.prune(retention, now, MOST):
            gone += count
        journal.compact()
        crowded = journal.crowded(retention)
    finally:
        journal.close()
    _show(path, audit(path), f"{gone} entries went", as_json=False)
    if crowded:
        typer.echo(f"larger than {max_mib} MiB: what is left must stay, or is of today")


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
