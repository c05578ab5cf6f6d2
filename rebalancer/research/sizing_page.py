"""The page of a sizing: what each hedge leaves at every price, and what risk costs how much."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from rebalancer.research.carry_page import plotly
from rebalancer.research.outcomes import Prices
from rebalancer.research.sizing import Sized
from rebalancer.research.sizing_answer import Answer, words
from rebalancer.research.sizing_mix import MIXES

_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.15rem .8rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left;padding-left:0}"
    "th{border-bottom:1px solid #999}"
)
_POINTS = 241  # of a curve
_WIDE = 3.0  # standard deviations of price that a curve covers
_COLOURS = ("#777777", "#1f77b4", "#17becf", "#d62728", "#ff7f0e", "#9467bd", "#2ca02c", "#8c564b")


def page(title: str, lines: Sequence[str], tables: Iterable[str], found: Answer) -> str:
    """Return one HTML document that needs no network.

    Args:
        title: Of the document.
        lines: What was asked and what was found, a sentence each.
        tables: As `table` makes them, in order.
        found: What is drawn.

    Raises:
        UsageError: plotly is not installed.
    """
    shown = _shown(found)
    parts = [f"<h1>{escape(title)}</h1><ul>"]
    parts += [f"<li>{escape(line)}</li>" for line in lines]
    parts += ["</ul>", *tables]
    library: bool = True  # the first chart brings it, for all
    for head, figure in (
        ("Profit at the horizon", _curves(found, shown)),
        ("Cost against risk", _risks(shown)),
    ):
        parts.append(f"<h2>{escape(head)}</h2>")
        parts.append(figure.to_html(full_html=False, include_plotlyjs=library))
        library = False
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts, its first column to the left."""
    head = "".join(f"<th>{escape(each)}</th>" for each in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _shown(found: Answer) -> list[Sized]:
    mix = None if found.choice is None else found.choice.mix
    return [*found.hedges, *([] if mix is None else [mix])]


def _label(sized: Sized, coin: str) -> str:
    name = sized.hedge.name
    return f"{name}: {words(sized.hedge, coin)}" if name in MIXES else name


def _curves(found: Answer, shown: Sequence[Sized]) -> Any:
    """Return profit against price, over how likely each price is."""
    graph, holding = plotly(), found.question.holding
    wide = _WIDE * found.question.real_vol * np.sqrt(holding.years)
    at = holding.price * np.exp(np.linspace(-wide, wide, _POINTS))
    knots = np.concatenate([each.book.knots for each in shown])
    at = np.union1d(at, knots[(knots > at[0]) & (knots < at[-1])])
    drawn = [_likely(graph, found.prices, at)]
    for place, each in enumerate(shown):
        mix = each.hedge.name in MIXES
        drawn.append(
            graph.Scatter(
                name=_label(each, holding.coin),
                x=np.round(at, 2).tolist(),
                y=np.round(each.book.at(at), 2).tolist(),
                mode="lines",
                line={
                    "color": "black" if mix else _COLOURS[place % len(_COLOURS)],
                    "dash": "dash" if mix else "solid",
                },
            )
        )
    figure = graph.Figure(drawn)
    figure.update_layout(
        template="plotly_white",
        height=560,
        xaxis_title=f"price of {holding.coin} at the horizon, USD",
        yaxis_title="profit, USD",
        yaxis2={"overlaying": "y", "side": "right", "visible": False, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.18},
        hovermode="x unified",
    )
    return figure


def _likely(graph: Any, prices: Prices, at: Any) -> Any:
    """Return the density of price, filled."""
    density = np.gradient(prices.moment(at, 0), at)
    return graph.Scatter(
        name="how likely the price is",
        x=np.round(at, 2).tolist(),
        y=density.tolist(),
        yaxis="y2",
        fill="tozeroy",
        mode="none",
        fillcolor="rgba(31,119,180,0.10)",
        hoverinfo="skip",
    )


def _risks(shown: Sequence[Sized]) -> Any:
    """Return expected cost against CVaR, a point a hedge."""
    graph = plotly()
    figure = graph.Figure(
        graph.Scatter(
            x=[round(each.outcome.cvar) for each in shown],
            y=[round(each.cost) for each in shown],
            text=[each.hedge.name for each in shown],
            mode="markers+text",
            textposition="top center",
            cliponaxis=False,
            marker={"size": 10},
        )
    )
    figure.update_layout(
        template="plotly_white",
        height=440,
        xaxis_title="CVaR95, USD: mean loss of the worst twentieth",
        yaxis_title="expected cost, USD; below 0 it earns",
    )
    return figure
