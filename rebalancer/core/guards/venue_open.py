"""Venue guard: nothing is sent to a venue that takes no orders; the gap waits until it does."""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "venue_open"


def judge(intent: HedgeIntent, shut: str | None) -> Verdict:
    """Return a whole pass, or none while the venue or the instrument takes no orders.

    It would refuse a protect order too.

    Args:
        intent: What is wanted.
        shut: What takes none; None: both do.
    """
    if shut is not None:
        return Verdict(NAME, Decimal(0), Reason.VENUE_HELD, subject=shut)
    return Verdict(NAME, abs(intent.quantity), subject=intent.account)
