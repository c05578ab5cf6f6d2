"""The page of a study of carry: for each stretch a bar chart and what was earned day by day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from rebalancer.errors import UsageError
from rebalancer.recordings.table import Floats, Times

_STYLE = "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is drawn of one stretch of one coin."""

    title: str
    note: str
    bars: Mapping[str, Mapping[str, float]]  # part → strategy → USD a year
    ts: Times  # ns
    curves: Mapping[str, Floats]  # strategy → USD earned until then


def plotly() -> Any:
    """Return the module plotly.graph_objects.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import plotly.graph_objects
    except ImportError as error:
        raise UsageError("Reports need plotly: pip install rebalancer[report]") from error
    return plotly.graph_objects


def page(title: str, lines: Sequence[str], shown: Iterable[Shown]) -> str:
    """Return one HTML document that needs no network.

    Raises:
        UsageError: plotly is not installed.
    """
    parts = [f"<h1>{escape(title)}</h1><ul>"]
    parts += [f"<li>{escape(line)}</li>" for line in lines]
    parts.append("</ul>")
    library: bool = True  # the first chart brings it, for all
    for each in shown:
        parts.append(f"<h2>{escape(each.title)}</h2><p>{escape(each.note)}</p>")
        for figure in (_bars(each), _curves(each)):
            parts.append(figure.to_html(full_html=False, include_plotlyjs=library))
            library = False
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _bars(shown: Shown) -> Any:
    graph = plotly()
    drawn = [
        graph.Bar(name=part, x=list(told), y=[round(each) for each in told.values()])
        for part, told in shown.bars.items()
    ]
    figure = graph.Figure(drawn)
    figure.update_layout(template="plotly_white", yaxis_title="USD a year per million")
    return figure


def _curves(shown: Shown) -> Any:
    """Return what was earned until each day; every tick would be of no use to an eye."""
    graph = plotly()
    days = shown.ts // 86_400_000_000_000
    last = np.flatnonzero(np.diff(days, append=days[-1] + 1))
    dates = np.datetime_as_string(shown.ts[last].astype("datetime64[ns]"), unit="m").tolist()
    drawn = [
        graph.Scatter(name=name, x=dates, y=np.round(curve[last]).tolist(), mode="lines")
        for name, curve in shown.curves.items()
    ]
    figure = graph.Figure(drawn)
    figure.update_layout(template="plotly_white", yaxis_title="USD earned, per million")
    return figure
