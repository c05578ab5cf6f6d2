"""Fits: the coefficients of the minimum-variance delta from recorded moves, and their gate.

The error of a delta hedge is regressed on vega ÷ √T times the forward's return
times (1, δ, δ²). All options of a day move together, so that days are what
chance is judged by: the coefficients are shrunk toward 0 by their own noise.
Whether they are of any use is asked of moves that had no part in them; where
they are not, sticky strike is what remains.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rebalancer.core import smile
from rebalancer.core.smile import Coefficients, Terms
from rebalancer.recordings.table import Floats
from rebalancer.research.smile_moves import Moves
from rebalancer.runtime.randomness import SeededRandomness

DAY = 86_400_000_000_000  # ns
CAP = 0.10  # coins a coin that no delta is moved by more
WINDOW = 60  # days that coefficients rest on
FIRST = 15  # days before the first that is judged
BLOCK = 3  # days that are drawn together, since storms last
DRAWS = 1_000  # of the bootstrap
_FEWEST = 3  # days, and more, that coefficients rest on


@dataclass(frozen=True, slots=True)
class Fitted:
    """Coefficients, and what they were shrunk by."""

    coefficients: Coefficients  # a, b, c; of the call's delta
    kept: float  # share that was kept, in [0, 1]
    days: int  # that had a move


@dataclass(frozen=True, slots=True)
class Ratio:
    """A variance ratio: hedged by an adjusted delta ÷ hedged by the plain one."""

    ratio: float
    low: float  # of a 95 % interval
    high: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What coefficients that were always fitted on the past would have done."""

    gain: float  # 1 - sum of squares with ÷ without
    low: float  # of a 95 % interval
    high: float
    days: int  # that were judged

    @property
    def open(self) -> bool:
        """Whether there was a gain that chance does not explain; else sticky strike remains."""
        return self.low > 0


def days(moves: Moves) -> npt.NDArray[np.int64]:
    """Return the day of each move."""
    return np.asarray(moves.ts // DAY)


def columns(moves: Moves) -> Floats:
    """Return what each coefficient adds to a hedge's gain, shape (n, 3)."""
    dense = moves.vega / np.sqrt(moves.days / 365.0)
    return np.stack([dense * moves.moved * moves.delta**power for power in range(3)], axis=1)


def fit(moves: Moves) -> Fitted:
    """Return the coefficients of some moves, shrunk toward 0.

    What is kept of them is the share of what they explain that noise would not, days
    being independent: the positive part of an unbiased estimate of it.

    Source:
        Hull & White, "Optimal delta hedging for options", J. Banking & Finance 82 (2017), eq. 6.
    """
    sums = _Sums(moves)
    return sums.fitted(np.ones(len(sums.day), dtype=np.bool_))


def adjusted(moves: Moves, terms: Terms) -> Floats:
    """Return the errors where the deltas gain what the terms say; NaN slopes gain nothing."""
    root = np.sqrt(moves.days / 365.0)
    gain = smile.of_call(moves.vega / root, root, moves.delta, terms)
    return np.asarray(moves.error - np.where(np.isfinite(gain), gain, 0.0) * moves.moved)


def forward_walk(moves: Moves, window: int = WINDOW) -> Floats:
    """Return the errors where each day's coefficients rest on the days before it; NaN at first."""
    sums, day = _Sums(moves), days(moves)
    found = np.full(len(moves), np.nan)
    for today in sums.day[sums.day >= sums.day[0] + FIRST].tolist():
        past = (sums.day < today) & (sums.day >= today - window)
        terms = Terms(CAP, coefficients=sums.fitted(past).coefficients)
        rows = day == today
        found[rows] = adjusted(moves.picked(rows), terms)
    return found


def gate(moves: Moves, window: int = WINDOW, seed: int = 7) -> Gate:
    """Return what a book would have gained that had fitted each day anew."""
    then = forward_walk(moves, window)
    judged = np.isfinite(then)
    if not judged.any():
        return Gate(0.0, 0.0, 0.0, 0)
    told, day = moves.picked(judged), days(moves)[judged]
    found = ratio(told.error, then[judged], day, seed)
    count = len(np.unique(day))
    return Gate(1 - found.ratio, 1 - found.high, 1 - found.low, count)


def ratio(plain: Floats, other: Floats, day: npt.NDArray[np.int64], seed: int = 7) -> Ratio:
    """Return sum of squares ÷ sum of squares, with a bootstrap interval of blocks of days.

    Source:
        Künsch, "The jackknife and the bootstrap for general stationary observations",
        Annals of Statistics 17 (1989); blocks are drawn around the circle.
    """
    _, place = np.unique(day, return_inverse=True)
    count = int(place.max()) + 1
    below = np.bincount(place, plain**2, count)
    above = np.bincount(place, other**2, count)
    drawn = _drawn(count, seed)
    ratios = above[drawn].sum(axis=1) / below[drawn].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Ratio(float(above.sum() / below.sum()), float(low), float(high))


def _drawn(count: int, seed: int) -> npt.NDArray[np.int64]:
    chance = SeededRandomness(seed).generator("blocks")
    blocks = -(-count // BLOCK)
    first = chance.integers(0, count, size=(DRAWS, blocks, 1))
    return np.asarray(((first + np.arange(BLOCK)) % count).reshape(DRAWS, -1)[:, :count])


class _Sums:
    """Cross products of each day, so that any window is fitted from a few sums.

    Args:
        moves: At least one.
    """

    def __init__(self, moves: Moves) -> None:
        self.day, place = np.unique(days(moves), return_inverse=True)
        rows = columns(moves)
        self._square = np.zeros((len(self.day), 3, 3))
        self._pull = np.zeros((len(self.day), 3))
        np.add.at(self._square, place, rows[:, :, None] * rows[:, None, :])
        np.add.at(self._pull, place, rows * moves.error[:, None])

    def fitted(self, picked: npt.NDArray[np.bool_]) -> Fitted:
        """Return the coefficients of some days; 0 where they tell none."""
        square, pull = self._square[picked], self._pull[picked]
        count, whole = len(square), square.sum(axis=0)
        scale = np.trace(whole) / 3
        if count <= _FEWEST or not scale > 0:
            return Fitted((0.0, 0.0, 0.0), 0.0, count)
        inverse = np.linalg.inv(whole + 1e-9 * scale * np.eye(3))
        found = inverse @ pull.sum(axis=0)
        left = pull - square @ found  # of each day
        explained = float(found @ whole @ found)
        chance = float(np.trace(left.T @ left @ inverse))  # explained by noise alone, expected
        kept = max(0.0, 1.0 - chance / explained) if explained > 0 else 0.0
        a, b, c = (kept * found).tolist()
        return Fitted((a, b, c), kept, count)
