"""`alert`: whether alerts arrive, and word of a unit that failed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from rebalancer.cli import output
from rebalancer.cli.output import default_folder, emit_json, table
from rebalancer.errors import ConfigError, Fault
from rebalancer.ops.messenger.asking import deliver
from rebalancer.ops.messenger.lines import Orders
from rebalancer.ops.messenger.orders import orders_of, sorted_out
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.settings import load
from rebalancer.settings.alerting import Alerts, alone
from rebalancer.settings.credentials import of_unit
from rebalancer.settings.reading import Raw, read
from rebalancer.storage import channels

Config = Annotated[Path, typer.Argument(help="TOML file of the book.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UNIT, RESULT, STATUS = "MONITOR_UNIT", "MONITOR_SERVICE_RESULT", "MONITOR_EXIT_STATUS"  # systemd's

COPIES = "rebalancer-backup@"  # a unit beside the daemon's, whose failure leaves the book hedged

group = typer.Typer(name="alert", no_args_is_help=True, help="Whether alerts arrive.")


@group.command("test")
def try_out(config: Config, as_json: Json = False) -> None:
    """Send a test through every channel of a book; 1 where one of them does not deliver.

    Example: rebalancer alert test live.toml
    """
    settings = load(config)
    of_unit(config)
    told = orders_of(settings, os.environ, Path.home())
    if told is None:
        raise _without(config)
    ok = _send(told, "alert.tested", "a test: nothing is wrong", as_json=as_json)
    if not all(ok.values()):
        raise typer.Exit(1)


@group.command()
def failed(
    config: Config,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of the book; it says where alerts go if the file cannot."),
    ] = None,
    unit: Annotated[str, typer.Option(help="Its name; systemd tells it by itself.")] = "",
    as_json: Json = False,
) -> None:
    """Say that the unit of a book failed; 1 where no channel delivers. For OnFailure= of the unit.

    It needs the table [alerts] alone: a configuration that is wrong elsewhere is
    why units fail. Of one that cannot be read it uses the copy that the last start
    kept in its state folder. A channel without its credential takes no other away.
    The heartbeat is left alone: it would tell whoever hears it that the book hedges.

    Example: rebalancer alert failed live.toml --unit rebalancer@btc-desk.service
    """
    told = _lenient(config, state)
    about = _words(unit, os.environ)
    if not any(_send(told, "unit.failed", about, as_json=as_json).values()):
        raise typer.Exit(1)


def _words(unit: str, environ: Mapping[str, str]) -> str:
    """Return what is said of a unit, with what systemd tells of its end."""
    name = unit or environ.get(UNIT, "") or "the daemon"
    told = (("result", RESULT), ("exit code", STATUS))
    facts = [f"{word} {environ[key]}" for word, key in told if environ.get(key)]
    beside = name.startswith(COPIES)
    matter = "the book is hedged, its journal was not copied" if beside else "nobody hedges"
    return f"{name} failed; {matter}" + (f" ({', '.join(facts)})" if facts else "")


def _lenient(config: Path, state: Path | None) -> Orders:
    """Return where alerts go, also of a configuration that is wrong elsewhere or altogether.

    What keeps one channel from being used is printed, and takes no other away. The
    heartbeat is not among them: whoever hears it is told that all is well.

    Raises:
        ConfigError: Nothing says where, or no channel is left.
        PermissionRefused: None is left, and others may read a credential.
    """
    of_unit(config)
    raw, told = _said(config, state)
    book = raw.get("book")
    names = book if isinstance(book, dict) else {}
    named = (str(names.get("id", config.stem))[:32], str(names.get("mode", "unknown"))[:16])
    found, faults, refusals = sorted_out(named, told, 0, os.environ, Path.home())
    if not found.routes:
        if not faults and not refusals:
            raise _without(config)
        if refusals and not faults:
            raise refusals[0]
        also = [Fault("alerts", str(each), "refused") for each in refusals]
        raise ConfigError(str(config), [*faults, *also])
    for fault in faults:
        typer.echo(f"{fault.path}: {fault.must}, was {fault.was}", err=True)
    for each in refusals:
        typer.echo(str(each), err=True)
    return replace(found, heartbeat=None)


def _said(config: Path, state: Path | None) -> tuple[Raw, Alerts]:
    """Return a configuration and its alerts, or those that the last start kept of it.

    Raises:
        ConfigError: Neither says anything sound of alerts.
    """
    raw = read(config)
    told = None if isinstance(raw, Fault) else alone(raw)
    if isinstance(raw, dict) and told is not None:
        if not told.outward:
            raise _without(config)
        return raw, told
    for folder in _folders(config, state):
        kept = channels.kept(folder)
        told = None if kept is None else alone(dict(kept))
        if kept is not None and told is not None and told.outward:
            wrong = raw.must if isinstance(raw, Fault) else "[alerts] must be sound"
            typer.echo(f"{config}: {wrong}; using {folder / channels.NAME}", err=True)
            return dict(kept), told
    raise ConfigError(str(config), [raw]) if isinstance(raw, Fault) else _without(config)


def _folders(config: Path, state: Path | None) -> Sequence[Path]:
    """Return where the state of a book may lie whose configuration cannot tell its name."""
    if state is not None:
        return [state]
    told = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return [Path(told)] if told else [output.INSTALLED / config.stem, default_folder(config.stem)]


def _without(config: Path) -> ConfigError:
    must = "must have a channel: [[alerts.channels]]"
    return ConfigError(str(config), [Fault("alerts", must, "none, or none that is sound")])


def _send(told: Orders, event: str, text: str, *, as_json: bool) -> Mapping[str, bool]:
    """Send one message through every channel and print what came of it."""
    rows = [asdict(each) for each in run_wall(deliver(told, event, text, WallClock()))]
    if as_json:
        emit_json(rows)
    else:
        shown = [row | {"ok": "yes" if row["ok"] else "NO"} for row in rows]
        table(shown, ("channel", "kind", "ok", "told"), f"{event} of {told.book}")
    return {str(row["channel"]): bool(row["ok"]) for row in rows}


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(group)
