"""Self-trade prevention: an account's order must not trade with another of its own.

An order meets its own account's resting orders where it would get as far as
their price: because it takes the displayed levels up to there, or because
something of it is left after them and its limit allows more.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.exchange.book import Level, reaches
from rebalancer.exchange.exact import ZERO
from rebalancer.exchange.orders import Order
from rebalancer.exchange.state import State, Working


def opposite_own(state: State, order: Order) -> list[tuple[Decimal, Working]]:
    """Return the account's resting orders on the other side with their prices, nearest first."""
    resting = state.working.get(order.instrument, {}).values()
    found = [
        (each.order.price, each)
        for each in resting
        if each.order.account == order.account
        and each.order.quantity * order.quantity < 0
        and each.order.price is not None
    ]
    side = 1 if order.quantity > 0 else -1
    return sorted(found, key=lambda pair: side * pair[0])


def met(
    state: State, order: Order, taken: Sequence[Level], left: Decimal, limit: Decimal | None
) -> list[Working]:
    """Return the own orders that an order gets to.

    Args:
        state: Resting orders.
        order: The one that comes in.
        taken: Levels that it takes, best first.
        left: Contracts that the book does not give it, >= 0.
        limit: Its worst price; None: any.
    """
    reach = limit if left > ZERO else (taken[-1][0] if taken else None)
    return [
        each for price, each in opposite_own(state, order) if reaches(order.quantity, reach, price)
    ]
