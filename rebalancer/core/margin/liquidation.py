"""Liquidation price: where the equity of a position meets its maintenance margin.

Equity is a straight line in the price (linear contracts) or in one over the
price (inverse ones); maintenance is one too, bent only at the floors of the
venue's tiers. So each tier holds at most one root and it is found exactly.
Maintenance is taken on the notional at that price, not at entry: what a venue
froze at entry belongs into `other_maintenance`, beside tiers of rate 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from rebalancer.core.black import FloatArray, to_arrays

_ROUNDING = 4 * float(np.finfo(np.float64).eps)  # relative; a sum of five terms errs by less


@dataclass(frozen=True, slots=True, eq=False)
class _Ladder:
    """Maintenance as a function of notional: rate·notional − amount from each floor on."""

    floors: FloatArray  # notional, USD (linear) or coins (inverse); 0 first, rising
    rates: FloatArray  # fraction of notional, never falling
    amounts: FloatArray  # unit of the floors; what keeps maintenance continuous


@overload
def liquidation_price(
    quantity: float,
    entry: float,
    collateral: float,
    tiers: Sequence[tuple[float, float]],
    *,
    inverse: bool = False,
    coins: float = 0.0,
    fee: float = 0.0,
    other_pnl: float = 0.0,
    other_maintenance: float = 0.0,
) -> float | None: ...
@overload
def liquidation_price(
    quantity: ArrayLike,
    entry: ArrayLike,
    collateral: ArrayLike,
    tiers: Sequence[tuple[float, float]],
    *,
    inverse: bool = False,
    coins: ArrayLike = 0.0,
    fee: ArrayLike = 0.0,
    other_pnl: ArrayLike = 0.0,
    other_maintenance: ArrayLike = 0.0,
) -> FloatArray: ...
def liquidation_price(  # noqa: PLR0913  # long: nine numbers make a margin account, each a unit
    quantity: ArrayLike,
    entry: ArrayLike,
    collateral: ArrayLike,
    tiers: Sequence[tuple[float, float]],
    *,
    inverse: bool = False,
    coins: ArrayLike = 0.0,
    fee: ArrayLike = 0.0,
    other_pnl: ArrayLike = 0.0,
    other_maintenance: ArrayLike = 0.0,
) -> FloatArray | float | None:
    """Return the price nearest to entry at which equity equals maintenance margin.

    Equity at price P is collateral + coins·P + quantity·(P − entry) + other_pnl
    for linear contracts, in USD, and collateral + coins + quantity·(1/entry −
    1/P) + other_pnl for inverse ones, in coins. It is held against (rate + fee)
    of the notional, tier by tier, + other_maintenance. With a single tier a
    linear long meets it at (quantity·entry − collateral)/(quantity·(1 − rate − fee)).

    Args:
        quantity: Position, + is long; coins (linear) or USD (inverse). Without
            one there is nothing to liquidate: 0 gives None.
        entry: Average entry price, USD per coin, > 0.
        collateral: Margin of the position (isolated) or wallet balance (cross),
            less what funding took; USD (linear) or coins (inverse), any sign.
        tiers: The venue's (floor, rate) pairs, shared by all positions: floor of
            notional in the unit of `collateral`, 0 first and rising; rate of
            maintenance in [0, 1], never falling.
        inverse: Whether the contract settles in the coin that it is about.
        coins: Coins of collateral after haircut; − is owed. They move with the
            price in a linear account; in an inverse one they just add up.
        fee: Liquidation fee, fraction of notional, in [0, 1).
        other_pnl: Unrealised profit of the account's other positions, held
            constant; unit of `collateral`.
        other_maintenance: Maintenance of the others, same unit, >= 0.

    Returns:
        USD per coin, > 0, or None where equity meets maintenance at no positive
        price: then the account is safe, or lost, at every price alike, and its
        margin ratio tells which. A root is a root on whichever side of entry it
        lies: an account that is short of margin at entry (its profit was drawn
        out) has its own above a long's and below a short's entry. Everything
        but `tiers` and `inverse` broadcasts to one shape (n,), which holds NaN
        for None; scalars give a float or None.

    Raises:
        ValueError: An argument is outside its range or not finite; it is named.

    Source:
        Binance, "How to Calculate Liquidation Price of COIN-M Futures Contracts"
        (2021): maintenance amounts; the rest is equity = maintenance solved for P.

    >>> round(liquidation_price(-1.0, 100_000.0, 10_000.0, [(0.0, 0.005)]), 4)
    109452.7363
    """
    ladder = _ladder(tiers)
    given = [
        _checked("quantity", quantity),
        _checked("entry", entry, above=0.0),
        _checked("collateral", collateral),
        _checked("coins", coins),
        _checked("fee", fee, least=0.0, below=1.0),
        _checked("other_pnl", other_pnl),
        _checked("other_maintenance", other_maintenance, least=0.0),
    ]
    held, start, money, owned, charge, profit, required = to_arrays(*given)
    sign, size = np.sign(held), np.where(held == 0, 1.0, np.abs(held))
    burden = -(charge[..., None] + ladder.rates)
    with np.errstate(over="ignore"):  # a price beyond every double is none
        if inverse:
            level = _sum(money, owned, held / start, profit, -required)
            lift = _sum(-sign[..., None], burden)
            prices = size[..., None] / _crossings(level, lift, ladder)
        else:
            level = _sum(money, -held * start, profit, -required)
            lift = _sum((owned / size)[..., None], sign[..., None], burden)
            prices = _crossings(level, lift, ladder) / size[..., None]
    nearest = np.where(held == 0, np.nan, _nearest(prices, start))
    if nearest.ndim:
        return nearest
    return None if np.isnan(nearest) else float(nearest)


def _checked(
    name: str,
    value: ArrayLike,
    *,
    least: float = -np.inf,
    above: float = -np.inf,
    below: float = np.inf,
) -> FloatArray:
    """Return `value` as an array of finite numbers in [least, below) and above `above`."""
    array = np.asarray(value, np.float64)
    wrong = array[~(np.isfinite(array) & (array >= least) & (array > above) & (array < below))]
    if wrong.size:
        bounds = ((">=", least), (">", above), ("<", below))
        limits = "".join(f" and {sign} {bound:g}" for sign, bound in bounds if np.isfinite(bound))
        raise ValueError(f"{name}: must be finite{limits}, was {wrong.flat[0]}")
    return array


def _ladder(tiers: Sequence[tuple[float, float]]) -> _Ladder:
    """Return the venue's tiers with the amounts A_n = A_{n−1} + floor_n·(rate_n − rate_{n−1})."""
    if len(tiers) == 0 or any(len(tier) != 2 for tier in tiers):
        raise ValueError(f"tiers: must be pairs of floor and rate, at least one, was {tiers}")
    floors = _checked("tiers", [floor for floor, _ in tiers])
    rates = _checked("tiers", [rate for _, rate in tiers])
    if floors[0] != 0 or (np.diff(floors) <= 0).any():
        raise ValueError(f"tiers: floors must rise from 0, were {floors.tolist()}")
    steps = np.diff(rates, prepend=0.0)
    if (steps < 0).any() or rates[-1] > 1:
        raise ValueError(f"tiers: rates must lie in [0, 1] and not fall, were {rates.tolist()}")
    return _Ladder(floors, rates, np.cumsum(floors * steps))


