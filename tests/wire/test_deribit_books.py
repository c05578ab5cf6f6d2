"""Deribit's books: whole levels, a snapshot with chained changes, gaps and crossings."""

from decimal import Decimal

import pytest

from rebalancer.wire.books import Ladder, Took
from rebalancer.wire.deribit import books as deribit_books
from rebalancer.wire.deribit.books import Book
from rebalancer.wire.deribit.market import BookChange, Levels

D = Decimal


def changes(text):
    """Return changes from "action price amount" texts, parted by commas."""
    parts = (each.split() for each in text.split(",") if each)
    return tuple((action, D(price), D(amount)) for action, price, amount in parts)


def change(previous, number, bids="", asks=""):
    return BookChange(
        1, "BTC-PERPETUAL", number, "change", changes(bids), changes(asks), previous=previous
    )


def snapshot(number, bids="new 100 1,new 99 2", asks="new 101 1,new 102 2"):
    return BookChange(1, "BTC-PERPETUAL", number, "snapshot", changes(bids), changes(asks))


def play(*messages):
    """Return a book that took the messages, and what became of each."""
    book = Book()
    return book, [deribit_books.take(book, message) for message in messages]


APPLIED, STALE, WAITING, GAP = Took.APPLIED, Took.STALE, Took.WAITING, Took.GAP


@pytest.mark.parametrize(
    ("messages", "became", "last"),
    [
        ([snapshot(10), change(10, 12), change(12, 15)], [APPLIED] * 3, 15),
        ([change(9, 10)], [WAITING], None),
        ([snapshot(10), change(9, 10)], [APPLIED, STALE], 10),  # said twice
        ([snapshot(10), change(11, 12)], [APPLIED, GAP], None),
        ([snapshot(10), change(11, 12), change(12, 13)], [APPLIED, GAP, WAITING], None),
        ([snapshot(10), change(11, 12), snapshot(13)], [APPLIED, GAP, APPLIED], 13),
        ([snapshot(10), change(10, 11, bids="new 101 1")], [APPLIED, Took.CROSSED], None),
        ([snapshot(10), snapshot(3)], [APPLIED, APPLIED], 3),  # a new subscription begins anew
    ],
)
def test_chain(messages, became, last):
    """A change follows the one that it names; anything else is seen."""
    book, found = play(*messages)

    assert became == found
    assert last == book.last


def test_changes_are_written():
    """New and changed levels stand, deleted ones are gone, the best come first."""
    moved = change(10, 11, "change 99 7,delete 100 0,new 98 1", "new 100.5 3,delete 7 0")
    book, _ = play(snapshot(10), moved)

    expected = Ladder(11, ((D(99), D(7)), (D(98), D(1))), ((D("100.5"), D(3)), (D(101), D(1))))
    assert expected == deribit_books.ladder(book, 2)


def test_whole_levels_replace():
    """A grouped message is the book, whatever was known before."""
    told = Levels(1, "BTC-PERPETUAL", 5, ((D(90), D(1)),), ())
    book, became = play(snapshot(10), told)

    assert [APPLIED, APPLIED] == became
    assert Ladder(5, ((D(90), D(1)),), ()) == deribit_books.ladder(book, 20)


def test_no_book():
    """Before a snapshot and after a gap there is no ladder."""
    assert None is deribit_books.ladder(Book(), 20)
