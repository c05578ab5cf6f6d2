"""`guards` and `stress`: how far a running book is from each of its limits, and what would be."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rebalancer.cli.output import emit_json, state_folder, table
from rebalancer.cli.reaching import reach
from rebalancer.errors import UsageError

State = Annotated[
    Path | None, typer.Option("--state", help="Folder of the book; its control.sock is used.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EVERY = 2  # columns of the grid that one column on the screen stands for
DANGER, CARE = 0.6, 0.4  # margin ratios from which a cell is red, and yellow


def guards(state: State = None, as_json: Json = False) -> None:
    """Show each guard with its limit, its reading now, and the headroom between them.

    Example: rebalancer guards --state /var/lib/rebalancer/btc-desk
    """
    told = reach(state_folder(state)).call("guards")
    columns = ("name", "scope", "limit", "measured", "headroom", "allows", "reason", "subject")
    if as_json:
        emit_json(told)
    else:
        table(told, columns, "guards")


def stress(
    state: State = None,
    as_json: Json = False,
    report: Annotated[Path | None, typer.Option(help="Draw the grid there, HTML.")] = None,
) -> None:
    """Show what becomes of the book if price and vol go far, with the hedges on the way.

    Example: rebalancer stress --state /var/lib/rebalancer/btc-desk --report stress.html
    """
    told = reach(state_folder(state)).call("stress")
    if report is not None:
        _draw(told, report)
    if as_json:
        emit_json(told)
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    for grid in told:
        _show(console, grid)


def _show(console: Console, grid: Mapping[str, Any]) -> None:
    head = f"{grid['underlying']} at {grid['price']:,.0f}"
    _grid(console, grid, grid["profit"], f"{head}: profit with the hedges on the way, thousand USD")
    _grid(console, grid, grid["hedges"], f"{head}: coins that the hedges on the way bought")
    for pool, ratios in grid["margin_ratio"].items():
        _grid(console, grid, ratios, f"{head}: margin ratio of {pool}; 1 is liquidation")


def _grid(
    console: Console, grid: Mapping[str, Any], rows: Sequence[Sequence[float | None]], title: str
) -> None:
    """Print one grid: a row a vol, a column a move of the price."""
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    drawn.add_column("vol", justify="right")
    for spot in grid["spots"][::EVERY]:
        drawn.add_column(f"{spot:+.0%}", justify="right")
    ratios = "margin ratio" in title
    for vol, row in zip(grid["vols"], rows, strict=True):
        drawn.add_row(f"{vol:+.0%}", *(_cell(each, title, ratios=ratios) for each in row[::EVERY]))
    console.print(drawn)


def _cell(value: float | None, title: str, *, ratios: bool) -> str:
    if ratios:
        if value is None or value >= 1:
            return "[bold white on red]dead[/]"
        colour = "red" if value >= DANGER else "yellow" if value >= CARE else "green"
        return f"[{colour}]{value:.1%}[/]"
    if value is None:
        return "-"
    if "thousand" in title:
        return f"[{'red' if value < 0 else 'green'}]{value / 1000:,.1f}[/]"
    return f"{value:,.2f}"


def _draw(told: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the grids as heat maps.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        from plotly import graph_objects
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise UsageError("--report: must have plotly (pip install rebalancer[report])") from error
    maps = [
        (f"{grid['underlying']}: {title}", grid, rows)
        for grid in told
        for title, rows in (
            ("profit, USD", grid["profit"]),
            ("hedges on the way, coins", grid["hedges"]),
            *((f"margin ratio of {name}", rows) for name, rows in grid["margin_ratio"].items()),
        )
    ]
    figure = make_subplots(
        rows=max(len(maps), 1), cols=1, subplot_titles=[each[0] for each in maps]
    )
    for place, (title, grid, rows) in enumerate(maps, start=1):
        ratio = "margin ratio" in title
        heat = graph_objects.Heatmap(
            x=[f"{each:+.0%}" for each in grid["spots"]],
            y=[f"{each:+.0%}" for each in grid["vols"]],
            z=[[1.5 if ratio and each is None else each for each in row] for row in rows],
            colorscale="RdYlGn_r" if ratio else "RdYlGn",
            zmin=0 if ratio else None,
            zmax=1 if ratio else None,
            showscale=False,
            texttemplate="%{z:.2f}" if ratio else "%{z:,.0f}",
        )
        figure.add_trace(heat, row=place, col=1)
        figure.update_yaxes(title_text="vol", row=place, col=1)
    figure.update_layout(title="stress: price against vol", height=120 + 260 * max(len(maps), 1))
    figure.write_html(path, include_plotlyjs=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (guards, stress):
        app.command()(command)
