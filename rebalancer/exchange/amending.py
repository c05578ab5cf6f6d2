"""Amendments: an open order gets another quantity or price without leaving the market.

Only a smaller quantity at the same price keeps its place in the queue. Any
other change is judged like a new order, and an order whose new price crosses
takes from the book as one.
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.exchange.admission import misshapen, unfit
from rebalancer.exchange.affordability import shortage
from rebalancer.exchange.matching import end, enter, remember
from rebalancer.exchange.orders import Order
from rebalancer.exchange.records import (
    Amended,
    AmendRefused,
    Ending,
    OrderRecord,
    Record,
    RejectReason,
)
from rebalancer.exchange.state import State, Working


def amend(
    state: State,
    account: str,
    client_order_id: str,
    quantity: Decimal | None,
    price: Decimal | None,
) -> tuple[Record, ...]:
    """Change an open order.

    Args:
        state: Is written.
        account: Whose order.
        client_order_id: Of the order; of several with one id the oldest.
        quantity: Contracts over its whole life, signed as before; None: as it is.
            At or below what is filled it ends the order.
        price: New limit, quote currency; None: as it is.

    Returns:
        Amended, and what followed; AmendRefused when there is no such order or
        the venue would reject it; nothing when nothing changes.

    Raises:
        DataError: The account is unknown.
    """
    state.account(account)
    found = state.open_orders(account, client_order_id)
    if not found:
        return (AmendRefused(state.now, account, client_order_id, None),)
    working = found[0]
    old = working.order
    new = replace(
        old,
        quantity=old.quantity if quantity is None else quantity,
        price=old.price if price is None else price,
    )
    if new == old:
        return ()
    reason = _refusal(state, working, new)
    if reason is not None:
        return (AmendRefused(state.now, account, client_order_id, reason),)
    return (_amended(state, working, new), *_after(state, working, new))


def _refusal(state: State, working: Working, new: Order) -> RejectReason | None:
    instrument = state.instruments[new.instrument]
    if state.ended(instrument):
        return RejectReason.EXPIRED_INSTRUMENT
    if not new.quantity.is_finite() or new.quantity * working.order.quantity <= 0:
        return RejectReason.BAD_LOT  # a side does not change
    if _only_smaller(working.order, new):
        return misshapen(instrument, state.venue.rules_of(instrument), new)
    return unfit(state, instrument, new) or shortage(state, new, working)


def _only_smaller(old: Order, new: Order) -> bool:
    return new.price == old.price and abs(new.quantity) < abs(old.quantity)


def _amended(state: State, working: Working, new: Order) -> Amended:
    record = Amended(
        ts=state.now,
        account=new.account,
        instrument=new.instrument,
        client_order_id=new.client_order_id,
        order_id=working.order_id,
        quantity=new.quantity,
        price=new.price,
    )
    remember(state, record)
    return record


def _after(state: State, working: Working, new: Order) -> tuple[OrderRecord, ...]:
    """Let a changed order keep its place, or enter the market anew."""
    resting = state.working[new.instrument]
    if abs(new.quantity) <= abs(working.filled):
        return (end(state, working, Ending.CANCELED),)
    if _only_smaller(working.order, new):
        resting[working.order_id] = replace(working, order=new)
        return ()
    del resting[working.order_id]
    return enter(state, replace(working, order=new, ahead=None))
