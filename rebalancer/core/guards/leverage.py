"""Leverage guard: all margined positions together stay within a multiple of the equity.

Gross, not net: a long here and a short there hedge one another until one of
their venues is down or liquidates. What closes passes, and what it frees is
free for the rest of the order.
"""

from typing import NamedTuple

from rebalancer.core.budget import NEARLY
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact, grows, within

NAME = "leverage"


class Gross(NamedTuple):
    """How much is held on margin, and on what."""

    notional: float | None  # of all margined positions now, USD, >= 0; None: one has no mark
    each: float | None  # a contract of the hedge instrument, USD, > 0; None: it has no mark
    equity: float | None  # USD; None: nobody knows
    limit: float  # most of notional ÷ equity, > 0


def judge(intent: HedgeIntent, gross: Gross) -> Verdict:
    """Return what closes, and growth up to the limit.

    Args:
        intent: The order to judge; one that protects closes.
        gross: Measured is the leverage after all of the order; none where
            there is no equity to measure by, which lets nothing grow.
    """
    whole = abs(intent.quantity)
    if not grows(intent):
        return Verdict(NAME, whole)
    if gross.equity is None:
        return Verdict(NAME, intent.closing, Reason.EQUITY_MISSING)
    if gross.notional is None or gross.each is None:
        missing = "gross notional" if gross.notional is None else intent.instrument
        return Verdict(NAME, intent.closing, Reason.MARK_MISSING, subject=missing)
    if gross.equity <= 0:
        return Verdict(NAME, intent.closing, Reason.LEVERAGE_TOO_HIGH, None, gross.limit)
    growth = float(whole - 2 * intent.closing)
    roughly = (gross.notional + growth * gross.each) / gross.equity
    if roughly < gross.limit * NEARLY:
        return Verdict(NAME, whole, None, roughly, gross.limit)
    each, equity = exact(gross.each), exact(gross.equity)
    kept = exact(gross.notional) - intent.closing * each
    allowed = within(intent, exact(gross.limit) * equity - kept, each)
    after = float((kept + (whole - intent.closing) * each) / equity)
    reason = None if allowed == whole else Reason.LEVERAGE_TOO_HIGH
    return Verdict(NAME, allowed, reason, after, gross.limit)
