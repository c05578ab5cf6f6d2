"""Why an order is rejected, or how much of it a reduce-only flag leaves."""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.book import crosses
from rebalancer.exchange.exact import ZERO, floor_to, positive
from rebalancer.exchange.fees import needs_index
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import RejectReason
from rebalancer.exchange.state import State


def rejection(state: State, order: Order) -> RejectReason | None:
    """Return the first reason for which an order may not enter; None when it may."""
    instrument = state.instruments.get(order.instrument)
    if instrument is None or instrument.kind is Kind.CASH:
        return RejectReason.UNKNOWN_INSTRUMENT
    if state.ended(instrument):
        return RejectReason.EXPIRED_INSTRUMENT
    if state.unique_client_ids and (order.account, order.client_order_id) in state.history:
        return RejectReason.DUPLICATE_CLIENT_ID
    return _misshapen(instrument, order) or _misplaced(state, instrument, order)


def _misshapen(instrument: Instrument, order: Order) -> RejectReason | None:
    size = abs(order.quantity)
    if not size.is_finite() or size % instrument.lot:
        return RejectReason.BAD_LOT
    if not size or size < instrument.minimum:
        return RejectReason.BELOW_MINIMUM
    price = order.price
    if price is not None and (not positive(price) or price % instrument.tick):
        return RejectReason.BAD_TICK
    return None


def _misplaced(state: State, instrument: Instrument, order: Order) -> RejectReason | None:
    book = state.books.get(order.instrument)
    if book is None:
        return RejectReason.NO_BOOK
    if needs_index(instrument) and instrument.underlying not in state.indexes:
        return RejectReason.NO_INDEX
    if not room(state, order, order.quantity):
        return RejectReason.REDUCE_ONLY_WOULD_INCREASE
    market = order.price is None
    taking = market or crosses(book, order.quantity, order.price)
    if order.time_in_force is TimeInForce.POST_ONLY and taking:
        return RejectReason.POST_ONLY_WOULD_CROSS
    return None


def room(state: State, order: Order, quantity: Decimal) -> Decimal:
    """Return how much of `quantity` an order may fill now.

    Contracts, signed like the order: all of it, but for a reduce-only order at
    most what brings the position to zero, in whole lots.
    """
    if not order.reduce_only:
        return quantity
    held = state.accounts[order.account].holding(order.instrument).quantity
    if held * quantity >= 0:
        return ZERO
    lot = state.instruments[order.instrument].lot
    return floor_to(min(abs(held), abs(quantity)), lot).copy_sign(quantity)
