"""Rungs: how near a pool is to liquidation, as a step of the ladder warn → … → halt.

Three measures, and the worst of them counts: the margin ratio, the distance to
the liquidation price, and that distance in standard deviations over the time
that it takes to react. At three times leverage the ratio alone moves from calm
to liquidated within one bad hour, the distance alone does not know how wild
that hour is.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.core.figures import TOGETHER
from rebalancer.core.margin.pool import Leg, Pool, Trial, distances, revalued
from rebalancer.core.margin.schedule import charge_one

YEAR = 365 * 86_400 * 1_000_000_000  # ns
_POINTS = np.linspace(0.25, 1.0, 4)  # of the way to a limit, where the gap is looked at


class Rung(IntEnum):
    """Steps of the ladder; each does what the ones before it do, and more."""

    CALM = 0
    WARN = 1  # a person is told
    WIDEN = 2  # hedges grow a position only as far as net delta must
    REDUCE = 3  # the hedge is bought back until the account is clear of WIDEN
    DERISK = 4  # the same, and a person is woken
    HALT = 5  # the same, and no hedging until a person arms

    @property
    def word(self) -> str:
        """Its name in the settings."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where each rung begins, WARN first; five numbers each."""

    ratio: tuple[float, ...]  # maintenance ÷ balance, rising
    distance: tuple[float, ...]  # |liquidation price ÷ mark − 1|, falling
    min_sigmas: float | None  # below: REDUCE, below half of it: DERISK; None: not looked at
    reaction_time: int  # ns
    margin: float  # fraction by which a rung must be cleared to be left, or grown towards


class Reading(NamedTuple):
    """How a pool stands now, when the prices of some coins move."""

    pool: str
    among: str  # the coin whose price moves; empty: all of the pool together
    ratio: float  # maintenance ÷ balance; inf with nothing left
    distance: float | None  # fraction of price, > 0; None: no price takes it down
    liquidation: float | None  # factor of price that does
    sigmas: float | None  # distance in standard deviations; None as above
    rung: Rung


def read(pool: Pool, among: str, vol: float, ladder: Ladder) -> Reading:
    """Return how a pool stands.

    Args:
        pool: As it is now.
        among: The coin whose price moves; empty: all of them together.
        vol: Of that price, per year, > 0.
        ladder: Where rungs begin.
    """
    balance, asked = pool.balance, max(pool.maintenance, 0.0)
    owes = balance < 0 or (asked > 0 and not balance)
    ratio = math.inf if owes else asked / balance if asked else 0.0
    down, up = distances(pool, (among,) if among else None)
    found = [each for each in (down, up) if each is not None]
    if not found:
        return Reading(pool.name, among, ratio, None, None, None, _by_ratio(ratio, ladder))
    nearest = min(found, key=lambda factor: abs(factor - 1.0))
    distance = abs(nearest - 1.0)
    sigmas = abs(math.log(nearest)) / deviation(vol, ladder)
    rung = max(_by_ratio(ratio, ladder), _by_distance(distance, ladder), _by(sigmas, ladder))
    return Reading(pool.name, among, ratio, distance, nearest, sigmas, rung)


def deviation(vol: float, ladder: Ladder) -> float:
    """Return the standard deviation of log price over the reaction time."""
    return vol * math.sqrt(ladder.reaction_time / YEAR)


def _by_ratio(ratio: float, ladder: Ladder) -> Rung:
    return Rung(sum(ratio >= each for each in ladder.ratio))


def _by_distance(distance: float, ladder: Ladder) -> Rung:
    return Rung(sum(distance <= each for each in ladder.distance))


def _by(sigmas: float, ladder: Ladder) -> Rung:
    least = ladder.min_sigmas
    if least is None or sigmas >= least:
        return Rung.CALM
    return Rung.DERISK if sigmas < least / 2 else Rung.REDUCE


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """What holds of a pool that is clear of a rung."""

    factors: FloatArray  # of price, the first 1; there the gap must not be below 0
    ratios: FloatArray  # margin ratios that must not be passed there
    ends: tuple[tuple[float, float], ...]  # here and both ends of them, as (factor, ratio)


@lru_cache(maxsize=64)
def clear_of(rung: Rung, ladder: Ladder, vol: float) -> Limit:
    """Return what holds of a pool that is clear of a rung, with the ladder's margin.

    Args:
        rung: WARN … HALT.
        ladder: Where it begins.
        vol: Of the price, per year.
    """
    ratio = ladder.ratio[rung - 1] * (1.0 - ladder.margin)
    reach = ladder.distance[rung - 1] * (1.0 + ladder.margin)
    if ladder.min_sigmas is not None and rung <= Rung.DERISK:
        share = 0.5 if rung is Rung.DERISK else 1.0
        sigmas = ladder.min_sigmas * share * (1.0 + ladder.margin)
        reach = max(reach, math.expm1(sigmas * deviation(vol, ladder)))
    down = 1.0 - min(reach, 0.98) * _POINTS
    factors = np.concatenate([[1.0], down, 1.0 + reach * _POINTS])
    ratios = np.ones(len(factors))
    ratios[0] = ratio
    ends = ((1.0, ratio), (float(down[-1]), 1.0), (1.0 + reach, 1.0))
    return Limit(factors, ratios, ends)


def clearance(pool: Pool, among: str, limit: Limit, trial: Trial | None = None) -> list[float]:
    """Return the gaps that must not be below 0 where a pool is clear of a rung, its unit.

    The first is that of the margin ratio where prices stand, the others lie on the way.

    Args:
        pool: As it is now.
        among: As for `read`.
        limit: Of `clear_of`.
        trial: An order that is filled first.
    """
    if len(pool.legs) == 1 and not pool.coins and not pool.curves and pool.currency != TOGETHER:
        return alone(pool, pool.legs[0], limit, trial)
    balance, asked = revalued(pool, limit.factors, (among,) if among else None, trial)
    gaps: list[float] = (limit.ratios * balance - asked).tolist()
    return gaps


def alone(pool: Pool, leg: Leg, limit: Limit, trial: Trial | None = None) -> list[float]:
    """Return the same of a pool with one leg and nothing else, which most are.

    Its gap is concave in the price (in one over it, if inverse), so it is least
    at an end; and for three numbers a vector costs more than it saves.
    """
    more = trial.size if trial is not None and trial.instrument == leg.instrument else 0.0
    price = leg.mark if trial is None else trial.price
    cash = pool.balance + (0.0 if trial is None else trial.locks)
    size, mark, after = leg.size, leg.mark, abs(leg.size + more)
    found = []
    if leg.inverse:
        had, then = charge_one(leg.schedule, abs(size)) / mark, charge_one(leg.schedule, after)
        for factor, ratio in limit.ends:
            at = mark * factor
            balance = cash + size * (1 / mark - 1 / at) + more * (1 / price - 1 / at)
            found.append(ratio * balance - max(pool.maintenance + then / at - had, 0.0))
        return found
    had = charge_one(leg.schedule, abs(size) * mark)
    for factor, ratio in limit.ends:
        at = mark * factor
        balance = cash + size * (at - mark) + more * (at - price)
        asked = pool.maintenance + charge_one(leg.schedule, after * at) - had
        found.append(ratio * balance - max(asked, 0.0))
    return found
