"""Basis guard: do not grow a hedge that has come away from what it hedges.

A perpetual is held near its index by its funding, a dated future by its
expiry, which leaves it a usual basis of its own. Far from there the contract
moves by itself: its delta is not the coin's, and what is opened there pays for
the way back. What closes passes, and what brings net delta back to its limit.
"""

from typing import NamedTuple

from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import spared

NAME = "basis"


class Basis(NamedTuple):
    """Where the hedge instrument stands against its index."""

    mark: float | None  # USD per coin; None: nobody tells
    price: float | None  # the index, USD per coin, > 0; None: nobody tells
    expected: float | None  # usual mark ÷ index − 1, a perpetual's is 0; None: nobody knows
    limit: float  # most that it may lie apart from that, > 0


def judge(intent: HedgeIntent, basis: Basis) -> Verdict:
    """Return a whole pass, or one for what is spared where the basis is unusual or unknown.

    Args:
        intent: The order to judge; one that protects closes.
        basis: Measured is how much dearer the contract is than usual,
            fraction of the index; a contract too cheap is as far away.
    """
    whole = abs(intent.quantity)
    if spared(intent) == whole:
        return Verdict(NAME, whole)
    if basis.mark is None:
        return Verdict(NAME, spared(intent), Reason.MARK_MISSING, subject=intent.instrument)
    if basis.price is None:
        return Verdict(NAME, spared(intent), Reason.INDEX_MISSING, subject=intent.underlying)
    if basis.expected is None:
        return Verdict(NAME, spared(intent), Reason.BASIS_MISSING, subject=intent.instrument)
    dearer = basis.mark / basis.price - 1.0 - basis.expected
    told = (dearer, basis.limit, intent.instrument)
    if abs(dearer) <= basis.limit:
        return Verdict(NAME, whole, None, *told)
    return Verdict(NAME, spared(intent), Reason.BASIS_TOO_WIDE, *told)
