"""Placement: how a hedge is best split over venues, each with costs and room of its own.

At a venue an order of d coins costs a rate on |d|, an impact that grows with d²,
what its position x + d pays in funding over the horizon, and what the margin
that it locks would earn elsewhere. Each of these is convex and none looks at
another venue, so the split that costs least has one marginal cost: a coin more
costs the same wherever one is traded, no less where nothing is, and less only
where there is no room. That cost is found exactly: between the prices at which
a venue begins, ends or turns, everything is a straight line.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

SLACK = 1e-9  # fraction within which two amounts or two costs are the same


@dataclass(frozen=True, slots=True)
class Place:
    """An instrument at a venue, as an order sees it; fractions are of notional."""

    name: str
    rate: float  # fee and half the spread, fraction
    impact: float = 0.0  # fraction per coin: d coins pay impact·|d| each, >= 0
    funding: float = 0.0  # what a long pays over the horizon, fraction
    capital: float = 0.0  # what the margin of a position costs over the horizon, fraction, >= 0
    held: float = 0.0  # coins, signed
    beta: float = 1.0  # coins that one coin of it hedges, > 0
    cap: float = math.inf  # coins that the position may be, absolute, >= 0
    initial: float = 0.0  # margin ÷ notional at opening, >= 0
    free: float = math.inf  # USD that opening may take, >= 0
    lot: float = 0.0  # coins; 0: any amount trades
    least: float = 0.0  # smallest order, coins


class Binds(StrEnum):
    """What keeps a place from more."""

    NOTHING = "nothing"  # a coin more costs there what it costs everywhere
    DEARER = "dearer"  # its first coin costs more than the last one elsewhere
    TURNS = "turns"  # what it held is closed, and to open anew costs more
    CAP = "cap"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class Part:
    """What a place is given, and why no more."""

    name: str
    coins: float  # signed
    cost: float  # USD over the horizon, + is paid; funding and margin of all that is held then
    marginal: float  # USD of one coin of hedge more there, were there room
    binds: Binds


@dataclass(frozen=True, slots=True)
class Split:
    """A hedge over places."""

    parts: tuple[Part, ...]  # in the order of the places
    cost: float  # USD
    marginal: float | None  # USD of one coin of hedge more; None: there is no room for one
    left: float  # coins of hedge for which there is none, or no lot, signed


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of a place's orders on which the marginal cost rises in a straight line."""

    low: float  # coins
    high: float
    start: float  # marginal cost of a coin of hedge at `low`, fraction
    end: float  # at `high`, >= start

    def filled(self, price: float, *, whole: bool) -> float:
        """Return the coins of it that cost less than `price`, or as much (`whole`)."""
        if price < self.start or (price == self.start and not (whole and self.start == self.end)):
            return 0.0
        if price >= self.end:
            return self.high - self.low
        return (self.high - self.low) * (price - self.start) / (self.end - self.start)


def split(places: Sequence[Place], coins: float, price: float, *, moves: bool = False) -> Split:
    """Return the cheapest split of a hedge.

    Args:
        places: Where it may go; the first of equals fills first.
        coins: Hedge to add over all of them, coins of what is hedged, signed.
        price: USD per coin, > 0.
        moves: Whether a place may also trade against the hedge, so that what is
            held moves to where it costs less; every place must then have a bound.

    Returns:
        A part for each place. Where there is less room than that, all of it is used.

    Raises:
        ValueError: It moves, and a place has no bound.
    """
    ranges = [tuple(_stretches(each, coins, price, moves=moves)) for each in places]
    betas = [each.beta for each in places]
    low = sum(beta * told[0].low for beta, told in zip(betas, ranges, strict=True))
    high = sum(beta * told[-1].high for beta, told in zip(betas, ranges, strict=True))
    wanted = min(max(coins, low), high)
    found = _shares(betas, ranges, wanted)
    return told_of(places, found, coins, price)


def cost(place: Place, coins: float, price: float) -> float:
    """Return what an order costs at a place over the horizon, USD, the position after it too."""
    after = place.held + coins
    paid = place.rate * abs(coins) + place.impact * coins**2
    return price * (paid + place.funding * after + place.capital * abs(after))


def marginal(place: Place, coins: float, price: float, way: int) -> float:
    """Return what one coin of hedge more costs after an order, USD.

    Args:
        place: Where.
        coins: That the order trades, signed.
        price: USD per coin.
        way: +1: the coin more is bought, −1: sold.
    """
    trades = place.rate if coins * way >= 0 else -place.rate
    locks = place.capital if (place.held + coins) * way >= 0 else -place.capital
    slope = trades + 2.0 * place.impact * coins * way + place.funding * way + locks
    return slope * price / place.beta


def bounds(place: Place, price: float) -> tuple[float, float, Binds]:
    """Return the least and the most that may be traded, coins, and what bounds it.

    A position that is beyond its bound already may stay as it is.
    """
    room = math.inf
    if place.initial > 0 and math.isfinite(place.free):
        room = abs(place.held) + place.free / (place.initial * price)
    most = min(place.cap, room)
    why = Binds.MARGIN if room < place.cap else Binds.CAP
    return min(-most - place.held, 0.0), max(most - place.held, 0.0), why


