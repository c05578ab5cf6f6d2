"""Books made of Binance's captures: never crossed, and right or gone when lines are cut out.

What is right is told by an oracle that shares nothing with the book but its messages: two
plain tables of levels, written by each update in its order.
"""

import gzip
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rebalancer.wire import books
from rebalancer.wire.binance import BookTicker, DepthSnapshot, DepthUpdate, Market, frames
from rebalancer.wire.books import Book, Took

FUTURES, SPOT = Market.FUTURES, Market.SPOT
ALTS = "binance_usdm_alts_2021-07-22"
CAPTURES = {  # file, dialect, symbol where there are several, updates between two snapshots
    "usdm 2024": ("binance_usdm_btcusdt_2024-08-08", FUTURES, None, 200),
    "spot 2024": ("binance_spot_btcusdt_2024-08-08", SPOT, None, 200),
    "coinm 2024": ("binance_coinm_btcusd_perp_2024-08-08", FUTURES, None, 200),
    "usdm 2022": ("binance_usdm_btcusdt_2022-08-11", FUTURES, None, 30),
    **{
        each: (ALTS, FUTURES, each, 30) for each in ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")
    },
}
BROKEN = (Took.GAP, Took.CROSSED)


class Line(msgspec.Struct):
    """A line of a capture."""

    msg: msgspec.Raw
    kind: str = "recv"
    url: str = ""
    recv_s: float = 0.0


def marked(levels):
    """Return a number that whole tables have in common only if they are equal."""
    return sum(hash(each) for each in levels)


@dataclass
class Oracle:
    """What the book of a capture is after each update."""

    bids: dict = field(default_factory=dict)
    asks: dict = field(default_factory=dict)
    marks: dict = field(default_factory=dict)  # update id → mark of all levels
    mark: int = 0

    def write(self, message):
        """Let a snapshot or an update change the levels, whose ids are in order."""
        if isinstance(message, DepthSnapshot):
            self.bids, self.asks = dict(message.bids), dict(message.asks)
            self.mark = marked(levels_of(self.bids, self.asks))
        else:
            for name, told in (("bids", message.bids), ("asks", message.asks)):
                side = getattr(self, name)
                for price, size in told:
                    old = side.pop(price, None)
                    self.mark -= 0 if old is None else hash((name, price, old))
                    if size:
                        side[price] = size
                        self.mark += hash((name, price, size))
        self.marks[message.last] = self.mark

    def snapshot(self, last):
        """Return the book as the depth call would answer it."""
        return DepthSnapshot(last, tuple(self.bids.items()), tuple(self.asks.items()))


def levels_of(bids, asks):
    """Yield all levels of two tables."""
    for name, side in (("bids", bids), ("asks", asks)):
        for price, size in side.items():
            yield name, price, size


@dataclass(frozen=True)
class Capture:
    """One symbol of a capture, as it was told."""

    messages: list  # tickers, updates and the snapshot, in the order of their receipt
    updates: list  # of those, from the snapshot on
    marks: dict  # update id → mark of all levels
    tops: dict  # update id → best bid and ask of the uncut book
    snapshots: dict  # place among the updates → the book before it

    def snapshot(self, place):
        """Return the book before an update."""
        known, oracle = max(each for each in self.snapshots if each < place), Oracle()
        oracle.write(self.snapshots[known])
        for update in self.updates[known:place]:
            oracle.write(update)
        return oracle.snapshot(self.updates[place - 1].last)


def told_of(path, dialect, symbol):
    """Return the messages about a symbol; an answer of REST stands when it was received."""
    found = []
    with gzip.open(path) as lines:
        for line in map(msgspec.json.Decoder(Line).decode, lines):
            asked = line.kind == "http" and f"/depth?symbol={symbol}&" in line.url
            if line.kind == "recv" or asked:
                message = frames.decode(line.msg, dialect)
                own = asked or symbol in (None, getattr(message, "symbol", None))
                if own and isinstance(message, BookTicker | DepthUpdate | DepthSnapshot):
                    found.append((line.recv_s, message))
    return [message for _, message in sorted(found, key=itemgetter(0))]


@cache
def capture(folder, name):
    """Return a capture with what its book is after each update."""
    file, dialect, symbol, apart = CAPTURES[name]
    messages = told_of(folder / "raw" / f"{file}.jsonl.gz", dialect, symbol)
    (first,) = (each for each in messages if isinstance(each, DepthSnapshot))
    depth = (each for each in messages if isinstance(each, DepthUpdate))
    updates = [each for each in depth if each.last > first.last]
    oracle, book, tops, snapshots = Oracle(), Book(), {}, {0: first}
    oracle.write(first)
    books.take(book, first)
    tops[first.last] = books.best(book)
    for place, update in enumerate(updates):
        if place and place % apart == 0:
            snapshots[place] = oracle.snapshot(updates[place - 1].last)
        oracle.write(update)
        books.take(book, update)
        tops[update.last] = books.best(book)
    return Capture(messages, updates, oracle.marks, tops, snapshots)


def mark_of(book):
    """Return the mark of all levels of a book."""
    assert sorted(book.bids.sizes) == book.bids.prices
    assert sorted(book.asks.sizes) == book.asks.prices
    return marked(levels_of(book.bids.sizes, book.asks.sizes))


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.proves("binanceusdm", "books", "recorded")
@pytest.mark.proves("binancecoinm", "books", "recorded")
@pytest.mark.proves("binance", "books", "recorded")
def test_never_crossed(recordings, name):
    """After each message, tickers too, best bid is below best ask; no update is missed."""
    told, book, took = capture(recordings, name), Book(), []
    for message in told.messages:
        took.append(books.take(book, message))
        best = books.best(book)
        if best is not None:
            (bid, bid_size), (ask, ask_size) = best
            assert bid < ask
            assert min(bid_size, ask_size) > 0

    assert not set(BROKEN) & set(took)
    assert (told.updates[-1].last, told.marks[book.last]) == (book.last, mark_of(book))


