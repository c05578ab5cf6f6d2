"""`band`: how wide the band of a running book is now, and term by term why."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rebalancer.cli.output import emit_json, state_folder
from rebalancer.cli.reaching import reach

BP = 1e4
MADE = ("whalley_wilmott", "zakamouline", "inventory", "scaled")  # kinds of a width that is made
COSTS = (
    ("fee", "fee"),
    ("half_spread", "half the spread"),
    ("impact", "impact of crossing the band"),
    ("funding", "funding while a hedge is held"),
    ("cost", "cost of a hedge, one way"),
)
BOUNDS = {
    "cost": "cost and risk",
    "floor": "the smallest order",
    "ceiling": "limits.net_delta",
}


def band(
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder of the book; its control.sock is used.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain the present width of each tolerance band, term by term.

    Example: rebalancer band --state /var/lib/rebalancer/btc-desk
    """
    told = reach(state_folder(state)).call("band")
    if as_json:
        emit_json(told)
        return
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for each in told:
        _show(console, each)


def _show(console: Console, told: Mapping[str, Any]) -> None:
    coin, wander = told["underlying"], told["wander_per_day"]
    inside = told["lower"] <= told["net_delta"] <= told["upper"]
    colour = "green" if inside else "red"
    console.print(
        f"[bold]{coin}[/] at {told['price']:,.0f}: net delta [{colour}]{told['net_delta']:+.4f}[/]"
        f" in {told['lower']:+.4f} … {told['upper']:+.4f}, aim {told['aim']:+.4f}"
    )
    names = {"gamma": "price and gamma", "vanna": "vol and vanna", "flow": "holdings that move"}
    causes = [f"{words} {wander[key]:+.3f}" for key, words in names.items() if wander[key]]
    console.print(
        f"left alone it wanders by {wander['total']:.3f} {coin} a day at a vol of {told['vol']:.1%}"
        + (f": {', '.join(causes)}" if causes else "")
    )
    console.print(_aversion(told))
    console.print(_table(told))
    console.print(f"hedges are expected to cost {_dollars(told['spend_per_day'])}", end="")
    console.print(f" and to leave {told['pnl_sd_per_day']:,.0f} USD a day to chance")
    console.print()


def _aversion(told: Mapping[str, Any]) -> str:
    aversion, kind = told["risk_aversion"], told["kind"]
    if aversion is None:
        return f"kind {kind}"
    means = "risk aversion" if kind in MADE else "as wide as whalley_wilmott at a risk aversion of"
    return f"kind {kind}, {means} {aversion:.3g} per USD"


def _table(told: Mapping[str, Any]) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("")
    for side in ("buying", "selling"):
        drawn.add_column(side, justify="right", min_width=11)
    sides = (told["buying"], told["selling"])
    for key, words in COSTS:
        drawn.add_row(words, *(f"{each[key] * BP:.2f} bp" for each in sides))
    coin = told["underlying"]
    if told["kind"] in MADE:
        drawn.add_row("by cost and risk", *(_coins(e["alone"], coin) for e in sides))
        if any(each["overshoot"] for each in sides):
            drawn.add_row("less, for rare looks", *(_coins(e["overshoot"], coin) for e in sides))
        drawn.add_row("floor: the smallest order", *(_coins(e["floor"], coin) for e in sides))
        drawn.add_row("ceiling: limits.net_delta", *(_coins(e["ceiling"], coin) for e in sides))
        drawn.add_row("it ends at", *(BOUNDS[each["bound"]] for each in sides))
    drawn.add_row("[bold]a hedge is due beyond[/]", *(_coins(e["trigger"], coin) for e in sides))
    aims = [abs(goal - told["aim"]) for goal in told["goals"]]
    drawn.add_row("and ends at", *(_coins(each, coin) for each in aims))
    return drawn


def _coins(amount: float, coin: str) -> str:
    return f"{amount:.4f} {coin}"


def _dollars(amount: float | None) -> str:
    return "without end" if amount is None else f"{amount:,.2f} USD a day"


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(band)
