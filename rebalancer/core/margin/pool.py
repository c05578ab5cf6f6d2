"""Pools: what stands together for losses, revalued at other prices and after an order.

A pool is the cash and the positions that answer for one another: an isolated
position with its own margin, a currency of an account, or a whole account
whose collateral counts together. It is anchored on what the venue itself told:
its balance and its maintenance are the venue's figures, and only what changed
since, or would change, is worked out here. `gaps` is balance less maintenance;
where it is 0 the venue takes the pool down.

For a fixed price the gap is concave in the size of a position, because
schedules are convex. Where a chord between two sizes is above 0, so is the gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.core.margin.schedule import Schedule, charge, charge_one

# Price factors at which pools are looked at: fine where it matters, coarse far out.
FACTORS = np.unique(
    np.concatenate(
        [
            np.geomspace(0.02, 0.5, 24),
            np.linspace(0.5, 1.5, 101),
            np.geomspace(1.5, 20.0, 40),
            [1.0],
        ]
    ).round(12)
)
HERE = int(np.searchsorted(FACTORS, 1.0))


@dataclass(frozen=True, slots=True)
class Leg:
    """A perpetual or future of a pool, as it is held now."""

    instrument: str
    underlying: str
    size: float  # coins (linear) or USD (inverse), signed
    inverse: bool
    mark: float  # USD per coin
    schedule: Schedule  # of its maintenance, USD


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What the options of one underlying in a pool come to at other prices of it."""

    prices: FloatArray  # USD per coin, rising
    value: FloatArray  # what they add to the balance, unit of the pool
    maintenance: FloatArray  # what is asked of them, same unit


@dataclass(frozen=True, slots=True)
class Coins:
    """Coins that count as collateral in a pool in USD, with what inverse legs earn in them."""

    underlying: str
    amount: float  # coins: cash and open profit; − is owed
    share: float  # that counts of what is owned; what is owed counts whole
    price: float  # USD per coin


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What stands together for losses, at the prices of now."""

    account: str
    currency: str  # unit of its numbers: a coin, a stable currency, or USD where all stand together
    instrument: str  # the isolated position that it is; empty: it is none
    balance: float
    maintenance: float
    legs: tuple[Leg, ...]
    coins: tuple[Coins, ...] = ()  # only where collateral of several currencies counts
    curves: tuple[tuple[str, float, Curve], ...] = ()  # (underlying, its price, its options)

    @property
    def name(self) -> str:
        """The account and what of it stands together, such as `deribit:BTC`."""
        return self.instrument or f"{self.account}:{self.currency}"

    @property
    def in_coin(self) -> bool:
        """Whether its numbers are coins of what its legs are about."""
        return any(leg.inverse for leg in self.legs) and not self.coins

    @property
    def underlyings(self) -> tuple[str, ...]:
        """Coins whose price moves it."""
        if len(self.legs) == 1 and not self.coins and not self.curves:
            return (self.legs[0].underlying,)
        moved = (*(leg.underlying for leg in self.legs), *(each.underlying for each in self.coins))
        return tuple(dict.fromkeys((*moved, *(name for name, _, _ in self.curves))))


class Trial(NamedTuple):
    """An order that might be sent: what a leg would be after it."""

    instrument: str
    size: float  # added, coins or USD like the leg's, signed
    price: float  # worst that it may trade at, USD per coin
    locks: float = 0.0  # margin that comes into the pool with it, unit of the pool


def maintenance(leg: Leg, *, in_usd: bool = False) -> float:
    """Return what is asked of a leg now: settle currency, or USD."""
    size = abs(leg.size) if leg.inverse else abs(leg.size) * leg.mark
    asked = charge_one(leg.schedule, size)
    return asked / leg.mark if leg.inverse and not in_usd else asked


def gaps(
    pool: Pool,
    factors: FloatArray,
    among: Sequence[str] | None = None,
    ratio: float = 1.0,
    trial: Trial | None = None,
) -> FloatArray:
    """Return ratio·balance less maintenance at other prices, unit of the pool, shape (n,).

    Args:
        pool: As it stands.
        factors: What prices are multiplied by, > 0, shape (n,).
        among: Coins whose price moves; None: all of them together.
        ratio: Margin ratio that must not be passed; 1 is liquidation.
        trial: An order that is filled first, at its worst price.
    """
    balance, asked = revalued(pool, factors, among, trial)
    return ratio * balance - asked


def revalued(
    pool: Pool,
    factors: FloatArray,
    among: Sequence[str] | None = None,
    trial: Trial | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return (balance, maintenance) at other prices; arguments as for `gaps`."""
    balance = np.full(factors.shape, pool.balance)
    asked = np.full(factors.shape, pool.maintenance)
    earned: dict[str, FloatArray] = {}
    for leg in pool.legs:
        tried = trial if trial is not None and trial.instrument == leg.instrument else None
        moves = among is None or leg.underlying in among
        if not moves and tried is None:
            continue
        at = leg.mark * factors if moves else np.full(factors.shape, leg.mark)
        profit, more = _moved(leg, at, tried)
        if leg.inverse and pool.coins:
            earned[leg.underlying] = earned.get(leg.underlying, 0.0) + profit
            after = leg.size + (0.0 if tried is None else tried.size)
            then, now = (charge_one(leg.schedule, abs(size)) for size in (after, leg.size))
            asked = asked + (then - now)  # USD: what is asked of a face does not move with it
            continue
        balance = balance + profit
        asked = asked + more
    if trial is not None:
        balance = balance + trial.locks
    for coins in pool.coins:
        balance = balance + _collateral(coins, factors, among, earned.get(coins.underlying))
    for name, price, curve in pool.curves:
        if among is None or name in among:
            at = price * factors
            balance = balance + _since(curve.prices, curve.value, at, price)
            asked = asked + _since(curve.prices, curve.maintenance, at, price)
    return balance, np.maximum(asked, 0.0)


