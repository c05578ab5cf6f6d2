"""`events`: all that the log can say, what it means, and what is to be done."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, table
from rebalancer.errors import UsageError
from rebalancer.ops.vocabulary import EVENTS, LogEvent

_COLUMNS = ("name", "severity", "meaning", "action")


def events(
    name: Annotated[
        str | None, typer.Argument(help="Of an event, or a pattern such as order.*; all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a page.")] = False,
) -> None:
    """Explain the events of the log: meaning, severity, what to do, and which fields they carry.

    Example: rebalancer events order.unknown
    Example: rebalancer events 'margin.*' --json
    """
    found = _matching(name)
    if as_json:
        emit_json([_row(each) for each in found])
    elif markdown:
        typer.echo(_page(found))
    elif len(found) == 1:
        for key, value in _row(found[0]).items():
            told = " ".join(value) if isinstance(value, list) else value
            typer.echo(f"{key:9} {told or '-'}")
    else:
        table([_row(each) for each in found], _COLUMNS, f"{len(found)} events")


def _matching(name: str | None) -> Sequence[LogEvent]:
    found = [each for each in EVENTS.values() if name is None or fnmatchcase(each.name, name)]
    if not found:
        near = ", ".join(each for each in EVENTS if each.split(".")[0] == str(name).split(".")[0])
        known = f"known are {near}" if near else "rebalancer events lists them"
        raise UsageError(f"NAME: must be an event of the log, was {name}; {known}")
    return found


def _row(event: LogEvent) -> dict[str, Any]:
    return {
        "name": event.name,
        "severity": str(event.severity),
        "meaning": event.meaning,
        "action": event.action,
        "fields": list(event.fields),
    }


def _page(found: Sequence[LogEvent]) -> str:
    """Return a table in Markdown; no text of the list holds a bar."""
    lines = ["| event | severity | meaning | what to do | fields |", "|---|---|---|---|---|"]
    for each in found:
        fields = " ".join(f"`{name}`" for name in each.fields) or "–"
        cells = (f"`{each.name}`", str(each.severity), each.meaning, each.action, fields)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(events)
