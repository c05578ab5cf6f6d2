"""Counterparty guard: do not grow what a venue owes once it holds too much of the book.

A hedge moves no equity when it is made. But the profit of a position is paid
where it stands, so growing it at a venue that holds too much already grows
what is lost with that venue. What closes passes.
"""

from typing import NamedTuple

from rebalancer.core.budget import NEARLY
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact, grows

NAME = "counterparty"


class Share(NamedTuple):
    """What of the book stands at the venue of an order."""

    there: float | None  # equity at the venue, USD; None: nobody knows
    book: float | None  # equity of all of it, USD; None: a part of it is unknown
    limit: float  # most of the book's equity at one venue, fraction, > 0


def judge(intent: HedgeIntent, share: Share) -> Verdict:
    """Return a whole pass, or one for what closes where the venue holds too much.

    Args:
        intent: The order to judge; one that protects closes.
        share: Measured is the venue's part of the book's equity; none where
            the book has none left. A venue with nothing of ours owes nothing.
    """
    whole = abs(intent.quantity)
    if not grows(intent):
        return Verdict(NAME, whole)
    if share.there is None or share.book is None:
        missing = intent.account if share.there is None else "book"
        return Verdict(NAME, intent.closing, Reason.EQUITY_MISSING, subject=missing)
    measured = share.there / share.book if share.book > 0 else None
    told = (measured, share.limit, intent.account)
    little = share.there <= 0 or share.there < share.limit * share.book * NEARLY
    if little or exact(share.there) <= exact(share.limit) * exact(share.book):
        return Verdict(NAME, whole, None, *told)
    return Verdict(NAME, intent.closing, Reason.COUNTERPARTY_TOO_LARGE, *told)
