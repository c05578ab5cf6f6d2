"""Turnover guard: no more is traded within 24 hours than the book was meant to trade.

Whatever makes a hedger trade without end, a false delta, two hedgers on one
account, a band too narrow for its market, shows in what it turns over.
"""

from rebalancer.core.budget import Budget, weigh
from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "turnover"


def judge(intent: HedgeIntent, traded: Budget) -> Verdict:
    """Return what closes, and growth up to what of the day's turnover is left.

    Args:
        intent: The order to judge; one that protects closes.
        traded: USD traded in the last 24 h, and what a contract is worth.
    """
    return weigh(NAME, intent, traded, Reason.TURNOVER_SPENT)
