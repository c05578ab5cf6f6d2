"""The verdict: what the outcomes of a sweep say, chosen on the first part and judged on the rest.

Which points are on the frontier, and which one is recommended, is decided on
the first part alone. What they did on the rest is told beside it, with what
would have been best there: how far the two lie apart is what a choice is worth.

A point with an account that was liquidated, whenever it was, is on no frontier
and never recommended: after that it is another book, and holds less than was to
be hedged. This alone looks at the whole time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.research.sweep.frontier import Objective, Stand, frontier, ranked
from rebalancer.research.sweep.points import Job, shown
from rebalancer.research.sweep.running import Line

Figures = Mapping[str, Any]  # of a part, see measures


@dataclass(frozen=True, slots=True)
class Ranked:
    """One point with its outcome."""

    job: Job
    line: Line

    @property
    def label(self) -> str:
        """What tells it apart."""
        return self.job.point.label

    @property
    def liquidations(self) -> int:
        """How often an account was liquidated, in the whole time."""
        return int(self.line["liquidations"])

    def figures(self, part: str) -> Figures | None:
        """Return what a part of its samples shows; None where they are too few."""
        told = self.line.get(part)
        return None if told is None or told["risk"] is None else told


@dataclass(frozen=True, slots=True)
class Recommended:
    """The point that a wish asks for."""

    point: Ranked
    wish: Objective
    kept: bool  # whether it is within its limit on the rest too
    place: int | None  # by the same wish on the rest, from 1; None: it does not pass there
    of: int  # points that pass there
    best: Ranked | None  # what the wish would have asked for there


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sweep says."""

    points: tuple[Ranked, ...]  # in the order of the spec
    frontier: tuple[Ranked, ...]  # on the first part, the cheapest first
    later: tuple[Ranked, ...]  # on the rest
    recommended: Recommended | None
    why_none: str  # where nothing is


def judge(jobs: Sequence[Job], lines: Mapping[str, Line], wish: Objective | None) -> Verdict:
    """Return what the outcomes of all points say."""
    points = tuple(Ranked(job, lines[job.key]) for job in jobs)
    first, rest = _standing(points, "first"), _standing(points, "rest")
    edge = _edge(first)
    told, why = _recommended(first, rest, wish)
    if not first and any(each.liquidations and each.figures("first") for each in points):
        why = why if wish is None else "every point was liquidated"
    return Verdict(points, edge, _edge(rest), told, why)


Standing = list[tuple[Ranked, Stand]]


def _standing(points: Sequence[Ranked], part: str) -> Standing:
    found = []
    for point in points:
        told = point.figures(part)
        if told is not None and not point.liquidations:
            found.append((point, Stand(told["cost"], told["risk"])))
    return found


def _edge(standing: Standing) -> tuple[Ranked, ...]:
    return tuple(standing[n][0] for n in frontier([stand for _, stand in standing]))


def _recommended(
    first: Standing, rest: Standing, wish: Objective | None
) -> tuple[Recommended | None, str]:
    if wish is None:
        return None, "the spec names no [objective]"
    if not first:
        return None, "the first part has too few samples"
    chosen = ranked([stand for _, stand in first], wish)
    if not chosen:
        return None, f"no point is within {wish.kind} = {wish.limit:g} on the first part"
    point = first[chosen[0]][0]
    later = [rest[n][0] for n in ranked([stand for _, stand in rest], wish)]
    place = next((n for n, each in enumerate(later, 1) if each is point), None)
    kept, best = place is not None, later[0] if later else None
    return Recommended(point, wish, kept, place, len(later), best), ""


def as_json(told: Verdict) -> dict[str, Any]:
    """Return what `sweep --json` prints."""
    return {
        "points": [_point(each) for each in told.points],
        "frontier": [each.job.key for each in told.frontier],
        "frontier_of_the_rest": [each.job.key for each in told.later],
        "recommended": None if told.recommended is None else _chosen(told.recommended),
        "not_recommended_because": told.why_none or None,
    }


def _point(point: Ranked) -> dict[str, Any]:
    told = point.job.point
    values = {name: shown(value) for name, value in told.values}
    return {"number": told.number, "policy": told.policy, "values": values, **point.line}


def _chosen(told: Recommended) -> dict[str, Any]:
    return {
        **_point(told.point),
        "objective": {"kind": told.wish.kind, "limit": told.wish.limit},
        "kept_on_the_rest": told.kept,
        "place_on_the_rest": told.place,
        "passing_on_the_rest": told.of,
        "best_on_the_rest": None if told.best is None else told.best.job.key,
    }
