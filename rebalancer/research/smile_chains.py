"""Recorded option chains with their quotes, as columns, snapshot by snapshot.

A snapshot's prices, vols and forwards come from one call a coin; its delta and
index columns from calls of the minutes after it, and are not read here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalancer.core import implied
from rebalancer.core.volatility import YEAR
from rebalancer.errors import DataError
from rebalancer.recordings import table
from rebalancer.recordings.table import Floats, Times

_NUMBERS = ("strike", "bid_price", "ask_price", "mark_price", "mark_iv", "underlying_price")
_TEXTS = ("instrument_name", "currency", "option_type")
_OK = implied.ImpliedVolStatus.OK


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One coin in one snapshot, by expiry and strike; every array of shape (n,).

    Prices are in coin per coin of contract: the options are inverse.
    """

    ts: int  # ns: start of the run that collected it
    name: npt.NDArray[np.str_]
    expiry: Times  # ns
    strike: Floats  # USD per coin
    sign: Floats  # +1 call, -1 put
    bid: Floats  # NaN: no quote
    ask: Floats
    mark: Floats
    vol: Floats  # of the mark, per year
    forward: Floats  # USD per coin

    @property
    def years(self) -> Floats:
        """Time to expiry."""
        return np.asarray((self.expiry - self.ts) / YEAR)


def read(sources: Sequence[Path], coin: str) -> list[Chain]:
    """Return every snapshot of a coin, in time order.

    Args:
        sources: Parquet files in time order.
        coin: BTC, ETH.

    Raises:
        DataError: A file cannot be read, or tells no row of the coin.
        UsageError: pyarrow is not installed.
    """
    found = [chain for source in sources for chain in _of_file(source, coin)]
    if not found:
        names = ", ".join(map(str, sources))
        raise DataError(f"{names}: must hold options of {coin}, had none")
    back = [each.ts for each, after in pairwise(found) if after.ts <= each.ts]
    if back:
        raise DataError(f"{sources[0]}: snapshots must follow one another, {back[0]} ns did not")
    return found


def _of_file(source: Path, coin: str) -> Iterator[Chain]:
    where = table.source(source)
    parts: list[dict[str, npt.NDArray[Any]]] = []
    for batch in table.parquet_batches(where, ("ts", "expiry", *_NUMBERS, *_TEXTS)):
        texts = {name: _texts(batch[name]) for name in _TEXTS}
        keep = texts["currency"] == coin
        part = {
            "ts": table.parquet_times(where, batch["ts"])[keep],
            "expiry": table.parquet_times(where, batch["expiry"])[keep],
            "name": texts["instrument_name"][keep],
            "sign": np.where(texts["option_type"] == "call", 1.0, -1.0)[keep],
        }
        for name in _NUMBERS:
            part[name] = table.parquet_floats(where, batch, name)[keep]
        parts.append(part)
    if not parts:
        return
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((whole["sign"], whole["strike"], whole["expiry"], whole["ts"]))
    whole = {name: column[order] for name, column in whole.items()}
    edges = np.flatnonzero(np.diff(whole["ts"], prepend=-1, append=-1))
    for start, end in pairwise(edges.tolist()):
        rows = {name: column[start:end] for name, column in whole.items()}
        yield _chain(rows)


def _chain(rows: dict[str, npt.NDArray[Any]]) -> Chain:
    """Return a snapshot without the rows that tell no vol or forward, or are over."""
    ts = int(rows["ts"][0])
    good = (rows["mark_iv"] > 0) & (rows["underlying_price"] > 0) & (rows["mark_price"] >= 0)
    good &= rows["expiry"] > ts
    told = {name: column[good] for name, column in rows.items()}
    sides = (np.where(told[name] > 0, told[name], np.nan) for name in ("bid_price", "ask_price"))
    bid, ask = sides
    return Chain(
        ts=ts,
        name=told["name"],
        expiry=told["expiry"],
        strike=told["strike"],
        sign=told["sign"],
        bid=bid,
        ask=ask,
        mark=told["mark_price"],
        vol=told["mark_iv"],
        forward=told["underlying_price"],
    )


def _texts(column: Any) -> npt.NDArray[np.str_]:
    return np.asarray(column.cast("string").to_pylist(), dtype=np.str_)


def quoted_vols(chain: Chain) -> tuple[Floats, Floats]:
    """Return the vols of bid and ask, NaN where there is none or no vol makes it."""
    found = []
    for side in (chain.bid, chain.ask):
        priced = np.where(np.isfinite(side), side, 0.0) * chain.forward
        vol, status = implied.implied_vol(
            priced, chain.forward, chain.strike, chain.years, chain.sign
        )
        found.append(np.where(np.isfinite(side) & (status == _OK), vol, np.nan))
    return found[0], found[1]
