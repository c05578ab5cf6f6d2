"""Why an order is rejected, or how much of it a reduce-only flag leaves.

Checks go from the order by itself to the market to the account, and the first
that fails is the reason.
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange import bands, fees, self_trade
from rebalancer.exchange.affordability import shortage
from rebalancer.exchange.book import crosses, reaches
from rebalancer.exchange.exact import ZERO, floor_to, positive
from rebalancer.exchange.fees import needs_index
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import RejectReason
from rebalancer.exchange.state import State
from rebalancer.exchange.terms import TradingRules


def rejection(state: State, order: Order) -> RejectReason | None:
    """Return the first reason for which an order may not enter; None when it may."""
    instrument = state.instruments.get(order.instrument)
    if instrument is None or instrument.kind is Kind.CASH:
        return RejectReason.UNKNOWN_INSTRUMENT
    if state.ended(instrument):
        return RejectReason.EXPIRED_INSTRUMENT
    used = (order.account, order.client_order_id) in state.history
    if state.venue.unique_client_ids and used:
        return RejectReason.DUPLICATE_CLIENT_ID
    return unfit(state, instrument, order) or shortage(state, order)


def unfit(state: State, instrument: Instrument, order: Order) -> RejectReason | None:
    """Return why an order does not fit its contract or the market; None when it does."""
    rules = state.venue.rules_of(instrument)
    return (
        misshapen(instrument, rules, order)
        or _misplaced(state, instrument, order)
        or _out_of_bounds(state, instrument, rules, order)
    )


def misshapen(instrument: Instrument, rules: TradingRules, order: Order) -> RejectReason | None:
    """Return what is wrong with an order by itself: size and price on the contract's steps."""
    size = abs(order.quantity)
    if not size.is_finite() or size % instrument.lot:
        return RejectReason.BAD_LOT
    if not size or size < instrument.minimum:
        return RejectReason.BELOW_MINIMUM
    if rules.maximum is not None and size > rules.maximum:
        return RejectReason.ABOVE_MAXIMUM
    price = order.price
    if price is not None and (not positive(price) or price % tick_at(instrument, rules, price)):
        return RejectReason.BAD_TICK
    return None


def tick_at(instrument: Instrument, rules: TradingRules, price: Decimal) -> Decimal:
    """Return the step of a price where it lies: some venues step coarser higher up."""
    above = [tick for floor, tick in rules.tick_steps if price > floor]
    return above[-1] if above else instrument.tick


def _misplaced(state: State, instrument: Instrument, order: Order) -> RejectReason | None:
    book = state.books.get(order.instrument)
    if book is None:
        return RejectReason.NO_BOOK
    if needs_index(instrument) and instrument.underlying not in state.indexes:
        return RejectReason.NO_INDEX
    if not room(state, order, order.quantity):
        return RejectReason.REDUCE_ONLY_WOULD_INCREASE
    own = self_trade.met(state, order, (), abs(order.quantity), order.price)
    taking = order.price is None or bool(own) or crosses(book, order.quantity, order.price)
    if order.time_in_force is TimeInForce.POST_ONLY and taking:
        return RejectReason.POST_ONLY_WOULD_CROSS
    return None


def _out_of_bounds(
    state: State, instrument: Instrument, rules: TradingRules, order: Order
) -> RejectReason | None:
    """Return what the mark says against an order; a reduce-only one may be as small as a lot."""
    least = ZERO if order.reduce_only else rules.minimum_notional
    mark, index = state.marks.get(instrument.id), state.indexes.get(instrument.underlying)
    if mark is None and (rules.price_band is not None or (least and order.price is None)):
        return RejectReason.NO_MARK
    if order.price is not None and not reaches(
        order.quantity, bands.edge(state, order), order.price
    ):
        return RejectReason.OUTSIDE_PRICE_BAND
    price = order.price if order.price is not None else mark
    if least and price is not None:
        if instrument.kind is Kind.OPTION and index is None:
            return RejectReason.NO_INDEX
        if fees.usd_traded(instrument, order.quantity, price, index) < least:
            return RejectReason.BELOW_NOTIONAL
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
