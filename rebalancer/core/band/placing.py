"""The tolerance band: where it lies, whether a hedge is due, and how far it should go.

    aim = target + (1 - coverage)·(U - target),  U = delta of what hedging did not put there

The band is asymmetric around the aim where `lower` and `upper` say so, or where
hedging costs more on one side. Outside it a hedge goes back to the violated
edge, to the aim, or between; inside, only a longest interval or a price move
since the last hedge makes one due. A shortest interval and a filter on small
moves hold a hedge back, but never beyond the limit of net delta.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from rebalancer.core.band.width import Edge, Width
from rebalancer.core.decision import Reason
from rebalancer.core.params import BandKind, BandParams, UnderlyingParams

SLACK = 1e-9  # coins: less than any lot, more than what sums of floats miss an edge by


class Band(NamedTuple):
    """A band as it stands now, coins."""

    aim: float
    lower: float  # absolute edges: beyond them a hedge is due
    upper: float
    goals: tuple[float, float] | None = None  # where it ends, below and above; None: at the edges

    def goal(self, delta: float) -> float:
        """Return where a hedge of a net delta that is outside ends, coins."""
        lower, upper = self.goals or (self.lower, self.upper)
        return lower if delta < self.lower else upper

    def contains(self, delta: float) -> bool:
        """Whether a net delta lies inside or on an edge, as far as floats can tell."""
        return self.lower - SLACK <= delta <= self.upper + SLACK


class Pulse(NamedTuple):
    """What happened since the last hedge, as far as a band cares."""

    since_start: int  # ns
    since_hedge: int | None  # ns; None: never hedged
    price: float  # index now, USD per coin
    hedge_price: float | None  # index at the last hedge, before it at the start
    moved: float | None  # largest move within the filter's window, fraction; None: no filter


@dataclass(frozen=True, slots=True)
class Due:
    """A hedge is due, and where it should land."""

    reason: Reason
    goal: float  # coins


def aim(params: UnderlyingParams, unhedged: float) -> float:
    """Return the delta that hedging works towards, coins.

    Args:
        params: Target (coins) and coverage (0 leaves all, 1 hedges all).
        unhedged: Delta in scope of what hedging did not put there, coins.
    """
    return params.target + (1.0 - params.coverage) * (unhedged - params.target)


def place(
    params: UnderlyingParams,
    unhedged: float,
    gross: float,
    factor: float = 1.0,
    width: Width | None = None,
) -> Band:
    """Return the band around the aim.

    Args:
        params: The underlying's band, target and coverage.
        unhedged: As for `aim`, coins.
        gross: Sum of |delta| of the same holdings, coins; scales percent bands.
        factor: That a fixed or percent width is multiplied by, in (0, 1]; less than 1 near
            levels. A measured width has it in itself.
        width: Of a kind that minds what hedges cost; None: nobody could measure it, and a
            band of such a kind is the aim alone. No edge of one that is measured lies beyond
            the limit of net delta, but where the aim does.
    """
    own, centre = params.band, aim(params, unhedged)
    if width is None:
        scale = factor * (gross if own.kind is BandKind.PERCENT else 1.0)
        lower, upper, more = -own.lower * scale, own.upper * scale, own.least_trade
        keeps = 1.0 - own.reset
        below = Edge(lower + more, lower * keeps, 0.0)
        width = Width(below, Edge(upper + more, upper * keeps, 0.0), None)
        limit = math.inf
    else:
        limit = params.limits.net_delta
    lower, upper = (
        max(centre - width.lower.trigger, -limit),
        min(centre + width.upper.trigger, limit),
    )
    lower, upper = min(lower, centre), max(upper, centre)
    goals = max(centre - width.lower.goal, lower), min(centre + width.upper.goal, upper)
    return Band(centre, lower, upper, goals)


def due(params: BandParams, band: Band, net: float, pulse: Pulse) -> Due | None:
    """Return the hedge that is due, or None inside a quiet band."""
    if not band.contains(net):
        return Due(Reason.OUTSIDE_BAND, band.goal(net))
    waited = pulse.since_start if pulse.since_hedge is None else pulse.since_hedge
    if params.max_interval is not None and waited >= params.max_interval:
        return Due(Reason.MAX_INTERVAL, band.aim)
    if params.move_trigger is not None and pulse.hedge_price is not None:
        move = abs(pulse.price / pulse.hedge_price - 1.0)
        if move >= params.move_trigger:
            return Due(Reason.MOVE_TRIGGERED, band.aim)
    return None


def held_back(params: BandParams, pulse: Pulse, gap: float, net_limit: float) -> Reason | None:
    """Return why a due hedge should wait, or None.

    Args:
        params: Shortest interval and filter.
        pulse: What happened since the last hedge.
        gap: Net delta less the aim, coins.
        net_limit: Beyond it nothing waits: patience must not leave a book naked. Coins.
    """
    if abs(gap) > net_limit:
        return None
    waited = pulse.since_hedge
    if params.min_interval is not None and waited is not None and waited < params.min_interval:
        return Reason.MIN_INTERVAL
    if params.move_filter is not None and pulse.moved is not None:
        return Reason.MOVE_FILTERED if pulse.moved < params.move_filter else None
    return None
