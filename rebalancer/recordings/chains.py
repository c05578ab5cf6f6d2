"""Option chains of Deribit, snapshot by snapshot: marks of the options held, and the index.

A snapshot is stamped with the start of the run that collected it. Prices, vols
and forwards come from one call at that moment; index prices from calls of the
minutes after it, so the index of a snapshot is the first one told for its coin.
An option that a snapshot does not list is not marked in it: nothing is carried.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebalancer.core.events import Index, OptionMark
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.recordings import table
from rebalancer.recordings.bars import decimal
from rebalancer.recordings.faults import Faults
from rebalancer.recordings.table import Floats, Source, Times
from rebalancer.settings import known

VENUE = "deribit"

_NUMBERS = ("mark_price", "mark_iv", "underlying_price", "index_price")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one collection run said."""

    ts: int  # ns: start of the run
    indexes: tuple[Index, ...]  # one a coin
    marks: tuple[OptionMark, ...]  # of the options asked for, in the order of the file


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """The rows of one file that matter; the arrays have the same length."""

    source: str
    names: tuple[str, ...]  # native names, each once
    coins: tuple[str, ...]  # coin of each name
    rows: NDArray[np.int64]  # row in the file, from 1
    ts: Times
    code: NDArray[np.int64]  # place in `names`
    asked: NDArray[np.bool_]  # to be marked; the others only lead their snapshot or coin
    numbers: dict[str, Floats]


def snapshots(
    sources: Sequence[str | Path], instruments: Collection[str] | None = None
) -> Iterator[tuple[int, Snapshot]]:
    """Yield the snapshots of chain files in time order, each with the time it was known.

    Args:
        sources: Parquet files in time order; of one at a time the rows asked for are in memory.
        instruments: Ids of the options to mark, e.g. deribit:BTC-27FEB26-98000-C;
            indexes are then those of their coins. None: every option.

    Raises:
        DataError: A file cannot be trusted; all its faults are counted.
        UsageError: pyarrow is not installed.
    """
    asked = None if instruments is None else frozenset(instruments)
    coins = None if asked is None else frozenset(_coin(id_) for id_ in asked)
    last: int | None = None
    for source in sources:
        chain = _read(source, asked)
        _check(chain, last)
        for start, end in _runs(chain.ts):
            yield int(chain.ts[start]), _snapshot(chain, start, end, coins)
        last = int(chain.ts[-1])


def events(
    sources: Sequence[str | Path], instruments: Collection[str] | None = None
) -> Iterator[tuple[int, Index | OptionMark]]:
    """Yield the events of all snapshots, indexes first; arguments and errors as `snapshots`."""
    for ts, snapshot in snapshots(sources, instruments):
        yield from ((ts, index) for index in snapshot.indexes)
        yield from ((ts, mark) for mark in snapshot.marks)


def listed(sources: Sequence[str | Path]) -> dict[str, Instrument]:
    """Return every option that the files name, by id, in the order of the files.

    Raises:
        DataError: A file cannot be read, or a name is none of an inverse option.
        UsageError: pyarrow is not installed.
    """
    found: dict[str, Instrument] = {}
    for where in map(table.source, sources):
        names: dict[str, int] = {}
        for batch in table.parquet_batches(where, ("instrument_name",)):
            _coded(where, batch, names)
        for name in names:
            option = known(f"{VENUE}:{name}")
            if option is None or option.kind is not Kind.OPTION:
                must = "instrument_name must be an inverse BTC or ETH option"
                raise DataError(f"{where.path}: {must}, was {name}")
            found[option.id] = option
    return found


# --- reading ----------------------------------------------------------------


