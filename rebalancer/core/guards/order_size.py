"""Order size guard: no single order moves more delta than its limit."""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "order_size"


def judge(intent: HedgeIntent, limit: float) -> Verdict:
    """Return a pass for at most `limit` coins of delta, > 0."""
    coins = abs(float(intent.quantity) * intent.delta_per_contract)
    if coins <= limit:
        return Verdict(NAME, abs(intent.quantity), None, coins, limit)
    allowed = Decimal(repr(limit / abs(intent.delta_per_contract)))
    return Verdict(NAME, allowed, Reason.ORDER_TOO_LARGE, coins, limit)
