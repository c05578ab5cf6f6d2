"""`doctor`: is everything there that trading for money needs?"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, table
from rebalancer.cli.proving import proofs
from rebalancer.core.instruments import Instrument
from rebalancer.errors import ConfigError, Fault
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, load, resolve
from rebalancer.settings.credentials import of_unit
from rebalancer.settings.models import Mode
from rebalancer.venues import credentials
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.examination import examine
from rebalancer.venues.findings import Finding, Grade, Subject
from rebalancer.venues.live import dead_man
from rebalancer.venues.profiles import profile_of

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(
    config: Annotated[Path, typer.Argument(help="TOML file of a book.")],
    as_json: Json = False,
) -> None:
    """Reach every venue of a book and list what is fit, and what is missing, to trade there.

    A book on paper has no key: of its venues it asks what is public, and no more.

    Example: rebalancer doctor live.toml
    """
    settings = load(config)
    of_unit(config)
    rows = looked(settings)
    if as_json:
        emit_json(rows)
    else:
        show(rows, settings, config)
    if any(row["grade"] == "failed" for row in rows):
        raise typer.Exit(1)


def looked(settings: Settings) -> list[dict[str, Any]]:
    """Return all findings on a book; on one of paper only what is public."""
    if settings.book.mode is Mode.PAPER:
        return run_wall(examined(settings))
    found, alerts = run_wall(_looked(settings))
    return [*found, *(_row("book", each) for each in unmet(settings, alerts))]


def show(rows: Sequence[Mapping[str, Any]], settings: Settings, config: Path) -> None:
    """Print findings for a person."""
    table(rows, ("venue", "name", "grade", "measured", "must"), f"doctor of {config}")
    if settings.book.mode is Mode.PAPER:
        typer.echo("a book on paper: keys, account and alerts are for mode live or testnet")


async def _looked(settings: Settings) -> tuple[list[dict[str, Any]], Sequence[Finding]]:
    """Return the findings on every venue, and on every channel for alerts."""
    return await examined(settings), await proofs(settings)


async def examined(settings: Settings) -> list[dict[str, Any]]:
    """Return the findings on every venue."""
    clock, instruments = WallClock(), resolve(settings)
    failures: list[BaseException] = []
    tasks = TaskRegistry(failures.append)
    rows: list[dict[str, Any]] = []
    for name in settings.venues:
        mode = settings.book.mode
        keys = None if mode is Mode.PAPER else keys_of(settings, name)
        own = settings.venues[name].profile
        profile = profile_of(name, Mode.LIVE if mode is Mode.PAPER else mode, own)
        connection = connect(name, settings.venues[name], mode, keys)
        switch = None if keys is None else dead_man(connection, profile, keys, (clock, tasks))
        try:
            subject = Subject(
                connection,
                profile,
                settings.venues[name],
                clock,
                _named(settings, instruments, name),
                settings.underlyings,
                switch if switch is not None and switch.socket is not None else None,
            )
            rows += [_row(name, each) for each in await examine(subject, public=keys is None)]
        finally:
            try:
                if switch is not None:
                    await switch.release()
                await tasks.close()
            finally:
                await connection.close()
    if failures:
        raise failures[0]
    return rows


def _named(
    settings: Settings, instruments: Mapping[str, Instrument], venue: str
) -> Sequence[Instrument]:
    own = settings.underlyings.values()
    hedges = {each for one in own for each in (*one.hedge.buy, *one.hedge.sell)}
    return [each for each in instruments.values() if each.venue == venue and each.id in hedges]


def _row(venue: str, finding: Finding) -> dict[str, Any]:
    return {
        "venue": venue,
        "name": finding.name,
        "grade": str(finding.grade),
        "measured": finding.measured,
        "must": finding.must,
    }


def keys_of(settings: Settings, venue: str) -> Credentials:
    """Return the credentials that a venue of a book names.

    Raises:
        ConfigError: It names none, or they are not there.
    """
    name = settings.venues[venue].credentials
    if name is None:
        must = "must name a credential"
        raise ConfigError(settings.book.id, [Fault(f"venues.{venue}.credentials", must, "missing")])
    return credentials.load(name, os.environ, Path.home())


def unmet(settings: Settings, alerts: Sequence[Finding]) -> Sequence[Finding]:
    """Return what a book lacks before real orders may leave, and how its alerts do.

    Args:
        settings: Of the book.
        alerts: What was found of the channels for alerts.
    """
    found = [
        Finding(f"guards.{name}", Grade.FAILED, "missing", f"must be there: {words}")
        for name, words in (("margin", "a margin ladder"), ("funding", "a cap on funding"))
        if getattr(settings.guards, name) is None
    ]
    found += [
        Finding(f"venues.{name}.tiers", Grade.FAILED, "missing", "must be the venue's own tiers")
        for name, venue in settings.venues.items()
        if venue.tiers is None and name != "binance"
    ]
    return [*found, *alerts]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(doctor)
