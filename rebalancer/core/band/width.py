"""Width: how wide a band is now, and term by term why.

What it costs to hedge on either side, how fast net delta wanders and how much
risk is minded make a half-width; looks that are rare make it narrower, the
smallest order is its floor and the limit of net delta its ceiling. What the
cost of a hedge depends on (impact on its size, funding on how long it is held)
depends on the width again: the two are found together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rebalancer.core.band import widths
from rebalancer.core.params import BandKind, BandParams, WidthParams

YEAR = 365 * 86_400 * 1_000_000_000  # ns
DAYS = 365.0
SOON = 1.0 / DAYS  # years to an expiry for which a gap stands at least: others come after it
ROUNDS, CLOSE = 40, 1e-9  # of looking for a width and its own cost, and when they are found


class Bound(StrEnum):
    """What a half-width ended at."""

    COST = "cost"  # what cost and risk make of it
    FLOOR = "floor"  # the smallest order of the instrument that would be traded
    CEILING = "ceiling"  # the limit of net delta


@dataclass(frozen=True, slots=True)
class Wander:
    """How fast net delta wanders without hedges, coins per root of a year, by cause."""

    gamma: float = 0.0  # the price moves; signed, as gamma is
    vanna: float = 0.0  # vols move; signed
    flow: float = 0.0  # holdings do, >= 0
    correlation: float = 0.0  # of price and vol

    @property
    def total(self) -> float:
        """All of it, coins per root of a year, >= 0."""
        joint = 2.0 * self.correlation * self.gamma * self.vanna
        return math.sqrt(max(self.gamma**2 + self.vanna**2 + joint + self.flow**2, 0.0))


@dataclass(frozen=True, slots=True)
class SideCost:
    """What hedging on one side costs: fractions of notional, one way."""

    fee: float = 0.0
    half_spread: float = 0.0
    impact: float = 0.0  # of one coin; it grows with the root of the size
    carry: float = 0.0  # per year, that the leg pays if the hedge grows it; 0 if it earns
    floor: float = 0.0  # coins that the smallest order moves


@dataclass(frozen=True, slots=True)
class Conditions:
    """What stands around a band."""

    price: float  # index, USD per coin
    vol: float  # per year
    years: float  # to the expiries that make the gamma, weighted by it; 0: there are none
    gamma: float  # net, coins per USD
    wander: Wander
    buying: SideCost
    selling: SideCost
    horizon: float  # years for which carry counts at most
    ceiling: float  # coins


class Edge(NamedTuple):
    """One side of a band; coins from the aim but for the costs."""

    trigger: float  # where a hedge is due
    goal: float  # where it ends
    cost: float  # all of what follows, fraction of notional
    impact: float = 0.0  # of a hedge across the whole band
    funding: float = 0.0  # for as long as a hedge is held on the mean
    alone: float = 0.0  # the half-width by cost and risk only
    overshoot: float = 0.0  # less so much for looks that are rare
    bound: Bound = Bound.COST


class Width(NamedTuple):
    """Both sides; the lower edge is where the hedge buys."""

    lower: Edge
    upper: Edge
    risk_aversion: float | None  # 1/USD: as it was set, or what a budget comes to


def measure(params: BandParams, around: Conditions, factor: float = 1.0) -> Width | None:
    """Return the width of a band whose kind minds what hedges cost; None: of another kind.

    Args:
        params: Kind and settings.
        around: What is known now.
        factor: That the width is multiplied by, in (0, 1]; less than 1 near levels.
    """
    own = params.width
    if own is None:
        return None
    lower = upper = _edge(params, own, around, around.buying, factor)
    if around.selling != around.buying:
        upper = _edge(params, own, around, around.selling, factor)
    return Width(lower, upper, _aversion(params, own, around, lower))


def _edge(
    params: BandParams, own: WidthParams, around: Conditions, side: SideCost, factor: float
) -> Edge:
    wander = around.wander.total
    alone, cost = _together(lambda cost: _half(params, own, around, cost), around, side)
    early = 0.0 if own.monitored is None else _early(own.monitored, wander)
    trigger, goal = _both(own, around, cost, alone)
    trigger = max(trigger - early, 0.0) * factor
    bound = Bound.COST if trigger >= side.floor else Bound.FLOOR
    trigger = max(trigger, side.floor)
    goal = min(goal * factor if own.fixed_cost else trigger, around.ceiling)
    trigger += params.least_trade
    if trigger > around.ceiling:
        trigger, bound = around.ceiling, Bound.CEILING
    return Edge(
        trigger=trigger,
        goal=min(goal, trigger) * (1.0 - params.reset),
        cost=cost,
        impact=side.impact * math.sqrt(2.0 * alone),
        funding=side.carry * _held(around, alone),
        alone=alone,
        overshoot=early,
        bound=bound,
    )


def _early(monitored: int, wander: float) -> float:
    return float(widths.overshoot(wander, monitored / YEAR))


def _both(own: WidthParams, around: Conditions, cost: float, alone: float) -> tuple[float, float]:
    """Return trigger and goal, which a fixed cost of each hedge moves apart."""
    price, vol, wander = around.price, around.vol, around.wander.total
    if not own.fixed_cost or not alone or not wander:
        return alone, alone
    aversion = own.risk_aversion
    if aversion is None:
        aversion = float(widths.implied_aversion(price, vol, wander, cost, alone))
    if not aversion:
        return alone, alone
    risk = aversion * (vol * price) ** 2
    told = widths.trigger_and_reset(risk, wander, cost * price, own.fixed_cost)
    return float(told.trigger), float(told.reset)


def _together(
    half: Callable[[float], float], around: Conditions, side: SideCost
) -> tuple[float, float]:
    """Return a half-width and the one-way cost that it has itself.

    A hedge that crosses the whole band is one order to the market, however it is
    cut: its impact is that of two half-widths. From the width without either on it
    only grows, and each round adds less.
    """
    flat = side.fee + side.half_spread
    width, cost = half(flat), flat
    if not side.impact and not side.carry:
        return width, cost
    for _ in range(ROUNDS):
        cost = flat + side.impact * math.sqrt(2.0 * width) + side.carry * _held(around, width)
        found = half(cost)
        if abs(found - width) <= CLOSE * found:
            break
        width = found
    return width, cost


def _held(around: Conditions, width: float) -> float:
    """Return how long a hedge is held: until net delta crossed the band, at most the horizon."""
    wander = around.wander.total
    return min((2.0 * width / wander) ** 2, around.horizon) if wander else around.horizon


def _half(params: BandParams, own: WidthParams, around: Conditions, cost: float) -> float:
    """Return a half-width in coins for a cost.

    A hedge that goes farther than the edge trades more each time, so it is best due
    later: with a goal at k times the half-width h, risk goes with h²·(1 + k²)/2 and
    cost with 2/(h·(1 + k)) of what they are for hedges to the edge.
    """
    wander, price, vol = around.wander.total, around.price, around.vol
    keeps = 1.0 - params.reset
    if params.kind is BandKind.SCALED:
        return own.sigmas * wander * math.sqrt(own.over / YEAR)
    if own.spend_per_day is not None:
        to_edge = widths.for_spending(price, wander, cost, own.spend_per_day * DAYS)
        return float(to_edge) * 2.0 / (1.0 + keeps)
    if own.pnl_sd is not None:
        to_edge = widths.for_deviation(price, vol, own.pnl_sd * math.sqrt(DAYS))
        return float(to_edge) * math.sqrt(2.0 / (1.0 + keeps**2))
    found = _chosen(params.kind, own, around, cost) * _later(keeps)
    if own.risk_aversion is None or own.residual is None:
        return found
    stands = widths.residual(price, vol, own.residual / YEAR, cost, own.risk_aversion)
    return max(found, float(stands))


def _later(keeps: float) -> float:
    """Return how many times as far a hedge is due that keeps a share of the half-width."""
    return float((4.0 / ((1.0 + keeps) * (1.0 + keeps**2))) ** (1 / 3))


def _chosen(kind: BandKind, own: WidthParams, around: Conditions, cost: float) -> float:
    price, vol, aversion = around.price, around.vol, own.risk_aversion or math.inf
    if kind is not BandKind.ZAKAMOULINE or not around.years:
        return float(widths.inventory(price, vol, around.wander.total, cost, aversion))
    years = max(around.years, SOON)
    told = widths.zakamouline(price, around.gamma, years, vol, cost, aversion)
    return float(told.half_width)


def _aversion(params: BandParams, own: WidthParams, around: Conditions, edge: Edge) -> float | None:
    if own.risk_aversion is not None or not edge.alone:
        return own.risk_aversion
    price, vol, wander = around.price, around.vol, around.wander.total
    half = edge.alone / _later(1.0 - params.reset)
    return float(widths.implied_aversion(price, vol, wander, edge.cost, half))


def spends(width: Width, around: Conditions, fixed: float = 0.0) -> float:
    """Return what hedges are expected to cost, USD per day, by where they begin and end.

    Args:
        width: Where; both sides alike on the mean.
        around: How fast net delta wanders.
        fixed: USD per trade.
    """
    wander, due, end = around.wander.total, *_mean(width)
    cost = (width.lower.cost + width.upper.cost) / 2.0 * around.price
    if not wander:
        return 0.0
    if not due or (fixed and due == end):
        return math.inf
    each = cost / (due + end) + (fixed / (due**2 - end**2) if fixed else 0.0)
    return wander**2 * each / DAYS


def leaves(width: Width, around: Conditions) -> float:
    """Return the standard deviation that a band leaves to a day, USD, by the same."""
    due, end = _mean(width)
    return around.vol * around.price * math.sqrt((due**2 + end**2) / 6.0 / DAYS)


def _mean(width: Width) -> tuple[float, float]:
    """Return where hedges begin and end on the mean of both sides, rare looks counted in."""
    late = (width.lower.overshoot + width.upper.overshoot) / 2.0
    due = (width.lower.trigger + width.upper.trigger) / 2.0 + late
    end = (width.lower.goal + width.upper.goal) / 2.0
    return due, end + late if end == due - late else end
