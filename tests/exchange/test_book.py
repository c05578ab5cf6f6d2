"""Tests of the displayed book: what is accepted, and the walk through it."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.book import Book, size_ahead, walk
from tests.exchange.listing import LINEAR, D, levels, open_exchange

BOOK = Book(levels("1@99", "2@98", "4@97"), levels("1@101", "2@102", "4@103"))


@pytest.mark.parametrize(
    ("quantity", "limit", "lot", "taken", "rest"),
    [
        ("0.5", None, "0.1", ["0.5@101"], ["0.5@101", "2@102", "4@103"]),
        ("1", None, "0.1", ["1@101"], ["2@102", "4@103"]),
        ("2.5", None, "0.1", ["1@101", "1.5@102"], ["0.5@102", "4@103"]),
        ("2.5", "101", "0.1", ["1@101"], ["2@102", "4@103"]),
        ("9", None, "0.1", ["1@101", "2@102", "4@103"], []),
        ("9", "100.9", "0.1", [], ["1@101", "2@102", "4@103"]),
        ("3", None, "2", ["2@102"], ["1@101", "4@103"]),  # less than a lot is left standing
    ],
)
def test_buy_walks_up(quantity, limit, lot, taken, rest):
    """A buy eats asks from the cheapest within its limit, in whole lots."""
    left = Book(BOOK.bids, levels(*rest))

    assert (levels(*taken), left) == walk(BOOK, D(quantity), limit and D(limit), D(lot))


@pytest.mark.parametrize(
    ("quantity", "limit", "taken", "rest"),
    [
        ("-0.5", None, ["0.5@99"], ["0.5@99", "2@98", "4@97"]),
        ("-2", "98", ["1@99", "1@98"], ["1@98", "4@97"]),
        ("-9", "98", ["1@99", "2@98"], ["4@97"]),
        ("-9", "99.5", [], ["1@99", "2@98", "4@97"]),
    ],
)
def test_sell_walks_down(quantity, limit, taken, rest):
    """A sell eats bids from the dearest within its limit."""
    left = Book(levels(*rest), BOOK.asks)

    assert (levels(*taken), left) == walk(BOOK, D(quantity), limit and D(limit), D("0.1"))


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("1", "99", "1"),
        ("1", "97", "4"),
        ("1", "99.5", "0"),  # alone in front
        ("1", "97.5", "0"),  # between two levels
        ("1", "96", None),  # beyond what is displayed
        ("-1", "102", "2"),
        ("-1", "100", "0"),
        ("-1", "104", None),
    ],
)
def test_size_ahead(quantity, price, expected):
    """A new order stands behind what is displayed at its price, unknown beyond the last level."""
    assert (None if expected is None else D(expected)) == size_ahead(BOOK, D(quantity), D(price))


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (["1@100"], ["1@100"]),  # locked
        (["1@101"], ["1@100"]),  # crossed
        (["1@98", "1@99"], []),
        (["1@99", "1@99"], []),
        ([], ["1@102", "1@101"]),
        (["0@99"], []),
        (["1@0"], []),
        ([], ["-1@101"]),
        ([], ["1@NaN"]),
        ([], ["1@Infinity"]),
    ],
)
def test_senseless_book(bids, asks):
    """A book that no venue can display is refused by name, and the old one stays."""
    exchange = open_exchange()
    exchange.set_book(0, LINEAR.id, levels("1@99"), levels("1@101"))

    with pytest.raises(DataError, match=LINEAR.id):
        exchange.set_book(1, LINEAR.id, levels(*bids), levels(*asks))

    assert Book(levels("1@99"), levels("1@101")) == exchange.book(LINEAR.id)


def test_one_sided_book():
    """A side may be empty, and both may."""
    exchange = open_exchange()

    assert exchange.book(LINEAR.id) is None
    assert () == exchange.set_book(0, LINEAR.id, levels("1@99"), ())
    assert () == exchange.set_book(0, LINEAR.id, (), ())
    assert Book((), ()) == exchange.book(LINEAR.id)
