"""Margin guard: no hedge brings its account near liquidation; the margin after it is known first.

A hedge that grows a position passes as far as the account stays clear of the
rung WIDEN. Where net delta lies beyond its limit the part that is required may
go on to the next rung, unless the account was cut for its margin just before:
what was bought back is not sold again. What closes a position passes.
"""

from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "margin"


class Room(NamedTuple):
    """What an account has room for, as far as anybody knows."""

    wide: float = 1.0  # share of what grows that leaves the account clear of WIDEN, 0 … 1
    far: float = 1.0  # the same of REDUCE
    payable: float = 1.0  # share of it whose initial margin is free
    unknown: Reason | None = None  # why nobody knows
    subject: str = ""  # the pool, or what is missing
    measured: float | None = None  # distance to liquidation now, fraction
    limit: float | None = None  # where WIDEN begins


def judge(intent: HedgeIntent, room: Room | None) -> Verdict:
    """Return what the account's margin lets pass.

    Args:
        intent: The order to judge; one that protects is what the margin asks for.
        room: Of its account; None: nobody asks it for margin.
    """
    whole = abs(intent.quantity)
    if room is None or intent.closing == whole:
        return Verdict(NAME, whole)
    if room.unknown is not None:
        return Verdict(NAME, intent.closing, room.unknown, subject=room.subject)
    told = (room.measured, room.limit, room.subject)
    if room.wide >= 1 and room.payable >= 1:
        return Verdict(NAME, whole, None, *told)
    growth = float(whole - intent.closing)
    wide = intent.closing + _part(growth * room.wide)
    far = min(intent.required, intent.closing + _part(growth * room.far))
    payable = intent.closing + _part(growth * room.payable)
    allowed = min(max(wide, far), payable, whole)
    if allowed >= whole or growth == 0:
        return Verdict(NAME, whole, None, *told)
    thin = max(wide, far) <= payable
    reason = Reason.MARGIN_TOO_THIN if thin else Reason.COLLATERAL_SHORT
    return Verdict(NAME, allowed, reason, *told)


def _part(contracts: float) -> Decimal:
    return Decimal(repr(contracts))
