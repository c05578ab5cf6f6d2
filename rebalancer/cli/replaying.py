"""`replay`: recorded markets through the daemon, with a progress bar and a summary."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli import verifying
from rebalancer.cli.output import bar, emit_json, opened, shown
from rebalancer.cli.times import nanoseconds, utc
from rebalancer.errors import UsageError
from rebalancer.ops.log import configure
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.research import page, report, verdict
from rebalancer.research.markets import Window
from rebalancer.research.replay import Request, Summary
from rebalancer.research.replay import replay as play
from rebalancer.settings import load

STEPS = 1_000  # that the eye can tell apart on a bar
UNITS = {
    "hedge_effectiveness": "",
    "sampling_seconds": "s",
    "variance_hedged": "USD²",
    "variance_unhedged": "USD²",
    "accounting_residual": "USD",
    "fees": "USD",
    "funding": "USD",
    "turnover": "USD",
    "earned": "USD",
    "max_abs_net_delta": "coins",
    "seconds_outside_band": "s",
    "coin_hours_outside": "coin hours",
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
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write a page for a browser there, HTML.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Step the flight beside a journal again and compare."),
    ] = False,
) -> None:
    """Play recorded markets through the daemon and measure its hedges, or verify a journal.

    Example: rebalancer replay data --config config/replay-strangle.toml
    --from 2026-01-28 --to 2026-02-07 --report report.html
    Example: rebalancer replay DIR/journal.sqlite --verify
    """
    if verify:
        _only_verify(config, start, end, steps_file, report_file)
        verifying.run(folder, json_file)
        return
    if config is None:
        raise UsageError("--config: must name a file, was missing (a journal takes --verify)")
    window = _window(start, end)
    _apart({"--json": json_file, "--steps": steps_file, "--report": report_file})
    if not folder.is_dir():
        raise UsageError(f"FOLDER: must be a folder, was {folder}")
    settings = load(config)
    if report_file is not None:
        page.plotly()  # before the work, not after it
    drawn = report_file is not None
    with opened(steps_file) as steps, opened(json_file) as sink, opened(report_file) as sheet:
        with _bar() as told:
            summary = play(Request(settings, folder, window, _log, steps, told, drawn=drawn))
        if sink is not None:
            emit_json(summary.result, sink)
        if sheet is not None:
            sheet.write(report.page(summary, settings.book.id))
    if all(str(file) != "-" for file in (json_file, steps_file, report_file)):
        _show(summary, str(config))


def _window(start: str | None, end: str | None) -> Window:
    """Return what to play.

    Raises:
        UsageError: It ends before it begins.
    """
    window = Window(
        None if start is None else nanoseconds(start), None if end is None else nanoseconds(end)
    )
    if window.start is not None and window.end is not None and window.start >= window.end:
        raise UsageError(f"--to: must be later than --from ({start}), was {end}")
    return window


def _apart(files: Mapping[str, Path | None]) -> None:
    """Raise where two options name one file.

    Raises:
        UsageError: They do.
    """
    taken: dict[Path, str] = {}
    for name, file in files.items():
        if file is None:
            continue
        if file in taken:
            raise UsageError(f"{name}: must be another file than {taken[file]}, was {file}")
        taken[file] = name


def _only_verify(*others: object) -> None:
    """Raise where an option is set that a verification has no use for.

    Raises:
        UsageError: One is.
    """
    for name, value in zip(
        ("--config", "--from", "--to", "--steps", "--report"), others, strict=True
    ):
        if value is not None:
            raise UsageError(f"{name}: must be absent beside --verify, was {value}")


def _log(clock: Clock) -> Log:
    return configure(sys.stderr, clock, level="error")


@contextmanager
def _bar() -> Iterator[Any]:
    """Show how far market time has come; a bar on a terminal, nothing elsewhere."""
    with bar() as progress:
        task, seen = progress.add_task("replay", total=None, now=""), 0

        def told(now: int, start: int, end: int | None) -> None:
            nonlocal seen
            total = None if end is None else end - start
            if now == end or now - seen >= (SECOND if total is None else total / STEPS):
                seen = now
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
        if key != "digest" and not isinstance(value, dict | list):
            typer.echo(f"{key:22} {shown(value):>16} {UNITS.get(key, '')}".rstrip())
    for line in verdict.lines(told):
        typer.echo(line)
    typer.echo("profit by source, USD")
    for key, value in told["attribution"].items():
        typer.echo(f"  {key:20} {value:16,.2f}")
    typer.echo(f"digest {told['digest']}")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(replay)
