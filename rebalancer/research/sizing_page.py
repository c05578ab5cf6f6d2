"""The page of a sizing: what each hedge leaves at every price, and what risk costs how much."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.research import page as frame
from rebalancer.research.outcomes import Prices
from rebalancer.research.page import COLOURS, Column, Look, Section
from rebalancer.research.sizing import Sized
from rebalancer.research.sizing_answer import Answer, words
from rebalancer.research.sizing_mix import MIXES

Table = tuple[str, Sequence[str], Iterable[Sequence[str]]]  # title, columns, rows of texts

_POINTS = 241  # of a curve
_WIDE = 3.0  # standard deviations of price that a curve covers


def page(title: str, lines: Sequence[str], tables: Iterable[Table], found: Answer) -> str:
    """Return one HTML document that needs no network.

    Args:
        title: Of the document.
        lines: What was asked and what was found, a sentence each; what was chosen is the last.
        tables: Their first column is text, the others are numbers.
        found: What is drawn.

    Raises:
        UsageError: plotly is not installed.
    """
    shown = _shown(found)
    sections = [
        Section("Profit at the horizon", _curves(found, shown)),
        Section("Cost against risk", _risks(shown), "CVaR95: mean loss of the worst twentieth."),
        *(
            Section(head[:1].upper() + head[1:], _table(columns, rows))
            for head, columns, rows in tables
        ),
    ]
    lead, told = ("", lines) if found.choice is None else (lines[-1], lines[:-1])
    return frame.document(f"Sizing of {title}", sections, lead, frame.listed(told))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = [Column(each, text=not place) for place, each in enumerate(columns)]
    return frame.table(heads, rows)


def _shown(found: Answer) -> list[Sized]:
    mix = None if found.choice is None else found.choice.mix
    return [*found.hedges, *([] if mix is None else [mix])]


def _label(sized: Sized, coin: str) -> str:
    name = sized.hedge.name
    return f"{name}: {words(sized.hedge, coin)}" if name in MIXES else name


def _curves(found: Answer, shown: Sequence[Sized]) -> str:
    """Return profit against price, over how likely each price is."""
    holding = found.question.holding
    wide = _WIDE * found.question.real_vol * np.sqrt(holding.years)
    at = holding.price * np.exp(np.linspace(-wide, wide, _POINTS))
    knots = np.concatenate([each.book.knots for each in shown])
    at = np.union1d(at, knots[(knots > at[0]) & (knots < at[-1])])
    drawn = [_likely(found.prices, at)]
    for place, each in enumerate(shown):
        mix = each.hedge.name in MIXES
        drawn.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": _label(each, holding.coin),
                "x": frame.rounded(at),
                "y": frame.rounded(each.book.at(at)),
                "line": {
                    "color": "@ink" if mix else COLOURS[place % len(COLOURS)],
                    "dash": "dash" if mix else "solid",
                },
                "hovertemplate": "%{y:,.5~r}",
            }
        )
    layout = {
        "xaxis": {"title": {"text": f"price of {holding.coin} at the horizon, USD"}},
        "yaxis2": {"overlaying": "y", "side": "right", "visible": False, "rangemode": "tozero"},
    }
    look = Look("Profit of holding and hedge", "USD", "tall", timed=False)
    return frame.chart("profit", drawn, layout, look)


def _likely(prices: Prices, at: FloatArray) -> Mapping[str, Any]:
    """Return the density of price, filled."""
    density = np.gradient(prices.moment(at, 0), at)
    return {
        "type": "scatter",
        "name": "how likely the price is",
        "x": frame.rounded(at),
        "y": frame.rounded(density),
        "yaxis": "y2",
        "fill": "tozeroy",
        "mode": "none",
        "fillcolor": "@grey 0.2",
        "hoverinfo": "skip",
    }


def _risks(shown: Sequence[Sized]) -> str:
    """Return expected cost against CVaR, a point a hedge."""
    drawn = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": each.hedge.name,
            "x": frame.rounded([each.outcome.cvar]),
            "y": frame.rounded([each.cost]),
            "marker": {
                "size": 11,
                "symbol": "star" if each.hedge.name in MIXES else "circle",
                "color": COLOURS[place % len(COLOURS)],
            },
            "hovertemplate": "CVaR95 %{x:,.5~r}, cost %{y:,.5~r}<extra>%{fullData.name}</extra>",
        }
        for place, each in enumerate(shown)
    ]
    layout = {
        "xaxis": {"title": {"text": "CVaR95, USD"}},
        "hovermode": "closest",
    }
    look = Look("Expected cost", "USD; below zero it earns", "tall", timed=False)
    return frame.chart("risk", drawn, layout, look)
