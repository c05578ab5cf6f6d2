"""Growth: the part of an order that opens or enlarges a position, and how much of it fits.

Guards that count dollars cap what grows and spare what closes. They reach
contracts here, in decimals: what is left is divided and rounded down, so that
what they allow never takes more than there is.
"""

from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent

_DOWN = Context(prec=28, rounding=ROUND_DOWN)


@lru_cache(maxsize=4096)  # limits are asked for at every decision
def exact(number: float) -> Decimal:
    """Return the decimal that a float is written as: 0.1 is a tenth."""
    return Decimal(str(number))


def grows(intent: HedgeIntent) -> bool:
    """Whether any part of an order is growth; one that protects only closes."""
    return intent.purpose is not Purpose.PROTECT and intent.closing < abs(intent.quantity)


def spared(intent: HedgeIntent) -> Decimal:
    """Return what a guard lets pass that may widen the band but never bare the book, contracts.

    What closes the position, or brings net delta back to its limit.
    """
    whole, closing, required = abs(intent.quantity), intent.closing, intent.required
    least = required if required > closing else closing
    return whole if least >= whole or intent.purpose is Purpose.PROTECT else least


def within(intent: HedgeIntent, room: Decimal, each: Decimal) -> Decimal:
    """Return the most of an order that may pass: all that closes, and growth as far as it fits.

    Args:
        intent: The order to cut.
        room: What growth may take, in the unit of a limit; below 0 where it is overdrawn.
        each: What a contract of growth takes, same unit; 0 or less takes nothing.

    Returns:
        Contracts, from `intent.closing` to the whole.
    """
    whole = abs(intent.quantity)
    if (whole - intent.closing) * each <= room:
        return whole
    if room <= 0:
        return intent.closing
    return _DOWN.add(intent.closing, _DOWN.divide(room, each))
