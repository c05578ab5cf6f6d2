"""The life of an order: it takes from the displayed book, rests, fills, ends."""

from dataclasses import replace
from decimal import Decimal

from rebalancer.errors import DataError
from rebalancer.exchange.admission import rejection, room
from rebalancer.exchange.book import crosses, opposite, size_ahead, walk
from rebalancer.exchange.clearing import book_fill
from rebalancer.exchange.exact import ZERO, floor_to, positive
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import (
    Accepted,
    CancelRefused,
    Ended,
    Ending,
    OrderRecord,
    Record,
    Rejected,
)
from rebalancer.exchange.state import State, Working


def submit(state: State, order: Order) -> tuple[Record, ...]:
    """Let an order meet the book that is displayed now.

    Returns:
        Rejected alone; or Accepted, one Filled a level, and Ended unless the
        rest rests.

    Raises:
        DataError: The account is unknown.
    """
    state.account(order.account)
    reason = rejection(state, order)
    if reason is not None:
        rejected = Rejected(
            state.now, order.account, order.instrument, order.client_order_id, reason
        )
        return (rejected,)
    working = Working(order, state.next_id())
    accepted = Accepted(
        state.now, order.account, order.instrument, order.client_order_id, working.order_id
    )
    _remember(state, accepted)
    working, fills = _take(state, working)
    return (accepted, *fills, *_conclude(state, working))


def _take(state: State, working: Working) -> tuple[Working, list[OrderRecord]]:
    """Fill what the displayed book offers within the order's limit."""
    order = working.order
    book, lot = state.books[order.instrument], state.instruments[order.instrument].lot
    levels, rest = walk(book, room(state, order, order.quantity), order.price, lot)
    offered = sum((size for _, size in levels), ZERO)
    if order.time_in_force is TimeInForce.FOK and offered < abs(order.quantity):
        return working, []
    state.books[order.instrument] = rest
    fills: list[OrderRecord] = []
    for price, size in levels:
        working = _fill(state, working, size.copy_sign(order.quantity), price, fills)
    return working, fills


def _fill(
    state: State,
    working: Working,
    quantity: Decimal,
    price: Decimal,
    records: list[OrderRecord],
    maker: bool = False,
) -> Working:
    """Fill part of an order, append the record, return the order after it."""
    filled = book_fill(state, working, quantity, price, maker=maker)
    _remember(state, filled)
    records.append(filled)
    return replace(working, filled=working.filled + quantity)


def _conclude(state: State, working: Working) -> tuple[OrderRecord, ...]:
    """Let an order rest or end, whichever is due after a chance to fill."""
    order = working.order
    if not working.remaining:
        return (_end(state, working, Ending.FILLED),)
    if order.price is None or not order.rests:
        return (_end(state, working, Ending.EXPIRED),)
    if not room(state, order, working.remaining):  # reduce-only, and nothing is left to reduce
        return (_end(state, working, Ending.CANCELED),)
    resting = state.working.setdefault(order.instrument, {})
    if working.order_id not in resting:
        ahead = size_ahead(state.books[order.instrument], order.quantity, order.price)
        working = replace(working, ahead=ahead)
    resting[working.order_id] = working
    return ()


def _end(state: State, working: Working, how: Ending) -> Ended:
    order = working.order
    state.working.get(order.instrument, {}).pop(working.order_id, None)
    ended = Ended(
        ts=state.now,
        account=order.account,
        instrument=order.instrument,
        client_order_id=order.client_order_id,
        order_id=working.order_id,
        how=how,
        filled=working.filled,
    )
    _remember(state, ended)
    return ended


def _remember(state: State, record: OrderRecord) -> None:
    state.history.setdefault((record.account, record.client_order_id), []).append(record)


def _by_priority(state: State, instrument: str) -> list[tuple[Working, Decimal]]:
    """Return resting orders with their prices, best price first, then oldest."""
    resting = state.working.get(instrument, {}).values()
    priced = [(each, each.order.price) for each in resting if each.order.price is not None]
    return sorted(priced, key=lambda pair: -pair[1].copy_sign(pair[0].order.quantity))


