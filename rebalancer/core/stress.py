"""Stress: what becomes of the book and its accounts if price and vol go far, hedges included.

A grid of spot moves and vol shocks. On the way to a cell the hedger would have
traded what gamma forces on it, so from here outwards the hedge is brought back
to the aim at each step of the grid and carries its profit along. Coarser steps
than the real ones: a short gamma book loses rather more here than it would.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rebalancer.core.black import FloatArray
from rebalancer.core.exposure import Book, OptionLines
from rebalancer.core.margin.pool import Leg, Pool, revalued
from rebalancer.core.margin.schedule import charge
from rebalancer.core.params import NO_TERMS, Numeraire, Params, UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.view import view_of
from rebalancer.core.volatility import YEAR

SPOTS = np.linspace(-0.5, 0.5, 21)  # moves of the price, fraction
VOLS = np.array([-0.3, -0.15, 0.0, 0.25, 0.5])  # moves of each vol, fraction of itself
HERE = 10  # place of no move in SPOTS
STILL = 2  # place of no move in VOLS


@dataclass(frozen=True, slots=True, eq=False)
class PoolStress:
    """How one pool would stand in each cell."""

    pool: str
    ratio: FloatArray  # maintenance ÷ balance, inf with nothing left; shape (vols, spots)


@dataclass(frozen=True, slots=True, eq=False)
class Stress:
    """The grid of one underlying; arrays of shape (vols, spots)."""

    underlying: str
    price: float  # USD per coin, now
    profit: FloatArray  # USD, of everything in scope with the hedges made on the way
    naked: FloatArray  # USD, the same if nothing more were hedged
    forced: FloatArray  # coins that the hedges on the way bought, − sold
    turnover: FloatArray  # coins that they traded in all
    pools: tuple[PoolStress, ...]


def measure_grid(state: State, params: Params, own: UnderlyingParams) -> Stress | None:
    """Return the grid of one underlying; None while its price or an input is missing."""
    view, book = view_of(state, own), state.book(own.name)
    if view is None or book.missing:
        return None
    price = view.price
    prices = price * (1.0 + SPOTS)
    worth, delta = _revalue(book, prices, state.now)
    naked = worth - worth[STILL, HERE]
    hedge = view.exposure.hedge
    unhedged = delta - hedge
    aim = own.target + (1.0 - own.coverage) * (unhedged - own.target)
    wanted = aim - delta  # coins beyond what is held now, to be at the aim in a cell
    if view.band.contains(float(delta[STILL, HERE])):  # what is inside the band is not hedged
        wanted = wanted - wanted[STILL, HERE]
    steps = _outwards(wanted)
    gained = _gained(steps, prices)
    return Stress(
        underlying=own.name,
        price=price,
        profit=naked + gained,
        naked=naked,
        forced=wanted,
        turnover=_turnover(steps),
        pools=tuple(_pools(state, params, own, _Path(prices, steps, price))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """What is traded on the way to each cell."""

    prices: FloatArray  # USD per coin, shape (spots,)
    steps: FloatArray  # coins bought on arrival at a cell from the one nearer to here
    price: float  # now


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """Options in each cell, shape (vols, spots, n)."""

    price: FloatArray  # USD per coin of contract
    slope: FloatArray  # forward delta


def _options(lines: OptionLines, prices: FloatArray, ts: int) -> _Terms:
    """Return price and delta of each option in each cell.

    The plain formula in doubles: what it loses far out of the money is nothing here.
    """
    years = np.maximum((lines.expiry - ts) / YEAR, 1e-9)
    forward = prices[:, None] * lines.carry
    total = (1.0 + VOLS)[:, None, None] * (lines.vol * np.sqrt(years))
    upper = np.log(forward / lines.strike) / total + total / 2
    slope = lines.sign * ndtr(lines.sign * upper)
    worth = forward * slope - lines.strike * lines.sign * ndtr(lines.sign * (upper - total))
    return _Terms(np.maximum(worth, 0.0), slope)


def _revalue(book: Book, prices: FloatArray, ts: int) -> tuple[FloatArray, FloatArray]:
    """Return (USD value, delta in coins) of what is held, in each cell."""
    lines, linear = book.options, book.linear
    straight = float(linear.slope.sum()) * prices + float(linear.constant.sum())
    slope = np.full(len(prices), float(linear.slope.sum()))
    for _, size in linear.more:
        slope += size.coins + size.face / prices
    worth = np.broadcast_to(straight, (len(VOLS), len(prices))).copy()
    delta = np.broadcast_to(slope, worth.shape).copy()
    if lines.ids:
        told = _options(lines, prices, ts)
        unit = np.where(lines.inverse, told.price / lines.carry, told.price)
        worth += unit @ lines.coins
        delta += np.where(lines.inverse, told.slope, told.slope * lines.carry) @ lines.coins
    return (worth, delta - worth / prices) if book.numeraire is Numeraire.COIN else (worth, delta)


def _outwards(wanted: FloatArray) -> FloatArray:
    """Return what is bought on arrival at each cell, coming from the one nearer to here."""
    steps = wanted.copy()
    steps[:, HERE + 1 :] = np.diff(wanted[:, HERE:], axis=1)
    steps[:, :HERE] = -np.diff(wanted[:, : HERE + 1], axis=1)
    return steps


def _turnover(steps: FloatArray) -> FloatArray:
    """Return what was traded in all on the way to each cell, coins."""
    size = np.abs(steps)
    there = np.cumsum(size[:, HERE:], axis=1)
    back = np.cumsum(size[:, HERE::-1], axis=1)[:, ::-1]
    return np.concatenate([back[:, :-1], there], axis=1)


def _gained(steps: FloatArray, prices: FloatArray) -> FloatArray:
    """Return what the hedges on the way earned until each cell, USD."""
    return _summed(steps, prices, lambda held, before, after: held * (after - before))


def _summed(
    steps: FloatArray,
    prices: FloatArray,
    earned: Callable[[FloatArray, float, float], FloatArray],
) -> FloatArray:
    """Return the sum over the way from here to each cell of what the hedges so far earned."""
    total = np.zeros(steps.shape)
    for way in (1, -1):
        held = steps[:, HERE].copy()
        place = HERE + way
        while 0 <= place < len(prices):
            more = earned(held, float(prices[place - way]), float(prices[place]))
            total[:, place] = total[:, place - way] + more
            held = held + steps[:, place]
            place += way
    return total


# --- accounts -----------------------------------------------------------------


def _pools(
    state: State, params: Params, own: UnderlyingParams, path: _Path
) -> Iterable[PoolStress]:
    """Yield how each pool that an underlying moves would stand; unknown ones are left out."""
    first = own.hedge_sell[0]
    for account in params.accounts:
        portfolio = params.terms.get(account, NO_TERMS).portfolio
        for pool in state.margins.pools(account, state.now) or ():
            if own.name not in pool.underlyings or not pool.maintenance:
                continue
            factors = path.prices / path.price
            balance, asked = (
                np.broadcast_to(each, path.steps.shape).copy()
                for each in revalued(pool, factors, (own.name,))
            )
            shocked = _shocked(state, own, pool, path.prices)
            if portfolio:
                balance += shocked
            else:
                asked += np.maximum(-shocked, 0.0)
            leg = next((each for each in pool.legs if each.instrument == first), None)
            if leg is not None:
                profit, more = _hedged(leg, path, in_coin=leg.inverse and not pool.coins)
                balance, asked = balance + profit, asked + more
            yield PoolStress(pool.name, _ratio(balance, asked))


def _ratio(balance: FloatArray, asked: FloatArray) -> FloatArray:
    left = np.where(balance > 0, balance, np.nan)
    return np.where(asked <= 0, 0.0, np.where(balance > 0, asked / left, np.inf))


def _shocked(
    state: State, own: UnderlyingParams, pool: Pool, prices: FloatArray
) -> FloatArray | float:
    """Return what the vol shocks alone add to the options of a pool, its unit.

    Price moves are in the pool's own curve. Under a standard margin only what
    short options are dearer by is asked for; so long ones are left out there.
    """
    lines, ledger = state.book(own.name).options, state.ledger
    if not lines.ids or pool.instrument:
        return 0.0
    sizes = {name: float(state.instruments[name].size) for name in lines.ids}
    held = np.array(
        [float(ledger.position(pool.account, each).quantity) * sizes[each] for each in lines.ids]
    )
    portfolio = state.params.terms.get(pool.account, NO_TERMS).portfolio
    held = held if portfolio else np.minimum(held, 0.0)
    told = _options(lines, prices, state.now)
    forward = prices[:, None] * lines.carry
    in_coin = lines.inverse & (not pool.coins)
    worth = np.where(in_coin, told.price / forward, told.price)
    return np.asarray((worth - worth[STILL]) @ held)


def _hedged(leg: Leg, path: _Path, *, in_coin: bool) -> tuple[FloatArray, FloatArray]:
    """Return (profit, maintenance added) by the hedges on the way to each cell."""
    marks = leg.mark * path.prices / path.price
    if in_coin:
        bought = path.steps * marks  # USD of contracts
        after = np.abs(leg.size + _held(bought))
        more = (charge(leg.schedule, after) - charge(leg.schedule, _same(after, leg.size))) / marks
        return _summed(bought, marks, lambda held, b, a: held * (1 / b - 1 / a)), more
    after = np.abs(leg.size + _held(path.steps)) * marks
    more = charge(leg.schedule, after) - charge(leg.schedule, abs(leg.size) * marks)
    return _gained(path.steps, marks), more


def _same(shape: FloatArray, size: float) -> FloatArray:
    return np.full(shape.shape, abs(size))


def _held(steps: FloatArray) -> FloatArray:
    """Return what the hedges on the way add up to in each cell."""
    there = np.cumsum(steps[:, HERE:], axis=1)
    back = np.cumsum(steps[:, HERE::-1], axis=1)[:, ::-1]
    return np.concatenate([back[:, :-1], there], axis=1)
