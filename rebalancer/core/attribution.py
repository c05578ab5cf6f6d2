"""Where an option's profit came from: delta, gamma, theta, vega, and what is left.

    dB = delta·dF + ½·gamma·dF² + theta·dt + vega·dσ + vanna·dF·dσ + ½·volga·dσ² + residual

Greeks are those at the start of the interval, dσ is the move of the strike's
own vol. The shorter the interval, the smaller the residual: an hour, or one
per cent of price, at most.

Where the index is known, delta·dF is told in two: what the coin's own move
made of it, delta·F/S·dS, and the basis, which is the rest: a hedge takes away
the first and not the second.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from rebalancer.core import pricing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """What prices options at one moment; arrays of one shape (n,)."""

    forward: Floats  # USD per coin
    years: Floats  # to expiry
    vol: Floats  # per year
    value: Floats  # USD per coin of contract, as marked
    index: Floats | None = None  # USD per coin; None: not known, and the forward stands for it


@dataclass(frozen=True, slots=True)
class Parts:
    """USD by source; `residual` is what the others leave of the change in marks."""

    delta: float = 0.0
    gamma: float = 0.0
    theta: float = 0.0
    vega: float = 0.0
    vanna: float = 0.0
    volga: float = 0.0
    residual: float = 0.0
    basis: float = 0.0

    @property
    def total(self) -> float:
        """Change in marked value, USD."""
        return float(sum(getattr(self, each.name) for each in fields(self)))

    def __add__(self, other: "Parts") -> "Parts":
        """Return the sum, source by source."""
        return Parts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def attribute(coins: Floats, strike: Floats, sign: Floats, start: Point, end: Point) -> Parts:
    """Return where the change in marked value of some options came from.

    Args:
        coins: Contracts x size, signed, shape (n,).
        strike: USD per coin.
        sign: +1 call, -1 put.
        start: The interval's beginning; its greeks are used.
        end: The interval's end.
    """
    greeks = pricing.greeks(start.forward, strike, start.years, start.vol, sign)
    moved, aged = end.forward - start.forward, start.years - end.years
    jolt = end.vol - start.vol
    along = moved  # of the forward's move, what it shares with the index
    if start.index is not None and end.index is not None:
        along = start.forward / start.index * (end.index - start.index)
    parts = Parts(
        delta=_sum(coins, greeks.delta * along),
        gamma=_sum(coins, 0.5 * greeks.gamma * moved**2),
        theta=_sum(coins, greeks.theta * aged),
        vega=_sum(coins, greeks.vega * jolt),
        vanna=_sum(coins, greeks.vanna * moved * jolt),
        volga=_sum(coins, 0.5 * greeks.volga * jolt**2),
        basis=_sum(coins, greeks.delta * (moved - along)),
    )
    return parts + Parts(residual=_sum(coins, end.value - start.value) - parts.total)


def _sum(coins: Floats, each: Floats) -> float:
    return float(np.dot(coins, each))