def meet_book(state: State, instrument: str) -> tuple[Record, ...]:
    """Fill what rests beyond the opposite side of a new book, and look at unknown queues.

    An ask below our bid proves that nobody is left ahead of us there: our
    order takes of it, as a maker, at its own price. An ask at our bid proves
    it too, but where prints are told they must show it: the seller's print is
    on its way. What is displayed at our price when an order first comes into
    sight is all that can be ahead of it.
    """
    if state.ended(state.instruments[instrument]):
        return ()
    records: list[OrderRecord] = []
    for each, price in _by_priority(state, instrument):
        working = each
        if _passed_by(state, working, price):
            working = _serve(state, working, price, records)
        if working.ahead is None:
            ahead = size_ahead(state.books[instrument], working.order.quantity, price)
            working = replace(working, ahead=ahead)
        records.extend(_conclude(state, working))
    return tuple(records)


def _passed_by(state: State, working: Working, price: Decimal) -> bool:
    """Whether the displayed book shows that the market has come past a resting order."""
    instrument, quantity = working.order.instrument, working.order.quantity
    if instrument not in state.printed:
        return crosses(state.books[instrument], quantity, price)
    side = opposite(state.books[instrument], quantity)
    return bool(side) and (side[0][0] < price if quantity > 0 else side[0][0] > price)


def _serve(state: State, working: Working, price: Decimal, records: list[OrderRecord]) -> Working:
    """Fill a resting order, at its own price, with what the book offers it."""
    instrument, wanted = working.order.instrument, room(state, working.order, working.remaining)
    lot = state.instruments[instrument].lot
    levels, state.books[instrument] = walk(state.books[instrument], wanted, price, lot)
    size = sum((size for _, size in levels), ZERO)
    if not size:
        return working
    return _fill(state, working, size.copy_sign(wanted), price, records, maker=True)


def meet_trade(
    state: State, instrument: str, price: Decimal, quantity: Decimal
) -> tuple[Record, ...]:
    """Fill what a public print would have filled, never more than its quantity.

    Args:
        state: Is written.
        instrument: What was traded.
        price: Of the print, quote currency.
        quantity: Contracts, + when the taker bought.

    Raises:
        DataError: A price that is not positive or a quantity of nothing.
    """
    if not positive(price) or not positive(abs(quantity)):
        raise DataError(f"{instrument} print: must trade something, was {quantity} at {price}")
    state.printed.add(instrument)
    if state.ended(state.instruments[instrument]):
        return ()
    left, lot = abs(quantity), state.instruments[instrument].lot
    records: list[OrderRecord] = []
    for each, limit in _by_priority(state, instrument):
        working = each
        passed, working = _past_queue(working, limit, price, quantity, left)
        wanted = room(state, working.order, working.remaining)
        size = floor_to(min(abs(wanted), passed), lot)
        left -= size
        if size:
            working = _fill(state, working, size.copy_sign(wanted), limit, records, maker=True)
        records.extend(_conclude(state, working))
    return tuple(records)


def _past_queue(
    working: Working, limit: Decimal, price: Decimal, quantity: Decimal, left: Decimal
) -> tuple[Decimal, Working]:
    """Return how much of a print gets to a resting order, and the order with its queue shorter."""
    buys = working.order.quantity > 0
    if price < limit if buys else price > limit:  # through: whoever was ahead is done
        return left, replace(working, ahead=ZERO)
    if price != limit or (quantity > 0) == buys or working.ahead is None:
        return ZERO, working
    eaten = min(working.ahead, left)
    return left - eaten, replace(working, ahead=working.ahead - eaten)


def open_orders(state: State, account: str, client_order_id: str | None = None) -> list[Working]:
    """Return the resting orders of an account, all or those with one client order id."""
    return [
        each
        for resting in state.working.values()
        for each in resting.values()
        if each.order.account == account and client_order_id in (None, each.order.client_order_id)
    ]


def cancel(state: State, account: str, client_order_id: str) -> tuple[Record, ...]:
    """End every open order that bears this client order id.

    Raises:
        DataError: The account is unknown.
    """
    state.account(account)
    found = open_orders(state, account, client_order_id)
    if not found:
        return (CancelRefused(state.now, account, client_order_id),)
    return tuple(_end(state, working, Ending.CANCELED) for working in found)


def expire(state: State, instrument: str) -> tuple[Record, ...]:
    """End every order on a contract that is no more."""
    resting = list(state.working.get(instrument, {}).values())
    return tuple(_end(state, working, Ending.EXPIRED) for working in resting)
