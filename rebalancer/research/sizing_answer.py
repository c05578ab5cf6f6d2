"""The answer of `size`: every way to hedge a holding side by side, and the mix that is cheapest.

One question goes in, whole; one answer comes out that a table, a JSON document
and a page show alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rebalancer.research import outcomes, sizing, sizing_margin, sizing_mix
from rebalancer.research.outcomes import Prices
from rebalancer.research.sizing import Costs, Hedge, Holding, Quote, Sized
from rebalancer.research.sizing_margin import Account, MarginTerms
from rebalancer.research.sizing_mix import Limits

_MARGIN = MarginTerms()


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be hedged, with what, and what is believed of the price until then."""

    holding: Holding
    ratios: tuple[float, ...]  # of the holding that a perpetual sells, one hedge each; > 0
    puts: tuple[Quote, ...]  # one hedge each
    calls: tuple[Quote, ...]  # a collar with the first put each
    costs: Costs
    real_vol: float  # of the price until the horizon, per year
    fat_tails: bool = False
    margin: MarginTerms = _MARGIN
    offered: tuple[Quote, ...] = ()  # what a mix may hold besides the perpetual
    limits: Limits | None = None  # None: no mix is asked for


@dataclass(frozen=True, slots=True, eq=False)
class Break:
    """Where a perpetual and an option hedge cost the same."""

    option: str
    perpetual: str
    funding: float | None  # per year at which a whole short costs what the hedge does
    better: tuple[
        tuple[float, float], ...
    ]  # prices at the horizon where the option hedge gains more


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What `size` found."""

    question: Question
    prices: Prices
    hedges: tuple[Sized, ...]
    breaks: tuple[Break, ...]
    accounts: tuple[Account, ...]  # of the first perpetual
    choice: sizing_mix.Choice | None


def answer(question: Question) -> Answer:
    """Return what comes of each way to hedge.

    Raises:
        ValueError: An option is not traded on the side that a hedge needs.
    """
    holding, costs, vol = question.holding, question.costs, question.real_vol
    make = outcomes.jumping if question.fat_tails else outcomes.normal
    prices = make(holding.price, holding.years, vol)
    each = sizing_margin.needed(holding.price, vol, question.margin)
    ways = sizing.ways(holding, question.ratios, question.puts, question.calls)
    hedges = tuple(sizing.size(holding, way, costs, prices, each) for way in ways)
    choice = None
    if question.limits is not None:
        choice = sizing_mix.choose(holding, question.offered, costs, prices, question.limits, each)
    short = question.ratios[0] * holding.quantity if question.ratios else holding.quantity
    accounts = sizing_margin.accounts(holding, short, vol, question.margin, prices)
    return Answer(question, prices, hedges, tuple(_breaks(question, hedges)), accounts, choice)


def _breaks(question: Question, hedges: Sequence[Sized]) -> list[Break]:
    shorts = [each for each in hedges if each.hedge.perpetual]
    options = [each for each in hedges if each.hedge.options]
    return [
        Break(
            option.hedge.name,
            short.hedge.name,
            sizing.even_funding(question.holding, option, question.costs),
            sizing.better(option.book, short.book),
        )
        for option in options
        for short in shorts
    ]


def told(found: Answer) -> dict[str, Any]:
    """Return the answer as plain values; USD, coins, fractions, and rates per year."""
    question = found.question
    mix = None if found.choice is None or found.choice.mix is None else found.choice.mix
    return {
        "holding": asdict(question.holding),
        "real_vol": question.real_vol,
        "fat_tails": question.fat_tails,
        "costs": asdict(question.costs),
        "hedges": [hedge(each) for each in found.hedges],
        "break_even": [
            {
                "option": each.option,
                "perpetual": each.perpetual,
                "funding": each.funding,
                "option_gains_more": [[low, _finite(high)] for low, high in each.better],
            }
            for each in found.breaks
        ],
        "margin_terms": asdict(question.margin),
        "accounts": [asdict(each) for each in found.accounts],
        "mix": None if mix is None else hedge(mix),
        "limits": None if question.limits is None else asdict(question.limits),
        "least_cvar95": None if found.choice is None else found.choice.least,
    }


def hedge(sized: Sized) -> Mapping[str, Any]:
    """Return one hedge as plain values."""
    return {
        "name": sized.hedge.name,
        "perpetual": sized.hedge.perpetual,
        "options": [_option(*each) for each in sized.hedge.options],
        "cost": sized.cost,
        "premium": sized.premium,
        "sd": sized.outcome.sd,
        "var95": sized.outcome.var,
        "cvar95": sized.outcome.cvar,
        "worst": _finite(-sized.book.worst),
        "margin": sized.margin,
        "coins_locked": sized.locked,
        "variance_removed": sized.removed,
        "break_even_prices": list(sized.even),
    }


def _option(quantity: float, quote: Quote) -> Mapping[str, Any]:
    price = quote.ask if quantity > 0 else quote.bid
    return {
        "name": quote.name,
        "quantity": quantity,
        "strike": quote.strike,
        "price": price,
        "vol": quote.vol,
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def words(hedge: Hedge, coin: str) -> str:
    """Return what a hedge trades, as a person says it."""
    parts = [f"short {-hedge.perpetual:,.4g} {coin} of perpetual"] if hedge.perpetual else []
    parts += [f"{'buy' if n > 0 else 'sell'} {abs(n):,.4g} {q.name}" for n, q in hedge.options]
    return ", ".join(parts) or "nothing"
