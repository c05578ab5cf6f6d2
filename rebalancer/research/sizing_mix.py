"""The mix: how much perpetual and which options hedge most cheaply within a limit of CVaR.

A linear programme over scenarios: the price at the horizon falls into cells
that begin and end at strikes, and within a cell every profit is a straight
line, so that the mean of the cell stands for it. The mean of the programme is
exact; its CVaR is a little low in the one cell where the tail begins, so the
answer is measured exactly, and the limit tightened until that is within it.

Nothing but a hedge is allowed: puts are bought, calls and the perpetual sold,
and at no price is more than the whole holding given away by them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.research.outcomes import TAIL, Prices
from rebalancer.research.sizing import Costs, Hedge, Holding, Quote, Sized, book, paid, size

CHEAPEST, SAFEST = "cheapest mix", "least CVaR"  # names of mixes
MIXES = (CHEAPEST, SAFEST)
CELLS = 800  # of price, besides the strikes
_SPAN = 9.0  # standard deviations that the cells of equal width in log price cover
_ROUNDS = 6  # of tightening
_SLACK = 1e-7  # of the holding's worth by which a limit may be missed
_LEAST = 1e-7  # of the holding: what is less is nothing


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The cheapest mix, and the least CVaR that any mix reaches.

    The hedge of the mix is named `CHEAPEST`; it is the one named `SAFEST` where a
    cheaper one within the limit was not found, though there may be one.
    """

    mix: Sized | None  # None: no mix is within the limit
    least: float  # USD; measured, of the mix with the least CVaR


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mix must keep."""

    cvar: float  # USD at the horizon, mean loss of the worst twentieth
    capital: float | None = (
        None  # USD: premium paid with its fee, and margin; None: as much as it takes
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Programme:
    """What the linear programme rests on; k instruments, m cells; the holding is worth 1."""

    weights: FloatArray  # probability of each cell, shape (m,)
    bare: FloatArray  # profit of the holding alone, shape (m,)
    gains: FloatArray  # what each instrument adds if it is as large as the holding, shape (k, m)
    taken: FloatArray  # part of the holding that each gives away between strikes, shape (s, k)
    capital: FloatArray  # that each takes if it is as large as the holding, shape (k,)


def choose(
    holding: Holding,
    quotes: Sequence[Quote],
    costs: Costs,
    prices: Prices,
    limits: Limits,
    margin: float = 0.0,
) -> Choice:
    """Return the mix of least expected cost whose CVaR is within a limit.

    Args:
        holding: What is protected.
        quotes: Puts that may be bought and calls that may be sold.
        costs: Of hedging.
        prices: What the coin may cost at the horizon.
        limits: Of CVaR and capital.
        margin: What one coin of perpetual needs, USD.

    Source:
        Rockafellar & Uryasev, "Optimization of conditional value-at-risk", J. Risk 2(3) (2000).
    """
    single = _single(quotes)
    programme = _programme(holding, single, costs, prices, margin)
    made = _solved(programme, holding, None, limits.capital)
    safest = size(holding, _hedge(SAFEST, single, made, holding), costs, prices, margin)
    slack, limit = _SLACK * holding.worth, limits.cvar
    if safest.outcome.cvar > limits.cvar + slack:
        return Choice(None, safest.outcome.cvar)
    best = safest
    for _ in range(_ROUNDS):
        found = _solved(programme, holding, limit, limits.capital)
        if found is None:
            break
        mix = size(holding, _hedge(CHEAPEST, single, found, holding), costs, prices, margin)
        over = mix.outcome.cvar - limits.cvar
        if over <= slack:
            best = mix
            break
        limit -= over
    return Choice(best, safest.outcome.cvar)


def _single(quotes: Sequence[Quote]) -> tuple[Hedge, ...]:
    """Return one coin of each thing that the mix may hold: the perpetual, puts and calls."""
    options = [
        Hedge(quote.name, options=((-float(quote.sign), quote),))
        for quote in quotes
        if (quote.bid if quote.sign > 0 else quote.ask) is not None
    ]
    return (Hedge("perpetual", -1.0), *options)


def _programme(
    holding: Holding, single: Sequence[Hedge], costs: Costs, prices: Prices, margin: float
) -> _Programme:
    total = float(prices.totals.max())
    span = np.exp(np.linspace(-_SPAN * total, _SPAN * total, CELLS))
    strikes = [quote.strike for hedge in single for _, quote in hedge.options]
    edges = np.union1d(holding.price * span, np.array(strikes, dtype=np.float64))
    edges = np.concatenate([[0.0], edges, [np.inf]])
    weights, first = np.diff(prices.moment(edges, 0)), np.diff(prices.moment(edges, 1))
    held = weights > 0
    weights, at = weights[held], first[held] / weights[held]
    bare = book(holding, Hedge("none"), costs).at(at)
    gains = np.stack([book(holding, hedge, costs).at(at) - bare for hedge in single])
    knots = np.unique(strikes)
    between = np.concatenate([[0.0], (knots[:-1] + knots[1:]) / 2, knots[-1:] * 2])
    taken = np.stack([_given(hedge, between) for hedge in single], axis=1)
    capital = [
        margin * abs(each.perpetual)
        + sum(max(paid(holding, n, quote, costs), 0.0) for n, quote in each.options)
        for each in single
    ]
    locked = np.array(capital, dtype=np.float64) / holding.price
    return _Programme(weights, bare / holding.worth, gains / holding.price, taken, locked)


def _given(hedge: Hedge, at: FloatArray) -> FloatArray:
    """Return how much of a coin's move a hedge takes away at prices, in {0, 1}."""
    if hedge.perpetual:
        return np.ones(len(at))
    quote = hedge.options[0][1]
    return np.where(quote.sign * (at - quote.strike) > 0, 1.0, 0.0)


