"""Budget: what may be spent within 24 hours, and how much of an order it still covers.

What closes a position passes also when nothing is left, and is counted first:
growth gets what remains after it.
"""

from typing import NamedTuple

from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact, grows, within

NEARLY = 1 - 1e-9  # of a limit: below it a float can tell, at it only decimals can


class Budget(NamedTuple):
    """Where a budget stands before an order."""

    spent: float  # in the last 24 h, USD
    each: float | None  # what a contract of the order will add, USD; None: it has no mark
    limit: float  # most in 24 h, USD


def weigh(guard: str, intent: HedgeIntent, budget: Budget, overdrawn: Reason) -> Verdict:
    """Return what closes, and growth up to what is left.

    Args:
        guard: Whose verdict it is.
        intent: The order to judge.
        budget: What was spent, and what the order would add.
        overdrawn: What to say where not all of it fits.
    """
    whole = abs(intent.quantity)
    if not grows(intent):
        return Verdict(guard, whole)
    if budget.each is None:
        return Verdict(guard, intent.closing, Reason.MARK_MISSING, subject=intent.instrument)
    after = budget.spent + float(whole) * budget.each
    if after < budget.limit * NEARLY:
        return Verdict(guard, whole, None, after, budget.limit)
    spent, each, limit = exact(budget.spent), exact(budget.each), exact(budget.limit)
    allowed = within(intent, limit - spent - intent.closing * each, each)
    reason = None if allowed == whole else overdrawn
    return Verdict(guard, allowed, reason, float(spent + whole * each), budget.limit)
