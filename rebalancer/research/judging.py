"""Judging: which rule leaves least to chance at equal cost, chosen on one half, held to the other.

One half chooses a rule that minds the cost and its parameter: what leaves least and costs no more
than hedging at a fixed time. Each plain rule's parameter is chosen there likewise. The other half
tells what the two cost and leave, and what the plain rule leaves there at the cost of the chosen
one, read between two parameters, straight in logarithms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebalancer.core.black import FloatArray
from rebalancer.research import blocks, contest
from rebalancer.research.contest import MINDFUL, PLAIN, TIME, Played, Scores
from rebalancer.research.straddles import DAY

HALVES = ("first half", "second half")
MEASURES = ("profit", "gap")
BLOCK, DRAWS, SEED = 5, 2000, 20261120  # days; draws; of the generator
TAIL = 0.05
AT = ("1h", "4h", "8h", "1d")  # fixed times whose cost no choice exceeds


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
class Choice:
    """A rule and the place of its parameter in its grid."""

    rule: str
    place: int
    parameter: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a half says of what the other half chose: a rule that minds the cost, a plain one.

    A ratio is that of the first to the second; < 1 is less.
    """

    judged: str
    measure: str
    at: str  # the fixed time whose cost bounds the choice
    budget: float  # that cost on the half that chose, USD a day
    chosen: Choice
    against: Choice
    cost: float  # of the chosen, USD a day
    costs: float  # ratio, both as chosen
    costs_bounds: tuple[float, float]
    variances: float  # ratio, both as chosen
    variances_bounds: tuple[float, float]
    ratio: float  # of variances at the cost of the chosen; NaN: out of the plain rule's reach
    bounds: tuple[float, float]


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


def falling(costs: FloatArray, variances: FloatArray) -> NDArray[np.intp]:
    """Return the places of the parameters that leave less than any cheaper one, cheapest first.

    >>> falling(np.array([4.0, 1.0, 4.2, 2.0]), np.array([1.0, 5.0, 100.0, 6.0])).tolist()
    [1, 0]
    """
    order = np.lexsort((variances, costs))
    before = np.minimum.accumulate(np.concatenate(([np.inf], variances[order])))[:-1]
    return np.asarray(order[variances[order] < before])


