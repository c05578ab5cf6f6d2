"""Columns of a recorded file: Parquet or CSV, one series of it, as numpy arrays.

A source is a path, with `?column=value&…` behind it where the file holds more
than one series: `funding.parquet?venue=bybit&symbol=BTCUSDT`. `venue` and
`symbol` also find the columns `exchange`, `venue_symbol` and `pair`.

`ts` must name its time zone: a timestamp column with a zone in Parquet; in CSV
ISO 8601 with an offset, or an epoch whose size tells its unit (10 digits s,
13 ms, 16 µs, 19 ns). Parquet needs pyarrow; CSV needs nothing.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from rebalancer.errors import DataError, UsageError
from rebalancer.recordings.faults import Faults

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

_SPELLINGS = {
    "venue": ("venue", "exchange"),
    "symbol": ("symbol", "venue_symbol", "pair"),
}
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DIGITS = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
BATCH = 16_384  # rows decoded at a time: what is left out never piles up
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A file and which series of it."""

    text: str  # as it was given
    path: Path
    picks: Mapping[str, str]  # column → value


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One series: `rows`, `ts` and each column have the same length."""

    source: str
    rows: Times  # row in a Parquet file from 1, line in a CSV file
    ts: Times  # ns since 1970 UTC, in the order of the file
    columns: Mapping[str, Floats]  # NaN where the file has nothing


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """All rows of the columns asked for, before a series is picked."""

    rows: Times
    ts: Times
    floats: Mapping[str, Floats]
    texts: Mapping[str, NDArray[Any]]


def source(text: str | Path) -> Source:
    """Return the parts of a source.

    Raises:
        DataError: What follows the question mark is not `column=value&…`.
    """
    path, mark, query = str(text).partition("?")
    try:
        picks = dict(parse_qsl(query, strict_parsing=True)) if mark else {}
    except ValueError as error:
        raise DataError(f"{text}: series must read column=value&…, was {query}") from error
    return Source(str(text), Path(path), picks)


def read(text: str | Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Return `ts` and the named number columns of one series.

    Args:
        text: The source: a `.csv` file is read as CSV, any other as Parquet.
        required: Columns that the file must have.
        optional: Columns that are left out where the file does not have them.

    Raises:
        DataError: The file cannot be read, a column is missing, a time or a
            number cannot be, or more than one series is left.
        UsageError: The file is Parquet and pyarrow is not installed.
    """
    where = source(text)
    load = _csv if where.path.suffix.lower() == ".csv" else _parquet
    raw = load(where, required, optional)
    keep = _picked(where, raw)
    if not keep.any():
        raise DataError(f"{where.text}: must hold at least one row, was empty")
    columns = {name: column[keep] for name, column in raw.floats.items()}
    return Table(where.text, raw.rows[keep], raw.ts[keep], columns)


