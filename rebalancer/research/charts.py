"""The charts of a report: traces and layouts of what a replay drew."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from rebalancer.research import verdict
from rebalancer.research.curves import Curve
from rebalancer.research.days import Day, grouped
from rebalancer.research.drawing import Drawing
from rebalancer.research.hedges import Hedge
from rebalancer.research.page import Look, chart, money, rounded

MILLISECOND = 1_000_000  # ns
CUT = 3.0  # band edges: net delta beyond so many is out of the picture, and told in words
GROUPS = {  # group → what it is called, colour, dash
    "direction": ("Direction", "@blue", "solid"),
    "gamma": ("Gamma", "@orange", "solid"),
    "theta": ("Theta", "@green", "solid"),
    "vol": ("Vol", "@purple", "solid"),
    "basis": ("Basis", "@sky", "dash"),
    "carry": ("Own funding", "@brown", "dash"),
    "costs": ("Costs", "@red", "solid"),
    "rest": ("Rest", "@grey", "dot"),
}
COST_LINES = {
    "fees": ("Fees", "@orange"),
    "slippage": ("Slippage", "@purple"),
    "funding": ("Funding", "@sky"),
}

Told = Mapping[str, Any]


class Charts:
    """Each method returns a chart as HTML; empty where nothing was drawn of it.

    Args:
        drawing: What was gathered; None: nothing.
        told: The summary, as JSON tells it.
        rows: The hedges.
        days: The days.
    """

    def __init__(
        self, drawing: Drawing | None, told: Told, rows: Sequence[Hedge], days: Sequence[Day]
    ) -> None:
        self._drawing = Drawing() if drawing is None else drawing
        self._told = told
        self._rows = rows
        self._days = days

    def earned(self) -> str:
        """Return worth with hedges and without, from the start."""
        lines = self._drawing.lines("earned")
        if not lines:
            return ""
        traces = [
            {**_line(lines["unhedged"], "Without hedges", "@grey"), "fill": "tozeroy"},
            _line(lines["hedged"], "With hedges", "@blue", width=2.6),
        ]
        traces[0]["fillcolor"] = "@grey 0.12"
        return chart("earned", traces, _rightly(), Look("Earned since the start", "USD"))

    def price(self) -> str:
        """Return prices with the hedges on them."""
        drawn = []
        for name, curve in self._drawing.lines("price").items():
            own = [row for row in self._rows if row.underlying == name]
            largest = max((row.turnover for row in own), default=0.0)
            traces = [
                _unsaid(_line(curve, name, "@grey")),  # its price would hide why beneath it
                *_marks([row for row in own if row.quantity > 0], "Bought", "triangle-up", largest),
                *_marks([row for row in own if row.quantity < 0], "Sold", "triangle-down", largest),
            ]
            layout = {"hovermode": "closest", **_rightly()}
            look = Look(f"{name} index and hedges", "USD", "tall")
            drawn.append(chart(f"price-{name}", traces, layout, look))
        return "".join(drawn)

    def delta(self) -> str:
        """Return net delta inside its band, with what lies outside set off."""
        drawn = []
        lower, upper = self._drawing.lines("lower"), self._drawing.lines("upper")
        for name, curve in self._drawing.lines("delta").items():
            traces = [
                *_area(lower[name], upper[name]),
                _line(curve, "Net delta", "@blue", width=1.3),
                *_outside(curve, lower[name], upper[name]),
            ]
            traces[2]["hovertemplate"] = "%{y:+.4f}"
            traces[2]["line"]["shape"] = "hv"
            layout: dict[str, Any] = {"yaxis": {"fixedrange": False, "zeroline": True}}
            cut = self._cut(name)
            if cut is not None:
                layout["yaxis"]["range"] = list(cut)
            look = Look(f"Net delta of {name}", "coins", "tall")
            drawn.append(chart(f"delta-{name}", traces, layout, look))
        return "".join(drawn)

    def about_delta(self) -> str:
        """Return what the picture of net delta does not show."""
        told = [
            "The green area is the band; red is how far outside it the book stood, and how long.",
            *(
                f"The axis of {name} ends where the band is small against the rest: net delta "
                f"went {self._told['distance_from_aim'][name]['max']:.3g} coins from its aim"
                " (a double click shows all)."
                for name in self._drawing.lines("delta")
                if self._cut(name) is not None
            ),
        ]
        return " ".join(told)

    def _cut(self, name: str) -> tuple[float, float] | None:
        """Return the range of an axis on which the band can be seen; None: all of it can be."""
        low = [value for _, value in self._drawing.lines("lower")[name].points()]
        high = [value for _, value in self._drawing.lines("upper")[name].points()]
        net = [value for _, value in self._drawing.lines("delta")[name].points()]
        bottom, top = float(np.median(low)), float(np.median(high))
        middle, half = (bottom + top) / 2, (top - bottom) / 2
        lowest, highest = middle - CUT * half, middle + CUT * half
        if not half or (min(net) > 1.5 * lowest - 0.5 * middle and max(net) < 1.5 * highest):
            return None
        return min(lowest, *low), max(highest, *high)

    def sources(self) -> str:
        """Return profit by group over time, and what it came to in the end."""
        lines = self._drawing.lines("group")
        if not lines or not self._told["attribution"]:
            return ""
        traces = [
            _line(lines[group], name, colour, dash=dash)
            for group, (name, colour, dash) in GROUPS.items()
            if any(value for _, value in lines[group].points())
        ]
        whole = _line(self._drawing.lines("earned")["hedged"], "All together", "@ink", width=2.8)
        look = Look("Earned by source since the start", "USD", "tall")
        return chart("sources", [*traces, whole], _rightly(), look) + self._waterfall()

    def _waterfall(self) -> str:
        groups = {k: v for k, v in grouped(self._told["attribution"]).items() if v}
        names = [*(GROUPS[group][0] for group in groups), "All together"]
        values = [*groups.values(), 0.0]
        ends = [*accumulate(groups.values()), sum(groups.values())]
        trace = {
            "type": "waterfall",
            "orientation": "h",
            "y": names,
            "x": rounded(values),
            "measure": [*("relative" for _ in groups), "total"],
            "text": [money(each) for each in (*groups.values(), ends[-1])],
            "textposition": "outside",
            "cliponaxis": False,
            "textfont": {"color": "@ink"},
            "connector": {"line": {"color": "@zero", "width": 1}},
            "increasing": {"marker": {"color": "@green"}},
            "decreasing": {"marker": {"color": "@red"}},
            "totals": {"marker": {"color": "@blue"}},
            "hovertemplate": "%{y}: %{text} USD<extra></extra>",
        }
        low, high = min(0.0, *ends), max(0.0, *ends)
        room = 0.28 * ((high - low) or 1.0)  # for the numbers beside the bars
        layout = {
            "hovermode": "closest",
            "yaxis": {"autorange": "reversed", "showgrid": False},
            "xaxis": {"range": [low - room, high + room], "tickformat": ",~r", "nticks": 6},
        }
        look = Look("From nothing to all together", "USD", timed=False)
        return chart("waterfall", [trace], layout, look)

    def costs(self) -> str:
        """Return what was paid for the hedge until each moment."""
        lines = self._drawing.lines("cost")
        if not lines:
            return ""
        traces = [
            _line(lines[name], told, colour)
            for name, (told, colour) in COST_LINES.items()
            if any(value for _, value in lines[name].points())
        ]
        look = Look("Paid since the start", "USD; below zero: received", "short")
        return chart("costs", traces, _rightly(), look) if traces else ""

    def margin(self) -> str:
        """Return how near the accounts came to liquidation."""
        ratio, legs = self._drawing.lines("margin").get("ratio"), self._drawing.lines("distance")
        drawn = []
        if ratio is not None:
            trace = {**_line(ratio, "Margin ratio", "@red"), "hovertemplate": "%{y:.1%}"}
            layout: dict[str, Any] = {"yaxis": {"rangemode": "tozero", "tickformat": ".1~%"}}
            look = Look("Margin ratio", "the highest of any account; 100 % is liquidation", "short")
            drawn.append(chart("margin", [trace], layout, look))
        if legs:
            traces = _several(legs)
            for trace in traces:
                trace["hovertemplate"] = "%{y:.1%}"
            layout = {"yaxis": {"type": "log", "tickformat": ".1~%", "dtick": "D2"}}
            look = Look("Distance to liquidation", "how far the mark would have to move", "short")
            drawn.append(chart("distance", traces, layout, look))
        return "".join(drawn)

    def funding(self) -> str:
        """Return funding rates, and what was received by day."""
        rates = self._drawing.lines("rate")
        if not rates:
            return ""
        traces = _several(rates)
        for trace in traces:
            trace["hovertemplate"] = "%{y:.2f} bp a day"
            trace["line"]["shape"] = "hv"
        look = Look("Funding rate", "bp a day; above zero longs pay shorts", "short")
        drawn = chart("rate", traces, {}, look)
        paid = [day.parts["funding"] + day.parts["own_funding"] for day in self._days]
        if not any(paid):
            return drawn
        received = {
            "type": "bar",
            "name": "Received",
            "x": [(day.start + day.end) // 2 // MILLISECOND for day in self._days],
            "width": [max(day.end - day.start, 1) * 0.9 / MILLISECOND for day in self._days],
            "y": rounded(paid),
            "text": [day.date for day in self._days],
            "textposition": "none",
            "marker": {"color": "@sky"},
            "hovertemplate": "%{text}: %{y:,.2f} USD<extra></extra>",
        }
        look = Look(
            "Funding received",
            "USD, by hedges and by the book's own, from a day's last sample to the next day's",
            "short",
        )
        layout = {"hovermode": "closest", **_rightly()}
        return drawn + chart("funding", [received], layout, look)


def _several(curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """Return a line each, no two neighbours alike."""
    colours = ("@blue", "@orange", "@green", "@purple", "@sky", "@brown")
    dashes = ("solid", "dash", "dot")
    return [
        _line(curve, name, colours[place % len(colours)], dash=dashes[place % len(dashes)])
        for place, (name, curve) in enumerate(curves.items())
    ]


def _rightly() -> dict[str, Any]:
    return {"yaxis": {"tickformat": ",~r"}}


def _columns(curve: Curve, scale: float = 1.0) -> tuple[list[int], list[float | None]]:
    points = curve.points()
    return [ts // MILLISECOND for ts, _ in points], rounded(value * scale for _, value in points)


def _line(
    curve: Curve,
    name: str,
    colour: str,
    *,
    width: float = 1.8,
    dash: str = "solid",
) -> dict[str, Any]:
    x, y = _columns(curve)
    return {
        "x": x,
        "y": y,
        "name": name,
        "mode": "lines",
        "line": {"color": colour, "width": width, "dash": dash},
        "hovertemplate": "%{y:,.2f}",
    }


def _unsaid(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line that a pointer does not find."""
    silent = {name: told for name, told in line.items() if name != "hovertemplate"}
    return {**silent, "hoverinfo": "skip"}


