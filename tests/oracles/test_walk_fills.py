"""The second opinion on fills, on an order book of a few messages."""

import gzip
import json

import pytest

from tests.oracles.walk_fills import MILLISECOND, main

LATENCY = 40  # ms
NOW = 1_000 * MILLISECOND


def depth(first, last, previous, bids=(), asks=()):
    data = {"e": "depthUpdate", "U": first, "u": last, "pu": previous}
    return {"stream": "x@depth@0ms", "data": {**data, "b": list(bids), "a": list(asks)}}


def ticker(update, bid, bid_size, ask, ask_size):
    data = {"e": "bookTicker", "u": update, "b": bid, "B": bid_size, "a": ask, "A": ask_size}
    return {"stream": "x@bookTicker", "data": data}


SNAPSHOT = {
    "lastUpdateId": 10,
    "bids": [["99", "1"], ["98", "2"], ["97", "3"]],
    "asks": [["101", "1"], ["102", "2"], ["103", "3"]],
}
OPENING = (
    (0, depth(5, 9, 4, asks=[["101", "9"]])),  # older than the snapshot
    (1, depth(10, 12, 9, asks=[["102", "5"]])),  # spans it
    (2, SNAPSHOT),
    (3, ticker(8, "90", "1", "110", "1")),  # older than the depth
)


def capture(folder, *messages):
    """Return a capture of (ms, message) each."""
    path = folder / "capture.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for ms, message in (*OPENING, *messages):
            line = {"recv_ns": NOW + ms * MILLISECOND, "msg": message}
            file.write(json.dumps(line) + "\n")
    return path


def steps(folder, *fills):
    """Return a steps file of (ms, quantity, price) each, matched one latency after `ms`."""
    path = folder / "steps.csv"
    rows = [
        f"{NOW + (ms + LATENCY) * MILLISECOND},fill,binanceusdm:BTCUSDT,{quantity},{price}"
        for ms, quantity, price in fills
    ]
    path.write_text("\n".join(["ts,reason,instrument,quantity,price", *rows]) + "\n")
    return path


def judge(found, told, *more):
    """Return the exit code of the walk."""
    return main([str(found), str(told), "--latency-ms", str(LATENCY), *more])


@pytest.mark.parametrize(
    ("later", "fills"),
    [
        ((), [(3, "1", "101"), (3, "4", "102")]),
        ((), [(3, "-1", "99"), (3, "-1.5", "98")]),
        # the ticker is newer: 101 and 102 are gone, 102.5 is there
        ([(4, ticker(13, "99", "1", "102.5", "0.5"))], [(4, "0.5", "102.5"), (4, "1", "103")]),
        # depth that is newer still stands by itself again
        (
            [
                (4, ticker(13, "99", "1", "102.5", "0.5")),
                (5, depth(13, 14, 12, asks=[["101", "0"]])),
            ],
            [(4, "5", "102"), (4, "1", "103")],
        ),
        # what was received when the order met the book counts, what came after does not
        ([(43, depth(13, 14, 12, asks=[["101", "0"]]))], [(3, "1", "102")]),
        ([(44, depth(13, 14, 12, asks=[["101", "0"]]))], [(3, "1", "101")]),
        # one order eats what another left, until the book is told anew
        ([(20, {"data": {"e": "trade"}})], [(3, "1", "101"), (20, "1", "102")]),
        (
            [(20, {"data": {"e": "trade"}}), (50, depth(13, 14, 12))],
            [(3, "1", "101"), (20, "1", "101")],
        ),
    ],
)
def test_agrees(tmp_path, capsys, later, fills):
    """Fills that walk the book as it stood when they met it are agreed with."""
    assert 0 == judge(capture(tmp_path, *later), steps(tmp_path, *fills))
    assert "mismatches 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "fills",
    [
        [(3, "1", "100")],  # better than the book
        [(3, "1", "102")],  # past the best
        [(3, "2", "101")],  # more than there was
        [(3, "-1", "101")],  # the wrong side
        [(3, "1", "101"), (3, "2", "102"), (3, "1", "103")],  # a level left half full
        [(4, "1", "101")],  # decided when nothing was received
    ],
)
def test_differs(tmp_path, capsys, fills):
    """Any other fill is a mismatch."""
    assert 1 == judge(capture(tmp_path), steps(tmp_path, *fills))
    assert "mismatches 1" in capsys.readouterr().out


def test_decided_on_another_series(tmp_path):
    """A decision may be taken on a message of another capture of the same replay."""
    told = steps(tmp_path, (7, "1", "101"))
    main_capture = capture(tmp_path)
    other = tmp_path / "other.jsonl.gz"
    with gzip.open(other, "wt") as file:
        file.write(json.dumps({"recv_ns": NOW + 7 * MILLISECOND, "msg": {}}) + "\n")

    assert 1 == judge(main_capture, told)
    assert 0 == judge(main_capture, told, "--also", str(other))


def test_nothing_to_judge(tmp_path):
    """A file without fills proves nothing."""
    assert 1 == judge(capture(tmp_path), steps(tmp_path))


@pytest.mark.parametrize(
    "later",
    [
        [(4, depth(20, 21, 19))],  # a gap
        [(4, SNAPSHOT)],
        [(1, depth(13, 14, 12))],  # received before the line above it
    ],
)
def test_broken(tmp_path, capsys, later):
    """A capture that cannot be followed is told so."""
    assert 1 == judge(capture(tmp_path, *later), steps(tmp_path, (4, "1", "101")))
    assert capsys.readouterr().out.startswith("broken")
