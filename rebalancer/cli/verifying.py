"""`replay JOURNAL --verify`: a recorded flight stepped again, and the first difference shown."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from rebalancer import __version__
from rebalancer.cli.output import bar, emit_json, opened, shown, table
from rebalancer.cli.times import utc
from rebalancer.research.differing import Altered, Difference, Place
from rebalancer.research.verification import Start, Verified, verify

HIDDEN = ("type", "ts_local", "ts_venue", "sequence", "ts", "time", "verdicts", "kind", "key")
COLUMNS = ("field", "stored", "computed")


def run(journal: Path, json_file: Path | None) -> None:
    """Verify a journal and show what was found; leaves with 1 where something differs."""
    with opened(json_file) as sink:
        with _bar() as told:
            found = verify(journal, told)
        if sink is not None:
            emit_json(as_json(found), sink)
    if json_file is None or str(json_file) != "-":
        _show(found)
    if not found.agrees:
        raise typer.Exit(1)


def as_json(found: Verified) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "verified": found.agrees,
        "events": sum(each.events for each in found.starts),
        "decisions": sum(each.decisions for each in found.starts),
        "orders": sum(each.orders for each in found.starts),
        "digest": found.digest,
        "digest_of_journal": found.stored,
        "missing": list(found.missing),
        "starts": [asdict(each) for each in found.starts],
    }


@contextmanager
def _bar() -> Iterator[Any]:
    """Show how much of the flight was read; a bar on a terminal, nothing elsewhere."""
    with bar() as progress:
        task = progress.add_task("verify", total=None, now="")

        def told(done: int, total: int, now: int) -> None:
            progress.update(task, completed=done, total=total, now=utc(now))

        yield told


def _show(found: Verified) -> None:
    """Print what was found, then the one line that counts."""
    for epoch in found.missing:
        typer.echo(f"start {epoch}: not verified, its flight is not there (any more)")
    for each in found.starts:
        for line in _remarks(each):
            typer.echo(f"start {each.epoch}: {line}")
        if each.altered is not None:
            _show_altered(each.altered)
        if each.difference is not None:
            _show_difference(each.difference)
    events = sum(each.events for each in found.starts)
    decisions = sum(each.decisions for each in found.starts)
    same = found.digest == found.stored and found.agrees
    judged = "same as journal" if same else "up to there"
    word = "verified" if found.agrees else "differs after"
    typer.echo(f"{word} {events} events {decisions} decisions digest {found.digest} ({judged})")


def _remarks(told: Start) -> Iterator[str]:
    """Yield what else must be known of a start."""
    if told.release != __version__:
        yield f"recorded by release {told.release}, verified by {__version__}"
    if told.first:
        yield f"from step {told.first + 1} on, older files were deleted"
    if told.difference is not None:
        return
    if not told.whole:
        yield f"did not end in order; recorded up to step {told.last}"
    if told.unrecorded:
        yield f"{told.unrecorded} entries of the journal are of steps that were not recorded"
    if told.unwritten:
        yield f"{told.unwritten} entries were decided and did not reach the journal"


def _where(place: Place) -> str:
    where = f"start {place.epoch}, step {place.step}, {utc(place.ts)}"
    return f"{where}, {place.file} line {place.line}"


def _show_altered(told: Altered) -> None:
    typer.echo(f"ALTERED   {_where(told.place)}: this is not what was recorded there")
    typer.echo(f"  {_line(told.record)}")


def _show_difference(told: Difference) -> None:
    """Print the first difference, with what came in and what it rested on."""
    typer.echo(f"DIFFERS   {_where(told.place)}: {told.what}")
    if told.came:
        typer.echo(f"came in   {_line(told.came)}")
    for side, entry in (("stored", told.stored), ("computed", told.computed)):
        typer.echo(f"{side:9} {'nothing' if entry is None else _line(entry)}")
    if told.stored and told.computed:
        rows = [dict(zip(COLUMNS, each, strict=True)) for each in told.fields]
        table(rows, COLUMNS, "")
    if told.inputs:
        typer.echo("inputs, the latest words of the markets")
    for each in told.inputs:
        typer.echo(f"  {_line(each)}")


def _line(record: Mapping[str, Any]) -> str:
    """Return a record in one line: its type, its facts, when it was told."""
    facts = [f"{k}={shown(v)}" for k, v in record.items() if v is not None and k not in HIDDEN]
    at = [f"at {utc(record['ts_local'])}"] if isinstance(record.get("ts_local"), int) else []
    return " ".join([str(record.get("type", "")), *facts, *at]).strip()