def text_columns(where: Source, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a file that tell its series apart, picked or not."""
    known = [name for spellings in _SPELLINGS.values() for name in spellings]
    return tuple(name for name in names if name in known or name in where.picks)


def require(where: Source, names: Sequence[str], required: Sequence[str]) -> None:
    """Do nothing when every required column is among `names`.

    Raises:
        DataError: At least one is missing.
    """
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(
            f"{where.path}: must have the columns {', '.join(required)}, "
            f"was without {', '.join(missing)}"
        )


# --- the series -------------------------------------------------------------


def _picked(where: Source, raw: _Raw) -> NDArray[np.bool_]:
    keep = np.ones(len(raw.rows), dtype=np.bool_)
    for key, value in where.picks.items():
        column = _column(where, raw, key)
        keep &= raw.texts[column] == value
        if not keep.any():
            known = ", ".join(sorted(set(map(str, raw.texts[column])))[:10])
            raise DataError(f"{where.path}: {column} must be in the file ({known} …), was {value}")
    for column, texts in raw.texts.items():
        left = sorted(set(map(str, texts[keep])))
        if len(left) > 1:
            raise DataError(
                f"{where.text}: must name one series with ?{column}=…, "
                f"was {len(left)} of them ({', '.join(left[:5])} …)"
            )
    return keep


def _column(where: Source, raw: _Raw, key: str) -> str:
    for name in (key, *_SPELLINGS.get(key, ())):
        if name in raw.texts:
            return name
    raise DataError(f"{where.path}: must have a column {key} to pick by, was without")


# --- Parquet ----------------------------------------------------------------


def parquet() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet.

    Raises:
        UsageError: They are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet files need pyarrow: pip install rebalancer[replay]") from error
    return pyarrow, pyarrow.parquet


def parquet_batches(
    where: Source, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[Any]:
    """Yield a Parquet file as `pyarrow.Table`s of some rows, never empty, and of these columns.

    Optional columns, and those that tell series apart, come where the file has them.

    Raises:
        DataError: It is no Parquet file, or a column is missing.
        UsageError: pyarrow is not installed.
    """
    arrow, reader = parquet()
    try:
        with reader.ParquetFile(where.path) as file:
            names = file.schema_arrow.names
            require(where, names, columns)
            extra = [name for name in (*optional, *text_columns(where, names)) if name in names]
            wanted = list(dict.fromkeys([*columns, *extra]))
            for batch in file.iter_batches(BATCH, columns=wanted, use_threads=False):
                yield arrow.Table.from_batches([batch])
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{where.path}: must be a Parquet file, was {error}") from error


def parquet_times(where: Source, column: Any) -> Times:
    """Return a timestamp column as ns since 1970 UTC.

    Raises:
        DataError: It is no timestamp, has no time zone, or is empty somewhere.
    """
    kind = str(column.type)
    unit, separator, _ = kind.removeprefix("timestamp[").partition(", tz=")
    if unit not in _UNITS or not separator:
        raise DataError(f"{where.path}: ts must be a timestamp with a time zone, was {kind}")
    if column.null_count:
        raise DataError(f"{where.path}: ts must never be empty, was so {column.null_count} times")
    ticks: Times = column.cast("int64").to_numpy()
    return ticks * _UNITS[unit]


def parquet_floats(where: Source, table: Any, name: str) -> Floats:
    """Return a number column, NaN where it is empty.

    Raises:
        DataError: It holds no numbers.
    """
    arrow, _ = parquet()
    try:
        floats: Floats = table[name].cast("float64").to_numpy()
    except arrow.ArrowException as error:
        raise DataError(f"{where.path}: {name} must be numbers, was {table[name].type}") from error
    return floats


def _parquet(where: Source, required: Sequence[str], optional: Sequence[str]) -> _Raw:
    batches = tuple(parquet_batches(where, ("ts", *required), optional))
    if not batches:
        raise DataError(f"{where.path}: must hold at least one row, was empty")
    table = parquet()[0].concat_tables(batches)
    numbers = [name for name in (*required, *optional) if name in table.column_names]
    texts = {
        name: np.array([str(value) for value in table[name].to_pylist()], dtype=np.object_)
        for name in text_columns(where, table.column_names)
        if name not in numbers
    }
    return _Raw(
        np.arange(1, table.num_rows + 1, dtype=np.int64),
        parquet_times(where, table["ts"]),
        {name: parquet_floats(where, table, name) for name in numbers},
        texts,
    )


# --- CSV --------------------------------------------------------------------


def _csv(where: Source, required: Sequence[str], optional: Sequence[str]) -> _Raw:
    try:
        with where.path.open(encoding="utf-8-sig", newline="") as file:
            return _csv_rows(where, csv.reader(file), required, optional)
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{where.path}: must be CSV in UTF-8, was {error}") from error


def _csv_rows(where: Source, reader: Any, required: Sequence[str], optional: Sequence[str]) -> _Raw:
    header = [name.strip() for name in next(reader, [])]
    require(where, header, ("ts", *required))
    numbers = [name for name in (*required, *optional) if name in header]
    texts = [name for name in text_columns(where, header) if name not in numbers]
    place = {name: header.index(name) for name in ("ts", *numbers, *texts)}
    faults = Faults(where.text)
    rows: list[int] = []
    cells: dict[str, list[Any]] = {name: [] for name in place}
    for fields in reader:
        if not fields:
            continue
        line = reader.line_num
        if len(fields) != len(header):
            faults.add(line, f"must have {len(header)} fields", len(fields))
            continue
        rows.append(line)
        cells["ts"].append(_time(fields[place["ts"]], line, faults))
        for name in numbers:
            cells[name].append(_number(fields[place[name]], name, line, faults))
        for name in texts:
            cells[name].append(fields[place[name]].strip())
    faults.check()
    return _Raw(
        np.array(rows, dtype=np.int64),
        np.array(cells["ts"], dtype=np.int64),
        {name: np.array(cells[name], dtype=np.float64) for name in numbers},
        {name: np.array(cells[name], dtype=np.object_) for name in texts},
    )


def _number(text: str, name: str, line: int, faults: Faults) -> float:
    if not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError:
        faults.add(line, f"{name} must be a number", text)
        return float("nan")


def _time(text: str, line: int, faults: Faults) -> int:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) in _DIGITS:
        return int(text) * _DIGITS[len(text)]
    try:
        moment = datetime.fromisoformat(text)
        return (moment - _EPOCH) // _MICROSECOND * 1_000
    except (ValueError, TypeError):  # a time without a zone has no distance to one with it
        faults.add(line, "ts must be ISO 8601 with an offset, or an epoch", text or "empty")
        return 0
