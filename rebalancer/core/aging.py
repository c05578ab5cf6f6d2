"""Aging: what options are valued by at a price and a time, and how that moves with the price.

Black-76 takes one forward, one time and one vol. Before an option's last half
hour they are those that the venue told; in it they are those of a mean of which
a part is fixed, and of which only the rest still moves.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rebalancer.core.fixings import AVERAGING
from rebalancer.core.volatility import YEAR

Floats = npt.NDArray[np.float64]

NEAR = 2 * AVERAGING / YEAR  # years to an expiry from which on no average has begun
ROOT_THIRD = 1 / math.sqrt(3.0)  # of the vol of a price: that of its mean until the end


class Lines(Protocol):
    """Options by column, each of shape (n,)."""

    @property
    def expiry(self) -> npt.NDArray[np.int64]:
        """Expiry, ns."""

    @property
    def vol(self) -> Floats:
        """Per year, as it was told."""

    @property
    def carry(self) -> Floats:
        """Forward ÷ index, as it was told."""

    @property
    def fixed(self) -> Floats:
        """Mean index of the settlement so far, USD per coin; 0: nobody heard any of it."""


class Aged(NamedTuple):
    """What options are valued by, one array a column."""

    carry: Floats  # settlement that is expected ÷ index
    years: Floats
    vol: Floats  # per year, of that settlement
    moves: Floats  # of that settlement with the index: its slope
    share: Floats | None  # of the told vol that is left; None: no average has begun


def aged(lines: Lines, price: float | Floats, ts: int) -> Aged:
    """Return what options are valued by at an index price and a time.

    In the last half hour the settlement A is u·S + (1 - u)·m: with the open share
    u = τ/W of the window W the index S still counts, the mean m so far is fixed.
    What is open is the mean of a path from S, whose variance is a third of the
    path's: σ²·τ·u²/3 is that of A. The forward is then the index, up to minutes of
    interest: whatever a venue calls so may have the mean in it already.

    Args:
        lines: The options.
        price: Index, USD per coin; or many, shape (k, 1).
        ts: ns.

    Source:
        Deribit settles on the mean index of the last 30 minutes; so do the options of
        Binance, Bybit and OKX. The third: Kemna & Vorst, "A pricing method for options
        based on average asset values", J. Banking & Finance 14 (1990).
    """
    years = np.maximum(lines.expiry - ts, 0) / YEAR
    if not years.size or np.minimum.reduce(years) >= NEAR:
        return Aged(lines.carry, years, lines.vol, lines.carry, None)
    open_share = unsettled(lines, ts)
    begun = open_share < 1
    if not begun.any():
        return Aged(lines.carry, years, lines.vol, lines.carry, None)
    heard = begun & (lines.fixed > 0)
    carry = np.where(heard, open_share + (1 - open_share) * lines.fixed / price, lines.carry)
    moves = np.where(heard, open_share, open_share * lines.carry)
    share = np.where(begun, open_share * ROOT_THIRD, 1.0)
    return Aged(carry, years, share * lines.vol, moves, share)


def unsettled(lines: Lines, ts: int) -> Floats:
    """Return the share of each line's settlement average that is still open, 1 before it began."""
    return np.clip((lines.expiry - ts) / AVERAGING, 0.0, 1.0)
