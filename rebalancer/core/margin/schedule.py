"""Schedules: the maintenance that a venue asks of a notional, each slice at its own rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rebalancer.core.black import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Maintenance as a function of notional: rate·notional − amount from each floor on.

    A schedule is convex: no slice is cheaper than the one below it. So what a
    chord between two sizes promises, the schedule keeps.
    """

    floors: FloatArray  # USD, 0 first, rising
    rates: FloatArray  # fraction of notional, never falling
    amounts: FloatArray  # USD; what keeps the charge continuous
    tiers: tuple[tuple[float, float, float], ...]  # the three as numbers


def schedule(tiers: Sequence[tuple[float, float]]) -> Schedule:
    """Return the schedule of (floor in USD, rate) pairs; the settings have seen to their order."""
    floors = np.array([floor for floor, _ in tiers])
    rates = np.array([rate for _, rate in tiers])
    amounts = np.cumsum(floors * np.diff(rates, prepend=0.0))
    rows = zip(floors.tolist(), rates.tolist(), amounts.tolist(), strict=True)
    return Schedule(floors, rates, amounts, tuple(rows))


@lru_cache(maxsize=256)
def flat(rate: float) -> Schedule:
    """Return the schedule of one rate for every notional."""
    return schedule(((0.0, rate),))


def charge_one(told: Schedule, notional: float) -> float:
    """Return the maintenance of one notional, both USD, >= 0."""
    tiers = told.tiers
    rate, amount = tiers[0][1:]
    for floor, slice_, less in tiers[1:]:
        if notional < floor:
            break
        rate, amount = slice_, less
    return rate * notional - amount


def charge(told: Schedule, notional: FloatArray) -> FloatArray:
    """Return the maintenance of a notional, both USD, >= 0, shape (n,)."""
    if len(told.rates) == 1:
        return np.asarray(told.rates[0] * notional)
    tier = np.searchsorted(told.floors, notional, side="right") - 1
    return np.asarray(told.rates[tier] * notional - told.amounts[tier])
