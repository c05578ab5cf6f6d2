"""A contest: rules of hedging, each over a grid of its parameter, through one market at once.

Where a hedge aims and when it is due does not depend on what is held, so a stretch of bars is
worked out at once and the holdings then go through it bar by bar, all rules side by side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rebalancer.core.black import FloatArray
from rebalancer.core.exposure import YEAR
from rebalancer.research import policies
from rebalancer.research.policies import Moment, Zone
from rebalancer.research.straddles import DAY, Market

STRETCH = 4096  # bars worked out at once
FIXED_COST = 1.0  # USD a hedge that the rule `few` reckons with
TIMES = {  # ns
    "5m": 300_000_000_000,
    "15m": 900_000_000_000,
    "30m": 1_800_000_000_000,
    "1h": 3_600_000_000_000,
    "2h": 7_200_000_000_000,
    "4h": 14_400_000_000_000,
    "8h": 28_800_000_000_000,
    "12h": 43_200_000_000_000,
    "1d": DAY,
    "2d": 2 * DAY,
}
WIDTHS = np.geomspace(0.005, 0.6, 16)  # coins per coin of the straddle
MOVES = np.geomspace(0.0005, 0.15, 18)  # of the price, fraction
AVERSIONS = np.geomspace(1e-7, 1e-1, 20)  # 1/USD
TIME, EDGE, CENTRE, GAMMA = "fixed time", "fixed band", "fixed band, to the aim", "by gamma"
WW, ZAK, HALF = "Whalley-Wilmott", "Zakamouline", "Whalley-Wilmott, half-way"
LESS, FEW = "Whalley-Wilmott, less overshoot", "Whalley-Wilmott, few hedges"
MINDFUL = (WW, ZAK, HALF, LESS, FEW)  # of the cost
PLAIN = (TIME, EDGE, CENTRE, GAMMA)


@dataclass(frozen=True, slots=True)
class Bars:
    """What zones of a stretch are made of."""

    moment: Moment  # arrays of shape (m, 1)
    ts: NDArray[np.int64]  # (m, 1)
    coins: FloatArray  # (m, 1) of the straddle
    cost: float  # one-way fraction
    length: float  # years a bar


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and its grid."""

    name: str
    grid: tuple[float, ...]
    zone: Callable[[Bars, FloatArray], Zone]  # the grid has shape (k,)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What came of the grid of one rule, day by day; USD unless told, shape (days, k)."""

    rule: str
    grid: tuple[float, ...]
    fees: FloatArray
    profit: FloatArray  # of options, hedge, funding and fees
    gap: FloatArray  # of net delta alone: held less what the model wants, times the move
    hedges: FloatArray  # count
    funding: FloatArray  # received, part of the profit
    squares: FloatArray  # sum of the squares of profits between two marks of the options, USD²
    marks: FloatArray  # how many, (days, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A market played through at one cost."""

    market: str
    synthetic: bool
    cost: float
    days: NDArray[np.int64]  # ns: when each day ended; at its last mark
    scores: Mapping[str, Scores]  # by rule


def contestants(bar: int) -> tuple[Rule, ...]:
    """Return every rule; of times those that are bars of so many ns, or several of them."""
    times = tuple(each / DAY for each in TIMES.values() if each >= bar and each % bar == 0)

    def timed(bars: Bars, grid: FloatArray) -> Zone:
        every = np.rint(grid * DAY).astype(np.int64)
        return policies.timed(bars.moment, bars.ts % every == 0)

    def edge(bars: Bars, grid: FloatArray) -> Zone:
        return policies.fixed(bars.moment, grid * bars.coins, 0.0)

    def centre(bars: Bars, grid: FloatArray) -> Zone:
        return policies.fixed(bars.moment, grid * bars.coins, 1.0)

    def gamma(bars: Bars, grid: FloatArray) -> Zone:
        return policies.scaled(bars.moment, grid)

    def ww(bars: Bars, grid: FloatArray) -> Zone:
        return policies.whalley_wilmott(bars.moment, bars.cost, grid)

    def zak(bars: Bars, grid: FloatArray) -> Zone:
        return policies.zakamouline(bars.moment, bars.cost, grid)

    def half(bars: Bars, grid: FloatArray) -> Zone:
        return policies.whalley_wilmott(bars.moment, bars.cost, grid, 0.5)

    def less(bars: Bars, grid: FloatArray) -> Zone:
        return policies.looked_at(bars.moment, bars.cost, grid, bars.length)

    def few(bars: Bars, grid: FloatArray) -> Zone:
        return policies.few(bars.moment, bars.cost, grid, FIXED_COST)

    aversions = tuple(AVERSIONS.tolist())
    return (
        Rule(TIME, times, timed),
        Rule(EDGE, tuple(WIDTHS.tolist()), edge),
        Rule(CENTRE, tuple(WIDTHS.tolist()), centre),
        Rule(GAMMA, tuple(MOVES.tolist()), gamma),
        *(
            Rule(name, aversions, zone)
            for name, zone in ((WW, ww), (ZAK, zak), (HALF, half), (LESS, less), (FEW, few))
        ),
    )


