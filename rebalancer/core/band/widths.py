"""Widths: how far a net delta may stray before a hedge is worth what it costs.

A hedge costs a fraction of what it trades; waiting costs the risk of what is
not hedged. With a net delta that wanders with volatility nu (coins per root of
a year), reflected at ±h by trades at the edges, both have a rate per year:

    risk aversion/2 · (sigma S)²·h²/3   and   cost · S · nu²/(2h)

The half-width that makes their sum least is everywhere below. All arguments
broadcast to one shape (n,); scalars give arrays of shape (), which behave as
floats. Costs are one-way fractions of notional, and below 0 (a rebate) count
as 0; risk aversion is of the whole book, 1/USD: a book of N times the size at
an N-th of it keeps the same band per unit.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rebalancer.core.black import FloatArray

OVERSHOOT = 0.5826  # −zeta(1/2)/√(2π): how far a walk passes a level, in steps, on the mean
SCALE, SHIFT = 1.12, 4.76  # Zakamouline's fit
NEWTON = 12  # steps; from above, on a convex function, a few more than are ever needed


class Zakamouline(NamedTuple):
    """A band and the vol at which its centre's delta is taken."""

    half_width: FloatArray  # coins
    adjusted_vol: FloatArray  # per year


class Trigger(NamedTuple):
    """Where a hedge is due, and where it ends."""

    trigger: FloatArray  # coins from the aim, >= reset
    reset: FloatArray  # coins from the aim, >= 0


def whalley_wilmott(
    forward: ArrayLike, gamma: ArrayLike, cost: ArrayLike, risk_aversion: ArrayLike
) -> FloatArray:
    """Return the half-width for a book whose delta wanders because of its gamma.

    Args:
        forward: USD per coin, > 0.
        gamma: Net gamma of the book, coins per USD, signed.
        cost: One-way fraction of notional.
        risk_aversion: Of the whole book, 1/USD, > 0.

    Returns:
        Coins, >= 0: the cube root of 3/2 · cost · forward · gamma² ÷ risk aversion.

    Raises:
        ValueError: A forward or a risk aversion is not positive.

    Source:
        Whalley & Wilmott, "An asymptotic analysis of an optimal hedging model for
        option pricing with transaction costs", Math. Finance 7 (1997), undiscounted.

    >>> round(float(whalley_wilmott(1e5, 2.3106721e-5, 0.0005, 1e-4)), 4)
    0.0737
    """
    forward, aversion = _positive(forward, "forward"), _positive(risk_aversion, "risk_aversion")
    return np.asarray(np.cbrt(1.5 * _cost(cost) * forward * np.square(gamma) / aversion))


def zakamouline(  # long: six arguments by its published form
    forward: ArrayLike,
    gamma: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    cost: ArrayLike,
    risk_aversion: ArrayLike,
) -> Zakamouline:
    """Return a half-width fitted to the exact optimum of an option held to its expiry.

    It is wider than `whalley_wilmott` for small books and narrower for large ones. The
    fit was made at costs near a hundredth; at those of perpetuals it is too narrow for
    large books.

    Args:
        forward: USD per coin, > 0.
        gamma: Net gamma of the book, coins per USD; its sign moves the adjusted vol.
        years: To expiry, > 0; for a book of several, weighted by |gamma|.
        vol: Per year, > 0; likewise.
        cost: One-way fraction of notional.
        risk_aversion: Of the whole book, 1/USD, > 0.

    Raises:
        ValueError: One that has to be is not positive.

    Source:
        Zakamouline, "European option pricing and hedging with both fixed and
        proportional transaction costs", J. Econ. Dynamics & Control 30 (2006), and
        "Efficient analytic approximation of the optimal hedging strategy", QF 6 (2006).
    """
    price, time = _positive(forward, "forward"), _positive(years, "years")
    sigma, aversion = _positive(vol, "vol"), _positive(risk_aversion, "risk_aversion")
    fee, bend = _cost(cost), np.abs(np.asarray(gamma, dtype=np.float64))
    still = fee / (aversion * price * sigma**2 * time)
    curved = SCALE * fee**0.31 * time**0.05 * sigma**-0.25 * np.sqrt(bend / aversion)
    shift = SHIFT * fee**0.78 * time**-0.02 * sigma**-0.25 * (aversion * price**2 * bend) ** 0.15
    grown = np.where(np.asarray(gamma) < 0, 1.0 + shift, np.maximum(1.0 - shift, 0.0))
    return Zakamouline(np.asarray(still + curved), np.asarray(sigma * np.sqrt(grown)))


def inventory(
    forward: ArrayLike,
    vol: ArrayLike,
    target_vol: ArrayLike,
    cost: ArrayLike,
    risk_aversion: ArrayLike,
) -> FloatArray:
    """Return the half-width for a net delta that wanders for whatever reason.

    With target_vol = |gamma|·forward·vol it is `whalley_wilmott`.

    Args:
        forward: USD per coin, > 0.
        vol: Of the coin, per year, > 0.
        target_vol: Volatility of the net delta without hedges, coins per root of a year, >= 0.
        cost: One-way fraction of notional.
        risk_aversion: Of the whole book, 1/USD, > 0.

    Returns:
        Coins, >= 0.

    Raises:
        ValueError: One that has to be is not positive.

    Source:
        Kallsen & Muhle-Karbe, "Option pricing and hedging with small transaction
        costs", Math. Finance 25 (2015): the general form for a diffusing target.
    """
    price, sigma = _positive(forward, "forward"), _positive(vol, "vol")
    aversion, wander = _positive(risk_aversion, "risk_aversion"), np.square(target_vol)
    return np.asarray(np.cbrt(1.5 * _cost(cost) * wander / (aversion * sigma**2 * price)))


