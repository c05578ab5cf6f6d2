"""Collar guard: trade only where the book agrees with an independent reference.

The order's limit price already caps what it may pay. This guard looks at the
book itself: when its near side lies outside the collar, above or below, either
the book or the reference is wrong, and nobody knows which. For protect orders
the limit price alone works: a gap, or a book in disorder, fills what it can
and never blocks.
"""

from decimal import Decimal

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.events import Quote

NAME = "collar"


def judge(
    intent: HedgeIntent, quote: Quote | None, reference: float | None, width: float
) -> Verdict:
    """Return whether the book may be traded.

    Args:
        intent: The order to judge.
        quote: Top of the hedge instrument's book; None: nobody told.
        reference: Mark or index, USD per coin; not from the same book.
        width: Half-width of the collar, fraction of the reference, > 0.
    """
    whole, none = abs(intent.quantity), Decimal(0)
    if reference is None:
        return Verdict(NAME, none, Reason.REFERENCE_MISSING, subject=intent.instrument)
    if intent.purpose is Purpose.PROTECT:
        return Verdict(NAME, whole)
    touch = None if quote is None else quote.ask if intent.quantity > 0 else quote.bid
    if quote is None or touch is None:
        return Verdict(NAME, none, Reason.QUOTE_MISSING, subject=intent.instrument)
    if quote.bid is not None and quote.ask is not None and quote.bid >= quote.ask:
        return Verdict(NAME, none, Reason.QUOTE_CROSSED, float(quote.bid), float(quote.ask))
    away = float(touch) / reference - 1.0
    if abs(away) > width:
        return Verdict(NAME, none, Reason.PRICE_OUTSIDE_COLLAR, away, width, intent.instrument)
    return Verdict(NAME, whole, None, away, width, intent.instrument)
