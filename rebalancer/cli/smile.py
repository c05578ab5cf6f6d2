"""`smile`: coefficients of the minimum-variance delta from recorded chains, if they are of use."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from rebalancer.cli.output import emit_json, opened
from rebalancer.research import smile_chains, smile_fits, smile_moves, smiles
from rebalancer.research.smile_fits import DAY, Fitted, Gate


def smile(
    folder: Annotated[Path, typer.Argument(help=f"Folder with {smiles.FILES}.")],
    coin: Annotated[str, typer.Option(help="BTC or ETH.")] = "BTC",
    days: Annotated[
        int, typer.Option(min=smile_fits.FIRST, help="Last days that the fit rests on.")
    ] = smile_fits.WINDOW,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers there; - is standard output.")
    ] = None,
) -> None:
    """Fit how vols move with the price, and say whether a delta that follows it hedges better.

    Prints the coefficients, what coefficients that were always fitted on the past
    would have gained, and the lines for the configuration.

    Example: rebalancer smile ../shared/data --coin ETH
    """
    with opened(json_file) as file:
        chains = smile_chains.read(smiles.sources(folder), coin)
        console = Console(file=sys.stderr)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task(coin, total=len(chains) - 1)
            moves, _ = smile_moves.of_chains(chains, lambda: progress.advance(task), slopes=False)
        gate = smile_fits.gate(moves, days)
        recent = moves.picked(smile_fits.days(moves) > int(moves.ts[-1] // DAY) - days)
        fitted = smile_fits.fit(recent)
        if file is not None:
            told = {"coin": coin, "coefficients": fitted.coefficients, "kept": fitted.kept}
            told |= {"days": fitted.days, "gain": gate.gain, "interval": [gate.low, gate.high]}
            told |= {
                "days_judged": gate.days,
                "open": gate.open,
                "config": _config(coin, fitted, gate),
            }
            emit_json(told, file)
        if file is not sys.stdout:
            typer.echo("\n".join((*_lines(fitted, gate), "", *_config(coin, fitted, gate))))


def _lines(fitted: Fitted, gate: Gate) -> list[str]:
    a, b, c = fitted.coefficients
    verdict = "they are of use" if gate.open else "that may be chance: sticky strike remains"
    return [
        (
            f"coefficients of the last {fitted.days} days: a {a:+.4f}, b {b:+.4f}, c {c:+.4f}, "
            f"{fitted.kept:.0%} of what was fitted"
        ),
        (
            f"fitted each day on the past they would have removed {gate.gain:+.1%} of the error "
            f"[{gate.low:+.1%}, {gate.high:+.1%}] in {gate.days} days: {verdict}"
        ),
    ]


def _config(coin: str, fitted: Fitted, gate: Gate) -> list[str]:
    """Return the lines to paste."""
    head = f"[underlyings.{coin}.smile]"
    if not gate.open:
        return [head, 'delta = "sticky_strike"']
    told = ", ".join(f"{each:.4f}" for each in fitted.coefficients)
    cap = f"cap = {smile_fits.CAP}"
    return [head, 'delta = "minimum_variance"', f"coefficients = [{told}]", cap]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(smile)
