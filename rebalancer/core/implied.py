"""Implied volatility: the vol at which Black-76 gives a price, or why there is none.

The price is split exactly into time value (what the out-of-the-money twin
costs) and headroom (what is missing to the bound). The smaller of the two
holds the digits, so its logarithm is what is solved for total vol: a close
guess, then Householder steps of the third order. Two or three reach machine
precision wherever a double holds the answer; four are done.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtri

from rebalancer.core.black import (
    LOG_ROOT_TWO_PI,
    MEDIAN,
    BoolArray,
    FloatArray,
    exact_difference,
    log_distance,
    mills,
    mills_rise,
    normal_bounds,
    to_arrays,
)

StatusArray = NDArray[np.int8]

# A vol that one ulp of the price moves by more than this fraction of itself is
# noise: at 60 % it is 0.06 points, the finest difference that anybody quotes.
ILL_CONDITIONED_ABOVE = 1e-3

_STEPS = 4
_SETTLED = (
    1e-9  # the last step, as a fraction of total vol; a third-order step leaves its 4th power
)
_STRETCH = 4.0  # no step may change total vol by more than this factor


class ImpliedVolStatus(IntEnum):
    """Whether a price has an implied volatility, and if not, why."""

    OK = 0
    BELOW_INTRINSIC = 1  # at or below max(w(F − K), 0): no time value
    ABOVE_BOUND = 2  # at or above F for a call, K for a put
    EXPIRED = 3  # no time is left
    INVALID = 4  # NaN or infinite, a price level <= 0, a sign that is not ±1
    ILL_CONDITIONED = 5  # one ulp of the price moves the vol by ILL_CONDITIONED_ABOVE or more


def implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, sign: ArrayLike
) -> tuple[FloatArray, StatusArray]:
    """Return the volatility at which Black-76 gives `price`, and a status for each.

    Args:
        price: Undiscounted option price, USD per coin.
        forward: Forward price for the option's expiry, USD per coin.
        strike: Strike, USD per coin.
        years: Time to expiry, years of 365 days.
        sign: +1 for a call, -1 for a put. All five broadcast to one shape (n,).

    Returns:
        (vol, status). Vol per year (0.65 is 65 %), NaN exactly where the status, a code of
        `ImpliedVolStatus`, is not OK: nothing is clamped and nothing raised for one bad quote.
        Vol is right to a few ulps of itself or of the price over vega, whichever is more.
        Scalars give arrays of shape ().

    Raises:
        ValueError: The shapes do not broadcast.

    Source:
        Jäckel, "Let's be rational", Wilmott (2015), for the normalisation and the third-order
        steps; guess and objectives are our own.

    >>> vol, status = implied_vol(6853.940718253543, 100_000, 100_000, 30 / 365, +1)
    >>> round(float(vol), 12), ImpliedVolStatus(int(status)).name
    (0.6, 'OK')
    """
    price, forward, strike, years, sign = to_arrays(price, forward, strike, years, sign)
    return _invert(price, np.spacing(np.abs(price)), forward, strike, years, sign)


def inverse_implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, sign: ArrayLike
) -> tuple[FloatArray, StatusArray]:
    """Return the volatility of a coin-settled option from its price in coin.

    Args:
        price: Option price, coin per coin of contract (Deribit's mark, bid, ask).
        forward: Forward price for the option's expiry, USD per coin.
        strike: Strike, USD per coin.
        years: Time to expiry, years of 365 days.
        sign: +1 for a call, -1 for a put. All five broadcast to one shape (n,).

    Returns:
        (vol, status) as `implied_vol` does; the bounds are 1 coin for a call, K/F for a put.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    price, forward, strike, years, sign = to_arrays(price, forward, strike, years, sign)
    with np.errstate(all="ignore"):  # an absurd quote becomes infinite or NaN, hence INVALID
        dollars = price * forward
        step = np.maximum(np.spacing(np.abs(price)) * forward, np.spacing(np.abs(dollars)))
    return _invert(dollars, step, forward, strike, years, sign)


def _invert(
    price: FloatArray,
    step: FloatArray,  # USD: the least difference that the price can show
    forward: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    sign: FloatArray,
) -> tuple[FloatArray, StatusArray]:
    """Return (vol, status) of USD prices; all arguments are arrays of one shape."""
    valid = np.isfinite(price) & np.isfinite(forward) & np.isfinite(strike) & np.isfinite(years)
    valid &= (forward > 0) & (strike > 0) & (np.abs(sign) == 1)
    price, forward, strike = (np.where(valid, a, 1.0) for a in (price, forward, strike))
    time_value, headroom = _split(price, forward, strike, sign)
    code = np.select(
        [~valid, years <= 0, time_value <= 0, headroom <= 0],
        [
            ImpliedVolStatus.INVALID,
            ImpliedVolStatus.EXPIRED,
            ImpliedVolStatus.BELOW_INTRINSIC,
            ImpliedVolStatus.ABOVE_BOUND,
        ],
        ImpliedVolStatus.OK,
    )
    status, vol = np.asarray(code, np.int8), np.full(price.shape, np.nan)
    live = status == ImpliedVolStatus.OK
    bound, distance = np.minimum(forward, strike)[live], log_distance(forward, strike)[live]
    with np.errstate(all="ignore"):  # what does not come out finite is ILL_CONDITIONED
        total, sensitivity, moved = _total_vol(time_value[live], headroom[live], bound, distance)
        uncertain = step[live] * sensitivity
        good = (uncertain <= ILL_CONDITIONED_ABOVE) & (moved <= _SETTLED + 16 * uncertain)
        vol[live] = np.where(good, total / np.sqrt(years[live]), np.nan)
    status[live] = np.where(good, ImpliedVolStatus.OK, ImpliedVolStatus.ILL_CONDITIONED)
    return vol, status


def _split(
    price: FloatArray, forward: FloatArray, strike: FloatArray, sign: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the price's time value and its headroom to the bound, both exact, USD."""
    difference, lost = exact_difference(forward, strike)
    inside = sign * difference > 0
    time_value = np.where(inside, (price - np.abs(difference)) - sign * lost, price)
    return time_value, np.where(sign > 0, forward, strike) - price


def _total_vol(
    time_value: FloatArray, headroom: FloatArray, bound: FloatArray, distance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solve for total vol = vol·√years.

    Args:
        time_value: Price of the out-of-the-money option, USD, > 0.
        headroom: bound - time_value, known to its own last digits, USD, > 0.
        bound: min(F, K), USD.
        distance: |ln(F/K)|, >= 0; all of shape (n,).

    Returns:
        (total, sensitivity, moved): total vol; |d ln total/d price|, 1/USD; and the last step as a
        fraction of total.
    """
    low = time_value <= headroom
    part = np.where(low, time_value, headroom)
    target = np.log(part / bound)
    target = np.where(target > -100, target, np.log(part) - np.log(bound))  # no denormal ratio
    least = np.where(low, 0.0, np.sqrt(2 * distance))  # upper = 0
    most = np.where(low, MEDIAN + np.sqrt(MEDIAN**2 + 2 * distance), np.inf)  # upper = MEDIAN
    total = np.where(low, _low_guess(target, distance), _high_guess(part / bound, distance))
    total, ratio, moved = np.clip(total, least, most), np.ones_like(total), np.ones_like(total)
    for _ in range(_STEPS):
        step, ratio = _householder_step(total, distance, target, low)
        stepped = np.clip(total + step, total / _STRETCH, total * _STRETCH)
        stepped = np.clip(stepped, least, most)
        total, moved = stepped, np.abs(stepped / total - 1)
    return total, np.abs(ratio) / (part * total), moved


def _householder_step(
    total: FloatArray, distance: FloatArray, target: FloatArray, low: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return the third-order step on ln(part/bound) = target, and (part/bound)/(its slope).

    Source:
        Householder, The Numerical Treatment of a Single Nonlinear Equation (1970), ch. 4; the
        slope of price/bound over total vol is n(upper), and of ln n(upper) upper·lower/total.
    """
    upper, lower = normal_bounds(distance, total)
    # The bounds keep upper <= MEDIAN where low, and >= 0 elsewhere; the clips silence the rest.
    rise = mills_rise(np.minimum(upper, MEDIAN), lower, total)
    fall = mills(-np.maximum(upper, 0.0)) + mills(lower)
    ratio = np.where(low, rise, -fall)
    error = np.log(np.abs(ratio)) - 0.5 * upper * upper - LOG_ROOT_TWO_PI - target
    slope = 1 / ratio
    first = upper * lower / total
    second = first * first - 3 * np.square(distance / np.square(total)) - 0.25
    gamma = first - slope
    delta = second - 3 * first * slope + 2 * slope * slope
    newton = -error * ratio
    step = newton * (1 + gamma * newton / 2) / (1 + newton * (gamma + delta * newton / 6))
    return step, ratio


def _low_guess(target: FloatArray, distance: FloatArray) -> FloatArray:
    """Guess total vol below half the bound from Bachelier's formula in its tail's form.

    With eta = distance/total the time value is about distance·n(eta)/(eta·(1 + eta²)), whose
    logarithm is convex in ln eta: Newton from the right of the root cannot miss it.
    """
    # At the money eta would be 0: a distance that total vol does not notice takes its place.
    log_near = np.log(np.maximum(distance, np.exp(np.maximum(target - 18, -700))))
    depth = distance / 2 - target + log_near - LOG_ROOT_TWO_PI
    log_eta = np.where(depth < 1, depth, 0.5 * np.log(2 * np.maximum(depth, 1)))
    for _ in range(_STEPS):
        square = np.exp(2 * log_eta)
        excess = square / 2 + log_eta + np.log1p(square) - depth
        log_eta = log_eta - excess / (square + 1 + 2 * square / (1 + square))
    guess: FloatArray = np.exp(log_near - log_eta)
    return guess


def _high_guess(fraction: FloatArray, distance: FloatArray) -> FloatArray:
    """Guess total vol above half the bound from the headroom's fraction of it.

    The fraction is N(−upper) + M(lower)·n(upper); the second is taken in proportion to the first
    as it is at upper = 0, which leaves a quadratic equation for total vol.
    """
    upper = -ndtri(fraction / (1 + erfcx(np.sqrt(distance))))
    guess: FloatArray = upper + np.sqrt(upper * upper + 2 * distance)
    return guess
