"""Fees guard: hedging costs no more within 24 hours than its budget."""

from rebalancer.core.budget import Budget, weigh
from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "fees"


def judge(intent: HedgeIntent, paid: Budget) -> Verdict:
    """Return what closes, and growth up to what of the day's fees is left.

    Args:
        intent: The order to judge; one that protects closes.
        paid: USD of fees in the last 24 h, and what the venue will take for a
            contract; less than 0 where it pays.
    """
    return weigh(NAME, intent, paid, Reason.FEES_SPENT)
