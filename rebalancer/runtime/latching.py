"""Latching: where a book stands, as it is written down, and brought back at its next start."""

from typing import Any

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.standing import Standing, halt, move
from rebalancer.ports import Reading

LATCH = "latch"  # journal kind of the trading state


def latched(standing: Standing) -> dict[str, Any]:
    """Return the trading state as it is written down."""
    return {
        "mode": standing.mode,
        "reason": standing.reason,
        "killed": standing.killed,
        "asked": standing.asked,
        "sealed": standing.sealed,
        "halted": dict(standing.halted),
        "limited": dict(standing.limited),
    }


def restore(standing: Standing, journal: Reading) -> bool:
    """Bring back what was latched or asked before this start; False where there was nothing."""
    last = None
    for entry in journal.read(LATCH):
        last = entry.payload
    if last is None:
        return False
    for underlying, reason in last["halted"].items():
        halt(standing, underlying, reason)
    standing.asked = TradingState(last.get("asked", TradingState.ACTIVE))
    standing.sealed = last.get("sealed", False)
    standing.limited = dict(last.get("limited", {}))
    if last["mode"] == TradingState.HALTED:
        move(standing, TradingState.HALTED, last["reason"])
        standing.killed = last["killed"]
    stands = standing.latched or bool(standing.halted) or bool(standing.limited)
    return stands or standing.asked is not TradingState.ACTIVE
