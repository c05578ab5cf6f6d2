"""Raw captures: every line counted, none that stops the reading, a book beside each message."""

import gzip
from bisect import bisect_right

import msgspec
import pytest

from rebalancer.core.events import Quote, Trade
from rebalancer.errors import DataError
from rebalancer.recordings import streams
from rebalancer.recordings.streams import Tally
from rebalancer.wire import books
from rebalancer.wire.binance import BookTicker, DepthUpdate, Market, TradePrint

MS = 1_000_000  # ns
E = 1_700_000_000_000  # ms
TICKER = {
    "e": "bookTicker",
    "u": 12,
    "s": "BTCUSDT",
    "b": "100.0",
    "B": "7",
    "a": "101.0",
    "A": "1",
    "T": E,
    "E": E + 1,
}
TRADE = {
    "e": "trade",
    "E": E + 3,
    "T": E + 2,
    "s": "BTCUSDT",
    "t": 1,
    "p": "101",
    "q": "2",
    "m": False,
}
DEPTH = {
    "e": "depthUpdate",
    "E": E + 5,
    "T": E + 4,
    "s": "BTCUSDT",
    "U": 11,
    "u": 11,
    "pu": 10,
    "b": [["99.0", "3"]],
    "a": [],
}
SNAPSHOT = {"lastUpdateId": 10, "bids": [["100.0", "1"]], "asks": [["101.0", "1"]]}


def line(recv_ns, body, stream=None):
    """Return a line of a capture."""
    msg = body if stream is None else {"stream": stream, "data": body}
    return msgspec.json.encode({"recv_ns": recv_ns, "msg": msg})


LINES = [
    line(1 * MS, SNAPSHOT),
    line(2 * MS, TICKER, "btcusdt@bookTicker"),
    line(3 * MS, TRADE, "btcusdt@trade"),
    line(4 * MS, DEPTH, "btcusdt@depth@0ms"),
]


def write(folder, lines, name="capture.jsonl.gz"):
    """Return the path of a capture."""
    text = b"".join(one + b"\n" for one in lines)
    path = folder / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


@pytest.mark.parametrize("name", ["capture.jsonl.gz", "capture.jsonl"])
def test_messages(tmp_path, name):
    """Messages come in the order of the file, each with its receive time."""
    tally = Tally()
    found = list(streams.messages(write(tmp_path, LINES, name), Market.FUTURES, tally))

    assert [1 * MS, 2 * MS, 3 * MS, 4 * MS] == [ts for ts, _ in found]
    assert (4, 0, 0) == (tally.decoded, tally.unknown, tally.refused)


@pytest.mark.parametrize(
    ("damaged", "unknown", "refused"),
    [
        (LINES[1][:-20], 0, 1),  # cut off
        (b"", 0, 1),
        (b"[]", 0, 1),
        (b"17", 0, 1),
        (b"\xff\xfe", 0, 1),
        (b"[" * 100_000, 0, 1),
        (msgspec.json.encode({"recv_ns": 2}), 0, 1),
        (msgspec.json.encode({"msg": {}}), 0, 1),
        (line("2", TICKER), 0, 1),
        (line(2, []), 0, 1),
        (line(2, TICKER | {"b": "NaN"}), 0, 1),
        (line(2, {"e": "aggTrade"}), 1, 0),
        (line(2, {"result": None, "id": 1}), 1, 0),
    ],
)
def test_damaged_lines(tmp_path, damaged, unknown, refused):
    """A damaged or foreign line is counted and skipped; what follows it is read."""
    tally = Tally()
    path = write(tmp_path, [LINES[0], damaged, LINES[2]])

    assert 2 == len(list(streams.messages(path, Market.FUTURES, tally)))
    assert (2, unknown, refused) == (tally.decoded, tally.unknown, tally.refused)
    assert 3 == tally.lines
    assert refused == len(tally.reasons)
    assert all(reason.startswith("line 2: ") for reason in tally.reasons)


def test_few_reasons_are_kept(tmp_path):
    """All refusals count, the first few keep their reason."""
    tally = Tally()
    list(streams.messages(write(tmp_path, [b"x"] * 20), Market.FUTURES, tally))

    assert (20, streams.REASONS_SHOWN) == (tally.refused, len(tally.reasons))


@pytest.mark.parametrize("damage", ["absent", "cut", "text"])
def test_damaged_files(tmp_path, damage):
    """A file that is not there or not whole is refused, not half believed."""
    path = write(tmp_path, LINES)
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20] if damage == "cut" else b"text")

    with pytest.raises(DataError, match="must be a whole file of lines"):
        list(streams.messages(path, Market.FUTURES, Tally()))


def test_events(tmp_path):
    """Tickers and trades become quotes and trades of the instrument."""
    path = write(tmp_path, LINES)

    found = list(streams.events(path, Market.FUTURES, "binanceusdm:BTCUSDT", Tally()))

    assert [(2 * MS, Quote), (3 * MS, Trade)] == [(ts, type(event)) for ts, event in found]
    assert all("binanceusdm:BTCUSDT" == event.instrument for _, event in found)


