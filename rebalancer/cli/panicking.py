"""`panic`: stop a book whose daemon may hang, and take its orders off the venues."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rebalancer.cli.output import default_folder, folder_of_unit, table
from rebalancer.cli.reaching import reach
from rebalancer.errors import ConfigError, Fault, RebalancerError, Unavailable
from rebalancer.storage import folder as folders
from rebalancer.storage.killfile import KillFile
from rebalancer.storage.startmark import StartMark

if TYPE_CHECKING:  # the brake is pulled before anything heavy is loaded
    from rebalancer.runtime.panic import Swept
    from rebalancer.settings import Settings
    from rebalancer.settings.reading import Raw

JOURNAL = "journal.sqlite"
MOMENT = 1.0  # s that the daemon is waited for
LEFT, UNPROVED = 1, Unavailable.exit_code
_COLUMNS = ("venue", "ours", "left", "others left alone", "proved")
_TOLD_BY_SYSTEMD = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")


def panic(
    config: Annotated[Path, typer.Argument(help="TOML file of the book.")],
    state: Annotated[Path | None, typer.Option(help="Folder of the book's state.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; the kill file says it.")] = "panic",
    if_unclean: Annotated[
        bool,
        typer.Option(
            "--if-unclean",
            help="Only after a daemon that did not end in order, and without the kill file.",
        ),
    ] = False,
) -> None:
    """Stop a book for good and withdraw its own orders, also when its daemon hangs.

    It makes the kill file, tells the daemon if it answers at once, and withdraws at
    every venue what bears an id of ours; orders of others are left alone. Ends with
    0 when it is proved that none of ours rests, 1 when one does, 75 when nobody
    knows: also where no daemon answers and the folder has no journal of this book,
    so that it may run in another. Positions stay. To go on: take the kill file away,
    then arm. The folder of a book at /etc/rebalancer/BOOK.toml is that of its unit,
    where it has run.

    Example: rebalancer panic live.toml --reason "daemon hangs"
    """
    place = _place(config, state)
    if if_unclean and not _unclean(place):
        return
    stopped = if_unclean or _stopped(place, reason, config)
    rows = _swept(config)
    _show(rows)
    if any(each.left for each in rows):
        raise typer.Exit(LEFT)
    if not (stopped and all(each.proved for each in rows)):
        raise typer.Exit(UNPROVED)


def _place(config: Path, state: Path | None) -> Path:
    """Return the state folder; a configuration with faults still names its book.

    A shell, root's too, finds that of the book's unit: its daemon looks nowhere else.
    """
    if state is not None or os.environ.get("STATE_DIRECTORY"):
        return state or default_folder("")
    unit = folder_of_unit(config)
    if unit is not None:
        return unit
    raw, book = _book(config)
    name = book.get("id")
    if not isinstance(name, str) or Path(name).name != name or name.startswith("."):
        faults = [] if isinstance(raw, dict) else [raw]
        typer.echo("kill file  not made: name the folder of the state with --state", err=True)
        raise ConfigError(str(config), faults)
    return default_folder(name)


def _book(config: Path) -> tuple["Raw | Fault", Mapping[str, Any]]:
    """Return what a file holds, or its fault, and its table of the book as somebody wrote it."""
    from rebalancer.settings.reading import read

    raw = read(config)
    book = raw.get("book") if isinstance(raw, dict) else None
    return raw, book if isinstance(book, dict) else {}


def _stopped(place: Path, reason: str, config: Path) -> bool:
    """Pull the brake, then tell the daemon; return whether it must have stopped.

    One that does not answer must have where its journal shows that it runs there.
    """
    brake, stopped = KillFile(place), True
    try:
        brake.pull(" ".join(reason.split()) or "panic")
        typer.echo(f"kill file  {brake.path}: {(brake.pulled() or '').partition(': ')[2]}")
    except RebalancerError as error:
        typer.echo(f"kill file  NOT MADE: {error}")
        stopped = False
    try:
        reach(place, MOMENT).call("kill", reason=reason[:1000])
        typer.echo("daemon     answers, and is killed")
        return True
    except RebalancerError as error:
        typer.echo(f"daemon     {error}{'' if stopped else '; it may go on'}")
    why = _elsewhere(place, config)
    if why is not None:
        typer.echo(f"journal    {why}")
        typer.echo("           so the book may run in another folder, and go on: see --state")
    return stopped and why is None


def _elsewhere(place: Path, config: Path) -> str | None:
    """Return why nobody knows that a book runs in a folder; None: its journal there names it."""
    from rebalancer.storage import ownership
    from rebalancer.storage.sqlite import open_reader

    raw, book = _book(config)
    venues = raw.get("venues") if isinstance(raw, dict) else None
    tables = venues.values() if isinstance(venues, dict) else ()
    played = any("loopback" in each for each in tables if isinstance(each, dict))
    money = str(book.get("mode", ownership.PAPER))
    if played and money != ownership.PAPER:
        money = "loopback"
    path = place / JOURNAL
    try:
        with closing(open_reader(path)) as reader:
            why = ownership.foreign(reader, str(book.get("id")), money)
    except (RebalancerError, OSError) as error:
        return str(error)
    return None if why is None else f"{path}: {why}"


def _unclean(place: Path) -> bool:
    """Return whether a start ended out of order, and write down what the system says of it."""
    mark = StartMark(place)
    left = mark.left()
    if left is None:
        typer.echo("the last start ended in order; nothing to withdraw")
        return False
    holder = folders.holder(place)
    if holder is not None:
        typer.echo(f"process {holder} runs this book; nothing is done")
        return False
    told = {name.lower(): os.environ[name] for name in _TOLD_BY_SYSTEMD if name in os.environ}
    words = ", ".join(f"{name} {value[:40]}" for name, value in told.items())
    try:
        mark.add(f"ended with {words}" if words else "found ended")
    except RebalancerError as error:
        typer.echo(str(error), err=True)
    typer.echo(f"a start did not end in order: {mark.left()}")
    return True


def _swept(config: Path) -> Sequence["Swept"]:
    """Withdraw at every venue of a book; a book on paper has none."""
    from rebalancer.settings import salvage
    from rebalancer.settings.credentials import of_unit
    from rebalancer.settings.models import Mode

    settings, faults = salvage(config)
    of_unit(config)
    if faults:
        typer.echo(f"config     {len(faults)} faults, so that no start is made of it; see check")
    if settings.book.mode is Mode.PAPER:
        typer.echo("venues     none: a book on paper has no order outside")
        return ()
    from rebalancer.runtime.clock import run_wall

    return run_wall(_sweep(settings))


async def _sweep(settings: "Settings") -> Sequence["Swept"]:
    from rebalancer.cli.live import keys_of
    from rebalancer.runtime.clock import WallClock
    from rebalancer.runtime.panic import Swept, sweep
    from rebalancer.runtime.tasks import TaskRegistry
    from rebalancer.settings import resolve
    from rebalancer.venues.withdrawing import open_bare

    clock, instruments = WallClock(), resolve(settings)
    opens, closed = {}, list[Swept]()
    for name in settings.venues:
        try:
            keys = keys_of(settings, name)
        except RebalancerError as error:  # the others are not to wait for it
            closed.append(Swept(name, fault=str(error)))
            continue
        opens[name] = partial(open_bare, name, settings, keys, instruments, clock)
    tasks = TaskRegistry(lambda _error: None)  # what one dies of is in what came of it
    try:
        return [*await sweep(opens, clock, tasks), *closed]
    finally:
        await tasks.close()


def _show(swept: Sequence["Swept"]) -> None:
    rows: list[Mapping[str, Any]] = [
        {
            "venue": each.name,
            "ours": len(each.withdrawn),
            "left": len(each.left),
            "others left alone": each.others,
            "proved": "none of ours rests" if each.proved else "no",
        }
        for each in swept
    ]
    if rows:
        table(rows, _COLUMNS, "")
    for each in swept:
        for label, instrument in each.withdrawn.items():
            word = "still there" if each.left and label in each.left else "withdrawn"
            typer.echo(f"{each.name}  {label}  {instrument}  {word}")
        if each.fault is not None:
            typer.echo(f"{each.name}  NOT PROVED: {each.fault}")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(panic)
