"""The displayed book of an instrument, and the walk of an order through it."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from rebalancer.errors import DataError
from rebalancer.exchange.exact import ZERO, floor_to, positive

ONE = Decimal(1)
Level = tuple[Decimal, Decimal]  # price in quote currency, size in contracts; both > 0


@dataclass(frozen=True, slots=True)
class Book:
    """Displayed depth that nobody has taken yet, best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def opposite(book: Book, quantity: Decimal) -> tuple[Level, ...]:
    """Return the side that an order of this sign takes from."""
    return book.asks if quantity > 0 else book.bids


def reaches(quantity: Decimal, limit: Decimal | None, price: Decimal) -> bool:
    """Whether an order of this sign and limit may trade at `price`."""
    if limit is None:
        return True
    return price <= limit if quantity > 0 else price >= limit


def make_book(instrument: str, bids: Iterable[Level], asks: Iterable[Level]) -> Book:
    """Return the book of these levels.

    Args:
        instrument: Its id, for the error.
        bids: Price and size, dearest first; may be empty.
        asks: Price and size, cheapest first; may be empty.

    Raises:
        DataError: A number is not positive, a side is not strictly sorted, or
            the best bid is not below the best ask.
    """
    book = Book(tuple(bids), tuple(asks))
    for name, side, better in (("bids", book.bids, operator.gt), ("asks", book.asks, operator.lt)):
        numbers = [number for level in side for number in level]
        if not all(map(Decimal.is_finite, numbers)) or min(numbers, default=ONE) <= ZERO:
            wrong = next(number for number in numbers if not positive(number))
            raise DataError(f"{instrument} {name}: must be positive numbers, was {wrong}")
        prices = numbers[::2]
        if not all(map(better, prices, prices[1:])):
            before, after = next(pair for pair in pairwise(prices) if not better(*pair))
            raise DataError(f"{instrument} {name}: must be best first, was {before}, {after}")
    if book.bids and book.asks and book.bids[0][0] >= book.asks[0][0]:
        touch = f"{book.bids[0][0]} and {book.asks[0][0]}"
        raise DataError(f"{instrument}: best bid must be below best ask, was {touch}")
    return book


def crosses(book: Book, quantity: Decimal, limit: Decimal | None) -> bool:
    """Whether an order of this sign and limit would trade at once."""
    side = opposite(book, quantity)
    return bool(side) and reaches(quantity, limit, side[0][0])


def walk(
    book: Book, quantity: Decimal, limit: Decimal | None, lot: Decimal
) -> tuple[tuple[Level, ...], Book]:
    """Return what an order takes, and the book without it.

    Args:
        book: Depth to take from.
        quantity: Contracts wanted, signed.
        limit: Worst acceptable price; None takes at any.
        lot: Step of a quantity; less than a lot of a level is left standing.

    Returns:
        Price and contracts (> 0) of each level touched, best first, and the
        book that remains.
    """
    side, left = opposite(book, quantity), abs(quantity)
    taken: list[Level] = []
    kept: list[Level] = []
    for price, size in side:
        take = floor_to(min(size, left), lot) if reaches(quantity, limit, price) else ZERO
        left -= take
        if take:
            taken.append((price, take))
        if size > take:
            kept.append((price, size - take))
    rest = tuple(kept)
    return tuple(taken), Book(book.bids, rest) if quantity > 0 else Book(rest, book.asks)


def size_ahead(book: Book, quantity: Decimal, price: Decimal) -> Decimal | None:
    """Return the displayed size that an order joining at `price` stands behind.

    Contracts; 0 where it would be alone. None beyond the last displayed level:
    nobody can say what rests there.
    """
    side = book.bids if quantity > 0 else book.asks
    for level, size in side:
        if level == price:
            return size
        if reaches(quantity, price, level):  # the first level behind ours: nothing stands at it
            return ZERO
    return None
