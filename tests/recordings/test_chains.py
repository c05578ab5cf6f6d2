"""Option chains: snapshots of the options asked for, with the index."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rebalancer.core.events import Index, OptionMark
from rebalancer.errors import DataError
from rebalancer.recordings import chains

CALL, PUT, ETH = "BTC-27FEB26-98000-C", "BTC-27FEB26-70000-P", "ETH-27FEB26-3000-C"
ROWS = [  # ts ms, name, price, vol, forward, index
    (1000, CALL, 0.0125, 0.55, 90010.5, 90000.25),
    (1000, PUT, 0.0, 0.65, 90010.5, 90001.0),
    (1000, ETH, 0.05, 0.75, 3001.0, 3000.5),
    (2000, PUT, 0.0003, 0.66, 90110.5, 90100.0),
    (2000, ETH, 0.04, 0.76, 2991.0, 2990.5),
]
NAMES = ("ts", "instrument_name", "mark_price", "mark_iv", "underlying_price", "index_price")


def write(folder, rows, name="chain.parquet", coded=True, leave_out=None):
    """Return the path of a chain with these rows and a column that nobody reads."""
    columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(NAMES)}
    columns["ts"] = columns["ts"].cast(pa.timestamp("ms", "UTC"))
    if coded:
        columns["instrument_name"] = columns["instrument_name"].dictionary_encode()
    columns["volume"] = pa.array([1.0] * len(rows))
    columns.pop(leave_out, None)
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


def mark(ms, name, price, vol, forward):
    ts = ms * 1_000_000
    return OptionMark(ts, ts, f"deribit:{name}", Decimal(price), vol, forward)


def index(ms, coin, price):
    ts = ms * 1_000_000
    return Index(ts, ts, "deribit", coin, Decimal(price))


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 16_384])
def test_events(tmp_path, monkeypatch, coded, batch):
    """Each snapshot tells the first index of each coin and its options, however it is read."""
    monkeypatch.setattr("rebalancer.recordings.table.BATCH", batch)
    expected = [
        (1_000_000_000, index(1000, "BTC", "90000.25")),
        (1_000_000_000, index(1000, "ETH", "3000.5")),
        (1_000_000_000, mark(1000, CALL, "0.0125", 0.55, 90010.5)),
        (1_000_000_000, mark(1000, PUT, "0.0", 0.65, 90010.5)),
        (1_000_000_000, mark(1000, ETH, "0.05", 0.75, 3001.0)),
        (2_000_000_000, index(2000, "BTC", "90100.0")),
        (2_000_000_000, index(2000, "ETH", "2990.5")),
        (2_000_000_000, mark(2000, PUT, "0.0003", 0.66, 90110.5)),
        (2_000_000_000, mark(2000, ETH, "0.04", 0.76, 2991.0)),
    ]

    assert expected == list(chains.events([write(tmp_path, ROWS, coded=coded)]))


def test_options_asked_for(tmp_path):
    """Only the options asked for are marked; one that is gone is not carried on."""
    found = list(chains.snapshots([write(tmp_path, ROWS)], {f"deribit:{CALL}"}))

    assert [1_000_000_000, 2_000_000_000] == [ts for ts, _ in found]
    assert [[f"deribit:{CALL}"], []] == [[m.instrument for m in s.marks] for _, s in found]
    assert [[Decimal("90000.25")], [Decimal("90100.0")]] == [
        [told.price for told in snapshot.indexes] for _, snapshot in found
    ]


def test_index_does_not_hang_on_the_options(tmp_path):
    """The index of a snapshot is the first one told, whichever option is asked for."""
    (_, first), *_ = chains.snapshots([write(tmp_path, ROWS)], {f"deribit:{PUT}"})

    assert Decimal("90000.25") == first.indexes[0].price


def changed(place, column, value):
    """Return the rows with one value replaced."""
    row = list(ROWS[place])
    row[NAMES.index(column)] = value
    return [*ROWS[:place], tuple(row), *ROWS[place + 1 :]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, "mark_iv", 0.0), "row 2: mark_iv must be positive, was 0.0"),
        (changed(1, "mark_iv", None), "row 2: mark_iv must be positive, was nan"),
        (changed(2, "mark_price", -0.1), "row 3: mark_price must be at least zero, was -0.1"),
        (changed(2, "underlying_price", float("inf")), "row 3: underlying_price must be positive"),
        (changed(0, "index_price", None), "row 1: index_price must be positive"),
        (changed(4, "ts", 500), "row 5: ts must not go back"),
        (changed(1, "instrument_name", CALL), f"row 2: instrument_name must be once .* {CALL}"),
        (changed(1, "instrument_name", None), "instrument_name must never be empty"),
        ([(1, CALL, 1.0, 1.0, 1.0, 0.0), (1, PUT, 1.0, 0.0, 1.0, 1.0)], "2 faults"),
    ],
)
def test_faults(tmp_path, rows, message):
    """Each fault names its row, what must hold and what was found."""
    with pytest.raises(DataError, match=message):
        list(chains.snapshots([write(tmp_path, rows)]))


def test_missing_column(tmp_path):
    """A chain without a column that is needed is refused."""
    with pytest.raises(DataError, match="was without mark_iv"):
        list(chains.snapshots([write(tmp_path, ROWS, leave_out="mark_iv")]))


def test_empty_chain(tmp_path):
    """A chain without rows is refused."""
    empty = pq.read_table(write(tmp_path, ROWS)).slice(0, 0)
    pq.write_table(empty, tmp_path / "empty.parquet")

    with pytest.raises(DataError, match="must hold at least one row"):
        list(chains.snapshots([tmp_path / "empty.parquet"]))


def test_files_out_of_order(tmp_path):
    """A file that starts before the one before it ends is refused."""
    path = write(tmp_path, ROWS)

    with pytest.raises(DataError, match="ts must be after the file before, was 1 s before its end"):
        list(chains.snapshots([path, path]))


def test_listed(tmp_path):
    """Every option that a file names becomes an instrument."""
    found = chains.listed([write(tmp_path, ROWS)])

    assert [f"deribit:{name}" for name in (CALL, PUT, ETH)] == list(found)
    assert Decimal(98000) == found[f"deribit:{CALL}"].strike


def test_listed_refuses_other_names(tmp_path):
    """A name that is no inverse option is refused."""
    with pytest.raises(DataError, match="must be an inverse BTC or ETH option, was SOL-1"):
        chains.listed([write(tmp_path, changed(0, "instrument_name", "SOL-1"))])


FILES = [f"deribit_chains_6h_{part}.parquet" for part in ("2025-12_2026-01", "2026-02", "2026-03")]


def test_recorded_chains(recordings):
    """Three months give every snapshot once, and all options can be named."""
    paths = [recordings / "options" / name for name in FILES]
    ids = {f"deribit:{CALL}", "deribit:ETH-27MAR26-3000-P"}

    found = [snapshot for _, snapshot in chains.snapshots(paths, ids)]

    assert 359 == len(found)
    assert all(2 == len(snapshot.indexes) for snapshot in found)
    assert 569 == sum(len(snapshot.marks) for snapshot in found)
    assert ids <= set(chains.listed(paths))
