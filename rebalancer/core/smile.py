"""Smile: what the delta of an option gains when its vol is taken to move with the price.

At a fixed strike the vol of an expiry is taken to change by τ for each unit of ln F:
τ = (R - 1)·s'(k), s' being the smile's slope in k = ln(strike ÷ F). R = 1, sticky
strike, adds nothing; R = 0, sticky moneyness, lets the smile travel with the
price; R = 2 is near what a local vol would do. Minimum variance takes τ from
what recorded vols did: (a + b·δ + c·δ²) ÷ √T, δ being the delta of the call.

A linear option's dV/dS = (F/S)·(V_F + V_σ·dσ/dF): delta gains vega·τ/F. An inverse
one is worth S·V/F dollars, whose slope is V/F + F·d(V/F)/dF = V_F + V_σ·dσ/dF: its
delta N(d1) gains the same, without the carry. Vega ÷ F is n(d1)·√T for both, calls
and puts of one strike alike, and the coin delta gains as much as the dollar delta.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from rebalancer.core import black
from rebalancer.core.fixings import AVERAGING

Floats = npt.NDArray[np.float64]

FADES = 4 * AVERAGING  # ns before a settlement's average, over which the smile's part ends


class Regime(StrEnum):
    """What vols are taken to do when the price moves."""

    STICKY_STRIKE = "sticky_strike"  # nothing
    STICKY_MONEYNESS = "sticky_moneyness"  # the smile travels with the price
    MINIMUM_VARIANCE = "minimum_variance"  # what they did


Coefficients = tuple[float, float, float]  # a, b, c of 1, δ, δ²


@dataclass(frozen=True, slots=True)
class Terms:
    """What one expiry's options gain, or those of a book."""

    cap: float  # most that a delta gains or loses, coins per coin, >= 0
    turn: Floats | float = 0.0  # τ = dσ/d ln F at each strike, per year
    coefficients: Coefficients | None = None  # minimum variance, in place of τ


def turn(slope: Floats, ratio: float) -> Floats:
    """Return τ = dσ/d ln F at fixed strikes.

    Args:
        slope: dσ/dk of the smile at each strike.
        ratio: Skew stickiness R: 0 sticky moneyness, 1 sticky strike, 2 near local vol.

    Source:
        Bergomi, "Smile dynamics IV", Risk (December 2009).
    """
    return np.asarray((ratio - 1.0) * slope)


def gain(forward: Floats, strike: Floats, years: Floats, vol: Floats, terms: Terms) -> Floats:
    """Return what one coin of each option adds to its forward delta, coins.

    Args:
        forward: For the expiry, USD per coin.
        strike: USD per coin.
        years: To the expiry; at or below 0 nothing is gained.
        vol: Per year; all of shape (n,).
        terms: How vols move, and how far that counts.

    Returns:
        In [-cap, cap], the same for a call and a put of one strike.

    Source:
        Hull & White, "Optimal delta hedging for options", J. Banking & Finance 82
        (2017), eq. 5; δ is the call's there and here, so that parity holds.
    """
    root = np.sqrt(np.maximum(years, 0.0))
    total = vol * root
    live = total > 0
    safe = np.where(live, total, 1.0)
    d1 = np.log(forward / strike) / safe + 0.5 * safe
    dense = np.where(live, black.density(d1), 0.0)
    return of_call(dense, root, ndtr(d1), terms)


def of_call(dense: Floats, root: Floats, delta: Floats, terms: Terms) -> Floats:
    """Return the same of options whose density n(d1), √years and call delta are known."""
    if terms.coefficients is None:
        found = dense * root * terms.turn
    else:
        a, b, c = terms.coefficients
        found = dense * (a + delta * (b + delta * c))
    return np.asarray(np.clip(found, -terms.cap, terms.cap))


def left(expiry: npt.NDArray[np.int64], ts: int) -> Floats:
    """Return the share of the smile's part that counts, 0 once a settlement is averaged.

    Args:
        expiry: ns.
        ts: ns.
    """
    return np.clip((expiry - ts - AVERAGING) / FADES, 0.0, 1.0)
