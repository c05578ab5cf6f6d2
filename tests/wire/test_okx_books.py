"""OKX's books: whole, then by chained changes with checksums; gaps and crossings are found."""

import gzip
import json
from decimal import Decimal
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.wire.books import Took
from rebalancer.wire.okx import books as okx_books
from rebalancer.wire.okx import frames as okx
from rebalancer.wire.okx.books import Book, checksum, ladder, take
from rebalancer.wire.okx.market import BookChange

D = Decimal


def change(sequence=None, previous=None, bids=(), asks=(), check=None):
    """Return a message of the channel."""

    def levels(side):
        return tuple((D(price), D(amount), "0", "1") for price, amount in side)

    return BookChange(1, levels(bids), levels(asks), sequence, previous, check)


def begun():
    """Return a book that had its snapshot."""
    book = Book()
    told = change(5, -1, [("99", "1"), ("98", "2")], [("101", "3")])
    assert Took.APPLIED is take(book, told, whole=True)
    return book


def test_changes():
    """A level is replaced, added, or taken away at 0; the best are told best first."""
    book = begun()
    told = change(7, 5, [("99", "0"), ("98.5", "4"), ("98", "9")], [("100.5", "1")])

    assert Took.APPLIED is take(book, told, whole=False)
    best = ladder(book, 2)
    assert ((D("98.5"), D(4)), (D(98), D(9))) == best.bids
    assert ((D("100.5"), D(1)), (D(101), D(3))) == best.asks
    assert 7 == best.update


def test_the_other_side_stays():
    """A change that says nothing of a side leaves it as it was."""
    book = begun()
    take(book, change(6, 5, [("97", "1")]), whole=False)

    assert ((D(101), D(3)),) == ladder(book, 5).asks


@pytest.mark.parametrize(
    ("told", "took", "last"),
    [
        (change(6, 5), Took.APPLIED, 6),
        (change(5, 5), Took.APPLIED, 5),  # nothing happened for a minute
        (change(3, 5), Took.APPLIED, 3),  # the numbers begin anew after a maintenance
        (change(4, 3), Took.STALE, 5),
        (change(9, 8), Took.GAP, None),
        (change(6, 5, [("101", "1")]), Took.CROSSED, None),
        (change(6, 5, [("102", "1")]), Took.CROSSED, None),
        (change(6, 5, check=1), Took.GAP, None),
    ],
)
def test_what_becomes_of_a_change(told, took, last):
    """A change that does not follow, or leads to another book than the venue's, ends the book."""
    book = begun()

    assert took is take(book, told, whole=False)
    assert last == book.last
    assert (ladder(book, 1) is None) is (last is None)


def test_before_the_snapshot():
    """A change that comes before any snapshot waits for none: there is no book."""
    book = Book()

    assert Took.WAITING is take(book, change(6, 5, [("1", "1")]), whole=False)
    assert ladder(book, 1) is None


def test_after_a_gap_only_a_snapshot_helps():
    """What was lost comes back whole, and not by what is told meanwhile."""
    book = begun()
    take(book, change(9, 8), whole=False)

    assert Took.WAITING is take(book, change(10, 9), whole=False)
    assert Took.APPLIED is take(book, change(20, -1, [("9", "1")], [("10", "1")]), whole=True)
    assert ((D(9), D(1)),) == ladder(book, 3).bids


def test_without_numbers_the_checksum_speaks():
    """Older messages have no numbers: then a wrong checksum alone shows that one was lost."""
    book = Book()
    take(book, change(None, None, [("99", "1")], [("101", "1")]), whole=True)
    good = crc32(b"99:2:101:1")
    good = good - 2**32 if good >= 2**31 else good

    assert Took.APPLIED is take(book, change(bids=[("99", "2")], check=good), whole=False)
    assert Took.GAP is take(book, change(bids=[("99", "3")], check=good), whole=False)


def test_a_checksum_is_of_the_venues_own_text():
    """Digits enter a checksum as they were written, also those that change no value."""
    book = Book()
    take(book, change(1, -1, [("0.00000010", "1.50")], [("1", "2")]), whole=True)
    told = crc32(b"0.00000010:1.50:1:2")

    assert told == checksum(book) % 2**32


def test_a_deep_book_is_checked_by_its_best():
    """Only the best 25 levels of a side are in a checksum, and one side may be shorter."""
    bids = [(str(1_000 - each), "1") for each in range(40)]
    book = Book()
    take(book, change(1, -1, bids, [("2000", "1")]), whole=True)
    words = ["1000:1:2000:1", *(f"{1_000 - each}:1" for each in range(1, 25))]

    assert crc32(":".join(words).encode()) == checksum(book) % 2**32


SIDE = st.dictionaries(st.integers(1, 40), st.integers(0, 5), max_size=6)


@given(st.lists(st.tuples(SIDE, SIDE), max_size=12))
def test_a_book_is_never_crossed(steps):
    """Whatever is told, a book that there is has its bids below its asks, and no empty level."""
    book, last = Book(), None
    for number, (bids, asks) in enumerate(steps):
        told = change(
            number + 1,
            -1 if last is None else last,
            [(str(price), str(size)) for price, size in bids.items()],
            [(str(price + 20), str(size)) for price, size in asks.items()],
        )
        took = take(book, told, whole=last is None)
        last = number + 1 if took is Took.APPLIED else None
        best = ladder(book, 5)
        assert (best is None) is (took is not Took.APPLIED)
        if best is not None:
            assert all(size > 0 for _, size in (*best.bids, *best.asks))
            assert not (best.bids and best.asks) or best.bids[0][0] < best.asks[0][0]


class Line(msgspec.Struct):
    msg: msgspec.Raw
    kind: str = ""


@pytest.mark.parametrize("lost", [None, 20])
@pytest.mark.proves("okx", "books", "recorded")
def test_the_recorded_books(recordings, lost):
    """Three recorded books agree with every checksum; without one change it is found at once."""
    books, took, seen = {}, {}, 0
    with gzip.open(recordings / "raw" / "okx_2022-05-13.jsonl.gz") as lines:
        for line in map(msgspec.json.Decoder(Line).decode, lines):
            told = okx.decode(line.msg) if line.kind == "recv" else None
            if not isinstance(told, okx.Told) or not told.channel.startswith("books:"):
                continue
            for each in told.rows:
                seen += not told.whole
                if lost is not None and seen == lost and not told.whole:
                    continue
                book = books.setdefault(told.channel, okx_books.Book())
                result = take(book, each, whole=told.whole)
                took[result] = took.get(result, 0) + 1

    if lost is None:
        assert {Took.APPLIED: 290} == took
    else:
        assert 1 == took[Took.GAP]
        assert took[Took.WAITING] > 50


def test_documented_snapshot_is_no_book(recordings):
    """The reference's own example has a checksum of levels that it leaves out."""
    with gzip.open(recordings / "raw" / "payloads_okx.jsonl.gz") as lines:
        told = next(
            each["msg"]
            for each in map(json.loads, lines)
            if each["file"] == "ws_books_snapshot.json"
        )
    message = okx.decode(json.dumps(told).encode())

    assert Took.GAP is take(Book(), message.rows[0], whole=True)