def in_lots(places: Sequence[Place], found: Split, price: float) -> Split:
    """Return a split in whole lots that never hedges more than was wanted.

    Each part is cut to lots, and dropped where it is smaller than an order may
    be; what that leaves goes where the next coin costs least and its lots fit.
    """
    wanted = sum(each.beta * part.coins for each, part in zip(places, found.parts, strict=True))
    whole = [_cut(each, part.coins) for each, part in zip(places, found.parts, strict=True)]
    way = 1 if wanted >= 0 else -1
    for index in sorted(
        range(len(places)),
        key=lambda index: marginal(places[index], whole[index], price, way),
    ):
        place = places[index]
        done = sum(each.beta * coins for each, coins in zip(places, whole, strict=True))
        low, high, _ = bounds(place, price)
        rest = (wanted - done) / place.beta
        more = max(min(whole[index] + rest, high), low)
        if more * way > whole[index] * way:
            whole[index] = _cut(place, more) or whole[index]
    return told_of(places, whole, wanted + found.left, price)


def told_of(places: Sequence[Place], parts: Sequence[float], coins: float, price: float) -> Split:
    """Return what it costs to trade `parts` (coins, one a place) of a hedge of `coins`, and why."""
    way = 1 if coins >= 0 else -1
    pairs = [*zip(places, parts, strict=True)]
    bound = [_bound(each, amount, price, way) for each, amount in pairs]
    costs = [marginal(each, amount, price, way) for each, amount in pairs]
    least = min((told for told, by in zip(costs, bound, strict=True) if by is None), default=None)
    found = []
    for (each, amount), told, by in zip(pairs, costs, bound, strict=True):
        dear = least is not None and told > least + SLACK * max(abs(least), abs(told))
        free = Binds.NOTHING if not dear else Binds.TURNS if amount else Binds.DEARER
        found.append(Part(each.name, amount, cost(each, amount, price), told, by or free))
    left = coins - sum(each.beta * amount for each, amount in pairs)
    small = abs(left) <= SLACK * abs(coins)
    return Split(tuple(found), sum(each.cost for each in found), least, 0.0 if small else left)


def _bound(place: Place, coins: float, price: float, way: int) -> Binds | None:
    """Return the bound that an order has reached; None where it has reached none."""
    low, high, why = bounds(place, price)
    edge = high if way > 0 else low
    if math.isinf(edge) or (edge - coins) * way > SLACK * abs(edge):
        return None
    return why


def _cut(place: Place, coins: float) -> float:
    """Return coins in whole lots, towards zero; 0 where that is no order."""
    if place.lot:
        count = math.floor(abs(coins) / place.lot * (1.0 + SLACK))
        coins = math.copysign(count * place.lot, coins)
    return coins if abs(coins) >= place.least * (1.0 - SLACK) else 0.0


def _stretches(place: Place, coins: float, price: float, *, moves: bool) -> Iterator[_Stretch]:
    low, high, _ = bounds(place, price)
    if not moves:
        most = coins / place.beta
        low, high = max(low, min(most, 0.0)), min(high, max(most, 0.0))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{place.name} must have a bound where a hedge moves, was none")
    turns = sorted({each for each in (0.0, -place.held) if low < each < high})
    for start, end in pairwise((low, *turns, high)):
        middle = (start + end) / 2
        way, side = math.copysign(1.0, middle), math.copysign(1.0, place.held + middle)
        flat = place.rate * way + place.funding + place.capital * side
        prices = ((flat + 2.0 * place.impact * each) / place.beta for each in (start, end))
        yield _Stretch(start, end, *prices)


def _shares(
    betas: Sequence[float], ranges: Sequence[Sequence[_Stretch]], wanted: float
) -> list[float]:
    """Return the orders, coins, that make up a hedge of `wanted` at one marginal cost."""

    def orders(price: float, *, whole: bool) -> list[float]:
        return [
            told[0].low + sum(each.filled(price, whole=whole) for each in told) for told in ranges
        ]

    def hedge(price: float, *, whole: bool) -> float:
        return sum(b * d for b, d in zip(betas, orders(price, whole=whole), strict=True))

    prices = sorted({edge for told in ranges for each in told for edge in (each.start, each.end)})
    above = next((p for p in prices if hedge(p, whole=True) >= wanted), prices[-1])
    least = hedge(above, whole=False)
    if least > wanted:  # somewhere between two prices, where all is a straight line
        below = prices[prices.index(above) - 1]
        before = hedge(below, whole=True)
        share = (wanted - before) / (least - before)
        return orders(below + share * (above - below), whole=True)
    found, rest = orders(above, whole=False), wanted - least
    for index, most in enumerate(orders(above, whole=True)):
        more = min(most - found[index], rest / betas[index])
        found[index] += more
        rest -= more * betas[index]
    return found
