"""An order book kept from OKX's `books`: a snapshot at each subscription, then chained changes.

A change follows when its `prevSeqId` is the book's sequence number; one whose own
number is lower belongs to a maintenance of the venue and follows all the same.
The checksum of the best 25 levels is held against the book, where it is told.
After a gap, a wrong checksum, or when bids meet asks, there is no book until the
next snapshot, which only a new subscription brings.
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
"""

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import nlargest, nsmallest
from itertools import zip_longest
from zlib import crc32

from rebalancer.wire.books import Ladder, Took
from rebalancer.wire.okx.market import BookChange
from rebalancer.wire.okx.values import Level

CHECKED = 25  # levels a side that a checksum is of
_SIGN, _WRAP = 2**31, 2**32


@dataclass(slots=True)
class Book:
    """The book of one instrument; only `take` writes it."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)  # price → contracts, > 0
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    last: int | None = None  # sequence number, or 0 where none is told; None: there is no book


def take(book: Book, told: BookChange, *, whole: bool) -> Took:
    """Write a message into the book; return what became of it.

    Args:
        book: Of the instrument.
        told: What the channel says.
        whole: Whether it is the whole book.

    Returns:
        APPLIED; STALE for a change that the book knows already; WAITING for one
        that came before any snapshot; GAP where changes are missing or the
        checksum is another, and CROSSED where bids met asks: from then on there
        is no book, subscribe anew.
    """
    if whole:
        book.bids, book.asks = {}, {}
    elif book.last is None:
        return Took.WAITING
    elif told.previous is not None and told.previous != book.last:
        stale = told.sequence is not None and told.previous < told.sequence <= book.last
        return Took.STALE if stale else _lose(book, Took.GAP)
    _write(book.bids, told.bids)
    _write(book.asks, told.asks)
    book.last = told.sequence or 0
    if book.bids and book.asks and max(book.bids) >= min(book.asks):
        return _lose(book, Took.CROSSED)
    if told.checksum and told.checksum != checksum(book):
        return _lose(book, Took.GAP)
    return Took.APPLIED


def _write(levels: dict[Decimal, Decimal], changes: tuple[Level, ...]) -> None:
    for price, amount, *_ in changes:
        if amount:
            levels[price] = amount
        else:
            levels.pop(price, None)


def _lose(book: Book, why: Took) -> Took:
    book.bids, book.asks, book.last = {}, {}, None
    return why


def checksum(book: Book) -> int:
    """Return the CRC32 of the best 25 levels, bid and ask in turn, as a signed number of 32 bits.

    Prices and amounts enter it as the venue wrote them.

    >>> side = {Decimal("3366.1"): Decimal("7"), Decimal("3366"): Decimal("6")}
    >>> asks = {Decimal("3366.8"): Decimal("9"), Decimal("3368"): Decimal("8")}
    >>> checksum(Book(side, asks, 1)) == -(2**32 - crc32(b"3366.1:7:3366.8:9:3366:6:3368:8"))
    True
    """
    bids, asks = nlargest(CHECKED, book.bids), nsmallest(CHECKED, book.asks)
    words: list[str] = []
    for bid, ask in zip_longest(bids, asks):
        if bid is not None:
            words += (format(bid, "f"), format(book.bids[bid], "f"))
        if ask is not None:
            words += (format(ask, "f"), format(book.asks[ask], "f"))
    value = crc32(":".join(words).encode())
    return value - _WRAP if value >= _SIGN else value


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
