"""Outcomes: what a coin may cost at a horizon, and what a book then gains or loses.

The price drifts nowhere: its mean at the horizon is its price now. Its log is
normal, or with fat tails a mixture of normals, one for each count of jumps
(Merton). A book of coins, perpetuals and options that end at the horizon is a
straight line in that price, bent at the strikes. So every mean, deviation and
tail is a sum of closed forms; nothing is drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, xlogy

from rebalancer.core.black import FloatArray

DAYS = 365.0  # in a year
TAIL = 0.05  # VaR and CVaR are of the worst twentieth
# A fifth of the variance comes by 1.6 jumps a year. Daily BTC closes of 2019-2026 have an excess
# kurtosis of 28.7, those 30 days apart 0.89; this gives 27.4 and 0.91. 1 less the bipower share of
# the daily variance is 0.19.
JUMPS_PER_YEAR, JUMP_SHARE = 1.6, 0.2
_FAR = 12.0  # standard deviations beyond which nothing is looked for
_HALVINGS = 200  # of a bracket; it is narrower than a float long before
_FLAT = 1e-9  # of all that is held: below it a line is level


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What a coin may cost at the horizon: a mixture of lognormals, shape (m,) each."""

    now: float  # USD per coin; also the mean of the mixture
    weights: FloatArray  # they add up to 1
    means: FloatArray  # USD per coin
    totals: FloatArray  # standard deviation of the log price, > 0

    def moment(self, at: ArrayLike, power: int) -> FloatArray:
        """Return E[P^power; P <= at]; `at` is in [0, inf], any shape, and so is the answer."""
        edges = np.asarray(at, np.float64)[..., None]
        with np.errstate(divide="ignore"):  # log of 0 is −inf, and all of it is above
            z = (np.log(edges / self.means) + self.totals**2 / 2) / self.totals
        whole = self.means**power * np.exp(power * (power - 1) / 2 * self.totals**2)
        return np.asarray((self.weights * whole * ndtr(z - power * self.totals)).sum(axis=-1))

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest price worth a look, USD per coin."""
        far = _FAR * self.totals
        low, high = np.log(self.means) - far, np.log(self.means) + far
        return float(np.exp(low.min())), float(np.exp(high.max()))


def normal(now: float, years: float, vol: float) -> Prices:
    """Return the lognormal prices of a coin.

    Args:
        now: Price, USD per coin, > 0.
        years: To the horizon, years of 365 days, > 0.
        vol: Of the price until then, per year, > 0.
    """
    one = np.ones(1)
    return Prices(now, one, now * one, vol * np.sqrt(years) * one)


def jumping(
    now: float,
    years: float,
    vol: float,
    rate: float = JUMPS_PER_YEAR,
    share: float = JUMP_SHARE,
) -> Prices:
    """Return prices with fat tails: jumps beside a diffusion, of the same variance in all.

    The log of a jump is normal around 0. Excess kurtosis of the log price is
    3·share²/(rate·years).

    Args:
        now: Price, USD per coin, > 0.
        years: To the horizon, years of 365 days, > 0.
        vol: Of the log price, jumps included, per year, > 0.
        rate: Jumps a year, > 0.
        share: Of the variance that the jumps bring, in [0, 1).

    Source:
        Merton, "Option pricing when underlying stock returns are discontinuous", J. Fin. Econ. 3
        (1976): the mixture, and the drift that makes up for the jumps.
    """
    expected, jump = rate * years, share * vol**2 / rate  # variance of the log of one jump
    most = int(expected + 12 * np.sqrt(expected) + 20)
    count = np.arange(most + 1)
    heights = np.cumsum(np.log(np.maximum(count, 1)))  # log of count!
    weights = np.exp(xlogy(count, expected) - expected - heights)
    means = now * np.exp(-rate * years * np.expm1(jump / 2) + count * jump / 2)
    totals = np.sqrt((1 - share) * vol**2 * years + count * jump)
    return Prices(now, weights / weights.sum(), means, totals)


@dataclass(frozen=True, slots=True, eq=False)
class Payoff:
    """Profit at the horizon: constant + slope·P between neighbouring knots, USD."""

    knots: FloatArray  # USD per coin, rising, shape (k,)
    constants: FloatArray  # USD, shape (k + 1,)
    slopes: FloatArray  # coins, shape (k + 1,)

    def at(self, price: ArrayLike) -> FloatArray:
        """Return the profit at prices, USD, of their shape."""
        where = np.asarray(price, np.float64)
        piece = np.searchsorted(self.knots, where)
        return np.asarray(self.constants[piece] + self.slopes[piece] * where)

    @property
    def worst(self) -> float:
        """The least that it can come to at any price, USD; −inf where nothing holds it."""
        if self.slopes[-1] < 0:
            return -np.inf
        return float(self.at(np.concatenate([[0.0], self.knots])).min())


def payoff(
    constant: float, coins: float, options: Sequence[tuple[float, float, int]] = ()
) -> Payoff:
    """Return the profit of coins and options.

    Args:
        constant: What comes in whatever the price, USD; − goes out.
        coins: Profit per USD that the price rises, coins.
        options: (quantity in coins, + long; strike, USD per coin; +1 call or −1 put).
    """
    knots = np.unique(np.array([strike for _, strike, _ in options], dtype=np.float64))
    constants, slopes = np.full(len(knots) + 1, constant), np.full(len(knots) + 1, coins)
    for quantity, strike, sign in options:
        place = int(np.searchsorted(knots, strike))
        inside = slice(place + 1, None) if sign > 0 else slice(0, place + 1)
        constants[inside] -= sign * quantity * strike
        slopes[inside] += sign * quantity
    whole = max(abs(coins), *(abs(quantity) for quantity, *_ in options), 0.0)
    slopes[np.abs(slopes) <= _FLAT * whole] = 0.0  # what adds up to nothing leaves crumbs
    return Payoff(knots, constants, slopes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What may come of a book by the horizon, USD."""

    mean: float
    sd: float
    var: float  # loss that only the worst twentieth exceeds; − is a gain
    cvar: float  # mean loss of the worst twentieth


