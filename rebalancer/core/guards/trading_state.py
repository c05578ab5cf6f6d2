"""Trading state guard: an order leaves only in a state that permits its purpose.

Hedges pass whole when ACTIVE, and in REDUCING as far as they both hedge and
close. What only closes may protect the account in every state but a kill.
"""

from decimal import Decimal
from enum import StrEnum

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "trading_state"


class TradingState(StrEnum):
    """Whether and what a book, or one underlying, may trade."""

    STARTING = "starting"
    RECONCILING = "reconciling"
    ACTIVE = "active"
    REDUCING = "reducing"
    PAUSED = "paused"  # no submits, not latched
    HALTED = "halted"  # latched, survives a restart
    STANDBY = "standby"
    DRAINING = "draining"  # on the way out


STRICTNESS = (
    TradingState.ACTIVE,
    TradingState.REDUCING,
    TradingState.PAUSED,
    TradingState.STANDBY,
    TradingState.STARTING,
    TradingState.RECONCILING,
    TradingState.DRAINING,
    TradingState.HALTED,
)


def stricter(one: TradingState, other: TradingState) -> TradingState:
    """Return the stricter of two states."""
    return one if one is other else max(one, other, key=STRICTNESS.index)


def judge(
    intent: HedgeIntent, state: TradingState, *, killed: bool, sealed: bool, short: bool = False
) -> Verdict:
    """Return what the state lets pass.

    Args:
        intent: The order to judge.
        state: The stricter of the book's and the underlying's.
        killed: A kill lets nothing pass at all.
        sealed: `pause --all`, or on the way out: protect orders wait too.
        short: Why a book is paused that nobody paused: no room for its journal.
    """
    whole = abs(intent.quantity)
    if killed:
        return Verdict(NAME, Decimal(0), Reason.KILLED, subject=state)
    if state is TradingState.ACTIVE:
        return Verdict(NAME, whole, subject=state)
    if intent.purpose is Purpose.PROTECT and not sealed:
        return _capped(intent.closing, whole, state)
    if state is TradingState.REDUCING:
        return _capped(min(intent.closing, intent.hedging), whole, state)
    reason = Reason.DISK_SHORT if short else Reason.NOT_ACTIVE
    return Verdict(NAME, Decimal(0), reason, subject=state)


def _capped(allowed: Decimal, whole: Decimal, state: TradingState) -> Verdict:
    if allowed >= whole:
        return Verdict(NAME, whole)
    return Verdict(NAME, allowed, Reason.NOT_ACTIVE, subject=state)
