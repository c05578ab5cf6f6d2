"""How far from the mark an order may trade: its own limit, or the venue's band if nearer."""

from decimal import Decimal

from rebalancer.exchange.orders import Order
from rebalancer.exchange.state import State


def edge(state: State, order: Order) -> Decimal | None:
    """Return the worst price at which an order may trade at this venue; None: any."""
    rules = state.venue.rules_of(state.instruments[order.instrument])
    mark = state.marks.get(order.instrument)
    if rules.price_band is None or mark is None:
        return None
    return mark * (1 + rules.price_band if order.quantity > 0 else 1 - rules.price_band)


def worst(state: State, order: Order) -> Decimal | None:
    """Return the worst price at which an order will trade; None: any."""
    bound = edge(state, order)
    if bound is None or order.price is None:
        return bound if order.price is None else order.price
    return min(bound, order.price) if order.quantity > 0 else max(bound, order.price)
