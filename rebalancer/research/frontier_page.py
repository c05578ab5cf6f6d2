"""The page of frontiers: cost against what is left to chance, rule by rule, with bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.research import page as frame
from rebalancer.research.contest import CENTRE, EDGE, FEW, GAMMA, HALF, LESS, PLAIN, TIME, WW, ZAK
from rebalancer.research.judging import MEASURES, Point, Summary, Verdict
from rebalancer.research.page import Cell, Column, Look, Section

COLOURS = {
    TIME: "@grey",
    EDGE: "@blue",
    CENTRE: "@sky",
    GAMMA: "@brown",
    WW: "@orange",
    ZAK: "@green",
    HALF: "@red",
    FEW: "@purple",
    LESS: "@orange 0.6",
}
SHOWN = 0.01  # of the highest fees: what hedges hardly ever is not drawn
LEAD = (
    "Of the rules that mind the cost each half of the days chooses one; on the other half it is "
    "read at the cost of plain rules. A ratio below 1 is less variance."
)
SUMMARY = (
    "measure",
    "against",
    "verdicts",
    "variance ratio, median",
    "surely less",
    "surely more",
    "fees ratio, median",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn of one market at one cost."""

    title: str
    told: Sequence[str]
    points: Mapping[str, Sequence[Point]]  # by rule
    verdicts: Sequence[Verdict]


def ready() -> None:
    """Do nothing where a page can be made.

    Raises:
        UsageError: plotly is not installed.
    """
    frame.library()


def ratio(told: Verdict) -> str:
    """Return a ratio with its bounds; a dash where it could not be read."""
    if told.ratio != told.ratio or told.bounds[0] != told.bounds[0]:
        return "-"
    return f"{told.ratio:.2f} ({told.bounds[0]:.2f}–{told.bounds[1]:.2f})"


def summary_row(told: Summary) -> tuple[str, ...]:
    """Return what `SUMMARY` heads."""
    fees = "-" if told.fees != told.fees else f"{told.fees:.2f}"
    counts = (str(told.verdicts), f"{told.ratio:.2f}", str(told.less), str(told.more))
    return (told.measure, told.against, *counts, fees)


def page(
    assumed: Sequence[str], shown: Sequence[Shown], told: Mapping[str, Sequence[Summary]]
) -> str:
    """Return one HTML document that needs no network."""
    sections = [
        Section(f"Summary, {kind}", _summary(each), "Surely: the bounds leave 1 out.")
        for kind, each in told.items()
    ]
    for number, each in enumerate(shown):
        charts = [frontier(f"f{number}{name}", name, each.points) for name in MEASURES]
        tables = [_verdicts(each.verdicts, name) for name in MEASURES]
        body = "".join((*charts, *tables, _points(each.points)))
        sections.append(Section(each.title, body, "; ".join(each.told)))
    title = "Hedging frontiers on recorded prices"
    return frame.document(title, sections, LEAD, frame.listed(assumed))


def frontier(name: str, measure: str, points: Mapping[str, Sequence[Point]]) -> str:
    """Return the chart of one measure, both axes logarithmic, with bounds."""
    drawn, least = [], SHOWN * max(each.cost for own in points.values() for each in own)
    for rule, own in points.items():
        told = [each for each in own if each.cost > least and measured(each, measure)[0] > 0]
        values = [measured(each, measure) for each in told]
        drawn.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": rule,
                "x": frame.rounded((each.cost for each in told), 4),
                "y": frame.rounded((middle for middle, _ in values), 4),
                "error_y": _bars(values),
                "line": {"color": COLOURS[rule]},
                "marker": {"size": 5, "color": COLOURS[rule]},
                "text": [f"{each.parameter:.3g}" for each in told],
                "hovertemplate": "%{text}: %{x} USD a day, %{y}<extra>%{fullData.name}</extra>",
            }
        )
    layout = {
        "xaxis": {"type": "log", "title": {"text": "fees, USD a day"}},
        "yaxis": {"type": "log"},
        "hovermode": "closest",
    }
    caption = f"Standard deviation of a day's {measure} against fees"
    return frame.chart(name, drawn, layout, Look(caption, "USD", "tall", timed=False))


def measured(point: Point, measure: str) -> tuple[float, tuple[float, float]]:
    """Return the deviation of a measure and its bounds."""
    if measure == "gap":
        return point.gap_deviation, point.gap_bounds
    return point.deviation, point.deviation_bounds


def _bars(told: Sequence[tuple[float, tuple[float, float]]]) -> Mapping[str, Any]:
    """Return error bars, from a middle to its bounds."""
    return {
        "type": "data",
        "symmetric": False,
        "array": frame.rounded((max(high - middle, 0.0) for middle, (_, high) in told), 3),
        "arrayminus": frame.rounded((max(middle - low, 0.0) for middle, (low, _) in told), 3),
        "thickness": 0.6,
        "width": 0,
    }


def _summary(told: Sequence[Summary]) -> str:
    columns = [Column(head, text=head in SUMMARY[:2]) for head in SUMMARY]
    return frame.table(columns, [summary_row(each) for each in told])


def _verdicts(told: Sequence[Verdict], measure: str) -> str:
    heads = ("judged", "chosen on the other half", "at the cost of")
    columns = [
        *(Column(head, text=True) for head in heads),
        Column("USD a day"),
        *(Column(f"variance of {measure} / {each}") for each in PLAIN),
    ]
    rows: dict[tuple[str, str], list[str | Cell]] = {}
    for each in told:
        if each.measure == measure:
            cells: list[str | Cell] = [each.judged, each.chosen, each.at, f"{each.cost:.2f}"]
            row = rows.setdefault((each.judged, each.at), cells)
            row.append(Cell(ratio(each), "flag" if each.bounds[0] > 1 else ""))
    return frame.table(columns, rows.values())


def _points(told: Mapping[str, Sequence[Point]]) -> str:
    heads = ("parameter", "fees", "hedges", "deviation", "CVaR 95", "gap", "between marks")
    columns = [Column("rule", text=True), *map(Column, (*heads, "funding"))]
    rows = [
        (
            rule,
            f"{each.parameter:.3g}",
            f"{each.cost:.2f}",
            f"{each.hedges:.2f}",
            f"{each.deviation:.1f}",
            f"{each.cvar:.0f}",
            f"{each.gap_deviation:.1f}",
            f"{each.step_deviation:.1f}",
            f"{each.funding:.2f}",
        )
        for rule, own in told.items()
        for each in own
    ]
    return frame.table(columns, rows, high=True)
