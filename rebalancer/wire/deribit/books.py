"""An order book kept from Deribit's messages: whole levels, or a snapshot and chained changes.

`book.NAME.GROUP.DEPTH.INTERVAL` tells its levels whole each time. The others
begin with a snapshot at each subscription; a change follows when its
`prev_change_id` is the book's change id. After a gap, or when bids meet asks,
there is no book until the next snapshot, which only a new subscription brings.
https://docs.deribit.com/#book-instrument_name-interval
"""

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import nlargest, nsmallest

from rebalancer.wire.books import Ladder, Took
from rebalancer.wire.deribit.market import BookChange, Change, Levels


@dataclass(slots=True)
class Book:
    """The book of one instrument; only `take` writes it."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)  # price → amount, > 0
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    last: int | None = None  # change id; None: there is no book


def take(book: Book, told: Levels | BookChange) -> Took:
    """Write a message into the book; return what became of it.

    Returns:
        APPLIED; STALE for a change that the book knows already; WAITING for one
        that came before any snapshot; GAP where changes are missing and CROSSED
        where bids met asks: from then on there is no book, subscribe anew.
    """
    if isinstance(told, Levels):
        book.bids, book.asks, book.last = dict(told.bids), dict(told.asks), told.change
        return Took.APPLIED
    if told.type == "snapshot":
        book.bids, book.asks = {}, {}
    elif book.last is None:
        return Took.WAITING
    elif told.change <= book.last:
        return Took.STALE
    elif told.previous != book.last:
        return _lose(book, Took.GAP)
    _write(book.bids, told.bids)
    _write(book.asks, told.asks)
    book.last = told.change
    if book.bids and book.asks and max(book.bids) >= min(book.asks):
        return _lose(book, Took.CROSSED)
    return Took.APPLIED


def _write(levels: dict[Decimal, Decimal], changes: tuple[Change, ...]) -> None:
    for action, price, amount in changes:
        if action == "delete":
            levels.pop(price, None)
        else:
            levels[price] = amount


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
