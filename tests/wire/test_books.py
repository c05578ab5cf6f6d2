"""Order books: snapshot, chained updates, gaps, and the ticker laid over the depth."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.events import Quote
from rebalancer.wire import books
from rebalancer.wire.binance import BookTicker, DepthSnapshot, DepthUpdate, Unknown
from rebalancer.wire.books import Book, Ladder, Took


def levels(*pairs):
    """Return levels from "price size" texts."""
    return tuple((Decimal(price), Decimal(size)) for price, size in map(str.split, pairs))


def snapshot(last, bids=("100 1", "99 2"), asks=("101 1", "102 2")):
    """Return a snapshot of a small book."""
    return DepthSnapshot(last=last, bids=levels(*bids), asks=levels(*asks))


def futures(previous, last, bids=(), asks=()):
    """Return an update of the futures dialect; U is anything after pu."""
    return update(previous + 1, last, previous, bids, asks)


def spot(first, last, bids=(), asks=()):
    """Return an update of the spot dialect."""
    return update(first, last, None, bids, asks)


def update(first, last, previous, bids, asks):
    return DepthUpdate(
        event_ms=1,
        symbol="BTCUSDT",
        first=first,
        last=last,
        previous=previous,
        bids=levels(*bids),
        asks=levels(*asks),
    )


def ticker(number, bid="100 1", ask="101 1"):
    """Return a ticker at an update id."""
    (bid_price, bid_size), (ask_price, ask_size) = levels(bid, ask)
    return BookTicker(number, "BTCUSDT", bid_price, bid_size, ask_price, ask_size)


def play(*messages):
    """Return a book that took the messages, and what became of each."""
    book = Book()
    return book, [books.take(book, message) for message in messages]


APPLIED, STALE, WAITING, GAP = Took.APPLIED, Took.STALE, Took.WAITING, Took.GAP


@pytest.mark.parametrize(
    ("messages", "became", "last"),
    [
        ([snapshot(10), futures(8, 12), futures(12, 15)], [APPLIED] * 3, 15),
        ([snapshot(10), futures(10, 12)], [APPLIED] * 2, 12),
        ([snapshot(10), futures(11, 12)], [APPLIED, GAP], None),
        ([snapshot(10), futures(5, 9)], [APPLIED, STALE], 10),
        ([snapshot(10), futures(5, 10), futures(10, 11)], [APPLIED, STALE, APPLIED], 11),
        ([snapshot(10), futures(8, 12), futures(8, 12)], [APPLIED, APPLIED, STALE], 12),
        ([snapshot(10), futures(8, 12), futures(13, 15)], [APPLIED, APPLIED, GAP], None),
        ([snapshot(10), futures(8, 12), futures(11, 15)], [APPLIED, APPLIED, GAP], None),
        ([futures(5, 9), futures(9, 12), snapshot(10)], [WAITING, WAITING, APPLIED], 12),
        ([futures(9, 12), futures(13, 15), snapshot(10)], [WAITING, WAITING, GAP], None),
        ([snapshot(10), futures(11, 12), snapshot(11)], [APPLIED, GAP, APPLIED], 12),  # resync
        ([snapshot(10), futures(11, 12), snapshot(9)], [APPLIED, GAP, GAP], None),  # too old
        ([snapshot(10), snapshot(9)], [APPLIED, STALE], 10),
        ([snapshot(10), snapshot(20)], [APPLIED, APPLIED], 20),
        ([snapshot(10), spot(11, 12), spot(13, 13)], [APPLIED] * 3, 13),
        ([snapshot(10), spot(9, 12)], [APPLIED] * 2, 12),
        ([snapshot(10), spot(12, 13)], [APPLIED, GAP], None),
        ([snapshot(10), spot(8, 10)], [APPLIED, STALE], 10),
        ([snapshot(10), spot(11, 12), spot(14, 15)], [APPLIED, APPLIED, GAP], None),
        ([spot(9, 10), spot(11, 12), snapshot(10)], [WAITING, WAITING, APPLIED], 12),
        ([Unknown("kline")], [Took.IGNORED], None),
    ],
)
def test_sequence(messages, became, last):
    """Updates are applied in an unbroken chain only; a gap ends the book until a snapshot."""
    book, took = play(*messages)

    assert became == took
    assert last == book.last
    assert (last is None) == (books.ladder(book) is None)


def test_levels_follow_updates():
    """A size replaces the old one, zero removes, a removal of nothing does nothing."""
    book, _ = play(
        snapshot(10), futures(10, 11, ["100 0", "99 5", "98 1", "97 0"], ["101.5 4", "102 0"])
    )

    assert Ladder(11, levels("99 5", "98 1"), levels("101 1", "101.5 4")) == books.ladder(book)


def test_equal_prices_are_one_level():
    """100 and 100.00 are the same price."""
    book, _ = play(snapshot(10), futures(10, 11, ["100.00 7"]))

    assert levels("100 7", "99 2") == books.ladder(book).bids


@pytest.mark.parametrize("bids", [["101 1"], ["101.5 1"]])
def test_crossed_update_ends_the_book(bids):
    """Bids that meet asks cannot be: there is no book until the next snapshot."""
    book, took = play(snapshot(10), futures(10, 11, bids), futures(11, 12))

    assert [APPLIED, Took.CROSSED, WAITING] == took
    assert books.ladder(book) is None
    assert APPLIED == books.take(book, snapshot(12))
    assert 12 == books.ladder(book).update


def test_crossed_snapshot_is_no_book():
    """A snapshot that crosses itself leaves no book behind."""
    book, took = play(snapshot(10, ["101 1"], ["101 1"]))

    assert [Took.CROSSED] == took
    assert books.best(book) is None


def test_waiting_updates_are_bounded():
    """Too many updates without a snapshot fall out, and show as a gap."""
    book = Book()
    for number in range(books.WAITING_MOST + 5):
        books.take(book, futures(number, number + 1))

    assert books.WAITING_MOST == len(book.waiting)
    assert GAP == books.take(book, snapshot(2))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            ticker(10, "99 9", "102 9"),
            Ladder(10, ("100 1", "99 2"), ("101 1", "102 2")),
        ),  # not newer
        (ticker(9, "99 9", "102 9"), Ladder(10, ("100 1", "99 2"), ("101 1", "102 2"))),
        (ticker(11, "100 7", "101 1"), Ladder(11, ("100 7", "99 2"), ("101 1", "102 2"))),  # size
        (ticker(11, "99 9", "101 1"), Ladder(11, ("99 9",), ("101 1", "102 2"))),  # bid gone
        (
            ticker(11, "99.5 4", "100 3"),
            Ladder(11, ("99.5 4", "99 2"), ("100 3", "101 1", "102 2")),
        ),
        (
            ticker(11, "101 3", "101.5 2"),
            Ladder(11, ("101 3", "100 1", "99 2"), ("101.5 2", "102 2")),
        ),
        (ticker(11, "200 3", "201 2"), Ladder(11, ("200 3", "100 1", "99 2"), ("201 2",))),
        (ticker(11, "50 3", "51 2"), Ladder(11, ("50 3",), ("51 2", "101 1", "102 2"))),
    ],
)
def test_ticker_over_depth(told, expected):
    """A newer ticker cuts what it passed and sets its level; an older one changes nothing."""
    book, _ = play(snapshot(10), told)
    ladder = books.ladder(book)

    assert expected.update == ladder.update
    assert levels(*expected.bids) == ladder.bids
    assert levels(*expected.asks) == ladder.asks


def test_older_ticker_never_replaces_a_newer_one():
    """Order is by update id and not by arrival."""
    book, took = play(snapshot(10), ticker(12, "100 7"), ticker(11, "100 8"), ticker(12, "100 9"))

    assert [APPLIED, APPLIED, STALE, STALE] == took
    assert levels("100 7")[0] == books.best(book)[0]


def test_depth_overtakes_ticker():
    """Once depth is as new as the ticker the depth stands alone."""
    book, _ = play(snapshot(10), ticker(11, "100.5 3"), futures(10, 12, ["100.5 4", "100.6 1"]))

    assert levels("100.6 1", "100.5 4", "100 1", "99 2") == books.ladder(book).bids


def test_ticker_survives_a_resync():
    """A ticker newer than the next snapshot is laid over it."""
    book, _ = play(ticker(20, "100 5"), snapshot(10))

    assert levels("100 5")[0] == books.best(book)[0]
    assert 20 == books.ladder(book).update


@pytest.mark.parametrize("told", [[], [ticker(11, "100.5 3", "100.6 4")]])
def test_depth_of_a_ladder(told):
    """At most the asked number of levels comes back, the best ones."""
    book, _ = play(snapshot(10), *told)
    whole, one = books.ladder(book, 3), books.ladder(book, 1)

    assert (whole.bids[:1], whole.asks[:1]) == (one.bids, one.asks)


def test_quote():
    """The top of the effective book is a quote; an empty side is None."""
    book, _ = play(snapshot(10, asks=()))

    assert Quote(5, 4, "x:Y", Decimal(100), Decimal(1), None, None) == books.quote(
        book, "x:Y", 5, 4
    )
    assert books.quote(Book(), "x:Y", 5, 4) is None


SIZES = st.integers(0, 3)
STEP = st.dictionaries(st.integers(1, 20), SIZES, min_size=1, max_size=4)


@given(
    steps=st.lists(STEP, min_size=1, max_size=12),
    drops=st.lists(st.booleans(), min_size=12, max_size=12),
    repeats=st.lists(st.booleans(), min_size=12, max_size=12),
    chained=st.booleans(),
    start=st.integers(0, 11),
)
def test_book_is_right_or_not_there(steps, drops, repeats, chained, start):
    """Lost, repeated or early updates: a book that is there equals the true one at its id.

    Prices 1 … 10 are bids and 11 … 20 asks, so the truth never crosses.
    """
    truth, states, messages = {}, [{}], []
    for number, step in enumerate(steps, 1):
        truth = {price: size for price, size in (truth | step).items() if size}
        states.append(truth)
        bids = [f"{price} {size}" for price, size in step.items() if price <= 10]
        asks = [f"{price} {size}" for price, size in step.items() if price > 10]
        make = futures(number - 1, number, bids, asks)
        messages.append(make if chained else spot(number, number, bids, asks))
    start = min(start, len(steps))
    at_start = states[start].items()
    full = snapshot(
        start,
        [f"{price} {size}" for price, size in at_start if price <= 10],
        [f"{price} {size}" for price, size in at_start if price > 10],
    )
    book = Book()
    for place, message in enumerate(messages):
        if place == start:
            books.take(book, full)
        for _ in range(0 if drops[place] else 2 if repeats[place] else 1):
            books.take(book, message)
        ladder = books.ladder(book)
        if ladder is not None:
            held = {int(price): int(size) for price, size in (*ladder.bids, *ladder.asks)}
            assert states[ladder.update] == held
            assert list(ladder.bids) == sorted(ladder.bids, reverse=True)
            assert list(ladder.asks) == sorted(ladder.asks)
