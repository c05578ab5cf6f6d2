"""Position size guard: a hedge instrument's position stays within its limit; closing passes."""

from decimal import Decimal

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "position_size"


def judge(intent: HedgeIntent, limit: float) -> Verdict:
    """Return a pass for what closes and for growth up to `limit` coins, > 0."""
    whole = abs(intent.quantity)
    after = abs(intent.position + intent.quantity)
    coins = float(after) * abs(intent.delta_per_contract)
    if coins <= limit or intent.closing == whole:
        return Verdict(NAME, whole, None, coins, limit)
    most = Decimal(repr(limit / abs(intent.delta_per_contract)))
    stays = abs(intent.position) if not intent.closing else Decimal(0)
    allowed = intent.closing + max(most - stays, Decimal(0))
    return Verdict(NAME, min(allowed, whole), Reason.POSITION_TOO_LARGE, coins, limit)
