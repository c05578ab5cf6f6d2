"""Funding guard: do not grow a perp position that is too dear to hold.

Funding is paid between longs and shorts: at a positive rate longs pay
shorts. What closes the position always passes, and so does what brings net
delta back to its limit: dear funding may widen the band, never bare the book.
"""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "funding"


def judge(
    intent: HedgeIntent,
    rate: float | None,
    cap: float,
    spent: float = 0.0,
    budget: float | None = None,
) -> Verdict:
    """Return the verdict on the carry of the position after `intent`.

    Args:
        intent: The order to judge; quantities in contracts, + is long.
        rate: Expected funding over the horizon as a fraction of notional per
            day (0.0003 is 3 bp a day), + where longs pay; None when the venue
            has not told it yet.
        cap: Most that the position may pay, same unit, > 0.
        spent: Funding paid today less what was received, USD.
        budget: Most that may be paid in a day, USD, > 0; None: no such limit.

    Returns:
        A whole pass, or a pass for the closing or required part only, with what
        was measured against its limit. An unknown rate is a reason: fail closed.
    """
    whole, spared = abs(intent.quantity), _spared(intent)
    if spared == whole:
        return Verdict(NAME, whole)
    if rate is None:
        return Verdict(NAME, spared, Reason.FUNDING_UNKNOWN, subject=intent.instrument)
    paid = rate if intent.position + intent.quantity > 0 else -rate
    if paid > cap:
        return Verdict(NAME, spared, Reason.FUNDING_TOO_DEAR, paid, cap, intent.instrument)
    if budget is not None and spent >= budget:
        return Verdict(NAME, spared, Reason.FUNDING_BUDGET_SPENT, spent, budget)
    return Verdict(NAME, whole, None, paid, cap, intent.instrument)


def _spared(intent: HedgeIntent) -> Decimal:
    """Return the part that dear funding never holds back, contracts."""
    return min(max(intent.closing, intent.required), abs(intent.quantity))
