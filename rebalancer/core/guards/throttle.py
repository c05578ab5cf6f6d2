"""Throttle guard: an underlying is hedged only so often within a minute.

A hedger that answers each of its own orders with another one does all its
harm in seconds. A few of them are enough for any market. What rests, and a
slice, leaves three to the orders that end an attempt.
"""

from collections.abc import Iterable
from decimal import Decimal

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "throttle"
MINUTE = 60_000_000_000  # ns
SPARE = 3  # orders of a minute that patient ones leave to those that take


def judge(intent: HedgeIntent, ordered: Iterable[int], now: int, limit: int) -> Verdict:
    """Return a whole pass, or none where the minute has had its hedges.

    Args:
        intent: The order to judge; one that protects does not wait.
        ordered: When hedges of the underlying were ordered, ns; older ones than
            a minute do not count.
        now: ns.
        limit: Most orders within a minute, this one among them, > 0.
    """
    whole = abs(intent.quantity)
    if intent.patient:
        limit = left(limit)
    if intent.purpose is Purpose.PROTECT:
        return Verdict(NAME, whole)
    count = 1 + sum(ts > now - MINUTE for ts in ordered)
    told = (float(count), float(limit), intent.underlying)
    if count <= limit:
        return Verdict(NAME, whole, None, *told)
    return Verdict(NAME, Decimal(0), Reason.TOO_MANY_HEDGES, *told)


def left(limit: int) -> int:
    """Return how many orders of a minute may be patient; one may, however few there are."""
    return max(limit - SPARE, 1)
