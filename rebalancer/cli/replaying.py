"""`replay`: recorded markets through the daemon, with a progress bar and a summary."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli import verifying
from rebalancer.cli.output import bar, emit_json, opened, shown
from rebalancer.cli.times import nanoseconds, utc
from rebalancer.errors import UsageError
from rebalancer.ops.log import configure
from rebalancer.ports import Clock, Log
from rebalancer.research.markets import Window
from rebalancer.research.replay import Request, Summary
from rebalancer.research.replay import replay as play
from rebalancer.settings import load

UNITS = {
    "hedge_effectiveness": "",
    "sampling_seconds": "s",
    "variance_hedged": "USD²",
    "variance_unhedged": "USD²",
    "accounting_residual": "USD",
    "fees": "USD",
    "funding": "USD",
    "turnover": "USD",
    "max_abs_net_delta": "coins",
    "seconds_outside_band": "s",
}


def replay(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder that the files of [replay] are below; the journal to verify."),
    ],
    config: Annotated[
        Path | None, typer.Option(help="TOML file with a [replay] table; needed but to verify.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First moment, ISO 8601 UTC, inclusive.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Last moment, ISO 8601 UTC, exclusive.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary there; - is standard output.")
    ] = None,
    steps_file: Annotated[
        Path | None, typer.Option("--steps", help="Write every step there, CSV.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Step the flight beside a journal again and compare."),
    ] = False,
) -> None:
    """Play recorded markets through the daemon and measure its hedges, or verify a journal.

    Example: rebalancer replay data --config config/replay-strangle.toml
    --from 2026-01-28 --to 2026-02-07 --steps steps.csv
    Example: rebalancer replay DIR/journal.sqlite --verify
    """
    if verify:
        _only_verify(config, start, end, steps_file)
        verifying.run(folder, json_file)
        return
    if config is None:
        raise UsageError("--config: must name a file, was missing (a journal takes --verify)")
    window = Window(
        None if start is None else nanoseconds(start), None if end is None else nanoseconds(end)
    )
    if window.start is not None and window.end is not None and window.start >= window.end:
        raise UsageError(f"--to: must be later than --from ({start}), was {end}")
    if steps_file is not None and steps_file == json_file:
        raise UsageError(f"--steps: must be another file than --json, was {steps_file}")
    if not folder.is_dir():
        raise UsageError(f"FOLDER: must be a folder, was {folder}")
    settings = load(config)
    with opened(steps_file) as steps, opened(json_file) as sink:
        with _bar() as told:
            summary = play(Request(settings, folder, window, _log, steps, told))
        if sink is not None:
            emit_json(summary.result, sink)
    if json_file is None or str(json_file) != "-":
        _show(summary, str(config))


def _only_verify(*others: object) -> None:
    """Raise where an option is set that a verification has no use for.

    Raises:
        UsageError: One is.
    """
    for name, value in zip(("--config", "--from", "--to", "--steps"), others, strict=True):
        if value is not None:
            raise UsageError(f"{name}: must be absent beside --verify, was {value}")


def _log(clock: Clock) -> Log:
    return configure(sys.stderr, clock, level="error")


@contextmanager
def _bar() -> Iterator[Any]:
    """Show how far market time has come; a bar on a terminal, nothing elsewhere."""
    with bar() as progress:
        task = progress.add_task("replay", total=None, now="")

        def told(now: int, start: int, end: int | None) -> None:
            total = None if end is None else end - start
            progress.update(task, completed=now - start, total=total, now=utc(now))

        yield told


def _show(summary: Summary, config: str) -> None:
    """Print what was played, what came of it, and where the profit came from."""
    told = summary.result
    typer.echo(f"replay of {config}")
    for line in summary.sources:
        typer.echo(f"  {line}")
    for name, tally in summary.tallies.items():
        counts = " + ".join(f"{tally[key]} {key}" for key in ("decoded", "unknown", "refused"))
        total = tally["decoded"] + tally["unknown"] + tally["refused"]
        typer.echo(f"  lines of {name}: {counts} = {total}")
    for key, value in told.items():
        if key not in ("attribution", "digest"):
            typer.echo(f"{key:22} {shown(value):>16} {UNITS.get(key, '')}".rstrip())
    typer.echo("profit by source, USD")
    for key, value in told["attribution"].items():
        typer.echo(f"  {key:20} {value:16,.2f}")
    typer.echo(f"digest {told['digest']}")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(replay)
