"""Overlay: which options would bring gamma and vega back inside their limits; it is only told.

The cheapest quantities solve a linear programme with two ranges, one a greek.
Its optimum is a corner: at most two options, with a greek at an edge of its
range for each. So all corners are looked at, which for a few hundred options
is a handful of arrays and always gives the same answer. Whole lots come last:
each way of rounding the two is tried, and the cheapest that still does it wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, floor, inf

import numpy as np

from rebalancer.core import exposure, pricing
from rebalancer.core.black import FloatArray
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.volatility import YEAR

LEAST_DAYS = 1  # until expiry: what ends sooner is no overlay
_SLACK = 1e-9  # of a limit and of what is held: what sums of floats miss an edge by


@dataclass(frozen=True, slots=True)
class Offer:
    """An option that could be bought or sold, per contract."""

    name: str
    gamma: float  # coins per 1 % of price, >= 0
    vega: float  # USD per vol point, >= 0
    cost: float  # of trading it either way, USD, >= 0
    lot: float = 0.0  # contracts; 0: any quantity
    least: float = 0.0  # smallest order, contracts


@dataclass(frozen=True, slots=True)
class Greeks:
    """Gamma and vega of a book, or their limits; None: no limit."""

    gamma: float | None  # coins per 1 % of price
    vega: float | None  # USD per vol point


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to trade, and what that costs."""

    legs: tuple[tuple[float, Offer], ...]  # (contracts, + is bought)
    cost: float  # USD


def cheapest(gamma: float, vega: float, limits: Greeks, offers: Sequence[Offer]) -> Proposal | None:
    """Return the trades of least cost that bring gamma and vega inside their limits.

    Args:
        gamma: Of the book, coins per 1 % of price.
        vega: Of the book, USD per vol point.
        limits: Of their absolute values, > 0.
        offers: What could be traded; of equal ones the first wins.

    Returns:
        No legs where both are inside already; None where no two offers do it,
        or none in whole lots.
    """
    held, most = _limited(gamma, vega, limits)
    if (np.abs(held) <= most).all():
        return Proposal((), 0.0)
    greeks = np.array([(each.gamma, each.vega) for each in offers], dtype=np.float64).reshape(-1, 2)
    costs = np.array([each.cost for each in offers], dtype=np.float64)
    corners = sorted(
        [*_ones(held, most, greeks, costs), *_twos(held, most, greeks, costs)],
        key=lambda corner: corner[0],
    )
    for _, places, contracts in corners:
        rounded = _rounded(held, most, [offers[place] for place in places], contracts)
        if rounded is not None:
            return rounded
    return None


def _limited(gamma: float, vega: float, limits: Greeks) -> tuple[FloatArray, FloatArray]:
    """Return both greeks and the most that each may be, with slack for rounding, shape (2,)."""
    held = np.array([gamma, vega])
    given = [inf if limit is None else limit for limit in (limits.gamma, limits.vega)]
    return held, np.array(given) * (1 + _SLACK) + _SLACK * _SLACK


_Corner = tuple[float, tuple[int, ...], tuple[float, ...]]  # cost, places of offers, contracts


def _ones(
    held: FloatArray, most: FloatArray, greeks: FloatArray, costs: FloatArray
) -> Iterator[_Corner]:
    """Yield what one offer does alone."""
    for axis, way in product(range(2), (-1.0, 1.0)):
        if not np.isfinite(most[axis]):
            continue
        able = np.flatnonzero(greeks[:, axis] > 0)
        count = (way * most[axis] - held[axis]) / greeks[able, axis]
        after = held + count[:, None] * greeks[able]
        fits = (np.abs(after) <= most * (1 + _SLACK)).all(axis=1)
        for place, contracts in zip(able[fits].tolist(), count[fits].tolist(), strict=True):
            yield float(abs(contracts) * costs[place]), (place,), (contracts,)


_KEPT = 50  # of the cheapest pairs: the first that is whole lots is taken, and all are near it


