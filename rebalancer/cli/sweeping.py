"""`sweep`: one recording under many settings, the frontier of risk and cost, a recommended band."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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

from rebalancer.cli.output import emit_json, opened, table
from rebalancer.errors import UsageError
from rebalancer.research.sweep import running, verdict
from rebalancer.research.sweep.page import page
from rebalancer.research.sweep.points import Job, jobs
from rebalancer.research.sweep.spec import load
from rebalancer.research.sweep.verdict import Ranked, Recommended, Verdict

MOST = 25  # rows of the frontier that are printed
COLUMNS = (
    *("point", "cost/day", "risk/day", "5 % … 95 %", "CVaR", "effective", "outside"),
    *("cost, rest", "risk, rest", "hedges", "liquidations"),
)


def sweep(
    spec_file: Annotated[Path, typer.Argument(metavar="SPEC", help="TOML file: what to vary.")],
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler; else this machine's cores.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Keep outcomes there; go on where it ends.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the outcome there; - is standard output.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write the chart there, one file.")
    ] = None,
) -> None:
    """Replay one recording under many settings and show what risk costs.

    Example: rebalancer sweep config/sweep-strangle.toml --resume outcomes.jsonl --html sweep.html
    """
    _apart({"--resume": resume, "--json": json_file, "--html": html_file})
    spec = load(spec_file)
    found = jobs(spec)
    with opened(html_file) as chart, opened(json_file) as sink:
        lines = _play(found, resume, scheduler)
        told = verdict.judge(found, lines, spec.objective)
        if sink is not None:
            emit_json(verdict.as_json(told), sink)
        if chart is not None:
            chart.write(page(spec, told))
    if str(json_file) != "-":
        _show(told)


def _apart(files: Mapping[str, Path | None]) -> None:
    """Raise where two options name one file: the one would write over the other."""
    named: dict[Path, str] = {}
    for option, path in files.items():
        if path is None or str(path) == "-":
            continue
        other = named.setdefault(path.resolve(), option)
        if other != option:
            raise UsageError(f"{option}: must be another file than {other}, was {path}")


def _play(found: Sequence[Job], resume: Path | None, scheduler: str | None) -> dict[str, Any]:
    known = {} if resume is None else running.read(resume)
    left = sum(job.key not in known for job in found)
    if not left:
        return running.play(found, lambda _: None, resume, running.here)
    with running.cluster(scheduler) as work, _bar(len(found), len(found) - left) as told:
        return running.play(found, told, resume, work)


@contextmanager
def _bar(total: int, done: int) -> Iterator[Any]:
    """Show how many points are played; a bar on a terminal, nothing elsewhere."""
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("points"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("points", total=total, completed=done)
        yield lambda _line: progress.update(task, advance=1)


def _show(told: Verdict) -> None:
    """Print the frontier and what is recommended."""
    rows = [_row(each) for each in told.frontier]
    words = f"{len(told.points)} points, {len(rows)} on the frontier of the first part; USD"
    table(rows[:MOST], COLUMNS, words)
    fallen = [each for each in told.points if each.liquidations]
    if fallen:
        most = max(fallen, key=lambda each: each.liquidations)
        typer.echo(
            f"{len(fallen)} liquidated, and left out: {most.label} {most.liquidations} times"
            f"{', the most' if len(fallen) > 1 else ''} (--json, --html)"
        )
    if len(rows) > MOST:
        typer.echo(f"… and {len(rows) - MOST} more (--json, --html)")
    if told.recommended is None:
        typer.echo(f"nothing is recommended: {told.why_none}")
    else:
        _show_recommended(told.recommended)


def _row(point: Ranked) -> dict[str, Any]:
    first, rest = point.figures("first") or {}, point.figures("rest") or {}
    effective = first.get("effectiveness")
    return {
        "point": point.label,
        "cost/day": f"{first['cost']:.2f}",
        "risk/day": f"{first['risk']:.1f}",
        "5 % … 95 %": _spread(first),
        "CVaR": f"{first['cvar']:.1f}",
        "effective": None if effective is None else f"{effective:.4f}",
        "outside": f"{first['outside']:.2%}",
        "cost, rest": f"{rest['cost']:.2f}" if rest else None,
        "risk, rest": f"{rest['risk']:.1f}" if rest else None,
        "hedges": point.line["hedges"],
        "liquidations": point.liquidations,
    }


def _spread(figures: Mapping[str, Any]) -> str | None:
    """Return the error bar of the risk in words; None where there is none."""
    if figures["risk_low"] is None:
        return None
    return f"{figures['risk_low']:.1f} … {figures['risk_high']:.1f}"


def _show_recommended(told: Recommended) -> None:
    typer.echo(f"recommended: {told.point.label}")
    typer.echo(f"  wish        {told.wish.said()}")
    for name, words in (("first", "first part"), ("rest", "rest")):
        figures = told.point.figures(name)
        if figures is None:
            typer.echo(f"  {words:11} too few samples")
            continue
        bar = _spread(figures) or "too few days for an error bar"
        cost, risk, days = figures["cost"], figures["risk"], figures["days"]
        where = f"{words:11} {days:.1f} days:"
        typer.echo(f"  {where} cost {cost:.2f} USD a day, risk {risk:.1f} ({bar})")
    if told.place is None:
        typer.echo("  on the rest it is beyond its limit: what was chosen did not hold")
    else:
        typer.echo(f"  on the rest it is number {told.place} of {told.of} by the same wish")
    if told.best is not None and told.best is not told.point:
        typer.echo(f"  best there would have been {told.best.label}")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(sweep)
