"""The frontier of risk and cost, and the point on it that a wish asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

WISHES = ("risk_aversion", "spend_at_most", "risk_at_most")


@dataclass(frozen=True, slots=True)
class Objective:
    """What is wished for."""

    kind: str  # one of WISHES
    limit: float  # 1/USD; USD a day; USD a day, a standard deviation

    def said(self) -> str:
        """Return it in words."""
        match self.kind:
            case "risk_aversion":
                return f"least cost + {self.limit:g} ÷ 2 × variance, a day"
            case "spend_at_most":
                return f"least risk of what costs at most {self.limit:g} USD a day"
            case _:
                return f"least cost of what leaves at most {self.limit:g} USD of risk a day"


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a point stands; the less of both the better."""

    cost: float  # USD a day
    risk: float  # standard deviation of the hedged book's equity, USD a day


def frontier(points: Sequence[Stand]) -> list[int]:
    """Return the places of the points that no other beats, the cheapest first.

    A point is beaten by one that has no more of either and less of one. Of
    equal ones all stay.

    >>> frontier([Stand(1, 9), Stand(2, 9), Stand(3, 4), Stand(5, 5)])
    [0, 2]
    """
    order = sorted(range(len(points)), key=lambda n: (points[n].cost, points[n].risk, n))
    found: list[int] = []
    for place in order:
        here = points[place]
        last = points[found[-1]] if found else None
        if last is None or here.risk < last.risk or here == last:
            found.append(place)
    return found


def ranked(points: Sequence[Stand], wish: Objective) -> list[int]:
    """Return the places of the points that a wish lets pass, the best first.

    Equals are told apart by what they cost, then by their risk, then by their place.
    """

    def good(place: int) -> tuple[float, float, float, int]:
        here = points[place]
        match wish.kind:
            case "risk_aversion":
                first = here.cost + wish.limit / 2 * here.risk**2
            case "spend_at_most":
                first = here.risk
            case _:
                first = here.cost
        return first, here.cost, here.risk, place

    return sorted((n for n, each in enumerate(points) if _passes(each, wish)), key=good)


def _passes(point: Stand, wish: Objective) -> bool:
    match wish.kind:
        case "spend_at_most":
            return point.cost <= wish.limit
        case "risk_at_most":
            return point.risk <= wish.limit
        case _:
            return True
