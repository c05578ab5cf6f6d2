"""`simulate`: the daemon in virtual time, seed by seed, with everything that can go wrong."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rebalancer.cli.output import emit_json, opened
from rebalancer.errors import UsageError
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.simulation.virtual.campaign import Line, Summary, play
from rebalancer.simulation.virtual.goals import GOALS
from rebalancer.simulation.virtual.shrink import Case, shrink

SHOWN = 5  # violations that are printed


def simulate(
    seeds: Annotated[int, typer.Option(help="How many.")] = 100,
    start: Annotated[int, typer.Option(help="The first.")] = 0,
    resume: Annotated[
        Path | None, typer.Option(help="Keep outcomes there; go on where it ends.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary there; - is standard output.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler; else this machine's cores.")
    ] = None,
    shrunk: Annotated[
        int | None, typer.Option("--shrink", help="Bring this failing seed down to its least.")
    ] = None,
) -> None:
    """Run the daemon in virtual time against exchanges and wires that fail; 1 on any violation.

    Example: rebalancer simulate --seeds 1000 --resume outcomes.jsonl
    """
    if seeds < 1 or start < 0:
        raise UsageError(f"--seeds, --start: must be at least 1 and 0, were {seeds} and {start}")
    if shrunk is not None:
        _tell(shrink(shrunk, lambda step: typer.echo(step, err=True)))
        raise typer.Exit(1)
    clock = WallClock()
    begun, fresh = clock.monotonic(), 0
    with opened(json_file) as sink:
        with _bar(seeds) as progress:
            task = progress.add_task("seeds", total=seeds, failing=0)
            failing = 0

            def told(line: Line) -> None:
                nonlocal fresh, failing
                fresh, failing = fresh + 1, failing + bool(line["violations"])
                progress.update(task, advance=1, failing=failing)

            summary = play(range(start, start + seeds), told, resume, scheduler)
        rate = fresh / max((clock.monotonic() - begun) / SECOND, 1e-9)
        if sink is not None:
            emit_json(_json(summary, rate), sink)
    if str(json_file) != "-":
        _show(summary, rate)
    raise typer.Exit(1 if summary.failing else 0)


def _tell(case: Case) -> None:
    """Print what happened, and the case as the list of found ones keeps it."""
    for line in case.story():
        typer.echo(line)
    typer.echo(f"\n{case.as_toml()}")


def _bar(total: int) -> Progress:
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn("seeds"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failing]} failing"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal or not total,
    )


def _json(summary: Summary, rate: float) -> dict[str, Any]:
    return {
        "seeds": len(summary.lines),
        "violations": summary.violations,
        "goals": summary.goals,
        "seeds_per_second": round(rate, 2),
        "virtual_seconds": summary.seconds,
        "trace_hash": summary.trace,
        "programs": summary.programs,
        "failing_seeds": summary.failing,
    }


def _show(summary: Summary, rate: float) -> None:
    """Print what was seen, and the first of what must not be."""
    typer.echo(
        f"{len(summary.lines)} seeds, {summary.seconds} virtual seconds, {rate:.1f} a second"
    )
    for goal in GOALS:
        typer.echo(f"  {goal:44} {summary.goals.get(goal, 0):>8}")
    for seed in summary.failing[:SHOWN]:
        for invariant, ts, text in summary.lines[seed]["violations"][:SHOWN]:
            typer.echo(f"seed {seed}: {invariant} at {ts / SECOND:.3f}: {text}")
    counts = ", ".join(f"{name} {many}" for name, many in summary.violations.items()) or "none"
    typer.echo(f"violations: {counts}")
    typer.echo(f"trace {summary.trace}")
    if len(summary.programs) > 1:
        versions = len(summary.programs)
        typer.echo(f"by {versions} versions of the program; some seeds of each were compared")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(simulate)