def _read(source: str | Path, asked: Collection[str] | None) -> _Chain:
    """Return the rows asked for, and the first row of each coin in each snapshot."""
    where = table.source(source)
    names: dict[str, int] = {}
    parts: list[dict[str, NDArray[Any]]] = []
    rows, last = 0, (-1, "")  # (time, coin) of the row before
    for batch in table.parquet_batches(where, ("ts", "instrument_name", *_NUMBERS)):
        code = _coded(where, batch, names)
        ts = table.parquet_times(where, batch["ts"])
        coins = np.array([_coin(name) for name in names], dtype=np.object_)[code]
        leads = np.ones(len(ts), dtype=np.bool_)
        leads[1:] = (ts[1:] != ts[:-1]) | (coins[1:] != coins[:-1])
        leads[0] = (int(ts[0]), coins[0]) != last
        wanted = [asked is None or f"{VENUE}:{name}" in asked for name in names]
        marked = np.array(wanted, dtype=np.bool_)[code]
        keep = np.flatnonzero(marked | leads)
        part = {"rows": rows + 1 + keep, "ts": ts[keep], "code": code[keep], "asked": marked[keep]}
        for name in _NUMBERS:
            part[name] = table.parquet_floats(where, batch, name)[keep]
        parts.append(part)
        rows, last = rows + len(ts), (int(ts[-1]), coins[-1])
    if not parts:
        raise DataError(f"{where.path}: must hold at least one row, was empty")
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _Chain(
        source=where.text,
        names=tuple(names),
        coins=tuple(map(_coin, names)),
        rows=whole["rows"],
        ts=whole["ts"],
        code=whole["code"],
        asked=whole["asked"],
        numbers={name: whole[name] for name in _NUMBERS},
    )


def _coin(name: str) -> str:
    """Coin of a native name, or of an id."""
    return name.removeprefix(f"{VENUE}:").partition("-")[0]


def _coded(where: Source, batch: Any, names: dict[str, int]) -> NDArray[np.int64]:
    """Return the place of each row's instrument name in `names`, which grows by the new ones."""
    plain = batch["instrument_name"].combine_chunks()
    coded = plain if hasattr(plain, "dictionary") else plain.dictionary_encode()
    if coded.null_count:
        must = "instrument_name must never be empty"
        raise DataError(f"{where.path}: {must}, was so {coded.null_count} times")
    local = [names.setdefault(str(name), len(names)) for name in coded.dictionary.to_pylist()]
    code: NDArray[np.int64] = np.array(local)[coded.indices.cast("int64").to_numpy()]
    return code


def _check(chain: _Chain, last: int | None) -> None:
    faults, rows = Faults(chain.source), chain.rows
    if last is not None and chain.ts[0] <= last:
        behind = (last - int(chain.ts[0])) / 1e9
        faults.add(1, "ts must be after the file before", f"{behind:g} s before its end")
    back = np.diff(chain.ts, prepend=chain.ts[:1]) < 0
    faults.note(rows, back, "ts must not go back", lambda i: f"{chain.ts[i]} ns")
    for name, column in chain.numbers.items():
        finite = np.isfinite(column)
        enough = column >= 0 if name == "mark_price" else column > 0
        must = f"{name} must be {'at least zero' if name == 'mark_price' else 'positive'}"
        used = True if name == "index_price" else chain.asked
        faults.note(rows, used & ~(finite & enough), must, column.item)
    # A snapshot names an option once: sorted by time and name, no two neighbours are the same.
    order = np.lexsort((rows, chain.code, chain.ts))
    same = (np.diff(chain.ts[order]) == 0) & (np.diff(chain.code[order]) == 0)
    twice = np.zeros(len(rows), dtype=np.bool_)
    twice[order[1:][same]] = True
    must = "instrument_name must be once in a snapshot"
    faults.note(rows, twice, must, lambda i: f"{chain.names[chain.code[i]]} again")
    faults.check()


def _runs(ts: Times) -> Iterator[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(ts)) + 1).tolist(), len(ts)]
    return pairwise(edges)


def _snapshot(chain: _Chain, start: int, end: int, coins: Collection[str] | None) -> Snapshot:
    ts, numbers = int(chain.ts[start]), chain.numbers
    places = start + np.flatnonzero(chain.asked[start:end])
    marks = tuple(
        OptionMark(ts, ts, f"{VENUE}:{chain.names[code]}", decimal(price), vol, forward)
        for code, price, vol, forward in zip(
            chain.code[places].tolist(),
            numbers["mark_price"][places].tolist(),
            numbers["mark_iv"][places].tolist(),
            numbers["underlying_price"][places].tolist(),
            strict=True,
        )
    )
    first: dict[str, float] = {}
    for place, code in enumerate(chain.code[start:end].tolist(), start):
        coin = chain.coins[code]
        if coin not in first and (coins is None or coin in coins):
            first[coin] = float(numbers["index_price"][place])
    indexes = tuple(Index(ts, ts, VENUE, coin, decimal(price)) for coin, price in first.items())
    return Snapshot(ts, indexes, marks)
