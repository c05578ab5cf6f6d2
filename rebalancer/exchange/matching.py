"""The life of an order: it takes from the displayed book, rests, fills, ends."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.errors import DataError
from rebalancer.exchange import bands, self_trade
from rebalancer.exchange.admission import rejection, room
from rebalancer.exchange.book import Book, Level, crosses, opposite, size_ahead, walk
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
from rebalancer.exchange.terms import SelfTrade


def submit(state: State, order: Order) -> tuple[Record, ...]:
    """Let an order meet the book that is displayed now.

    Returns:
        Rejected alone; or Accepted, Ended of its own account's orders that it
        would have traded with, one Filled a level, and Ended unless the rest rests.

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
    remember(state, accepted)
    return (accepted, *enter(state, working))


def enter(state: State, working: Working) -> tuple[OrderRecord, ...]:
    """Let an accepted order take what it may, and then rest or end."""
    taken = _take(state, working)
    if taken.stopped and taken.working.remaining:
        return (*taken.records, end(state, taken.working, Ending.CANCELED))
    return (*taken.records, *_conclude(state, taken.working))


@dataclass(frozen=True, slots=True)
class _Taken:
    """What came of an order's first meeting with the book."""

    working: Working
    records: tuple[OrderRecord, ...] = ()
    stopped: bool = False  # whether it was about to trade with its own account


def _take(state: State, working: Working) -> _Taken:
    """Fill what the displayed book offers within the limits of order and venue."""
    order = working.order
    book, lot = state.books[order.instrument], state.instruments[order.instrument].lot
    limit, stopped = bands.worst(state, order), False
    wanted = room(state, order, working.remaining)
    levels, rest = walk(book, wanted, limit, lot)
    own = self_trade.met(state, order, levels, abs(wanted) - _size(levels), limit)
    if own and state.venue.self_trade is SelfTrade.CANCEL_INCOMING:
        stopped, own = True, []
        nearest, _ = self_trade.opposite_own(state, order)[0]
        book = _before(book, order.quantity, nearest)
        levels, _ = walk(book, wanted, limit, lot)
        _, rest = walk(state.books[order.instrument], _size(levels).copy_sign(wanted), limit, lot)
    if order.time_in_force is TimeInForce.FOK and _size(levels) < abs(order.quantity):
        return _Taken(working)
    records: list[OrderRecord] = [end(state, each, Ending.CANCELED) for each in own]
    state.books[order.instrument] = rest
    for price, size in levels:
        working = _fill(state, working, size.copy_sign(order.quantity), price, records)
    return _Taken(working, tuple(records), stopped)


def _size(levels: Iterable[Level]) -> Decimal:
    return sum((size for _, size in levels), ZERO)


def _before(book: Book, quantity: Decimal, price: Decimal) -> Book:
    """Return the book without what an order meets at or beyond a price."""
    if quantity > 0:
        return Book(book.bids, tuple(each for each in book.asks if each[0] < price))
    return Book(tuple(each for each in book.bids if each[0] > price), book.asks)


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
    remember(state, filled)
    records.append(filled)
    return replace(working, filled=working.filled + quantity)


def _conclude(state: State, working: Working) -> tuple[OrderRecord, ...]:
    """Let an order rest or end, whichever is due after a chance to fill."""
    order = working.order
    if not working.remaining:
        return (end(state, working, Ending.FILLED),)
    if order.price is None or not order.rests:
        return (end(state, working, Ending.EXPIRED),)
    if not room(state, order, working.remaining):  # reduce-only, and nothing is left to reduce
        return (end(state, working, Ending.CANCELED),)
    resting = state.working.setdefault(order.instrument, {})
    if working.order_id not in resting:
        ahead = size_ahead(state.shown[order.instrument][1], order.quantity, order.price)
        working = replace(working, ahead=ahead)
    resting[working.order_id] = working
    return ()


def end(state: State, working: Working, how: Ending) -> Ended:
    """Take an order off the book and return the record of it."""
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
    remember(state, ended)
    return ended


def remember(state: State, record: OrderRecord) -> None:
    """Keep what was reported of an order, for queries."""
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
            ahead = size_ahead(state.shown[instrument][1], working.order.quantity, price)
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
    size = _size(levels)
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
    if (quantity > 0) == buys:  # the taker was on our side: nobody came to us
        return ZERO, working
    if price < limit if buys else price > limit:  # through: whoever was ahead is done
        return left, replace(working, ahead=ZERO)
    if price != limit or working.ahead is None:
        return ZERO, working
    eaten = min(working.ahead, left)
    return left - eaten, replace(working, ahead=working.ahead - eaten)


def cancel(state: State, account: str, client_order_id: str) -> tuple[Record, ...]:
    """End every open order that bears this client order id.

    Raises:
        DataError: The account is unknown.
    """
    state.account(account)
    found = state.open_orders(account, client_order_id)
    if not found:
        return (CancelRefused(state.now, account, client_order_id),)
    return tuple(end(state, working, Ending.CANCELED) for working in found)


def sweep(state: State) -> list[OrderRecord]:
    """End the reduce-only orders that rest without anything left to reduce."""
    idle = [
        each
        for resting in state.working.values()
        for each in resting.values()
        if each.order.reduce_only and not room(state, each.order, each.remaining)
    ]
    return [end(state, each, Ending.CANCELED) for each in idle]


def cancel_open(state: State, account: str, instruments: Container[str]) -> list[OrderRecord]:
    """End every open order of an account on some instruments."""
    found = [each for each in state.open_orders(account) if each.order.instrument in instruments]
    return [end(state, each, Ending.CANCELED) for each in found]


def expire(state: State, instrument: str) -> tuple[Record, ...]:
    """End every order on a contract that is no more."""
    resting = list(state.working.get(instrument, {}).values())
    return tuple(end(state, working, Ending.EXPIRED) for working in resting)
