"""Venue guard: nothing is sent to a venue that takes no orders; the gap waits until it does."""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "venue_open"


def judge(intent: HedgeIntent, held: bool) -> Verdict:
    """Return a whole pass, or none while the venue is held: it would refuse a protect order too."""
    if held:
        return Verdict(NAME, Decimal(0), Reason.VENUE_HELD, subject=intent.account)
    return Verdict(NAME, abs(intent.quantity), subject=intent.account)
