"""Judging: which rule leaves least to chance at equal cost, chosen on one half, held to the other.

The measure of a rule at a cost lies between two parameters of its grid, straight in logarithms.
Of the rules that mind the cost one half chooses; on the other half it and the plain rules are
read at the same cost, the one of hedging at a fixed time, on the same days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.research import blocks, contest
from rebalancer.research.contest import MINDFUL, PLAIN, TIME, Played, Scores
from rebalancer.research.straddles import DAY

HALVES = ("first half", "second half")
MEASURES = ("profit", "gap")
BLOCK, DRAWS, SEED = 5, 2000, 20261120  # days; draws; of the generator
TAIL = 0.05
EVERY, SAMPLE = slice(None), slice(1)  # draws; the sample is the first
AT = ("1h", "4h", "8h", "1d")  # fixed times at whose cost rules are read


@dataclass(frozen=True, slots=True)
class Point:
    """One rule at one parameter over all days; USD a day unless told."""

    parameter: float
    cost: float  # fees
    cost_bounds: tuple[float, float]  # within which 95 of 100 draws of days lie
    deviation: float  # of the profit of a day
    deviation_bounds: tuple[float, float]
    step_deviation: float  # of the profit between two marks of the options
    gap_deviation: float  # of what net delta brought in a day
    gap_bounds: tuple[float, float]
    cvar: float  # mean loss of the worst twentieth of days
    hedges: float  # a day
    funding: float  # received


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a half says of a rule that the other half chose, against a plain one."""

    judged: str
    measure: str
    at: str  # the fixed time at whose cost all are read
    cost: float  # USD a day
    chosen: str
    against: str
    best: str  # what the judged half itself would have chosen: hindsight
    ratio: float  # of variances at equal cost, < 1 is less; NaN: one is out of reach there
    bounds: tuple[float, float]
    fees: float  # ratio of costs at the variance of the fixed time; NaN as above
    fees_bounds: tuple[float, float]


def points(scores: Scores) -> tuple[Point, ...]:
    """Return the measures of a rule at each parameter, with bounds."""
    weights = blocks.counts(len(scores.fees), BLOCK, DRAWS, SEED)
    costs = blocks.means(weights, scores.fees)
    deviations = np.sqrt(blocks.variances(weights, scores.profit))
    gaps = np.sqrt(blocks.variances(weights, scores.gap))
    marks = scores.marks.sum()
    steps = scores.squares.sum(axis=0) / marks - np.square(scores.profit.sum(axis=0) / marks)
    worst = np.sort(scores.profit, axis=0)[: max(round(TAIL * len(scores.profit)), 1)]
    return tuple(
        Point(
            parameter,
            float(scores.fees[:, i].mean()),
            blocks.interval(costs[:, i]),
            float(scores.profit[:, i].std()),
            blocks.interval(deviations[:, i]),
            float(np.sqrt(steps[i])),
            float(scores.gap[:, i].std()),
            blocks.interval(gaps[:, i]),
            float(-worst[:, i].mean()),
            float(scores.hedges[:, i].mean()),
            float(scores.funding[:, i].mean()),
        )
        for i, parameter in enumerate(scores.grid)
    )