def held(
    market: Market, rules: tuple[Rule, ...], cost: float, done: Callable[[int], object]
) -> FloatArray:
    """Return what each rule holds after the hedge decided at each close, coins (n, k).

    Everybody begins at the aim. `done` is called with bars as they are over.
    """
    edges = np.cumsum([0, *(len(rule.grid) for rule in rules)])
    parts = [slice(*each) for each in pairwise(edges.tolist())]
    found = np.empty((market.length, edges[-1]))
    now: FloatArray | None = None
    length = float(np.median(np.diff(market.ts))) / YEAR
    for start in range(0, market.length, STRETCH):
        stretch = slice(start, min(start + STRETCH, market.length))
        bars = Bars(
            market.moment(stretch),
            market.ts[stretch, None],
            market.leg.coins[stretch, None],
            cost,
            length,
        )
        shape = (stretch.stop - start, edges[-1])
        whole = Zone(*(np.empty(shape) for _ in Zone._fields))
        for rule, part in zip(rules, parts, strict=True):
            for all_of, own in zip(whole, rule.zone(bars, np.array(rule.grid)), strict=True):
                all_of[:, part] = own
        now = whole.aim[0] if now is None else now
        for place, zone in enumerate(zip(*whole, strict=True)):
            now = policies.moved(Zone(*zone), now)
            found[start + place] = now
        done(shape[0])
    return found


def play(market: Market, cost: float, done: Callable[[int], object]) -> Played:
    """Play every rule through a market at a one-way cost, a fraction of notional.

    A hedge decided at a close is made at the next open; the last decision is made nowhere.
    """
    rules = contestants(int(np.median(np.diff(market.ts))))
    holding = held(market, rules, cost, done)
    marked = np.flatnonzero(np.isfinite(market.worth))
    cuts = _ends(market.ts[marked])
    wanted = market.moment(slice(0, market.length)).delta
    scores, start = {}, 0
    for rule in rules:
        own = holding[: marked[-1], start : start + len(rule.grid)]
        scores[rule.name] = _scored(market, rule, own, wanted, Cuts(marked, cuts, cost))
        start += len(rule.grid)
    return Played(market.name, market.synthetic, cost, market.ts[marked[cuts[1:]]], scores)


def _ends(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of the first mark and of the last of each UTC day after it."""
    days = (ts - 1) // DAY
    last = np.flatnonzero(np.diff(days, append=days[-1] + 1))
    return np.concatenate(([0], last[last > 0]))


class Cuts(NamedTuple):
    """Where the bars of a market are summed up, and the cost of a hedge."""

    marked: NDArray[np.int64]  # places of bars at which the options are marked
    days: NDArray[np.int64]  # places of days' ends among these
    cost: float


def _scored(
    market: Market, rule: Rule, holding: FloatArray, wanted: FloatArray, cuts: Cuts
) -> Scores:
    last, marked, ends = len(holding), cuts.marked, cuts.marked[cuts.days]
    trades = np.diff(holding, axis=0, prepend=holding[:1])
    fees = cuts.cost * np.abs(trades) * market.following[:last, None]
    moves = _moves(market, holding)
    received = -(market.funding * market.close)[1 : last + 1, None] * holding
    options = np.diff(market.worth[marked])[:, None]
    profit = _sums(moves + received - fees, marked) + options
    return Scores(
        rule.name,
        rule.grid,
        fees=_sums(fees, ends),
        profit=_sums(profit, cuts.days),
        squares=_sums(np.square(profit), cuts.days),
        gap=_sums(moves - _moves(market, wanted[:last]), ends),
        hedges=_sums((trades != 0).astype(np.float64), ends),
        funding=_sums(received, ends),
        marks=np.diff(cuts.days)[:, None].astype(np.float64),
    )


def _moves(market: Market, holding: FloatArray) -> FloatArray:
    """Return what holdings earn from each close to the next, USD, shape (n − 1 or less, k).

    Until the next open what was held before is still there.
    """
    last = len(holding)
    before = np.vstack((holding[:1], holding[:-1]))
    close, opened = market.close[:last, None], market.following[:last, None]
    after = market.close[1 : last + 1, None]
    return np.asarray(before * (opened - close) + holding * (after - opened))


def _sums(values: FloatArray, edges: NDArray[np.int64]) -> FloatArray:
    """Return the sums of rows from each edge to the next, shape (edges − 1, k)."""
    first, last = int(edges[0]), int(edges[-1])
    return np.asarray(np.add.reduceat(values[first:last], edges[:-1] - first, axis=0))
