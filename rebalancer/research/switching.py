"""What a perpetual leg earns in funding: where it stays, where a rule moves it, and at best.

At each tick the venue that holds the leg settles first; then what was settled
is known, and then the leg may move, at a cost, to where it stands until the
next tick. So no choice knows a rate that was not settled yet. The best in
hindsight knows them all: it bounds what any rule can earn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebalancer.core import funding
from rebalancer.core.funding import Candidate, Expected, Rule, Standing, Terms, Track
from rebalancer.recordings.table import Floats
from rebalancer.research.settlements import Settlements

Places = NDArray[np.int64]
Foreseen = Sequence[tuple[Expected | None, ...]]  # tick by tick, venue by venue


@dataclass(frozen=True, slots=True)
class Leg:
    """The leg that has to stand somewhere."""

    side: int = -1  # +1 long, −1 short
    cost: float = 0.00055  # to enter or to leave a venue, fraction: taker fee + half the spread


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Where a leg stood and what came of it, fractions of its notional, tick by tick."""

    held: Places  # from the tick to the next, place among the venues
    received: Floats  # funding at the tick
    paid: Floats  # for moving at the tick

    @property
    def flips(self) -> int:
        """Return how often it moved."""
        return int(np.count_nonzero(np.diff(self.held)))

    @property
    def earned(self) -> Floats:
        """Return what was earned until each tick."""
        earned: Floats = np.cumsum(self.received - self.paid)
        return earned


def foresee(told: Settlements, terms: Terms, horizon: int) -> Foreseen:
    """Return what is expected at each tick over `horizon` (ns), of each venue."""
    tracks = [Track(terms) for _ in told.venues]
    known = []
    rows = zip(told.ts.tolist(), told.rate.tolist(), told.interval.tolist(), strict=True)
    for ts, rates, intervals in rows:
        for track, rate, interval in zip(tracks, rates, intervals, strict=True):
            if interval:
                funding.note(track, ts, rate, interval)
        known.append(tuple(funding.expected(track, horizon) for track in tracks))
    return known


def stay(told: Settlements, place: int, leg: Leg) -> Walk:
    """Return the path of a leg that never leaves a venue."""
    return _walked(told, np.full(len(told.ts), place, dtype=np.int64), leg)


def follow(told: Settlements, foreseen: Foreseen, rule: Rule, leg: Leg, first: int = 0) -> Walk:
    """Return the path of a leg that a rule moves, from the venue `first` on.

    There it stands after the first tick; so every move is one that is paid for.
    """
    held = np.empty(len(told.ts), dtype=np.int64)
    at, flipped = first, None
    intervals = [funding.DAY] * len(told.venues)  # of each, as last told
    for tick, ts in enumerate(told.ts.tolist()):
        for place, interval in enumerate(told.interval[tick].tolist()):
            intervals[place] = interval or intervals[place]
        if tick:
            standing = Standing(told.venues[at], intervals[at], flipped)
            chosen = _chosen(told.venues, foreseen[tick], (standing, ts), rule, leg)
            at, flipped = (at, flipped) if chosen == at else (chosen, ts)
        held[tick] = at
    return _walked(told, held, leg)


def _chosen(
    venues: Sequence[str],
    foreseen: Sequence[Expected | None],
    now: tuple[Standing, int],
    rule: Rule,
    leg: Leg,
) -> int:
    """Return the place of the venue where the rule wants the leg."""
    standing, ts = now
    pairs = zip(venues, foreseen, strict=True)
    candidates = [Candidate(name, expected, leg.cost) for name, expected in pairs]
    chosen = funding.choose(leg.side, standing, candidates, ts, rule)
    return venues.index(chosen.instrument or standing.instrument or "")


def chase(told: Settlements, leg: Leg, first: int = 0) -> Walk:
    """Return the path of a leg that always moves to where the last settlement was kindest.

    Whatever that costs; among equals it stays.
    """
    held = np.empty(len(told.ts), dtype=np.int64)
    at, last = first, np.full(len(told.venues), np.nan)
    rows = zip(told.rate, told.interval, strict=True)
    for tick, (rates, intervals) in enumerate(rows):
        settled = intervals > 0
        last[settled] = rates[settled] / intervals[settled]
        best = int(np.nanargmin(leg.side * last)) if tick and not np.isnan(last).all() else at
        if tick and not leg.side * last[at] <= leg.side * last[best]:
            at = best
        held[tick] = at
    return _walked(told, held, leg)


def hindsight(told: Settlements, leg: Leg) -> Walk:
    """Return the path that earned most of all that there are, wherever it began.

    Dynamic programming: the most that can have been earned by a tick when the
    leg stands at a venue after it, for each venue.
    """
    move = 2.0 * leg.cost
    count, venues = told.rate.shape
    came = np.empty((count, venues), dtype=np.int64)  # where it stood before, if it stands here
    best = np.zeros(venues)
    came[0] = np.arange(venues)
    for tick in range(1, count):
        best = best - leg.side * told.rate[tick]
        richest = int(np.argmax(best))
        moves = best[richest] - move > best
        came[tick] = np.where(moves, richest, np.arange(venues))
        best = np.maximum(best, best[richest] - move)
    held = np.empty(count, dtype=np.int64)
    held[-1] = int(np.argmax(best))
    for tick in range(count - 1, 0, -1):
        held[tick - 1] = came[tick, held[tick]]
    return _walked(told, held, leg)


def _walked(told: Settlements, held: Places, leg: Leg) -> Walk:
    """Return what came of standing there: nothing is received before the first tick is over."""
    ticks = np.arange(1, len(held))
    received, paid = np.zeros(len(held)), np.zeros(len(held))
    received[1:] = -leg.side * told.rate[ticks, held[:-1]]
    paid[1:] = np.where(np.diff(held) != 0, 2.0 * leg.cost, 0.0)
    return Walk(held, received, paid)
