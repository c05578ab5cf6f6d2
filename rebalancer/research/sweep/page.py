"""The page of a sweep: the frontier as a chart, what is recommended, and every point in a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rebalancer.research.page import (
    COLOURS,
    Cell,
    Column,
    Look,
    Section,
    Tile,
    chart,
    document,
    listed,
    money,
    rounded,
    table,
    tiles,
)
from rebalancer.research.sweep.measures import DAYS, RESAMPLED
from rebalancer.research.sweep.spec import Spec
from rebalancer.research.sweep.verdict import Ranked, Verdict

BEATEN = "What no other point beats on both; what was liquidated is left out."
PARTS = (("first", "first part"), ("rest", "rest"))
COSTS = "Of the frontier, numbered from the cheapest as in the table above; first part."
COLUMNS = (
    Column("point", text=True, wide=True),
    Column("cost", hint="fees, slippage and funding of hedges, USD a day; first part"),
    Column("risk", hint="standard deviation of hedged equity, USD a day; first part"),
    Column("5 … 95 %", hint="error bar of the risk, blocks of a day drawn anew"),
    Column("CVaR", hint="mean loss of the worst twentieth of the intervals, USD; first part"),
    Column("effective", hint="variance removed; first part"),
    Column("outside", hint="share of the time outside the band; first part"),
    Column("cost, rest"),
    Column("risk, rest"),
    Column("effective, rest"),
    Column("hedges", hint="of the whole time"),
    Column("liquidations", hint="of the whole time; a point with one is never recommended"),
)


def page(spec: Spec, told: Verdict) -> str:
    """Return the page.

    Raises:
        UsageError: plotly is not installed.
    """
    sections = [
        Section("Cost and risk", _chart(told), "Left and low is better. " + _parted(told)),
        Section("The frontier", _table(told.frontier), BEATEN),
        Section("Where the cost came from", _costs(told.frontier), COSTS),
        Section("All points", _table(told.points, high=True)),
        Section("How it was measured", listed(_notes(spec, told))),
    ]
    return document(f"Sweep of {spec.config.name}", sections, _lead(told), tiles(_tiles(told)))


def _lead(told: Verdict) -> str:
    chosen = told.recommended
    if chosen is None:
        return f"Nothing is recommended: {told.why_none}."
    return f"Recommended: {chosen.point.label} ({chosen.wish.said()})."


def _parted(told: Verdict) -> str:
    first = next((each.figures("first") for each in told.points if each.figures("first")), None)
    rest = next((each.figures("rest") for each in told.points if each.figures("rest")), None)
    if first is None or rest is None:
        return "There are too few samples to tell."
    return f"First part: {first['days']:.1f} days; rest: {rest['days']:.1f} days."


def _tiles(told: Verdict) -> Iterator[Tile]:
    yield Tile("points", str(len(told.points)), f"{len(told.frontier)} on the frontier")
    chosen = told.recommended
    if chosen is None:
        return
    for name, words in PARTS:
        figures = chosen.point.figures(name)
        if figures is not None:
            yield Tile(f"cost, {words}", money(figures["cost"], 2), "USD a day")
            yield Tile(f"risk, {words}", money(figures["risk"]), f"USD a day; {_bar(figures)}")
    where = f"{chosen.place} of {chosen.of}" if chosen.place else "beyond its limit"
    yield Tile("place on the rest", where, "by the same wish")


def _chart(told: Verdict) -> str:
    traces: list[Mapping[str, Any]] = []
    for number, (name, words) in enumerate(PARTS):
        colour = COLOURS[number]
        traces.append(_cloud(told.points, name, words, colour))
        edge = told.frontier if name == "first" else told.later
        traces.append(_line(edge, name, f"frontier, {words}", colour))
    if told.recommended is not None:
        for name, words in PARTS:
            traces.append(_star([told.recommended.point], name, f"recommended, {words}"))
    layout = {
        "xaxis": {"title": {"text": "cost, USD a day"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "risk, USD a day"}, "rangemode": "tozero"},
        "hovermode": "closest",
    }
    look = Look("Risk against cost", "standard deviation, USD a day", "tall", timed=False)
    return chart("frontier", [each for each in traces if each["x"]], layout, look)


def _xy(points: Sequence[Ranked], name: str) -> tuple[list[Ranked], list[Mapping[str, Any]]]:
    told = [(each, each.figures(name)) for each in points]
    found = [(each, figures) for each, figures in told if figures is not None]
    return [each for each, _ in found], [figures for _, figures in found]


def _cloud(points: Sequence[Ranked], name: str, words: str, colour: str) -> Mapping[str, Any]:
    shown, told = _xy(points, name)
    up = [(each["risk_high"] or each["risk"]) - each["risk"] for each in told]
    down = [each["risk"] - (each["risk_low"] or each["risk"]) for each in told]
    return {
        **_points(shown, told, f"points, {words}"),
        "mode": "markers",
        "marker": {"color": f"{colour} 0.5", "size": 7},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "thickness": 1,
            "width": 0,
            "color": f"{colour} 0.2",
            "array": rounded(up),
            "arrayminus": rounded(down),
        },
    }


def _line(points: Sequence[Ranked], name: str, words: str, colour: str) -> Mapping[str, Any]:
    shown, told = _xy(points, name)
    line = {"color": colour, "width": 2, "shape": "hv"}
    return {**_points(shown, told, words), "mode": "lines", "line": line}


def _star(points: Sequence[Ranked], name: str, words: str) -> Mapping[str, Any]:
    shown, told = _xy(points, name)
    symbol = "star" if name == "first" else "star-open"
    marker = {"color": "@red", "size": 15, "symbol": symbol, "line": {"width": 2}}
    return {**_points(shown, told, words), "mode": "markers", "marker": marker}


def _points(
    points: Sequence[Ranked], told: Sequence[Mapping[str, Any]], words: str
) -> Mapping[str, Any]:
    return {
        "type": "scatter",
        "name": words,
        "x": rounded(each["cost"] for each in told),
        "y": rounded(each["risk"] for each in told),
        "text": [each.label for each in points],
        "hovertemplate": "%{text}<br>cost %{x:.4g}, risk %{y:.5g}<extra></extra>",
    }


def _costs(points: Sequence[Ranked]) -> str:
    shown, told = _xy(points, "first")
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": [str(place) for place, _ in enumerate(shown, 1)],
            "text": [each.label for each in shown],
            "textposition": "none",
            "hovertemplate": "%{text}<br>%{y:.4g} USD a day<extra>%{fullData.name}</extra>",
            "y": rounded(each[name] for each in told),
            "marker": {"color": COLOURS[number]},
        }
        for number, name in enumerate(("fees", "slippage", "funding"))
    ]
    layout = {
        "barmode": "relative",
        "xaxis": {"type": "category"},
        "hovermode": "closest",
    }
    look = Look("Cost by source", "USD a day, below zero is received", "", timed=False)
    return chart("costs", traces, layout, look)


def _table(points: Sequence[Ranked], *, high: bool = False) -> str:
    return table(COLUMNS, (_row(each) for each in points), high=high)


def _row(point: Ranked) -> list[str | Cell]:
    first, rest = point.figures("first"), point.figures("rest")
    return [
        point.label,
        *_shown(first, ("cost", 2), ("risk", 0)),
        "–" if first is None else _bar(first),
        *_shown(first, ("cvar", 0), ("effectiveness", 4), ("outside", 4)),
        *_shown(rest, ("cost", 2), ("risk", 0), ("effectiveness", 4)),
        str(point.line["hedges"]),
        str(point.liquidations),
    ]


def _bar(figures: Mapping[str, Any]) -> str:
    """Return the error bar of the risk in words."""
    if figures["risk_low"] is None:
        return "–"
    return f"{money(figures['risk_low'])} … {money(figures['risk_high'])}"


def _shown(figures: Mapping[str, Any] | None, *asked: tuple[str, int]) -> Iterator[str]:
    for name, digits in asked:
        told = None if figures is None else figures[name]
        yield "–" if told is None else money(told, digits)


def _notes(spec: Spec, told: Verdict) -> Iterator[str]:
    yield f"Configuration: {spec.config}"
    yield f"Recordings: {spec.source.folder}"
    yield _parted(told)
    yield "A point is chosen on the first part alone; the rest judges it."
    yield "A point that was liquidated, whenever it was, is on no frontier and not recommended."
    yield "Cost: fees, slippage against the mid of the decision, and funding that hedges paid."
    yield "Risk: standard deviation of the hedged book's equity from sample to sample, to a day."
    yield (
        f"Error bars: 5th to 95th percentile of the risk of blocks of a day drawn anew, "
        f"{RESAMPLED} times; none of less than {DAYS} days."
    )
