"""An order book kept from Bybit's messages: a snapshot, then changes counted one by one.

A change follows when its update id is the book's and one more. A snapshot always
begins anew, whatever its id: after a restart of the service it is 1. After a gap,
or when bids meet asks, there is no book until the next snapshot, which a new
subscription brings. https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
"""

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import nlargest, nsmallest

from rebalancer.core.events import Quote
from rebalancer.wire.books import Ladder, Took
from rebalancer.wire.bybit.market import Levels, Type
from rebalancer.wire.bybit.values import Level


@dataclass(slots=True)
class Book:
    """The book of one symbol; only `take` writes it."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)  # price → size, > 0
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    last: int | None = None  # update id; None: there is no book


def take(book: Book, told: Levels, kind: Type) -> Took:
    """Write a message into the book; return what became of it.

    Returns:
        APPLIED; STALE for a change that the book knows already; WAITING for one
        that came before any snapshot; GAP where changes are missing and CROSSED
        where bids met asks: from then on there is no book, subscribe anew.
    """
    if kind == "snapshot":
        book.bids, book.asks = {}, {}
    elif book.last is None:
        return Took.WAITING
    elif told.update <= book.last:
        return Took.STALE
    elif told.update != book.last + 1:
        return _lose(book, Took.GAP)
    _write(book.bids, told.bids)
    _write(book.asks, told.asks)
    book.last = told.update
    if book.bids and book.asks and max(book.bids) >= min(book.asks):
        return _lose(book, Took.CROSSED)
    return Took.APPLIED


def _write(levels: dict[Decimal, Decimal], changes: tuple[Level, ...]) -> None:
    for price, size in changes:
        if size:
            levels[price] = size
        else:
            levels.pop(price, None)


def _lose(book: Book, why: Took) -> Took:
    book.bids, book.asks, book.last = {}, {}, None
    return why


def ladder(book: Book, depth: int) -> Ladder | None:
    """Return the best levels, best first, or None when there is no book.

    Args:
        book: A book.
        depth: Most levels a side, >= 1.
    """
    if book.last is None:
        return None
    bids, asks = nlargest(depth, book.bids), nsmallest(depth, book.asks)
    return Ladder(
        book.last,
        tuple((price, book.bids[price]) for price in bids),
        tuple((price, book.asks[price]) for price in asks),
    )


def quote(best: Ladder, instrument: str, ts_venue: int, ts_local: int) -> Quote:
    """Return the top of a ladder as a quote; an empty side is None."""
    bid, bid_size = best.bids[0] if best.bids else (None, None)
    ask, ask_size = best.asks[0] if best.asks else (None, None)
    return Quote(ts_local, ts_venue, instrument, bid, bid_size, ask, ask_size)
