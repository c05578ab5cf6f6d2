"""Policies: when a study hedges, and where that ends, without a daemon around it.

A policy says of a moment where a hedge aims, how far the holding may be from there before it
is due, and how far from there it then ends. All of that depends on the market and never on the
holding, so it can be worked out for many moments at once; `moved` then takes the holdings
through them one by one. Arrays broadcast: moments along one axis, parameters along another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rebalancer.core import band
from rebalancer.core.black import FloatArray

Delta = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a policy may know; arrays that broadcast to one shape (n,)."""

    price: FloatArray  # of what hedges are made in, USD per coin
    delta: FloatArray  # that makes the book neutral if it is held in the hedge, coins
    gamma: FloatArray  # of the book, coins per USD; below 0 for options sold
    years: FloatArray  # to the expiry of the options
    vol: FloatArray  # per year
    delta_at: Delta  # `delta` if the vol were another: vols of shape (n,) in, coins out


class Zone(NamedTuple):
    """Where a holding may stay, and where a hedge takes it; coins."""

    aim: FloatArray
    trigger: FloatArray  # a hedge is due where the holding is farther than this from the aim
    reset: FloatArray  # how far from the aim it ends, on the side from which it comes


def moved(zone: Zone, held: FloatArray) -> FloatArray:
    """Return the holdings after the hedges that are due, coins.

    >>> zone = Zone(np.array(0.5), np.array(0.1), np.array(0.05))
    >>> moved(zone, np.array([0.3, 0.45, 0.7])).round(3).tolist()
    [0.45, 0.45, 0.55]
    """
    gap = held - zone.aim
    return np.where(np.abs(gap) > zone.trigger, zone.aim + np.copysign(zone.reset, gap), held)


def timed(moment: Moment, due: NDArray[np.bool_]) -> Zone:
    """Hedge all of it whenever it is `due`, however little it is."""
    trigger = np.where(due, 0.0, np.inf)
    return Zone(moment.delta, trigger, np.asarray(0.0))


def fixed(moment: Moment, half_width: ArrayLike, reset: float) -> Zone:
    """Let a band of one width stand, in coins; `reset` is 0 for its edge, 1 for its aim."""
    width = np.asarray(half_width, dtype=np.float64)
    return Zone(moment.delta, width, (1.0 - reset) * width)


def scaled(moment: Moment, move: ArrayLike) -> Zone:
    """Let a band stand that a price move of so large a fraction crosses; back to the edge."""
    width = np.asarray(move) * np.abs(moment.gamma) * moment.price
    return Zone(moment.delta, width, width)


def whalley_wilmott(
    moment: Moment, cost: ArrayLike, risk_aversion: ArrayLike, reset: float = 0.0
) -> Zone:
    """Let the band of `band.whalley_wilmott` stand; `reset` as for `fixed`."""
    width = band.whalley_wilmott(moment.price, moment.gamma, cost, risk_aversion)
    return Zone(moment.delta, width, (1.0 - reset) * width)


def looked_at(
    moment: Moment, cost: ArrayLike, risk_aversion: ArrayLike, between: ArrayLike
) -> Zone:
    """As `whalley_wilmott`, narrower by what a holding overshoots in the years between looks."""
    width = band.whalley_wilmott(moment.price, moment.gamma, cost, risk_aversion)
    width = np.maximum(width - band.overshoot(_wander(moment), between), 0.0)
    return Zone(moment.delta, width, width)


def zakamouline(moment: Moment, cost: ArrayLike, risk_aversion: ArrayLike) -> Zone:
    """Let the band of `band.zakamouline` stand around the delta at its adjusted vol."""
    width, vol = band.zakamouline(
        moment.price, moment.gamma, moment.years, moment.vol, cost, risk_aversion
    )
    return Zone(moment.delta_at(vol), width, width)


def few(moment: Moment, cost: ArrayLike, risk_aversion: ArrayLike, fixed_cost: ArrayLike) -> Zone:
    """Trade as if each hedge cost some dollars besides: seldom, and between edge and aim."""
    risk = np.asarray(risk_aversion) * np.square(moment.vol * moment.price)
    dollars = np.asarray(cost) * moment.price
    trigger, reset = band.trigger_and_reset(risk, _wander(moment), dollars, fixed_cost)
    return Zone(moment.delta, trigger, reset)


def _wander(moment: Moment) -> FloatArray:
    """Return how far the delta wanders, coins per root of a year."""
    return np.asarray(np.abs(moment.gamma) * moment.price * moment.vol)
