"""An order book kept from Binance's messages: snapshot, depth updates, best prices.

Depth. Updates that arrive before a snapshot wait for it. An update whose last
id is not above the book's is stale and dropped. On futures (`pu` told) an
update follows when its `pu` is the book's last id, and the first after a
snapshot when its `pu` is not above the snapshot's id; on spot when its first id
is at most the book's last id + 1. Any other update shows a gap. After a gap, or
when bids meet asks, there is no book until the next snapshot, and updates wait.

Best prices. `bookTicker` is told at every change, depth only every so often.
The *effective* book at any moment is the depth book as of update d overlaid by
the newest ticker t. When t is not newer than d (by update id, never by arrival)
the depth book stands as it is. When it is newer: bids above the ticker's bid
and asks below its ask are gone; the level at the ticker's bid (ask) has the
ticker's size, new or not; levels behind it stay as depth last told them.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.events import Quote
from rebalancer.wire.binance import BookTicker, DepthSnapshot, DepthUpdate, Level, Message

WAITING_MOST = 1000  # updates kept for a snapshot; what falls out shows as a gap later


class Took(StrEnum):
    """What became of a message given to a book."""

    APPLIED = "applied"
    STALE = "stale"  # older than what the book knows: dropped
    WAITING = "waiting"  # no snapshot yet: kept for it
    GAP = "gap"  # updates are missing: no book until the next snapshot
    CROSSED = "crossed"  # bids met asks: no book until the next snapshot
    IGNORED = "ignored"  # not a message about levels


@dataclass(slots=True)
class Side:
    """One side of the depth book."""

    prices: list[Decimal] = field(default_factory=list)  # ascending, on both sides
    sizes: dict[Decimal, Decimal] = field(default_factory=dict)  # price → contracts, > 0


@dataclass(slots=True)
class Book:
    """The order book of one instrument; only `take` writes it."""

    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)
    last: int | None = None  # update id that the depth is known to; None: there is no book
    chained: bool = False  # whether an update was applied since the snapshot
    ticker: BookTicker | None = None  # newest by update id
    waiting: deque[DepthUpdate] = field(default_factory=lambda: deque(maxlen=WAITING_MOST))


@dataclass(frozen=True, slots=True)
class Ladder:
    """The best levels of an effective book, best first, never crossed."""

    update: int  # update id that the best prices are known to
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def take(book: Book, message: Message) -> Took:
    """Write a message into the book; return what became of it."""
    match message:
        case DepthUpdate():
            return _take_update(book, message)
        case BookTicker():
            return _take_ticker(book, message)
        case DepthSnapshot():
            return _take_snapshot(book, message)
        case _:
            return Took.IGNORED


def _take_ticker(book: Book, ticker: BookTicker) -> Took:
    if book.ticker is not None and ticker.update <= book.ticker.update:
        return Took.STALE
    book.ticker = ticker
    return Took.STALE if book.last is not None and ticker.update <= book.last else Took.APPLIED


def _take_snapshot(book: Book, snapshot: DepthSnapshot) -> Took:
    if book.last is not None and snapshot.last <= book.last:
        return Took.STALE
    _clear(book)
    book.last = snapshot.last
    _write(book.bids, snapshot.bids)
    _write(book.asks, snapshot.asks)
    took = Took.CROSSED if _crossed(book) else Took.APPLIED
    if took is Took.CROSSED:
        _clear(book)
        return took
    waiting = tuple(book.waiting)
    book.waiting.clear()
    for update in waiting:
        became = _take_update(book, update)
        if became in (Took.GAP, Took.CROSSED):
            took = became
    return took


def _take_update(book: Book, update: DepthUpdate) -> Took:
    if book.last is None:
        book.waiting.append(update)
        return Took.WAITING
    if update.last <= book.last:
        return Took.STALE
    if not _follows(update, book.last, book.chained):
        return _give_up(book, update, Took.GAP)
    _write(book.bids, update.bids)
    _write(book.asks, update.asks)
    if _crossed(book):
        return _give_up(book, update, Took.CROSSED)
    book.last, book.chained = update.last, True
    return Took.APPLIED


def _follows(update: DepthUpdate, last: int, chained: bool) -> bool:
    if update.previous is None:
        return update.first <= last + 1
    return update.previous == last or (not chained and update.previous < last)


def _give_up(book: Book, update: DepthUpdate, why: Took) -> Took:
    _clear(book)
    book.waiting.append(update)
    return why


def _clear(book: Book) -> None:
    book.last, book.chained = None, False
    for side in (book.bids, book.asks):
        side.prices.clear()
        side.sizes.clear()


def _write(side: Side, levels: Iterable[Level]) -> None:
    prices, sizes = side.prices, side.sizes
    for price, size in levels:
        if size:
            if price not in sizes:
                insort(prices, price)
            sizes[price] = size
        elif sizes.pop(price, None) is not None:
            del prices[bisect_left(prices, price)]


def _crossed(book: Book) -> bool:
    bids, asks = book.bids.prices, book.asks.prices
    return bool(bids and asks) and bids[-1] >= asks[0]


# --- reading ----------------------------------------------------------------


def ladder(book: Book, depth: int = 50) -> Ladder | None:
    """Return the best levels of the effective book, or None when there is no book.

    Args:
        book: The book; reading it costs in proportion to `depth` only.
        depth: Most levels a side, >= 1.
    """
    if book.last is None:
        return None
    ticker = book.ticker
    if ticker is None or ticker.update <= book.last:
        bids, asks = _levels(book.bids, slice(-1, -depth - 1, -1)), _levels(book.asks, slice(depth))
        return Ladder(book.last, bids, asks)
    below = bisect_left(book.bids.prices, ticker.bid)  # bids before it are worse
    above = bisect_right(book.asks.prices, ticker.ask)  # asks from it on are worse
    behind_bid = book.bids.prices[max(0, below - depth + 1) : below]
    behind_ask = book.asks.prices[above : above + depth - 1]
    return Ladder(
        ticker.update,
        ((ticker.bid, ticker.bid_size), *((p, book.bids.sizes[p]) for p in reversed(behind_bid))),
        ((ticker.ask, ticker.ask_size), *((p, book.asks.sizes[p]) for p in behind_ask)),
    )


def _levels(side: Side, which: slice) -> tuple[Level, ...]:
    return tuple((price, side.sizes[price]) for price in side.prices[which])


def best(book: Book) -> tuple[Level | None, Level | None] | None:
    """Return best bid and best ask of the effective book, None for an empty side or no book."""
    top = ladder(book, 1)
    if top is None:
        return None
    return (top.bids[0] if top.bids else None), (top.asks[0] if top.asks else None)


def quote(book: Book, instrument: str, ts_local: int, ts_venue: int | None) -> Quote | None:
    """Return the top of the effective book as a quote, or None when there is no book."""
    top = best(book)
    if top is None:
        return None
    bid, ask = (level or (None, None) for level in top)
    return Quote(ts_local, ts_venue, instrument, *bid, *ask)