def read(costs: FloatArray, variances: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the variance at a cost of each draw, shape (draws,); NaN beyond the grid.

    Only parameters that leave less than any cheaper one in the first draw, the sample, are read.
    Where dearer ones leave no less, what the last of these leaves holds for any higher cost.

    Args:
        costs: Of the grid's parameters, (draws, k).
        variances: Likewise.
        wanted: The cost to read at, (draws,).

    >>> read(np.array([[1.0, 4.0]]), np.array([[16.0, 1.0]]), np.array([2.0])).round(3).tolist()
    [4.0]
    """
    kept = falling(costs[0], variances[0])
    turned = costs[0, kept[-1]] < costs[0].max()
    found = np.full(len(costs), np.nan)
    for i, (x, y, at) in enumerate(zip(costs[:, kept], variances[:, kept], wanted, strict=True)):
        fit = (x > 0) & (y > 0)
        order = np.argsort(x[fit])
        if at > 0 and len(order):
            xs, ys = np.log(x[fit][order]), np.log(y[fit][order])
            right = ys[-1] if turned else np.nan
            found[i] = np.exp(np.interp(np.log(at), xs, ys, left=np.nan, right=right))
    return found


def parts(played: Played) -> Mapping[str, slice]:
    """Return the days of each half."""
    middle = len(played.days) // 2
    return dict(zip(HALVES, (slice(0, middle), slice(middle, None)), strict=True))


def choose(
    played: Played, half: slice, measure: str, rules: Sequence[str], budget: float
) -> Choice | None:
    """Return what leaves least in a half of what costs no more than so many USD a day there.

    None: nothing is as cheap.
    """
    found: tuple[float, Choice] | None = None
    for rule in rules:
        scores = played.scores[rule]
        costs = scores.fees[half].mean(axis=0)
        variances = getattr(scores, measure)[half].var(axis=0)
        for place, parameter in enumerate(scores.grid):
            cheap = costs[place] <= budget
            if cheap and (found is None or variances[place] < found[0]):
                found = float(variances[place]), Choice(rule, place, parameter)
    return None if found is None else found[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Costs and variances of every rule, by draw; the first row is the sample itself."""

    costs: Mapping[str, FloatArray]
    variances: Mapping[str, FloatArray]


def verdicts(played: Played, draws: int = DRAWS) -> tuple[Verdict, ...]:
    """Choose on each half and judge on the other, by each measure and at each cost.

    What the judged half holds has no part in the choice, of neither rule nor parameter.
    """
    found: list[Verdict] = []
    halves = parts(played)
    for measure in MEASURES:
        for chooses, judged in (HALVES, HALVES[::-1]):
            drawn = _drawn(played, halves[judged], measure, draws)
            for time in AT:
                budget = _cost(played, halves[chooses], time)
                chosen = choose(played, halves[chooses], measure, MINDFUL, budget)
                for rule in PLAIN:
                    against = choose(played, halves[chooses], measure, (rule,), budget)
                    if chosen is not None and against is not None:
                        terms = (judged, measure, time, budget)
                        found.append(_judged(drawn, terms, chosen, against))
    return tuple(found)


def _cost(played: Played, half: slice, time: str) -> float:
    """Return what hedging at a fixed time costs in a half, USD a day."""
    scores = played.scores[TIME]
    place = int(np.argmin(np.abs(np.array(scores.grid) - contest.TIMES[time] / DAY)))
    return float(scores.fees[half].mean(axis=0)[place])  # to the last bit as in `choose`


def _judged(
    drawn: _Drawn, terms: tuple[str, str, str, float], chosen: Choice, against: Choice
) -> Verdict:
    cost = drawn.costs[chosen.rule][:, chosen.place]
    left = drawn.variances[chosen.rule][:, chosen.place]
    rival, variances = drawn.costs[against.rule], drawn.variances[against.rule]
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw in which nobody hedges
        paid = cost / rival[:, against.place]
        both = left / variances[:, against.place]
        equal = left / read(rival, variances, cost)
    return Verdict(
        *terms,
        chosen,
        against,
        float(cost[0]),
        float(paid[0]),
        blocks.interval(paid[1:]),
        float(both[0]),
        blocks.interval(both[1:]),
        float(equal[0]),
        blocks.interval(equal[1:]),
    )


def _drawn(played: Played, half: slice, measure: str, draws: int) -> _Drawn:
    days = len(played.days[half])
    weights = np.vstack((np.ones((1, days)), blocks.counts(days, BLOCK, draws, SEED)))
    costs = {name: blocks.means(weights, each.fees[half]) for name, each in played.scores.items()}
    told = {
        name: blocks.variances(weights, getattr(each, measure)[half])
        for name, each in played.scores.items()
    }
    return _Drawn(costs, told)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many of the verdicts on one measure and one plain rule say what."""

    measure: str
    against: str
    verdicts: int  # that could be read
    ratio: float  # of variances at equal cost, the median
    less: int  # whose bounds lie below 1 altogether
    more: int  # above
    variances: float  # ratio as chosen, the median
    costs: float  # ratio as chosen, the median


def summaries(told: Sequence[Verdict]) -> tuple[Summary, ...]:
    """Return the verdicts counted up, by measure and plain rule."""
    found = []
    for measure in MEASURES:
        for against in PLAIN:
            own = [
                each
                for each in told
                if (each.measure, each.against.rule) == (measure, against)
                and np.isfinite(each.bounds[0])
            ]
            if not own:
                continue
            found.append(
                Summary(
                    measure,
                    against,
                    len(own),
                    float(np.median([each.ratio for each in own])),
                    sum(each.bounds[1] < 1 for each in own),
                    sum(each.bounds[0] > 1 for each in own),
                    float(np.median([each.variances for each in own])),
                    float(np.median([each.costs for each in own])),
                )
            )
    return tuple(found)