def _moved(leg: Leg, at: FloatArray, trial: Trial | None) -> tuple[FloatArray, FloatArray]:
    """Return (profit, maintenance added) of a leg at other marks: settle currency."""
    after = leg.size + (0.0 if trial is None else trial.size)
    if leg.inverse:
        profit = leg.size * (1.0 / leg.mark - 1.0 / at)
        if trial is not None:
            profit = profit + trial.size * (1.0 / trial.price - 1.0 / at)
        whole = charge_one(leg.schedule, abs(after)) / at
        return profit, whole - charge_one(leg.schedule, abs(leg.size)) / leg.mark
    profit = leg.size * (at - leg.mark)
    if trial is not None:
        profit = profit + trial.size * (at - trial.price)
    had = charge_one(leg.schedule, abs(leg.size) * leg.mark)
    return profit, charge(leg.schedule, abs(after) * at) - had


def _collateral(
    coins: Coins, factors: FloatArray, among: Sequence[str] | None, earned: FloatArray | None
) -> FloatArray:
    """Return what coins of a pool in USD are worth more or less at other prices, USD."""
    moves = among is None or coins.underlying in among
    price = coins.price * factors if moves else np.full(factors.shape, coins.price)
    amount = coins.amount + (0.0 if earned is None else earned)
    now = coins.amount * coins.price * (coins.share if coins.amount > 0 else 1.0)
    return np.asarray(amount * price * np.where(amount > 0, coins.share, 1.0) - now)


def _since(prices: FloatArray, told: FloatArray, at: FloatArray, price: float) -> FloatArray:
    return np.asarray(np.interp(at, prices, told) - np.interp(price, prices, told))


def distances(pool: Pool, among: Sequence[str] | None = None) -> tuple[float | None, float | None]:
    """Return the factors of price, below 1 and above, at which the pool would be taken down.

    None on a side where no price does it; (1, 1) where it is so already.
    """
    gap = gaps(pool, FACTORS, among)
    if not pool.balance and not pool.maintenance:
        return None, None  # nothing is there that could be taken down
    if gap[HERE] <= 0:
        return 1.0, 1.0
    below = np.flatnonzero(gap[:HERE] <= 0)
    above = np.flatnonzero(gap[HERE:] <= 0)
    down = None if not below.size else _crossing(gap, int(below[-1]), int(below[-1]) + 1)
    first = HERE + int(above[0]) if above.size else 0
    return down, None if not above.size else _crossing(gap, first - 1, first)


def _crossing(gap: FloatArray, left: int, right: int) -> float:
    one, other = float(gap[left]), float(gap[right])
    share = one / (one - other)
    return float(FACTORS[left] + share * (FACTORS[right] - FACTORS[left]))


def room(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the share of an order that leaves every gap at 0 or above, in [0, 1].

    Args:
        before: Gaps without the order, n of them.
        after: The same with all of it.

    Returns:
        0 where a gap is below 0 already and the order does not better it. Never
        too much: between the two sizes each gap lies above its chord.
    """
    least = 1.0
    for old, new in zip(before, after, strict=True):
        if new < 0 and new < old:
            least = min(least, max(old, 0.0) / (max(old, 0.0) - new))
    return least


def needed(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return the share of an order that lifts every gap to 0, in [0, 1]; None: not all of it does.

    Never too little: between the two sizes each gap lies above its chord.
    """
    most = 0.0
    for old, new in zip(before, after, strict=True):
        if old >= 0:
            continue
        if new < 0:
            return None
        most = max(most, -old / (new - old))
    return most
