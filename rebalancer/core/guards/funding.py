"""Funding guard: do not grow a perp position that is too dear to hold.

Funding is paid between longs and shorts: at a positive rate longs pay
shorts. What closes the position always passes, and so does what brings net
delta back to its limit: dear funding may widen the band, never bare the book.
"""

from typing import NamedTuple

from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import spared

NAME = "funding"


class Spent(NamedTuple):
    """What funding cost of late."""

    paid: float = 0.0  # within a day, less what was received, USD
    budget: float | None = None  # most of it, USD, > 0; None: no such limit


NOTHING = Spent()


def judge(
    intent: HedgeIntent,
    rate: float | None,
    cap: float,
    spent: Spent = NOTHING,
    missing: Reason = Reason.FUNDING_UNKNOWN,
) -> Verdict:
    """Return the verdict on the carry of the position after `intent`.

    Args:
        intent: The order to judge; quantities in contracts, + is long.
        rate: Expected funding over the horizon as a fraction of notional per
            day (0.0003 is 3 bp a day), + where longs pay; None when the venue
            has not told it yet.
        cap: Most that the position may pay, same unit, > 0.
        spent: What was paid already; a position that is paid spends nothing.
        missing: Why the rate is unknown, where it is.

    Returns:
        A whole pass, or a pass for the closing or required part only, with what
        was measured against its limit. An unknown rate is a reason: fail closed.
    """
    whole, passes = abs(intent.quantity), spared(intent)
    if passes == whole:
        return Verdict(NAME, whole)
    if rate is None:
        return Verdict(NAME, passes, missing, subject=intent.instrument)
    paid = rate if intent.position + intent.quantity > 0 else -rate
    if paid > cap:
        return Verdict(NAME, passes, Reason.FUNDING_TOO_DEAR, paid, cap, intent.instrument)
    if spent.budget is not None and spent.paid >= spent.budget and paid > 0:
        told = (spent.paid, spent.budget)
        return Verdict(NAME, passes, Reason.FUNDING_BUDGET_SPENT, *told)
    return Verdict(NAME, whole, None, paid, cap, intent.instrument)
