"""Orders for guards to judge."""

from decimal import Decimal

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent


def order(quantity, position="0", closing="0", required="0", *, protect=False):
    """Return an order for a BTC perpetual at venue `v`, a coin a contract."""
    return HedgeIntent(
        purpose=Purpose.PROTECT if protect else Purpose.HEDGE,
        underlying="BTC",
        account="v",
        instrument="v:X",
        quantity=Decimal(quantity),
        position=Decimal(position),
        closing=Decimal(closing),
        hedging=abs(Decimal(quantity)),
        required=Decimal(required),
        delta_per_contract=1.0,
        price=Decimal(100),
    )


GROWS = order("-5", position="-2")
TURNS = order("-5", position="3", closing="3")  # closes 3, opens 2
CLOSES = order("-5", position="9", closing="5")
PROTECTS = order("-5", position="9", closing="5", protect=True)