def test_moments(tmp_path):
    """Beside each message stands the book that it left: depth under the newest ticker."""
    path, bids = write(tmp_path, LINES), []
    for _, moment in streams.moments(path, Market.FUTURES, Tally()):
        ladder = books.ladder(moment.book)
        bids.append([(str(price), str(size)) for price, size in ladder.bids])

    assert [
        [("100.0", "1")],
        [("100.0", "7")],
        [("100.0", "7")],
        [("100.0", "7"), ("99.0", "3")],
    ] == bids


def test_other_symbols_stay_out(tmp_path):
    """Messages of other symbols do not touch the book."""
    path = write(tmp_path, [LINES[0], line(2, TICKER | {"s": "ETHUSDT"}), LINES[3]])
    tally = Tally()

    found = list(streams.moments(path, Market.FUTURES, tally, "BTCUSDT"))

    assert [1 * MS, 4 * MS] == [ts for ts, _ in found]
    assert 3 == tally.decoded


def test_clock_offset(tmp_path):
    """The offset is the smallest difference of receive and event time, so no age is negative."""
    lines = [
        line((E + 1 - 1270 + 9) * MS, TICKER),
        line((E + 3 - 1270) * MS, TRADE),
        line((E + 5 - 1270 + 2) * MS, DEPTH),
    ]
    found = streams.messages(write(tmp_path, lines), Market.FUTURES, Tally())

    assert -1270 * MS == streams.clock_offset(found)
    assert streams.clock_offset([]) is None


# --- recorded ---------------------------------------------------------------

CAPTURES = [
    ("binance_usdm_btcusdt_2024-08-08.jsonl.gz", Market.FUTURES),
    ("binance_spot_btcusdt_2024-08-08.jsonl.gz", Market.SPOT),
]
COUNTS = [  # lines, tickers, trades, updates
    (93_954, 66_089, 21_313, 6_551),
    (41_249, 28_040, 9_757, 3_451),
]


@pytest.mark.parametrize(("capture", "counts"), list(zip(CAPTURES, COUNTS, strict=True)))
def test_recorded_counts(recordings, capture, counts):
    """Every line of a capture is decoded, in the kinds that its README counts."""
    (name, market), tally, kinds = capture, Tally(), []
    for _, message in streams.messages(recordings / "raw" / name, market, tally):
        kinds.append(type(message))

    assert (counts[0], 0, 0) == (tally.decoded, tally.unknown, tally.refused)
    assert counts[0] == tally.lines
    assert counts[1:] == tuple(map(kinds.count, (BookTicker, TradePrint, DepthUpdate)))


@pytest.mark.parametrize(("name", "market"), CAPTURES)
def test_recorded_books(recordings, name, market):
    """After each depth update the kept book has the best prices that bookTicker told for it."""
    tickers, tops, gaps = [], [], 0
    for _, moment in streams.moments(recordings / "raw" / name, market, Tally()):
        gaps += moment.took in (books.Took.GAP, books.Took.CROSSED)
        if isinstance(moment.message, BookTicker):
            tickers.append(moment.message)
        elif moment.took is books.Took.APPLIED:
            book = moment.book
            bid, ask = book.bids.prices[-1], book.asks.prices[0]
            tops.append((book.last, bid, book.bids.sizes[bid], ask, book.asks.sizes[ask]))
    updates = [ticker.update for ticker in tickers]
    disagreed = 0
    for last, *top in tops:
        place = bisect_right(updates, last) - 1  # the last ticker up to the depth's update id
        if place >= 0:
            told = tickers[place]
            disagreed += top != [told.bid, told.bid_size, told.ask, told.ask_size]

    assert (0, 0) == (gaps, disagreed)
    assert len(tops) > 3_000


@pytest.mark.parametrize("cut", [1, 7])
def test_recorded_gap(recordings, tmp_path, cut):
    """A capture with an update cut out loses its book until the next snapshot."""
    with gzip.open(recordings / "raw" / CAPTURES[0][0]) as file:
        lines = [one.rstrip(b"\n") for one, _ in zip(file, range(4_000), strict=False)]
    depth = [place for place, one in enumerate(lines) if b"depthUpdate" in one]
    gone = set(depth[50 : 50 + cut])
    path = write(tmp_path, [one for place, one in enumerate(lines) if place not in gone])

    took = [moment.took for _, moment in streams.moments(path, Market.FUTURES, Tally())]

    assert 1 == took.count(books.Took.GAP)
    after = took[took.index(books.Took.GAP) :]
    assert len(depth) - 51 - cut == after.count(books.Took.WAITING)


def test_recorded_clock_is_behind(recordings):
    """The capturing clock of 2024-08-08 ran about 1.27 s behind the venue's."""
    messages = streams.messages(recordings / "raw" / CAPTURES[0][0], Market.FUTURES, Tally())

    assert pytest.approx(-1.27, abs=0.01) == streams.clock_offset(messages) / 1e9