def trigger_and_reset(
    risk: ArrayLike, target_vol: ArrayLike, dollars: ArrayLike, fixed: ArrayLike
) -> Trigger:
    """Return where a hedge is due and where it ends, if each also costs a fixed sum.

    With trigger h and reset b, s = h + b and d = h − b, the conditions of the least cost
    rate become s·d³ = 12·nu²·K/A and s³ − d²·s = 12·nu²·L/A, of which the first gives d
    and the second is convex in s. Without a fixed cost b = h, without a proportional one
    b = 0.

    Args:
        risk: A: risk aversion · (vol · price)², USD per coin² and year, > 0.
        target_vol: nu, coins per root of a year, >= 0.
        dollars: L: proportional cost · price, USD per coin, >= 0.
        fixed: K: USD per trade, >= 0.

    Returns:
        Trigger and reset, coins from the aim, 0 <= reset <= trigger.

    Raises:
        ValueError: A risk is not positive.

    Source:
        The stationary law of a walk restarted at ±b when it reaches ±h:
        E[x²] = (h² + b²)/6, restarts at a rate of nu²/(h² − b²).

    >>> [round(float(x), 5) for x in trigger_and_reset(1e-5 * (0.6 * 1e5) ** 2, 0.5, 50.0, 5.0)]
    [0.16185, 0.03303]
    """
    scale = 12.0 * np.square(target_vol) / _positive(risk, "risk")
    flat, steep = scale * _cost(fixed), scale * _cost(dollars)
    flat, steep = np.broadcast_arrays(flat, steep)
    s = np.cbrt(steep) + flat**0.25  # not below the root
    for _ in range(NEWTON):
        with np.errstate(divide="ignore", invalid="ignore"):
            bent = np.where(s > 0, np.cbrt(np.square(flat) * s), 0.0)  # d²·s
            slope = np.where(s > 0, 3 * s**2 - bent / (3 * s), 1.0)
        s = s - (s**3 - bent - steep) / slope
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.where(s > 0, np.cbrt(flat / s), 0.0)
    reset = np.maximum((s - d) / 2, 0.0)
    return Trigger(np.asarray(reset + d), np.asarray(reset))


def residual(
    forward: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    cost: ArrayLike,
    risk_aversion: ArrayLike,
) -> FloatArray:
    """Return how large a gap may be that only stands there, coins.

    What it saves to trade a coin of it away over a horizon is less than that costs.

    Args:
        forward: USD per coin, > 0.
        vol: Of the coin, per year, > 0.
        years: Horizon over which it would stand, > 0.
        cost: One-way fraction of notional.
        risk_aversion: Of the whole book, 1/USD, > 0.

    Raises:
        ValueError: One that has to be is not positive.
    """
    price, sigma = _positive(forward, "forward"), _positive(vol, "vol")
    aversion, time = _positive(risk_aversion, "risk_aversion"), _positive(years, "years")
    return np.asarray(_cost(cost) / (aversion * price * sigma**2 * time))


def overshoot(target_vol: ArrayLike, years: ArrayLike) -> FloatArray:
    """Return how far a net delta that is looked at now and then passes an edge, coins.

    Args:
        target_vol: Of the net delta, coins per root of a year.
        years: Between two looks.

    Source:
        Chernoff, "Sequential tests for the mean of a normal distribution" (1965);
        Broadie, Glasserman & Kou, "A continuity correction for discrete barrier
        options", Math. Finance 7 (1997).
    """
    return np.asarray(OVERSHOOT * np.asarray(target_vol) * np.sqrt(years))


def for_spending(
    forward: ArrayLike, target_vol: ArrayLike, cost: ArrayLike, spend: ArrayLike
) -> FloatArray:
    """Return the half-width at which hedges cost so much, coins.

    Args:
        forward: USD per coin, > 0.
        target_vol: Of the net delta, coins per root of a year.
        cost: One-way fraction of notional.
        spend: USD per year, > 0.

    Raises:
        ValueError: A forward or a sum is not positive.
    """
    dollars = _cost(cost) * _positive(forward, "forward")
    return np.asarray(dollars * np.square(target_vol) / (2.0 * _positive(spend, "spend")))


def for_deviation(forward: ArrayLike, vol: ArrayLike, deviation: ArrayLike) -> FloatArray:
    """Return the half-width that leaves so much of profit and loss to chance, coins.

    Args:
        forward: USD per coin, > 0.
        vol: Of the coin, per year, > 0.
        deviation: Standard deviation of what is not hedged over a year, USD, > 0.

    Raises:
        ValueError: One is not positive.
    """
    scale = _positive(forward, "forward") * _positive(vol, "vol")
    return np.asarray(math.sqrt(3.0) * _positive(deviation, "deviation") / scale)


def implied_aversion(
    forward: ArrayLike,
    vol: ArrayLike,
    target_vol: ArrayLike,
    cost: ArrayLike,
    half_width: ArrayLike,
) -> FloatArray:
    """Return the risk aversion, 1/USD, of which a half-width would be the best; see `inventory`.

    Raises:
        ValueError: A forward, a vol or a half-width is not positive.
    """
    price, sigma = _positive(forward, "forward"), _positive(vol, "vol")
    width = _positive(half_width, "half_width")
    return np.asarray(1.5 * _cost(cost) * np.square(target_vol) / (width**3 * sigma**2 * price))


def _positive(value: ArrayLike, name: str) -> FloatArray:
    told = np.asarray(value, dtype=np.float64)
    if not bool(np.all(told > 0)):
        raise ValueError(f"{name}: must be positive, was {told[~(told > 0)].flat[0]}")
    return told


def _cost(value: ArrayLike) -> FloatArray:
    return np.maximum(np.asarray(value, dtype=np.float64), 0.0)
