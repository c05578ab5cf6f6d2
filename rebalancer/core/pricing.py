"""Option prices and greeks: undiscounted Black-76, settled in dollars or in coin.

All greeks are per 1.00 of vol and per year of 365 days; delta is in coins and
theta = −dV/dT. A coin-settled (inverse) option is the same option counted in
coin at the forward, with two deltas: N(d1) when the premium is part of equity,
less the premium when it is not. Every argument broadcasts to one shape (n,);
scalars give arrays of shape (), which behave as floats. Without time or
without vol what is left is the intrinsic value.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rebalancer.core.black import (
    BoolArray,
    FloatArray,
    density,
    exact_difference,
    log_distance,
    normal_bounds,
    out_of_the_money,
    to_arrays,
)
from rebalancer.core.implied import ImpliedVolStatus, implied_vol, inverse_implied_vol

__all__ = [
    "Greeks",
    "ImpliedVolStatus",
    "InverseGreeks",
    "delta",
    "greeks",
    "implied_vol",
    "inverse_greeks",
    "inverse_implied_vol",
    "inverse_price",
    "price",
]


_FEW = 16  # options up to which a loop over numbers is faster than a dozen vectors


@dataclass(frozen=True, slots=True, eq=False)
class Greeks:
    """Price and sensitivities of dollar-settled options, one coin of contract each."""

    price: FloatArray  # USD
    delta: FloatArray  # coins of forward; calls in [0, 1], puts in [-1, 0]
    gamma: FloatArray  # coins per USD of forward
    vega: FloatArray  # USD per 1.00 of vol
    theta: FloatArray  # USD per year, <= 0
    vanna: FloatArray  # coins per 1.00 of vol: d delta/d vol
    volga: FloatArray  # USD per 1.00 of vol, twice: d vega/d vol


@dataclass(frozen=True, slots=True, eq=False)
class InverseGreeks:
    """Price and sensitivities of coin-settled options, one coin of contract each."""

    price: FloatArray  # coin
    delta: FloatArray  # coins, w·N(w·d1): dollar delta with the premium in equity
    adjusted_delta: FloatArray  # coins, delta - price: dollar delta without it
    gamma: FloatArray  # coins per USD of forward: d delta/dF
    vega: FloatArray  # coin per 1.00 of vol
    theta: FloatArray  # coin per year, <= 0
    vanna: FloatArray  # coin per USD of forward per 1.00 of vol: d vega/dF
    volga: FloatArray  # coin per 1.00 of vol, twice: d vega/d vol


@dataclass(frozen=True, slots=True, eq=False)
class _Priced:
    """What a price rests on; without time or vol, all of it is 0 or 1."""

    forward: FloatArray
    strike: FloatArray
    sign: FloatArray
    live: BoolArray  # some time and some vol is left
    root_years: FloatArray  # 1 where not live
    vol: FloatArray  # 1 where not live
    distance: FloatArray  # |ln(F/K)|
    total: FloatArray  # vol·√years, 1 where not live


@dataclass(frozen=True, slots=True, eq=False)
class _Terms(_Priced):
    """What greeks rest on besides."""

    d1: FloatArray
    d2: FloatArray
    density: FloatArray  # n(d1), 0 where not live


def price(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> FloatArray:
    """Return the undiscounted Black-76 price of European options.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.
        sign: +1 for a call, -1 for a put.

    Returns:
        USD per coin of contract, in [intrinsic, F] for calls and [intrinsic, K] for puts. Exact
        to a few ulps of itself, in far tails to a few ulps of `vol`.

    Raises:
        ValueError: An argument is NaN, infinite or out of its range.

    Source:
        Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976).

    >>> round(float(price(100_000, 100_000, 30 / 365, 0.6, +1)), 6)
    6853.940718
    """
    return _price(_priced(forward, strike, years, vol, sign))


def inverse_price(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> FloatArray:
    """Return the price in coin of coin-settled European options.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.
        sign: +1 for a call, -1 for a put.

    Returns:
        Coin per coin of contract: `price` over `forward`; calls in [0, 1], puts in [0, K/F].

    Raises:
        ValueError: An argument is NaN, infinite or out of its range.

    Source:
        Lucic & Sepp, "Valuation and hedging of cryptocurrency inverse options", Quantitative
        Finance 24(7), 851-869 (2024).
    """
    terms = _priced(forward, strike, years, vol, sign)
    return np.asarray(_price(terms) / terms.forward)


@np.errstate(over="ignore", under="ignore")  # at the money gamma has no limit as vol ends
def greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> Greeks:
    """Return price and greeks of dollar-settled European options under Black-76.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.
        sign: +1 for a call, -1 for a put.

    Returns:
        Arrays of the common shape. Delta is per coin of *forward*, not premium-adjusted. Without
        time or vol: intrinsic value, delta ±1 in the money and else 0, all others 0; never NaN.

    Raises:
        ValueError: An argument is NaN, infinite or out of its range.

    Source:
        Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976).

    >>> round(float(greeks(100_000, 100_000, 30 / 365, 0.6, +1).delta), 6)
    0.53427
    """
    terms = _terms(forward, strike, years, vol, sign)
    coin_vega = terms.density * terms.root_years
    return Greeks(
        price=_price(terms),
        delta=_delta(terms),
        gamma=_gamma(terms),
        vega=np.asarray(terms.forward * coin_vega),
        theta=np.asarray(0.0 - terms.forward * _decay(terms)),
        vanna=np.asarray(0.0 - terms.density * terms.d2 / terms.vol),
        volga=np.asarray(terms.forward * _coin_volga(terms)),
    )


@np.errstate(over="ignore", under="ignore")  # at the money gamma has no limit as vol ends
def inverse_greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> InverseGreeks:
    """Return price and greeks of coin-settled European options.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.
        sign: +1 for a call, -1 for a put.

    Returns:
        Arrays of the common shape; price, vega, theta, vanna and volga in coin. Without time or
        vol: intrinsic value, delta ±1 in the money and else 0, greeks of curvature 0.

    Raises:
        ValueError: An argument is NaN, infinite or out of its range.

    Source:
        Lucic & Sepp, "Valuation and hedging of cryptocurrency inverse options", Quantitative
        Finance 24(7), 851-869 (2024).

    >>> round(float(inverse_greeks(100_000, 100_000, 30 / 365, 0.6, +1).adjusted_delta), 6)
    0.46573
    """
    terms = _terms(forward, strike, years, vol, sign)
    return InverseGreeks(
        price=np.asarray(_price(terms) / terms.forward),
        delta=_delta(terms),
        adjusted_delta=np.asarray(_exercise(terms, terms.d2) * (terms.strike / terms.forward)),
        gamma=_gamma(terms),
        vega=np.asarray(terms.density * terms.root_years),
        theta=np.asarray(0.0 - _decay(terms)),
        vanna=np.asarray(0.0 - terms.density * terms.d1 / terms.vol / terms.forward),
        volga=np.asarray(_coin_volga(terms)),
    )


def delta(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> FloatArray:
    """Return the forward delta w·N(w·d1) alone, for the hot path.

    Args:
        forward: Forward price for the option's expiry, USD per coin, > 0.
        strike: Strike, USD per coin, > 0.
        years: Time to expiry, years of 365 days; at or below 0 the option is expired.
        vol: Implied volatility per year (0.65 is 65 %), >= 0.
        sign: +1 for a call, -1 for a put.

    Returns:
        Coins of forward per coin of contract; calls in [0, 1], puts in [-1, 0]; as in `greeks`,
        to 1e-16 over total vol. Not premium-adjusted.

    Raises:
        ValueError: An argument is NaN, infinite or out of its range.

    Source:
        Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976).

    >>> round(float(delta(49 * np.exp(0.05 * 0.3846), 50, 0.3846, 0.2, +1)), 3)  # Hull, ex. 17.1
    0.522
    """
    forward, strike = np.asarray(forward, np.float64), np.asarray(strike, np.float64)
    years, vol = np.asarray(years, np.float64), np.asarray(vol, np.float64)
    sign = np.asarray(sign, np.float64)
    _refuse_faults(forward, strike, years, vol, sign)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        total = vol * np.sqrt(np.maximum(years, 0.0))
        if not np.logical_and.reduce(total > 0, axis=None):
            return _delta(_terms(forward, strike, years, vol, sign))
        d1 = np.log(forward / strike) / total + 0.5 * total
    return np.asarray(sign * ndtr(sign * d1))


def _priced(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> _Priced:
    """Check the arguments and work out what a price rests on."""
    forward, strike, years, vol, sign = to_arrays(forward, strike, years, vol, sign)
    _refuse_faults(forward, strike, years, vol, sign)
    root_years = np.sqrt(np.maximum(years, 0.0))
    with np.errstate(over="ignore", under="ignore"):
        total = vol * root_years
    live = total > 0
    if not live.all():
        root_years, vol, total = (np.where(live, a, 1.0) for a in (root_years, vol, total))
    distance = log_distance(forward, strike)
    return _Priced(forward, strike, sign, live, root_years, vol, distance, total)


def _terms(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike
) -> _Terms:
    """Check the arguments and work out what prices and greeks have in common."""
    base = _priced(forward, strike, years, vol, sign)
    upper, lower = normal_bounds(base.distance, base.total)
    inside = base.forward > base.strike
    d1, d2 = np.where(inside, -lower, upper), np.where(inside, -upper, lower)
    return _Terms(
        forward=base.forward,
        strike=base.strike,
        sign=base.sign,
        live=base.live,
        root_years=base.root_years,
        vol=base.vol,
        distance=base.distance,
        total=base.total,
        d1=d1,
        d2=d2,
        density=np.where(base.live, density(d1), 0.0),
    )


def _refuse_faults(
    forward: FloatArray, strike: FloatArray, years: FloatArray, vol: FloatArray, sign: FloatArray
) -> None:
    """Raise ValueError naming every argument that is not in its range."""
    if _sound(forward, strike, years, vol, sign):
        return
    rules = (
        ("forward", forward, "be positive and finite", (forward > 0) & (forward < np.inf)),
        ("strike", strike, "be positive and finite", (strike > 0) & (strike < np.inf)),
        ("years", years, "be finite", np.isfinite(years)),
        ("vol", vol, "be finite and at least 0", (vol >= 0) & (vol < np.inf)),
        ("sign", sign, "be +1 for a call or -1 for a put", np.abs(sign) == 1),
    )
    faults = [
        f"{name}: must {must}, was {values[~good].flat[0]}"
        for name, values, must, good in rules
        if not good.all()
    ]
    if faults:
        raise ValueError("; ".join(faults))


def _sound(
    forward: FloatArray, strike: FloatArray, years: FloatArray, vol: FloatArray, sign: FloatArray
) -> bool:
    """Whether every argument is surely in its range; NaN is in none.

    Of a few, a sum tells whether all are finite; where it overflows they may be.
    """
    shape = forward.shape
    few = len(shape) == 1 and 0 < shape[0] <= _FEW
    if few and shape == strike.shape == years.shape == vol.shape == sign.shape:
        forwards, strikes, vols = forward.tolist(), strike.tolist(), vol.tolist()
        signs = sign.tolist()
        return (
            math.isfinite(sum(forwards) + sum(strikes) + sum(vols) + sum(years.tolist()))
            and min(forwards) > 0
            and min(strikes) > 0
            and min(vols) >= 0
            and signs.count(1.0) + signs.count(-1.0) == len(signs)
        )
    terms = (strike > 0) & (strike < np.inf) & np.isfinite(years) & (np.abs(sign) == 1)
    return bool((terms & (vol >= 0) & (vol < np.inf) & (forward > 0) & (forward < np.inf)).all())


def _price(terms: _Priced) -> FloatArray:
    """Return the USD price: the out-of-the-money twin, then parity."""
    bound = np.minimum(terms.forward, terms.strike)
    cheap = out_of_the_money(bound, terms.distance, terms.total)
    if not terms.live.all():
        cheap = np.where(terms.live, cheap, 0.0)
    inside = terms.sign * (terms.forward - terms.strike) > 0
    if not inside.any():
        return np.asarray(cheap)
    difference, lost = exact_difference(terms.forward, terms.strike)
    return np.where(inside, np.abs(difference) + (cheap + terms.sign * lost), cheap)


def _delta(terms: _Terms) -> FloatArray:
    """Return w·N(w·d1), w·1{in the money} where there is no time or vol."""
    return _exercise(terms, terms.d1)


def _exercise(terms: _Terms, z: FloatArray) -> FloatArray:
    """Return w·N(w·z), w·1{in the money} where there is no time or vol."""
    inside = terms.sign * (terms.forward - terms.strike) > 0
    # + 0.0 turns the -0.0 of a dead put into 0.0.
    return np.asarray(terms.sign * np.where(terms.live, ndtr(terms.sign * z), inside) + 0.0)


def _gamma(terms: _Terms) -> FloatArray:
    """Return n(d1)/(F·total); divided in turn, so that no product underflows to 0."""
    return np.asarray(terms.density / terms.forward / terms.total)


def _decay(terms: _Terms) -> FloatArray:
    """Return the coin value lost per year: n(d1)·vol/(2·√years)."""
    return np.asarray(terms.density * terms.vol / (2 * terms.root_years))


def _coin_volga(terms: _Terms) -> FloatArray:
    """Return the volga in coin: n(d1)·√years·d1·d2/vol."""
    return np.asarray(terms.density * terms.root_years * terms.d1 * terms.d2 / terms.vol)