def _solved(
    programme: _Programme, holding: Holding, limit: float | None, capital: float | None
) -> FloatArray | None:
    """Return coins of each instrument, shape (k,), or None where no mix is within the limits.

    The unknowns are each instrument as a part of the holding, the quantile t,
    and of each cell what its loss exceeds t by. Without a limit, USD, the CVaR
    itself is made least.
    """
    from scipy import sparse  # here: they take a second to load, and few commands want them
    from scipy.optimize import linprog

    gains, weights = programme.gains, programme.weights
    count, cells = gains.shape
    cvar = np.concatenate([np.zeros(count), [1.0], weights / TAIL])
    cost = np.concatenate([-gains @ weights, np.zeros(cells + 1)])
    parts = (-gains.T, -np.ones((cells, 1)), -sparse.eye_array(cells))
    tail = sparse.hstack([sparse.csr_array(each) for each in parts])  # loss − t − excess <= 0
    rows = [np.concatenate([each, np.zeros(cells + 1)]) for each in programme.taken]
    ends = [1.0] * len(rows)
    if limit is not None:
        rows.append(cvar)
        ends.append(limit / holding.worth)
    if capital is not None:
        rows.append(np.concatenate([programme.capital, np.zeros(cells + 1)]))
        ends.append(capital / holding.worth)
    matrix: Any = sparse.vstack([tail, sparse.csr_array(np.array(rows))]).tocsr()
    found = linprog(
        cvar if limit is None else cost,
        A_ub=matrix,
        b_ub=np.concatenate([programme.bare, ends]),
        bounds=[(0, None)] * count + [(None, None)] + [(0, None)] * cells,
        method="highs",
    )
    if not found.success or found.x is None:
        return None
    return np.asarray(found.x[:count] * holding.quantity, np.float64)


def _hedge(name: str, single: Sequence[Hedge], coins: FloatArray | None, holding: Holding) -> Hedge:
    """Return the mix as one hedge."""
    if coins is None:
        return Hedge(name)
    perpetual, options = 0.0, []
    for each, amount in zip(single, coins.tolist(), strict=True):
        if amount <= _LEAST * holding.quantity:
            continue
        perpetual += amount * each.perpetual
        options += [(amount * n, quote) for n, quote in each.options]
    return Hedge(name, perpetual, tuple(options))