def _marks(rows: Sequence[Hedge], name: str, symbol: str, largest: float) -> list[dict[str, Any]]:
    """Return the hedges of one side: triangles whose area grows with what was traded."""
    if not rows:
        return []
    colour = "@blue" if name == "Bought" else "@red"
    return [
        {
            "x": [row.ts // MILLISECOND for row in rows],
            "y": rounded((row.price for row in rows), 8),
            "name": name,
            "mode": "markers",
            "text": [_told(row) for row in rows],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": symbol,
                "size": rounded((9 + 15 * (row.turnover / largest) ** 0.5 for row in rows), 3),
                "color": colour,
                "line": {"color": "@card", "width": 1},
            },
        }
    ]


def _told(row: Hedge) -> str:
    """Return a hedge as a pointer over it tells it."""
    when = str(np.datetime64(row.ts, "ns").astype("datetime64[s]")).replace("T", " ")
    did = "Bought" if row.quantity > 0 else "Sold"
    lines = [
        f"<b>{did} {abs(row.quantity):,.10g} {row.instrument}</b>",
        f"at {row.price:,.8g}, {when} UTC",
        *_wrapped(f"because {verdict.why(row)}"),
        f"fee {money(row.fee, 2)} USD",
        f"slippage {money(row.slippage, 2)} USD ({money(row.slippage_bp, 2)} bp)",
    ]
    if row.after is not None:
        lines.append(f"net delta then {row.after:+.4f}")
    if row.made is not None:
        lines.append(f"made {money(row.made, 2)} USD until the next hedge")
    return "<br>".join(lines)