def _twos(
    held: FloatArray, most: FloatArray, greeks: FloatArray, costs: FloatArray
) -> Iterator[_Corner]:
    """Yield the cheapest of what two offers do together, both greeks at an edge."""
    if not np.isfinite(most).all() or len(greeks) < 2:
        return
    places = np.stack(np.triu_indices(len(greeks), 1))
    one, two = greeks[places]
    forth, back = one[:, 0] * two[:, 1], one[:, 1] * two[:, 0]
    apart = np.abs(forth - back) > _SLACK * (forth + back)
    places, one, two, crossed = places[:, apart], one[apart], two[apart], (forth - back)[apart]
    first, second = costs[places]
    for ways in product((-1.0, 1.0), repeat=2):
        need = np.array(ways) * most - held
        a = (need[0] * two[:, 1] - need[1] * two[:, 0]) / crossed
        b = (need[1] * one[:, 0] - need[0] * one[:, 1]) / crossed
        total = np.abs(a) * first + np.abs(b) * second
        for place in np.argsort(total, kind="stable")[:_KEPT].tolist():
            pair = (int(places[0, place]), int(places[1, place]))
            yield float(total[place]), pair, (float(a[place]), float(b[place]))


def _rounded(
    held: FloatArray, most: FloatArray, offers: Sequence[Offer], contracts: Sequence[float]
) -> Proposal | None:
    """Return the cheapest rounding to whole lots that is inside the limits; None: none is."""
    best: Proposal | None = None
    for counts in product(*map(_lots, offers, contracts)):
        after = held + sum(
            (n * np.array([each.gamma, each.vega]) for n, each in zip(counts, offers, strict=True)),
            np.zeros(2),
        )
        cost = sum(abs(n) * each.cost for n, each in zip(counts, offers, strict=True))
        inside = (np.abs(after) <= most * (1 + _SLACK)).all()
        if inside and (best is None or cost < best.cost):
            best = Proposal(tuple(zip(counts, offers, strict=True)), cost)
    return best


def _lots(offer: Offer, contracts: float) -> tuple[float, ...]:
    """Return the whole lots on either side of a quantity, none smaller than the least order."""
    if not offer.lot:
        return (contracts,)
    way, exact = (1.0 if contracts > 0 else -1.0), abs(contracts) / offer.lot
    least = ceil(round(offer.least / offer.lot, 9))
    counts = (max(floor(exact + _SLACK), least, 1), max(ceil(exact - _SLACK), least, 1))
    return tuple(round(way * count * offer.lot, 12) for count in dict.fromkeys(counts))


def propose(state: State, own: UnderlyingParams, price: float) -> str:
    """Return in words what to buy or sell; delta is hedged by itself once it is done.

    The cost of an option is its premium here: of what it is quoted at the book knows nothing.

    Args:
        state: What is held, and which options are valued.
        own: The underlying and its limits.
        price: Index, USD per coin.
    """
    held = exposure.greeks(state.book(own.name), price, state.now)
    options = [each for each in state.instruments.values() if each.underlying == own.name]
    offers = [_offer(state, each, price) for each in options if each.kind is Kind.OPTION]
    limits = Greeks(own.limits.gamma, own.limits.vega)
    told = [each for each in offers if each is not None]
    found = cheapest(held.gamma * price / 100, held.vega / 100, limits, told)
    if found is None or not found.legs:
        return "no option that is valued now would bring it back"
    legs = (f"{'buy' if n > 0 else 'sell'} {abs(n):g} {each.name}" for n, each in found.legs)
    return f"{' and '.join(legs)} ({found.cost:,.0f} USD of premium) to bring it back"


def _offer(state: State, instrument: Instrument, price: float) -> Offer | None:
    """Return what one contract of an option would do; None: it ends too soon, or is not valued."""
    told, expiry = state.prices.option_input(instrument.id), instrument.expiry or 0
    years = (expiry - state.now) / YEAR
    if told is None or years * 365 < LEAST_DAYS:
        return None
    vol, carry, _ = told
    size, strike = float(instrument.size), float(instrument.strike or 0)
    unit = pricing.greeks(price * carry, strike, years, vol, instrument.sign)
    return Offer(
        instrument.id,
        float(unit.gamma) * size * price / 100,
        float(unit.vega) * size / 100,
        size * float(unit.price),
        float(instrument.lot),
        float(instrument.minimum),
    )