@pytest.mark.parametrize("name", CAPTURES)
def test_books_are_right(recordings, name):
    """All along the way all levels are those of the oracle."""
    told, book = capture(recordings, name), Book()
    books.take(book, told.snapshots[0])
    for place, update in enumerate(told.updates):
        books.take(book, update)
        if place % 50 == 0 or place < 50:
            assert told.marks[update.last] == mark_of(book)


@pytest.mark.parametrize("name", CAPTURES)
def test_each_lost_line_shows(recordings, name):
    """Whichever single update is cut out, the one after it does not follow."""
    updates = capture(recordings, name).updates
    hidden = [
        before.last
        for before, after in zip(updates, updates[2:], strict=False)
        if books.take(Book(last=before.last, chained=True), after) is not Took.GAP
    ]

    assert [] == hidden


@dataclass
class Trial:
    """A book that is fed a capture of which lines are missing."""

    told: Capture
    book: Book = field(default_factory=Book)
    gaps: int = 0

    def take(self, message, *, whole=False):
        """Feed a message; the book must be right then, or known to be lost."""
        last = self.book.last
        took = books.take(self.book, message)
        self.gaps += took in BROKEN
        known = self.book.last
        if took in BROKEN or took is Took.WAITING:
            assert known is None
        if known is None:
            assert books.best(self.book) is None
        else:  # in step, but for what is older; after a snapshot come the updates that waited
            waited = isinstance(message, DepthSnapshot) and known > message.last
            assert known == message.last or took is Took.STALE or waited
            assert self.told.tops[known] == books.best(self.book)
            if whole or last is None:
                assert self.told.marks[known] == mark_of(self.book)

    def feed(self, places, cut, delay=0):
        """Feed updates but those that are cut; a lost book is told a snapshot, some time late."""
        asked = None
        for place in places:
            if place not in cut:
                self.take(self.told.updates[place], whole=place % 40 == 0)
            if self.book.last is not None:
                asked = None
            elif place + 1 in self.told.snapshots and asked is None:
                asked = place + 1
            if asked is not None and place + 1 >= asked + delay:
                self.take(self.told.snapshots[asked], whole=True)
                asked = None


CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", CAPTURES)
@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))  # to shrink takes minutes
@given(start=st.floats(0, 1), cuts=CUTS, without=st.booleans(), delay=st.integers(0, 25))
def test_cut_lines(recordings, name, start, cuts, without, delay):
    """Single lines, runs and the snapshot are cut out: the book is right, or known to be lost.

    With the next snapshot, however late it comes after it was asked for, it is right again.
    """
    told = capture(recordings, name)
    apart, count = CAPTURES[name][3], len(told.updates)
    first = int(start * (count - 1)) // apart * apart
    last, end = min(first + 2 * apart, count), min(first + 3 * apart, count)
    begins = [(first + int(place * (last - first)), run) for place, run in cuts]
    cut = {each for place, run in begins for each in range(place, min(place + run, end - 1))}
    trial = Trial(told)
    if not without:
        trial.take(told.snapshots[first], whole=True)
    trial.feed(range(first, end), cut, delay)
    if trial.book.last is None:  # no other snapshot came until here
        trial.take(told.snapshot(end), whole=True)

    assert without or bool(cut) == bool(trial.gaps)
    assert told.updates[end - 1].last == trial.book.last
    assert told.marks[trial.book.last] == mark_of(trial.book)


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("place", [2, 29, 71])
def test_what_showed_the_gap_is_kept(recordings, name, place, inside):
    """A snapshot from before the update that showed a gap brings the book up to that update.

    The venue takes it whenever it is asked, and so in the middle of an update as well.
    """
    told, book = capture(recordings, name), Book()
    shows = told.updates[place + 1]
    books.take(book, told.snapshot(place - 1))
    books.take(book, told.updates[place - 1])
    assert Took.GAP is books.take(book, shows)
    taken = told.snapshot(place + 1)
    if inside:
        taken = msgspec.structs.replace(taken, last=shows.last - 1)
    books.take(book, taken)

    assert (shows.last, told.marks[shows.last]) == (book.last, mark_of(book))


@pytest.mark.parametrize("name", CAPTURES)
def test_snapshot_over_a_book(recordings, name):
    """A newer snapshot replaces a book that fell behind without knowing it, and no older one."""
    told, trial = capture(recordings, name), Trial(capture(recordings, name))
    trial.take(told.snapshots[0])
    trial.take(told.updates[0])
    trial.take(told.snapshot(60), whole=True)
    assert told.updates[59].last == trial.book.last
    trial.take(told.snapshots[0], whole=True)

    assert told.updates[59].last == trial.book.last


@pytest.mark.parametrize("name", ["usdm 2024", "spot 2024", "coinm 2024"])
def test_snapshot_that_comes_too_late(recordings, name):
    """A snapshot older than all updates that were kept for it is a gap; a newer one cures it."""
    told, trial = capture(recordings, name), Trial(capture(recordings, name))
    late = books.WAITING_MOST + 100
    for update in told.updates[:late]:
        trial.take(update)
    trial.take(told.snapshots[0])
    assert (1, None) == (trial.gaps, trial.book.last)
    trial.take(told.snapshot(late), whole=True)

    assert told.updates[late - 1].last == trial.book.last
    trial.take(told.updates[late], whole=True)
    assert told.updates[late].last == trial.book.last