def outcome(prices: Prices, book: Payoff, tail: float = TAIL) -> Outcome:
    """Return mean, deviation, VaR and CVaR of a book, exactly.

    Args:
        prices: What the coin may cost at the horizon.
        book: Profit at each of these prices.
        tail: Probability of the tail, in (0, 1).

    Source:
        Rockafellar & Uryasev, "Conditional value-at-risk for general loss distributions", J.
        Banking & Finance 26 (2002): CVaR where profits have atoms, as a floor gives them one.
    """
    edges = np.concatenate([[0.0], book.knots, [np.inf]])
    mass, first, second = (np.diff(prices.moment(edges, power)) for power in range(3))
    mean = float((book.constants * mass + book.slopes * first).sum())
    off = book.constants - mean
    variance = (off**2 * mass + 2 * off * book.slopes * first + book.slopes**2 * second).sum()
    quantile = _quantile(prices, book, tail)
    short = _shortfall(prices, book, quantile)
    return Outcome(mean, float(np.sqrt(max(variance, 0.0))), -quantile, -quantile + short / tail)


def _below(book: Payoff, profit: float) -> tuple[FloatArray, FloatArray]:
    """Return the stretch of each piece, shape (k + 1,), where profit is `profit` or less."""
    low, high = np.concatenate([[0.0], book.knots]), np.concatenate([book.knots, [np.inf]])
    level = book.slopes == 0
    with np.errstate(over="ignore"):  # a price beyond every double is beyond the piece too
        cross = (profit - book.constants) / np.where(level, 1.0, book.slopes)
    cross = np.clip(cross, low, high)
    empty = level & (book.constants > profit)
    start = np.where(book.slopes < 0, cross, low)
    end = np.where(book.slopes > 0, cross, high)
    return start, np.where(empty, start, end)


def _quantile(prices: Prices, book: Payoff, tail: float) -> float:
    """Return the least profit that is not exceeded with probability `tail` or more, USD."""
    lowest, highest = prices.reach()
    seen = book.at(np.concatenate([[0.0, lowest, highest], book.knots]))
    low, high = float(seen.min()), float(seen.max())
    low -= 1e-9 * max(1.0, abs(low))  # the least of them counts too
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        start, end = _below(book, middle)
        held = float((prices.moment(end, 0) - prices.moment(start, 0)).sum())
        low, high = (low, middle) if held >= tail else (middle, high)
    return high


def _shortfall(prices: Prices, book: Payoff, profit: float) -> float:
    """Return E[max(profit − X, 0)], USD."""
    start, end = _below(book, profit)
    mass, first = (prices.moment(end, power) - prices.moment(start, power) for power in range(2))
    return max(float(((profit - book.constants) * mass - book.slopes * first).sum()), 0.0)
