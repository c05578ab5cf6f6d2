"""Depeg guard: do not grow what is paid in a stablecoin that is not stable.

The book counts a stablecoin as a dollar. Away from it the profit of what
settles in it is not what it says, and its collateral is worth less when it is
needed most. What closes brings the book out of it and passes, and so does what
brings net delta back to its limit.
"""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact, spared

NAME = "depeg"


def judge(intent: HedgeIntent, currency: str, price: Decimal | None, limit: float) -> Verdict:
    """Return a whole pass, or one for what is spared while the currency is off its peg.

    Args:
        intent: The order to judge; one that protects closes.
        currency: What the hedge instrument settles in.
        price: USD per unit of it; None: nobody tells, so it is not judged.
        limit: Most that it may lie from a dollar, above or below, USD, > 0.
    """
    whole = abs(intent.quantity)
    if price is None or spared(intent) == whole:
        return Verdict(NAME, whole)
    off = price - 1
    if abs(off) <= exact(limit):
        return Verdict(NAME, whole, None, float(off), limit, currency)
    return Verdict(NAME, spared(intent), Reason.STABLE_DEPEGGED, float(off), limit, currency)
