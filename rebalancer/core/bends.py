"""Bends: what of an option's greeks a band is made of, worked out alone, for the hot path."""

import math

import numpy as np
from numpy.typing import ArrayLike

from rebalancer.core import pricing
from rebalancer.core.black import FloatArray

_ROOT = 1 / math.sqrt(2 * math.pi)
_TINY = 1e-100  # total vol below which a distance in it may be no number


def bends(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return gamma, vega and vanna alone, for the hot path; calls and puts have the same.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.

    Returns:
        Coins per USD of forward, USD per 1.00 of vol, coins per 1.00 of vol; as in `greeks`.

    >>> [float(f"{float(each):.4g}") for each in bends(100_000, 100_000, 30 / 365, 0.6)]
    [2.311e-05, 11400.0, 0.05698]
    """
    forward, strike, years = (np.asarray(a, np.float64) for a in (forward, strike, years))
    vol = np.asarray(vol, np.float64)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(years, 0.0))
        total = vol * root
        if not np.logical_and.reduce(total > _TINY, axis=None):
            whole = pricing.greeks(forward, strike, years, vol, +1)
            return whole.gamma, whole.vega, whole.vanna
        d2 = np.log(forward / strike) / total - 0.5 * total
        slope = np.exp(-0.5 * (d2 + total) ** 2) * _ROOT
        return slope / (forward * total), forward * slope * root, -slope * d2 / vol
