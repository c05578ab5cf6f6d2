"""Listed quotes: the last snapshot of a coin until a moment, with what nobody offered left out."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rebalancer.errors import DataError
from rebalancer.recordings.listed_quotes import listed_quotes

NAMES = (
    *("ts", "instrument_name", "bid_price", "ask_price"),
    *("mark_price", "mark_iv", "underlying_price", "index_price"),
)
CALL, PUT, ETH = "BTC-27FEB26-98000-C", "BTC-27FEB26-70000-P", "ETH-27FEB26-3000-C"
ROWS = [
    (1000, CALL, 0.0120, 0.0130, 0.0125, 0.55, 90_010.5, 90_000.25),
    (1000, PUT, None, 0.0010, 0.0, 0.65, 90_010.5, 90_001.0),
    (2000, ETH, 0.04, 0.05, 0.045, 0.75, 3_001.0, 3_000.5),
    (3000, CALL, 0.0100, None, 0.0105, 0.56, 89_010.5, 89_000.0),
    (3000, ETH, 0.04, 0.05, 0.045, 0.75, 3_001.0, 3_000.5),
]
SECOND = 1_000_000_000


def write(folder, rows):
    columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(NAMES)}
    columns["ts"] = columns["ts"].cast(pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table(columns), folder / "chain.parquet")
    return folder / "chain.parquet"


@pytest.mark.parametrize("batch", [1, 2, 16_384])
@pytest.mark.parametrize(
    ("at", "ts", "index", "quotes"),
    [
        (1, 1, 90_000.25, [(CALL, 0.0120, 0.0130), (PUT, None, 0.0010)]),
        (2.5, 1, 90_000.25, [(CALL, 0.0120, 0.0130), (PUT, None, 0.0010)]),
        (3, 3, 89_000.0, [(CALL, 0.0100, None)]),
        (99, 3, 89_000.0, [(CALL, 0.0100, None)]),
    ],
)
def test_last_snapshot(tmp_path, monkeypatch, batch, at, ts, index, quotes):
    """Of a coin the last run until the moment is told, however the file is read."""
    monkeypatch.setattr("rebalancer.recordings.table.BATCH", batch)
    found = listed_quotes(write(tmp_path, ROWS), "BTC", int(at * SECOND))

    assert (ts * SECOND, index) == (found.ts, found.index)
    told = [(each.instrument.name, each.bid, each.ask) for each in found.quotes]
    assert quotes == told
    first = found.quotes[0]
    assert (98_000, 1, "deribit:" + CALL) == (
        first.instrument.strike,
        first.instrument.sign,
        first.instrument.id,
    )


@pytest.mark.parametrize(
    ("row", "at", "coin", "words"),
    [
        (ROWS[0], 0.5, "BTC", "until 1970-01-01T00:00:00Z, its first are of 1970-01-01T00:00:01Z"),
        (ROWS[0], 1, "SOL", "it names none"),
        ((*ROWS[0][:2], 0.014, *ROWS[0][3:]), 1, "BTC", "bid_price must be at most ask_price"),
        ((*ROWS[0][:5], 0.0, *ROWS[0][6:]), 1, "BTC", "mark_iv must be positive, was 0.0"),
        ((*ROWS[0][:4], float("nan"), *ROWS[0][5:]), 1, "BTC", "mark_price must be at least"),
        ((1000, "BTC-PERPETUAL", *ROWS[0][2:]), 1, "BTC", "was BTC-PERPETUAL"),
    ],
)
def test_faults(tmp_path, row, at, coin, words):
    """What cannot be trusted, or is not there, is told with what was found."""
    with pytest.raises(DataError, match=words):
        listed_quotes(write(tmp_path, [row]), coin, int(at * SECOND))


@pytest.mark.parametrize("batch", [1, 16_384])
@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (14, None),
        (14.1, "its last until then are of 1970-01-01T00:00:00Z, the next of 1970-01-02T00:00:00Z"),
        (39, "last until then are of 1970-01-02T00:00:00Z; it has 2 from 1970-01-01T00:00:00Z to"),
    ],
)
def test_too_old(tmp_path, monkeypatch, batch, hours, words):
    """A snapshot that is older than fourteen hours is none, and it is told which there are."""
    monkeypatch.setattr("rebalancer.recordings.table.BATCH", batch)
    source = write(tmp_path, [(hour * 3_600_000, *ROWS[0][1:]) for hour in (0, 24)])
    at = int(hours * 3_600 * SECOND)

    if words is None:
        assert 0 == listed_quotes(source, "BTC", at).ts
        return
    with pytest.raises(DataError, match="must hold BTC options of the 14 hours until") as told:
        listed_quotes(source, "BTC", at)
    assert words in str(told.value)


def test_recorded(recordings):
    """A recorded chain is read: hundreds of options, each two-sided one not crossed."""
    source = recordings / "options" / "deribit_chains_6h_2026-02.parquet"
    found = listed_quotes(source, "BTC", 1_770_724_800 * SECOND)  # 2026-02-10T12:00Z

    assert len(found.quotes) > 500
    assert len({each.instrument.id for each in found.quotes}) == len(found.quotes)
    assert any(each.bid is None for each in found.quotes)
    assert 60_000 < found.index < 80_000
