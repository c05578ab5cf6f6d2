"""The page of frontiers: cost against what is left to chance, rule by rule, with bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from rebalancer.research import page as frame
from rebalancer.research.contest import CENTRE, EDGE, FEW, GAMMA, HALF, LESS, PLAIN, TIME, WW, ZAK
from rebalancer.research.judging import MEASURES, Choice, Point, Summary, Verdict
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
    "Each half of the days chooses a rule that minds the cost, and its parameter, within the cost "
    "of a fixed time; and the parameters of plain rules likewise. The other half tells what they "
    "cost and leave, and what a plain rule leaves at the cost of the chosen one. A ratio below 1 "
    "is less."
)
SUMMARY = (
    "measure",
    "against",
    "verdicts",
    "variance at equal cost, median",
    "surely less",
    "surely more",
    "variance as chosen",
    "cost as chosen",
)
RATIO = "ratio of"
EQUAL, AS_CHOSEN, COST = "variance, equal cost", "variance, as chosen", "cost, as chosen"
JUDGED = ("judged", "cost of", "chosen on the other half", "USD a day", RATIO, *PLAIN)


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
    frame.plotly()


def ratio(told: float, bounds: tuple[float, float]) -> str:
    """Return a ratio with its bounds; a dash where it could not be read."""
    if isnan(told) or isnan(bounds[0]):
        return "-"
    return f"{told:.2f} ({bounds[0]:.2f}–{bounds[1]:.2f})"


def named(told: Choice) -> str:
    """Return a rule with its parameter."""
    return f"{told.rule} {told.parameter:.2g}"


def rows(told: Sequence[Verdict], measure: str) -> Sequence[Sequence[str | Cell]]:
    """Return what `JUDGED` heads: for each choice the three ratios against each plain rule."""
    groups: dict[tuple[str, str], dict[str, Verdict]] = {}
    for each in told:
        if each.measure == measure:
            groups.setdefault((each.judged, each.at), {})[each.against.rule] = each
    found: list[list[str | Cell]] = []
    for own in groups.values():
        one = next(iter(own.values()))
        head = (one.judged, one.at, named(one.chosen), f"{one.cost:.2f}")
        blank = ("",) * len(head)
        lines: list[list[str | Cell]] = [[*head, EQUAL], [*blank, AS_CHOSEN], [*blank, COST]]
        for rule in PLAIN:
            for line, cell in zip(lines, _cells(own.get(rule)), strict=True):
                line.append(cell)
        found += lines
    return found


def _cells(told: Verdict | None) -> tuple[Cell, Cell, Cell]:
    if told is None:
        return Cell("-"), Cell("-"), Cell("-")
    return (
        Cell(ratio(told.ratio, told.bounds), "flag" if told.bounds[0] > 1 else ""),
        Cell(ratio(told.variances, told.variances_bounds)),
        Cell(ratio(told.costs, told.costs_bounds)),
    )


def summary_row(told: Summary) -> tuple[str, ...]:
    """Return what `SUMMARY` heads."""
    counts = (str(told.verdicts), f"{told.ratio:.2f}", str(told.less), str(told.more))
    return (told.measure, told.against, *counts, f"{told.variances:.2f}", f"{told.costs:.2f}")


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
    words = len(JUDGED) - len(PLAIN)
    heads = [f"{measure}: {head}" if head == RATIO else head for head in JUDGED]
    columns = [Column(head, text=i < words) for i, head in enumerate(heads)]
    return frame.table(columns, rows(told, measure))


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
