"""`check`: every fault of a configuration at once, and its fingerprint."""

from pathlib import Path
from typing import Annotated

import typer

from rebalancer.cli.output import emit_json
from rebalancer.settings import InvalidSettings
from rebalancer.settings import check as examine


def check(
    config: Annotated[Path, typer.Argument(help="TOML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say everything that is wrong with a configuration; print its fingerprint when nothing is.

    Example: rebalancer check config/demo.toml
    """
    report = examine(config)
    if as_json:
        emit_json(report.as_json())
        if report.faults:
            raise typer.Exit(InvalidSettings.exit_code)
        return
    if report.faults:
        raise InvalidSettings(report.source, report.faults)
    typer.echo(f"{config}: no faults, fingerprint {report.fingerprint}")
    for key in report.not_enforced:
        typer.echo(f"  {key}: not set, nobody watches there")
    for note in report.notes:
        typer.echo(f"  note: {note}")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(check)
