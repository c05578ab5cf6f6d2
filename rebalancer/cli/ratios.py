"""`ratio`: how much of a hedge takes most of the variance out of what is held."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, opened, table
from rebalancer.cli.times import duration, utc
from rebalancer.core.ratio import DOUBT, LEAST, Ground
from rebalancer.errors import UsageError
from rebalancer.recordings import bars
from rebalancer.research.ratios import Answer, Measured, Question, answer

HOUR, DAY = 3_600_000_000_000, 86_400_000_000_000  # ns
COLUMNS = ("horizon", "samples", "ratio", "standard_error", "effectiveness", "effectiveness_of_one")


def ratio(
    folder: Annotated[Path, typer.Argument(help="Folder that the files are below.")],
    spot: Annotated[str, typer.Option(help="Bars of what is held, ?column=value picks a series.")],
    hedge: Annotated[str, typer.Option(help="Bars of the hedge.")],
    every: Annotated[str, typer.Option(help="How long a hedge is held.")] = "1h",
    halflife: Annotated[
        float | None, typer.Option(help="Samples after which one counts half.")
    ] = None,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="Both earn coins: returns of -1/P.")
    ] = False,
    prior: Annotated[
        float | None, typer.Option(help="The hedge is another asset, of this beta.")
    ] = None,
    instrument: Annotated[
        str, typer.Option(help="The hedge's name in the configuration.")
    ] = "VENUE:NAME",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers there; - is standard output.")
    ] = None,
) -> None:
    """Measure the minimum-variance hedge ratio of two recorded prices, by horizon.

    Example: rebalancer ratio data --spot timeseries/binance_spot_BTCUSDT_1h.parquet
    --hedge timeseries/binance_perp_BTCUSDT_1h.parquet --every 1d
    --instrument binanceusdm:BTCUSDT
    """
    if halflife is not None and not halflife > 0:
        raise UsageError(f"--halflife: must be above 0, was {halflife:g}")
    if not folder.is_dir():
        raise UsageError(f"FOLDER: must be a folder, was {folder}")
    asked = Question(duration(every), halflife, inverse, prior)
    with opened(json_file) as sink:
        read = [bars.read(str(folder / each)) for each in (spot, hedge)]
        found = answer(read[0], read[1], asked)
        if sink is not None:
            emit_json(_told(found, asked, instrument), sink)
    if json_file is None or str(json_file) != "-":
        _show(found, asked, instrument)


def _horizon(ns: int) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (HOUR // 60, "m")):
        if ns % unit == 0:
            return f"{ns // unit}{name}"
    return f"{ns / 1e9:g}s"


def _row(measured: Measured) -> dict[str, Any]:
    found = measured.found
    told = (found.ratio, found.standard_error, found.effectiveness, measured.of_one)
    return dict(zip(COLUMNS, (_horizon(measured.horizon), measured.samples, *told), strict=True))


def _told(found: Answer, asked: Question, instrument: str) -> dict[str, Any]:
    return {
        "from": utc(found.first),
        "to": utc(found.last),
        "every": _horizon(asked.every),
        "halflife": asked.halflife,
        "inverse": asked.inverse,
        "prior": asked.prior,
        "horizons": [_row(each) for each in found.horizons],
        "beside_basis": None if found.beside_basis is None else asdict(found.beside_basis),
        "use": asdict(found.use),
        "verdict": _verdict(found),
        "setting": _setting(found, asked, instrument),
    }


def _verdict(found: Answer) -> str:
    """Return which ratio to use and why, in a sentence."""
    measured, use = found.chosen.found, found.use
    told = f"{measured.ratio:.4f} ± {measured.standard_error:.4f}"
    match use.ground:
        case Ground.ONE:
            return f"use 1: {told} lies within {DOUBT:g} standard errors of it"
        case Ground.MEASURED:
            more = f"{found.chosen.found.effectiveness - found.chosen.of_one:.2%}"
            beyond = f"1 lies beyond {DOUBT:g} standard errors of {told}"
            return f"use {use.ratio:.4f}: {beyond}; it removes {more} of the variance more"
        case Ground.SHRUNK:
            return f"use {use.ratio:.4f}: half-way from {told} to the prior"
        case Ground.REFUSED:
            removed = f"{use.effectiveness:.3f} of the variance"
            return f"do not hedge with this: it would remove {removed}, less than {LEAST:g}"


def _setting(found: Answer, asked: Question, instrument: str) -> str | None:
    """Return the line for the configuration; None where the hedge is none, or another asset."""
    if found.use.ratio is None or asked.prior is not None:
        return None
    told = found.chosen.found
    return (
        f'"{instrument}" = {{ ratio = {told.ratio:.6f}, '
        f"effectiveness = {told.effectiveness:.6f}, standard_error = {told.standard_error:.6f} }}"
    )


def _show(found: Answer, asked: Question, instrument: str) -> None:
    weights = "" if asked.halflife is None else f", half forgotten in {asked.halflife:g} samples"
    unit = "coins" if asked.inverse else "dollars"
    typer.echo(f"{utc(found.first)} to {utc(found.last)}{weights}")
    table([_row(each) for each in found.horizons], COLUMNS, f"hedge ratio, in {unit}")
    beside = found.beside_basis
    if beside is not None:
        ratio_, error = f"{beside.ratio:.4f}", f"{beside.standard_error:.4f}"
        gone = f"{-beside.speed:.0%} of the basis is gone after {_horizon(asked.every)}"
        typer.echo(f"beside the basis {ratio_} ± {error}; {gone}")
    typer.echo(_verdict(found))
    setting = _setting(found, asked, instrument)
    if setting is not None:
        typer.echo(f"[underlyings.COIN.ratios]\n{setting}")


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(ratio)
