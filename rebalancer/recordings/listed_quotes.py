"""Listed quotes of Deribit: what every option of a coin was bid and offered for at one moment.

The same files as `chains`, read for a person who looks at one snapshot: the
last one at or before the moment asked for, and one that is too old is none. An
option that nobody bids for or offers has no bid or ask; it is never taken from
the mark.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.recordings import table
from rebalancer.recordings.chains import VENUE
from rebalancer.recordings.faults import Faults
from rebalancer.settings import known

OLDEST = 14 * 3_600_000_000_000  # ns: of four snapshots a day one may be missing
_NUMBERS = ("bid_price", "ask_price", "mark_price", "mark_iv", "underlying_price", "index_price")


@dataclass(frozen=True, slots=True)
class ListedQuote:
    """One option as it was quoted, prices in coin as the venue counts them."""

    instrument: Instrument
    bid: float | None  # None: nobody buys
    ask: float | None  # None: nobody sells
    mark: float
    vol: float  # of the mark, per year
    forward: float  # of its expiry, USD per coin


@dataclass(frozen=True, slots=True)
class Listed:
    """One snapshot of one coin."""

    ts: int  # ns: start of the run that collected it
    index: float  # USD per coin
    quotes: tuple[ListedQuote, ...]  # in the order of the file


def listed_quotes(source: str | Path, coin: str, at: int) -> Listed:
    """Return the options of a coin as they were quoted at a moment.

    Args:
        source: Parquet file of chains.
        coin: Such as BTC.
        at: ns since 1970 UTC.

    Raises:
        DataError: The file cannot be trusted, or holds nothing of the coin in the
            14 hours until then.
        UsageError: pyarrow is not installed.
    """
    where = table.source(source)
    names: list[str] = []
    parts: list[dict[str, table.Floats]] = []
    found, rows = -1, 0
    times: dict[int, None] = {}  # of all snapshots of the coin
    for batch in table.parquet_batches(where, ("ts", "instrument_name", *_NUMBERS)):
        ts = table.parquet_times(where, batch["ts"])
        text = np.array(batch["instrument_name"].cast("string").to_pylist(), dtype=np.object_)
        own = np.array([str(name).startswith(f"{coin}-") for name in text], dtype=np.bool_)
        times |= dict.fromkeys(np.unique(ts[own]).tolist())
        told = own & (ts <= at)
        if told.any():
            last = int(ts[told].max())
            if last > found:
                found, names, parts = last, [], []
            keep = np.flatnonzero(told & (ts == found))
            names += text[keep].tolist()
            part = {n: table.parquet_floats(where, batch, n)[keep] for n in _NUMBERS}
            part["row"] = (rows + 1 + keep).astype(np.float64)
            parts.append(part)
        rows += len(ts)
    if not parts or at - found > OLDEST:
        must = f"must hold {coin} options of the 14 hours until {_moment(at)}"
        raise DataError(f"{where.path}: {must}, {_seen(sorted(times), at)}")
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _listed(where.text, found, names, whole)


def _seen(times: list[int], at: int) -> str:
    """Return in words which snapshots there are, the nearest to a moment among them."""
    if not times:
        return "it names none"
    if times[0] > at:
        return f"its first are of {_moment(times[0])}"
    later = [ts for ts in times if ts > at]
    told = f"its last until then are of {_moment(times[-len(later) - 1])}"
    if later:
        told += f", the next of {_moment(later[0])}"
    return f"{told}; it has {len(times)} from {_moment(times[0])} to {_moment(times[-1])}"


def _listed(source: str, ts: int, names: list[str], columns: dict[str, table.Floats]) -> Listed:
    """Return the snapshot, or raise DataError with all that is wrong with it."""
    faults, rows = Faults(source), columns["row"].astype(np.int64)
    bid, ask = columns["bid_price"], columns["ask_price"]
    for name in _NUMBERS[2:]:
        least = columns[name] >= 0 if name == "mark_price" else columns[name] > 0
        must = f"{name} must be {'at least zero' if name == 'mark_price' else 'positive'}"
        faults.note(rows, ~(least & np.isfinite(columns[name])), must, columns[name].item)
    faults.note(rows, bid > ask, "bid_price must be at most ask_price", bid.item)
    faults.check()
    quotes = []
    for place, name in enumerate(names):
        instrument = known(f"{VENUE}:{name}")
        if instrument is None or instrument.kind is not Kind.OPTION:
            must = "instrument_name must be an inverse BTC or ETH option"
            raise DataError(f"{source}: {must}, was {name}")
        quotes.append(
            ListedQuote(
                instrument,
                _offer(bid[place]),
                _offer(ask[place]),
                float(columns["mark_price"][place]),
                float(columns["mark_iv"][place]),
                float(columns["underlying_price"][place]),
            )
        )
    return Listed(ts, float(columns["index_price"][0]), tuple(quotes))


def _moment(ts: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(ts, 'ns'), unit='s')}Z"


def _offer(price: float) -> float | None:
    return float(price) if price > 0 else None  # empty is NaN, and NaN is not above 0