def _wrapped(text: str, most: int = 46) -> Iterable[str]:
    """Yield a text in lines that fit a telephone."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + len(word) >= most:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _area(lower: Curve, upper: Curve) -> list[dict[str, Any]]:
    """Return a band as the area between its edges."""
    line = {"color": "@green", "width": 1, "shape": "hv"}
    edges = []
    for curve in (lower, upper):
        x, y = _columns(curve)
        edge = {"x": x, "y": y, "name": "Band", "mode": "lines", "line": line, "hoverinfo": "skip"}
        edges.append({**edge, "legendgroup": "band"})
    edges[1] |= {"fill": "tonexty", "fillcolor": "@green 0.16"}
    return edges


def _outside(curve: Curve, lower: Curve, upper: Curve) -> list[dict[str, Any]]:
    """Return the areas between a band and net delta beyond it, and net delta there."""
    points = curve.points()
    when = np.array([ts for ts, _ in points])
    net = np.array([value for _, value in points])
    low, high = _standing(lower.points(), when), _standing(upper.points(), when)
    beyond = np.where((net < low) | (net > high), net, np.nan)
    shared = {
        "x": [int(ts) // MILLISECOND for ts in when],
        "marker": {"size": 4, "color": "@red"},
        "fillcolor": "@red 0.6",
        "hoverinfo": "skip",
        "name": "Outside",
        "legendgroup": "outside",
    }
    return [
        {
            **shared,
            "y": rounded(values),
            "fill": fill,
            "mode": "lines+markers" if width else "lines",
            "line": {"color": "@red", "width": width, "shape": "hv"},
        }
        for values, fill, width in (
            (high, "none", 0),
            (np.maximum(net, high), "tonexty", 0),
            (low, "none", 0),
            (np.minimum(net, low), "tonexty", 0),
            (beyond, "none", 1.8),
        )
    ]


def _standing(points: Sequence[tuple[int, float]], when: Any) -> Any:
    """Return the value that stood at each time: the last told, or the first."""
    times, values = (np.array(each) for each in zip(*points, strict=True))
    return values[np.maximum(np.searchsorted(times, when, side="right") - 1, 0)]
