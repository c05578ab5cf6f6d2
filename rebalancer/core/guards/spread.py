"""Spread guard: do not pay for a hedge what a wide book asks, unless it must be.

Half the spread is lost by each order that crosses it. A book that opens up is
thin or knows something, and most often it closes again: what only keeps net
delta near its aim can wait, what brings it back to its limit cannot.
"""

from decimal import Decimal

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.events import Quote
from rebalancer.core.growth import exact

NAME = "spread"


def judge(intent: HedgeIntent, quote: Quote | None, limit: float) -> Verdict:
    """Return a whole pass, or one for the required part only where the book is too wide.

    Args:
        intent: The order to judge; one that protects takes what there is.
        quote: Top of the hedge instrument's book; None: nobody told. A book
            with one side has no spread and lets nothing pass; a crossed one is
            the collar's to refuse.
        limit: Widest spread, fraction of mid, > 0.
    """
    whole = abs(intent.quantity)
    if intent.purpose is Purpose.PROTECT:
        return Verdict(NAME, whole)
    if quote is None or quote.bid is None or quote.ask is None:
        return Verdict(NAME, Decimal(0), Reason.QUOTE_MISSING, subject=intent.instrument)
    twice, sides = 2 * (quote.ask - quote.bid), quote.ask + quote.bid
    told = (float(twice) / float(sides), limit, intent.instrument)
    if twice <= exact(limit) * sides or intent.required == whole:
        return Verdict(NAME, whole, None, *told)
    return Verdict(NAME, intent.required, Reason.SPREAD_TOO_WIDE, *told)