def read(costs: FloatArray, variances: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the variance at a cost of each draw, shape (draws,); NaN beyond the grid.

    Args:
        costs: Of the grid's parameters, (draws, k).
        variances: Likewise.
        wanted: The cost to read at, (draws,).

    >>> read(np.array([[1.0, 4.0]]), np.array([[16.0, 1.0]]), np.array([2.0])).round(3).tolist()
    [4.0]
    """
    found = np.full(len(costs), np.nan)
    for i, (x, y, at) in enumerate(zip(costs, variances, wanted, strict=True)):
        fit = (x > 0) & (y > 0)
        order = np.argsort(x[fit])
        if at > 0 and len(order):
            curve = np.log(x[fit][order]), np.log(y[fit][order])
            found[i] = np.exp(np.interp(np.log(at), *curve, left=np.nan, right=np.nan))
    return found


def parts(played: Played) -> Mapping[str, slice]:
    """Return the days of each half."""
    middle = len(played.days) // 2
    return dict(zip(HALVES, (slice(0, middle), slice(middle, None)), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Costs and variances of every rule, by draw; the first row is the sample itself."""

    costs: Mapping[str, FloatArray]
    variances: Mapping[str, FloatArray]
    times: Mapping[str, int]  # place of a fixed time in its grid

    def variance(self, rule: str, time: str, rows: slice = EVERY) -> FloatArray:
        """Return the variance of a rule at the cost of a fixed time."""
        costs, wanted = self.costs[rule][rows], self.costs[TIME][rows, self.times[time]]
        return read(costs, self.variances[rule][rows], wanted)

    def cost(self, rule: str, time: str) -> FloatArray:
        """Return the cost of a rule at the variance of a fixed time."""
        return read(
            self.variances[rule], self.costs[rule], self.variances[TIME][:, self.times[time]]
        )

    def best(self, time: str) -> str | None:
        """Return the rule that minds the cost and leaves least; None: none reaches it."""
        told = {rule: float(self.variance(rule, time, SAMPLE)[0]) for rule in MINDFUL}
        known = {rule: each for rule, each in told.items() if np.isfinite(each)}
        return min(known, key=lambda rule: known[rule]) if known else None


def verdicts(played: Played, draws: int = DRAWS) -> tuple[Verdict, ...]:
    """Choose on each half and judge on the other, by each measure and at each cost.

    What the judged half holds has no part in the choice; `best` tells what it would have been.
    """
    found: list[Verdict] = []
    for measure in MEASURES:
        drawn = {name: _drawn(played, half, measure, draws) for name, half in parts(played).items()}
        for chooses, judged in (HALVES, HALVES[::-1]):
            for time in AT:
                chosen = drawn[chooses].best(time)
                if chosen is not None:
                    found += _judged(drawn[judged], judged, measure, time, chosen)
    return tuple(found)


def _judged(drawn: _Drawn, judged: str, measure: str, time: str, chosen: str) -> Sequence[Verdict]:
    cost = float(drawn.costs[TIME][0, drawn.times[time]])
    best = drawn.best(time) or chosen
    left, paid = drawn.variance(chosen, time), drawn.cost(chosen, time)
    found = []
    for against in PLAIN:
        ratios = left / drawn.variance(against, time)
        fees = paid / drawn.cost(against, time)
        found.append(
            Verdict(
                judged,
                measure,
                time,
                cost,
                chosen,
                against,
                best,
                float(ratios[0]),
                blocks.interval(ratios[1:]),
                float(fees[0]),
                blocks.interval(fees[1:]),
            )
        )
    return found


def _drawn(played: Played, half: slice, measure: str, draws: int) -> _Drawn:
    days = len(played.days[half])
    weights = np.vstack((np.ones((1, days)), blocks.counts(days, BLOCK, draws, SEED)))
    costs = {name: blocks.means(weights, each.fees[half]) for name, each in played.scores.items()}
    told = {
        name: blocks.variances(weights, getattr(each, measure)[half])
        for name, each in played.scores.items()
    }
    names = {round(ns / DAY, 9): name for name, ns in contest.TIMES.items()}
    times = {names[round(each, 9)]: i for i, each in enumerate(played.scores[TIME].grid)}
    return _Drawn(costs, told, times)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many of the verdicts on one measure and one plain rule say what."""

    measure: str
    against: str
    verdicts: int  # that could be read
    ratio: float  # of variances at equal cost, the median
    less: int  # whose bounds lie below 1 altogether
    more: int  # above
    fees: float  # ratio of costs at equal variance, the median


def summaries(told: Sequence[Verdict]) -> tuple[Summary, ...]:
    """Return the verdicts counted up, by measure and plain rule."""
    found = []
    for measure in MEASURES:
        for against in PLAIN:
            own = [
                each
                for each in told
                if (each.measure, each.against) == (measure, against)
                and np.isfinite(each.bounds[0])
            ]
            if not own:
                continue
            fees = [each.fees for each in own if np.isfinite(each.fees)]
            found.append(
                Summary(
                    measure,
                    against,
                    len(own),
                    float(np.median([each.ratio for each in own])),
                    sum(each.bounds[1] < 1 for each in own),
                    sum(each.bounds[0] > 1 for each in own),
                    float(np.median(fees)) if fees else float("nan"),
                )
            )
    return tuple(found)
