"""Divergence guard: no hedge while the venues do not agree on what the coin is worth.

The delta rests on an index. Where those of several venues lie apart one of
them is broken or its market is cut off, and what rests on it is false.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact

NAME = "divergence"


def judge(intent: HedgeIntent, told: Sequence[tuple[str, Decimal]], limit: float) -> Verdict:
    """Return a whole pass, or none where the indexes lie apart.

    Args:
        intent: The order to judge; one that protects rests on no index.
        told: Venue and its index of the underlying, USD per coin, > 0; the
            young ones only. One alone contradicts nobody: it passes.
        limit: Most that the highest may lie above the lowest, fraction, > 0.

    Returns:
        The spread against its limit; a refusal names the venue farthest from
        the median, of two that are as far the first told.
    """
    whole = abs(intent.quantity)
    if intent.purpose is Purpose.PROTECT or len(told) < 2:
        return Verdict(NAME, whole)
    prices = sorted(price for _, price in told)
    apart = prices[-1] / prices[0] - 1
    if apart <= exact(limit):
        return Verdict(NAME, whole, None, float(apart), limit, intent.underlying)
    middle = (prices[(len(prices) - 1) // 2] + prices[len(prices) // 2]) / 2
    farthest, _ = max(told, key=lambda each: abs(each[1] - middle))
    return Verdict(NAME, Decimal(0), Reason.INDEXES_DIVERGE, float(apart), limit, farthest)
