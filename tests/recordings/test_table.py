"""Sources, and what every file must be before its series is looked at."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rebalancer.errors import DataError, UsageError
from rebalancer.recordings import table

HEADER = "ts,venue,symbol,value\n"
TWO = HEADER + "2024-01-01T00:00:00Z,aa,XY,1\n2024-01-01T00:00:00Z,bb,XY,2\n"


def write(folder, text, name="file.csv"):
    """Return the path of a file with this text."""
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-01-01T00:00:00Z", 1704067200_000000000),
        ("2024-01-01 01:00:00+01:00", 1704067200_000000000),
        ("2024-01-01T00:00:00.003+00:00", 1704067200_003000000),
        ("1704067200", 1704067200_000000000),
        ("1704067200003", 1704067200_003000000),
        ("1704067200003004", 1704067200_003004000),
        ("1704067200003004005", 1704067200_003004005),
    ],
)
def test_csv_times(tmp_path, text, ns):
    """ISO 8601 with an offset and epochs of four units are times."""
    path = write(tmp_path, f"ts,value\n{text},1.5\n")

    assert [ns] == table.read(path, ["value"]).ts.tolist()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_times(tmp_path, unit):
    """Every unit of a Parquet timestamp becomes ns."""
    ts = pa.array([1704067200 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]])
    columns = {"ts": ts.cast(pa.timestamp(unit, "UTC")), "value": pa.array([3])}
    pq.write_table(pa.table(columns), tmp_path / "file.parquet")

    found = table.read(tmp_path / "file.parquet", ["value"])

    assert [1704067200_000000000] == found.ts.tolist()
    assert [3.0] == found.columns["value"].tolist()


@pytest.mark.parametrize(
    ("text", "must"),
    [
        ("", "must have the columns ts, value"),
        ("ts,other\n", "was without value"),
        ("ts,value\n", "must hold at least one row"),
        ("ts,value\n2024-01-01T00:00:00,1\n", "row 2: ts must be ISO 8601 with an offset"),
        ("ts,value\n20240101,1\n", "row 2: ts must be ISO 8601 with an offset"),
        ("ts,value\n,1\n", "was empty"),
        ("ts,value\n1704067200,x\n", "row 2: value must be a number, was x"),
        ("ts,value\n1704067200\n", "row 2: must have 2 fields, was 1"),
        ("ts,value\nnow,x\n\nthen\n", "3 faults"),
        ("ts,value\n1704067200,1\x00\n", "must be"),
    ],
)
def test_csv_faults(tmp_path, text, must):
    """A damaged CSV file is refused, and its faults name their lines."""
    with pytest.raises(DataError, match=must):
        table.read(write(tmp_path, text), ["value"])


def test_no_utf8(tmp_path):
    """A file of other bytes is refused."""
    path = tmp_path / "file.csv"
    path.write_bytes(b"ts,value\n1704067200,\xff\n")

    with pytest.raises(DataError, match="UTF-8"):
        table.read(path, ["value"])


def test_many_faults_are_counted(tmp_path):
    """All faults count, the first are shown."""
    path = write(tmp_path, "ts,value\n" + "now,1\n" * 12)

    with pytest.raises(DataError, match=r"12 faults\n  row 2: (.|\n)*row 6: .*\n  and 7 more"):
        table.read(path, ["value"])


@pytest.mark.parametrize(
    ("columns", "must"),
    [
        ({"ts": pa.array([1]), "value": pa.array([1.0])}, "with a time zone, was int64"),
        (
            {"ts": pa.array([1]).cast(pa.timestamp("ms")), "value": pa.array([1.0])},
            "with a time zone",
        ),
        (
            {"ts": pa.array([None], pa.timestamp("ms", "UTC")), "value": pa.array([1.0])},
            "ts must never be empty",
        ),
        (
            {"ts": pa.array([1], pa.timestamp("ms", "UTC")), "value": pa.array(["x"])},
            "value must be numbers",
        ),
        ({"ts": pa.array([1], pa.timestamp("ms", "UTC"))}, "was without value"),
        (
            {
                "ts": pa.array([], pa.timestamp("ms", "UTC")),
                "value": pa.array([], pa.float64()),
            },
            "must hold at least one row",
        ),
    ],
)
def test_parquet_faults(tmp_path, columns, must):
    """A Parquet file without what is needed is refused."""
    pq.write_table(pa.table(columns), tmp_path / "file.parquet")

    with pytest.raises(DataError, match=must):
        table.read(tmp_path / "file.parquet", ["value"])


@pytest.mark.parametrize("name", ["absent.parquet", "absent.csv", "text.parquet", "."])
def test_unreadable_files(tmp_path, name):
    """What is not there, or no Parquet file, is refused."""
    write(tmp_path, "text", "text.parquet")

    with pytest.raises(DataError):
        table.read(tmp_path / name, ["value"])


@pytest.mark.parametrize(
    ("query", "values"),
    [("?venue=bb", [2.0]), ("?venue=aa&symbol=XY", [1.0])],
)
def test_series_are_picked(tmp_path, query, values):
    """The query behind the path picks one series; rows keep their place in the file."""
    found = table.read(f"{write(tmp_path, TWO)}{query}", ["value"])

    assert values == found.columns["value"].tolist()
    assert [int(values[0]) + 1] == found.rows.tolist()


def test_other_spellings(tmp_path):
    """`venue` and `symbol` find a venue's own column names."""
    text = TWO.replace("venue", "exchange").replace("symbol", "pair")

    assert [2.0] == table.read(f"{write(tmp_path, text)}?venue=bb&symbol=XY", ["value"]).columns[
        "value"
    ].tolist()


@pytest.mark.parametrize(
    ("query", "must"),
    [
        ("", "must name one series with .venue=…, was 2 of them"),
        ("?symbol=XY", "must name one series"),
        ("?venue=cc", r"venue must be in the file \(aa, bb …\), was cc"),
        ("?colour=red", "must have a column colour"),
        ("?venue", "series must read column=value"),
    ],
)
def test_series_that_are_not_one(tmp_path, query, must):
    """Where more or less than one series is left, the fault says which there are."""
    with pytest.raises(DataError, match=must):
        table.read(f"{write(tmp_path, TWO)}{query}", ["value"])


def test_without_pyarrow(tmp_path, monkeypatch):
    """Without pyarrow a Parquet file says what to install, and CSV works."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(UsageError, match=r"pip install rebalancer\[replay\]"):
        table.read(tmp_path / "file.parquet", ["value"])
    assert 1 == len(table.read(write(tmp_path, "ts,value\n1704067200,1\n"), ["value"]).ts)
