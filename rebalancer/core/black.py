"""The Black-76 formula in normalised form, exact to the last digits in every tail.

With `total` = vol·√years and `distance` = |ln(F/K)|, the out-of-the-money
option costs bound·(N(upper) − N(lower)·n(upper)/n(lower)), where bound is
min(F, K), the most that it can cost, and upper, lower = −distance/total ±
total/2. In terms of the Mills ratio M = N/n that is bound·n(upper)·(M(upper) −
M(lower)): one factor holds the size, the other is a difference that a
quadrature gives without cancellation. Both `pricing` and `implied` stand on it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ROOT_TWO_PI = float(np.sqrt(2 * np.pi))
LOG_ROOT_TWO_PI = float(np.log(2 * np.pi) / 2)
MEDIAN = 0.6744897501960817  # N⁻¹(3/4): up to it the option costs at most half its bound

_ROOT_HALF = float(np.sqrt(0.5))
_ROOT_HALF_PI = float(np.sqrt(np.pi / 2))
_STEEPEST = 1e8  # standard deviations: n() is 0 from 39 on, and squares stay finite
_WIDEST = 1e6  # total vol: the option costs its bound from 80 on
_SERIES_FROM = -50.0  # beyond, four terms of the tail's series are exact
# Eight points integrate the Mills ratio's slope over a width of 1 to 2e-16.
_QUADRATURE_WIDTH = 1.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_HALF_NODES, _HALF_WEIGHTS = _NODES / 2, (_WEIGHTS / 2).reshape(1, -1)


def to_arrays(*values: ArrayLike) -> list[FloatArray]:
    """Return `values` as arrays of float64 of one common shape; scalars give shape ()."""
    arrays = [np.asarray(value, np.float64) for value in values]
    shape = arrays[0].shape
    if all(each.shape == shape for each in arrays):
        return arrays
    return list(np.broadcast_arrays(*arrays))


@np.errstate(over="ignore")
def log_distance(forward: FloatArray, strike: FloatArray) -> FloatArray:
    """Return |ln(F/K)|, relatively exact also where the two differ in the last digit.

    Args:
        forward: Forward price, USD per coin, > 0.
        strike: Strike, USD per coin, > 0; same shape.

    Returns:
        A number >= 0 without unit, same shape; finite for every pair of finite prices.
    """
    least, most = np.minimum(forward, strike), np.maximum(forward, strike)
    distance = np.log1p((most - least) / least)
    if np.isfinite(distance).all():
        return distance
    return np.where(np.isfinite(distance), distance, np.log(most) - np.log(least))


def exact_difference(forward: FloatArray, strike: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return F − K as the nearest double and what that rounding lost; USD.

    Source:
        Knuth, The Art of Computer Programming vol. 2 (3rd ed.), 4.2.2, theorem B.

    >>> exact_difference(np.array(1e17), np.array(1.0))
    (np.float64(1e+17), np.float64(-1.0))
    """
    difference = forward - strike
    shift = difference - forward
    return difference, (forward - (difference - shift)) - (strike + shift)


@np.errstate(over="ignore")
def normal_bounds(distance: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return d1 and d2 of the out-of-the-money option: −distance/total ± total/2.

    Args:
        distance: |ln(F/K)|, >= 0.
        total: vol·√years, > 0; same shape.

    Returns:
        (upper, lower), upper > lower, lower < 0; both held where their squares are finite.
    """
    steep = np.minimum(distance / total, _STEEPEST)
    half = np.minimum(total, _WIDEST) / 2
    return half - steep, -half - steep


@np.errstate(under="ignore")
def density(z: FloatArray) -> FloatArray:
    """Return the normal density n(z), 0 where it underflows."""
    return np.exp(-0.5 * z * z) / ROOT_TWO_PI


def mills(z: FloatArray) -> FloatArray:
    """Return the Mills ratio N(z)/n(z) of the lower tail; z < 37, else it overflows.

    >>> round(float(mills(np.array(0.0))), 6)  # √(π/2)
    1.253314
    """
    ratio: FloatArray = _ROOT_HALF_PI * erfcx(-_ROOT_HALF * z)
    return ratio


def mills_rise(upper: FloatArray, lower: FloatArray, total: FloatArray) -> FloatArray:
    """Return M(upper) − M(lower) > 0, the fraction of the bound over n(upper).

    A plain difference cancels where total vol is small: at one minute and 1 %
    five digits would be lost. There the slope M′(z) = 1 + z·M(z) is integrated
    instead; it loses z² ulps, which is what the price itself amplifies of an
    ulp of vol, so that vol keeps all its digits.

    Args:
        upper: d1 of the out-of-the-money option, < 37.
        lower: d2, < upper; same shape.
        total: upper - lower, which itself cancels; same shape.

    Returns:
        A number > 0 without unit, same shape.
    """
    width = np.minimum(total, _QUADRATURE_WIDTH)
    middle = (upper + lower) / 2
    points = np.multiply.outer(_HALF_NODES, width) + middle
    slope = _mills_slope(points)
    rows = np.dot(_HALF_WEIGHTS, slope.reshape(len(slope), slope[0].size))
    gathered = width * rows.reshape(width.shape)
    narrow = total < _QUADRATURE_WIDTH
    if narrow.all():
        return np.asarray(gathered)
    return np.where(narrow, gathered, mills(upper) - mills(lower))


def out_of_the_money(bound: FloatArray, distance: FloatArray, total: FloatArray) -> FloatArray:
    """Return the undiscounted price of the out-of-the-money option.

    Args:
        bound: min(F, K), USD, > 0.
        distance: |ln(F/K)|, >= 0.
        total: vol·√years, > 0; all of one shape.

    Returns:
        USD in [0, bound], same shape. An ulp of `total` moves it by more than it is wrong by.

    Source:
        Jäckel, "Let's be rational", Wilmott (2015), for the Mills form.
    """
    upper, lower = normal_bounds(distance, total)
    cheap, usual = np.minimum(upper, MEDIAN), upper <= MEDIAN
    with np.errstate(under="ignore"):
        # Half the exponent on each side: 1e-300 USD must not pass through a denormal number.
        half = np.exp(-0.25 * cheap * cheap)
        below = (bound * half) * (half * mills_rise(cheap, lower, total)) / ROOT_TWO_PI
        if usual.all():
            return np.asarray(below)
        above = bound * (ndtr(upper) - density(upper) * mills(lower))
    return np.where(usual, below, above)


def _mills_slope(z: FloatArray) -> FloatArray:
    """Return M′(z) = 1 + z·M(z), by the tail's series where that cancels; z < 37."""
    near = np.maximum(z, _SERIES_FROM)
    slope = 1 + near * mills(near)
    if (z >= _SERIES_FROM).all():
        return slope
    squared = 1 / np.square(np.minimum(z, _SERIES_FROM))
    series = squared * (1 - squared * (3 - squared * (15 - 105 * squared)))
    return np.where(z < _SERIES_FROM, series, slope)