def _sum(*terms: FloatArray) -> FloatArray:
    """Return the sum, 0 where it is nothing but rounding.

    A short that its coins cover just so has no root; rounding would put one at 1e+20.
    """
    total, scale = sum(terms, np.zeros(())), sum((abs(term) for term in terms), np.zeros(()))
    return np.where(np.abs(total) <= _ROUNDING * scale, 0.0, total)


def _crossings(level: FloatArray, lift: FloatArray, ladder: _Ladder) -> FloatArray:
    """Return the notional at which equity meets maintenance in each tier.

    Args:
        level: Equity less other maintenance at a notional of 0, shape (n,).
        lift: Equity gained less maintenance owed, per unit of notional in each
            of the k tiers, shape (n, k).
        ladder: The k tiers.

    Returns:
        Notional in the unit of the floors, shape (n, k); NaN where a tier has no
        root, or no notional. A tier along which both are equal throughout counts
        by the ends that it shares with its neighbours.
    """
    base = level[..., None] + ladder.amounts
    # Both neighbours judge a floor by one and the same number: rounding loses no root between them.
    gaps = base + lift * ladder.floors
    ends = np.concatenate([gaps[..., 1:], lift[..., -1:]], axis=-1)  # the last tier has no end
    meets = (np.sign(gaps) * np.sign(ends) <= 0) & (lift != 0)
    notional = -base / np.where(meets, lift, 1.0)
    notional = np.clip(notional, ladder.floors, np.append(ladder.floors[1:], np.inf))
    return np.where(meets & (notional > 0), notional, np.nan)


def _nearest(prices: FloatArray, entry: FloatArray) -> FloatArray:
    """Return of each row of `prices`, shape (n, k), the one nearest to entry; NaN without one."""
    distance = np.abs(prices - entry[..., None])
    distance = np.where(np.isfinite(distance) & (prices > 0), distance, np.inf)
    choice = np.argmin(distance, axis=-1)[..., None]
    found = np.isfinite(np.take_along_axis(distance, choice, axis=-1))
    return np.where(found, np.take_along_axis(prices, choice, axis=-1), np.nan)[..., 0]
