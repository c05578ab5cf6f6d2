"""Hedge ratio: how much of a hedge takes most of the variance out of what is held.

The minimum-variance ratio h* is the slope of the holding's returns on the
hedge's; its effectiveness is the share of variance that it removes. A hedge of
the same underlying hedges one for one unless the returns say otherwise, beyond
doubt: h* is measured with noise, and a basis that comes back makes it too small
at short horizons. A hedge that is another asset rests on its beta, and is none
where it removes too little.

Source:
    Johnson, "The theory of hedging and speculation in commodity futures", Rev.
    Econ. Stud. 27 (1960); Ederington, "The hedging performance of the new futures
    markets", J. Finance 34 (1979); with the basis Ghosh, "Hedging with stock index
    futures: estimation and forecasting with error correction model", J. Futures
    Markets 13 (1993).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DOUBT = 2.0  # standard errors from 1 within which a ratio counts as 1
LEAST = 0.8  # effectiveness below which a hedge is none
FEWEST = 4  # samples that say anything: three numbers are fitted at most


@dataclass(frozen=True, slots=True)
class Ratio:
    """A minimum-variance ratio and what is known of it."""

    ratio: float  # units of the hedge per unit held, h*
    effectiveness: float  # 1 − var hedged ÷ var unhedged at h*
    standard_error: float  # of the ratio, as if no return were wilder than another
    relative: float  # variance of the hedge ÷ variance of what is held


@dataclass(frozen=True, slots=True)
class Correction:
    """A ratio that was fitted beside a basis which comes back."""

    ratio: float  # h of Δs = constant + h·Δf + speed·(s − f) before
    standard_error: float  # of the ratio
    constant: float  # per sample
    speed: float  # of the basis, per sample; −1: it is gone after one


class Ground(StrEnum):
    """Why a ratio is the one to use."""

    ONE = "one"  # the measured one is within the doubt of 1
    MEASURED = "measured"  # it is not
    SHRUNK = "shrunk"  # of a cross hedge: half-way from the measured one to its prior
    REFUSED = "refused"  # it would remove too little


@dataclass(frozen=True, slots=True)
class Use:
    """Which ratio to hedge by."""

    ratio: float | None  # None: do not hedge with this
    effectiveness: float  # of that ratio; of what would have been it where it is refused
    ground: Ground


def returns(prices: npt.ArrayLike, *, inverse: bool = False) -> Floats:
    """Return what a unit of value earned between prices, shape (n − 1,).

    Args:
        prices: Shape (n,), > 0.
        inverse: False: simple returns, of a dollar in dollars. True: those of −1/P, which
            a dollar of an inverse contract earns in coins, as a fraction of its coins.

    >>> returns([100.0, 125.0]), returns([100.0, 125.0], inverse=True)
    (array([0.25]), array([0.2]))
    """
    told = np.asarray(prices, dtype=np.float64)
    grown = told[1:] / told[:-1]
    found: Floats = 1.0 - 1.0 / grown if inverse else grown - 1.0
    return found


def halflife_of(decay: float) -> float:
    """Return the halflife in samples of an average that keeps `decay` (0 … 1) of itself at each.

    >>> round(halflife_of(0.94), 2)
    11.2
    """
    if not 0.0 < decay < 1.0:
        raise ValueError(f"decay must be between 0 and 1, was {decay:g}")
    return math.log(0.5) / math.log(decay)


def minimum_variance(
    spot_returns: npt.ArrayLike, hedge_returns: npt.ArrayLike, halflife: float | None = None
) -> Ratio:
    """Return the hedge ratio of least variance.

    Args:
        spot_returns: Of what is held, per sample, oldest first, shape (n,).
        hedge_returns: Of the hedge, at the same times, same shape.
        halflife: Samples after which a sample counts half; None: all count alike and
            their means are taken off. With one the average begins with the first
            products, and no means are taken off.

    Raises:
        ValueError: The shapes differ, there are too few samples, one is not finite,
            or one of the two never moves.

    >>> minimum_variance([0.02, -0.01, 0.03, -0.04], [0.01, -0.005, 0.015, -0.02]).ratio
    2.0
    """
    spot, hedge = _sound(spot_returns, hedge_returns)
    if halflife is not None and not 0.0 < halflife < math.inf:
        raise ValueError(f"halflife must be above 0, was {halflife:g}")
    count = len(spot)
    weights = np.full(count, 1.0 / count) if halflife is None else _fading(count, halflife)
    if halflife is None:
        spot, hedge = spot - spot.mean(), hedge - hedge.mean()
    moved, held = float(weights @ hedge**2), float(weights @ spot**2)
    if moved <= 0.0 or held <= 0.0:
        raise ValueError("returns must move, were all alike")
    slope = float(weights @ (spot * hedge)) / moved
    left = float(weights @ (spot - slope * hedge) ** 2)
    # The variance of one residual, as many of them as were fitted being none.
    fitted = 2.0 / count if halflife is None else float(weights @ weights)
    around = left / (1.0 - fitted)
    error = math.sqrt(around * float(weights**2 @ hedge**2)) / moved
    return Ratio(slope, 1.0 - left / held, error, moved / held)


def at(found: Ratio, ratio: float) -> float:
    """Return the effectiveness of another ratio on the same returns; below 0 it adds variance.

    Variance is a parabola of the ratio with its lowest point at h*.
    """
    return found.effectiveness - found.relative * (ratio - found.ratio) ** 2


def error_correction(spot: npt.ArrayLike, hedge: npt.ArrayLike) -> Correction:
    """Return the ratio where the basis is part of what explains the holding's moves.

    Args:
        spot: Levels of what is held, best as logarithms of prices, shape (n,).
        hedge: Of the hedge, at the same times, same shape.

    Raises:
        ValueError: As for `minimum_variance`, of levels; or the basis never moves.
    """
    levels, others = _sound(spot, hedge)
    answer, moved = np.diff(levels), np.diff(others)
    basis = (levels - others)[:-1]
    design = np.stack((np.ones(len(moved)), moved, basis), axis=1)
    free = len(answer) - design.shape[1]
    if free < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("levels must move apart and come back, were too few or all alike")
    fitted, *_ = np.linalg.lstsq(design, answer, rcond=None)
    left = answer - design @ fitted
    spread = np.linalg.inv(design.T @ design) * float(left @ left) / free
    constant, slope, speed = (float(each) for each in fitted)
    return Correction(slope, math.sqrt(spread[1, 1]), constant, speed)


def for_same(found: Ratio) -> Use:
    """Return the ratio for a hedge of the same underlying: 1, unless 1 is beyond the doubt."""
    within = abs(found.ratio - 1.0) <= DOUBT * found.standard_error
    ratio = 1.0 if within else found.ratio
    return _use(found, ratio, Ground.ONE if within else Ground.MEASURED)


def for_cross(found: Ratio, prior: float) -> Use:
    """Return the ratio for a hedge that is another asset.

    Args:
        found: Measured on returns, so per unit of value, in USD.
        prior: What it was believed to be before: a beta.
    """
    return _use(found, (found.ratio + prior) / 2, Ground.SHRUNK)


def _use(found: Ratio, ratio: float, ground: Ground) -> Use:
    removed = at(found, ratio)
    return Use(ratio, removed, ground) if removed >= LEAST else Use(None, removed, Ground.REFUSED)


def _sound(spot: npt.ArrayLike, hedge: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(spot, dtype=np.float64), np.asarray(hedge, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"both must have one shape (n,), were {one.shape} and {other.shape}")
    if len(one) < FEWEST:
        raise ValueError(f"there must be {FEWEST} samples, were {len(one)}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("every sample must be finite")
    return one, other


def _fading(count: int, halflife: float) -> Floats:
    """Return weights, oldest first, that sum to 1; the first has all of the past before it."""
    decay = 0.5 ** (1.0 / halflife)
    weights = decay ** np.arange(count - 1, -1, -1.0)
    weights[1:] *= 1.0 - decay
    found: Floats = weights / weights.sum()
    return found
