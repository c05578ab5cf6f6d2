"""The page of the anchor: cost against deviation at each cost, and every figure beside the told."""

from collections.abc import Mapping, Sequence
from typing import Any

from rebalancer.research import page as frame
from rebalancer.research.page import Cell, Column, Look, Section

LEAD = "What rules of hedging cost and leave to chance, beside another program's figures."
COLOURS = {"time": "@grey", "edge": "@blue", "centre": "@sky", "WW": "@orange", "Zak": "@green"}


def ready() -> None:
    """Do nothing where a page can be made.

    Raises:
        UsageError: plotly is not installed.
    """
    frame.plotly()


def page(assumed: Sequence[str], told: Mapping[str, Any]) -> str:
    """Return one HTML document that needs no network; `told` is what goes into JSON."""
    sections = []
    for cost, equal in told["cost_at_equal_deviation"].items():
        rows = [each for each in told["rows"] if f"{each['cost_bp']:g} bp" == cost]
        body = _chart(f"at{cost.partition(' ')[0]}", rows) + _equal(told["deviations"], equal)
        sections.append(Section(f"{cost} a trade", body + _figures(told["figures"], rows)))
    title = f"The anchor: one month, {told['paths']:,} paths"
    return frame.document(title, sections, LEAD, frame.listed(assumed))


def _chart(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    drawn = []
    for rule in dict.fromkeys(each["rule"] for each in rows):
        own = [each for each in rows if each["rule"] == rule]
        drawn.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": rule,
                "x": frame.rounded(each["found"][0] for each in own),
                "y": frame.rounded(each["found"][1] for each in own),
                "error_y": {
                    "type": "data",
                    "array": frame.rounded(1.96 * each["errors"][1] for each in own),
                },
                "text": [each["parameter"] for each in own],
                "hovertemplate": "%{text}: %{x} USD, deviation %{y}<extra>%{fullData.name}</extra>",
                "line": {"color": COLOURS[rule]},
                "marker": {"color": COLOURS[rule]},
            }
        )
    layout = {
        "xaxis": {"type": "log", "title": {"text": "fees, USD a straddle"}},
        "yaxis": {"type": "log"},
        "hovermode": "closest",
    }
    caption = "Standard deviation of profit against fees, with 95 % of its error"
    return frame.chart(name, drawn, layout, Look(caption, "USD", "tall", timed=False))


def _equal(deviations: Sequence[int], told: Mapping[str, Sequence[float | None]]) -> str:
    columns = [Column("fees at a deviation of"), *map(Column, told)]
    rows = [
        (f"{each:,}", *("-" if own[i] is None else f"{own[i]:.0f}" for own in told.values()))
        for i, each in enumerate(deviations)
    ]
    return frame.table(columns, rows)


def _figures(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    heads = [head for name in names for head in (name, "told")]
    columns = [Column("rule", text=True), Column("parameter", text=True), *map(Column, heads)]
    drawn = []
    for each in rows:
        cells: list[str | Cell] = [each["rule"], each["parameter"]]
        for i, name in enumerate(names):
            mark = "flag" if name in each["beyond"] else ""
            cells.append(Cell(f"{each['found'][i]:.1f}", mark))
            cells.append("" if each["told"] is None else each["told"][i])
        drawn.append(cells)
    return frame.table(columns, drawn, high=True)
