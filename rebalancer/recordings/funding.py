"""Settled funding rates, with the interval that each was charged for.

Times keep the venue's jitter of a few ms. An interval that the file does not
give is the spacing to the settlement before, to the minute; a spacing longer
than both its neighbours is a hole, and the interval then the shorter of theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rebalancer.core.events import FundingRate
from rebalancer.errors import DataError
from rebalancer.recordings import table
from rebalancer.recordings.bars import Hole
from rebalancer.recordings.faults import Faults
from rebalancer.recordings.table import Floats, Table, Times

MINUTE = 60_000_000_000  # ns
HOUR = 60 * MINUTE
MOST = 0.1  # fraction of notional per interval; venues cap at 0.04 and below


@dataclass(frozen=True, slots=True)
class Settlement:
    """Funding that was charged once."""

    ts: int  # ns
    rate: float  # fraction of notional for `interval`; +: longs paid shorts
    interval: int  # ns up to `ts`


@dataclass(frozen=True, slots=True, eq=False)
class Funding:
    """A series of settlements in time order."""

    source: str
    ts: Times  # ns
    rate: Floats  # fraction of notional per interval; +: longs paid shorts
    interval: Times  # ns
    holes: tuple[Hole, ...]  # to the minute


def read(source: str | Path) -> Funding:
    """Return the settlements of a Parquet or CSV file (`ts, funding_rate[, interval_hours]`).

    Args:
        source: Path; a file with many series needs one picked, as in
            `funding.parquet?venue=bybit&symbol=BTCUSDT` (see `table`).

    Raises:
        DataError: The file cannot be trusted; all faults are counted.
        UsageError: The file is Parquet and pyarrow is not installed.
    """
    found = table.read(source, ("funding_rate",), ("interval_hours",))
    rate, hours = found.columns["funding_rate"], found.columns.get("interval_hours")
    faults = Faults(found.source)
    steps = np.diff(found.ts, prepend=found.ts[0] - HOUR)
    must = "ts must be later than in the row before"
    faults.note(found.rows, steps < MINUTE // 2, must, lambda i: f"{steps[i] / 1e9:+g} s")
    faults.note(found.rows, ~np.isfinite(rate), "funding_rate must be a number", rate.item)
    must = f"funding_rate must be a fraction of at most {MOST}"
    faults.note(found.rows, np.abs(rate) > MOST, must, rate.item)
    if hours is not None:
        faults.note(found.rows, hours <= 0, "interval_hours must be positive", hours.item)
        faults.note(found.rows, np.isinf(hours), "interval_hours must be a number", hours.item)
    faults.check()
    interval = _intervals(found, hours)
    return Funding(found.source, found.ts, rate, interval, _holes(found.ts, interval))


def _intervals(found: Table, hours: Floats | None) -> Times:
    if hours is not None and not np.isnan(hours).any():
        return np.rint(hours * HOUR).astype(np.int64)
    steps = (np.diff(found.ts) + MINUTE // 2) // MINUTE * MINUTE
    if not len(steps):
        raise DataError(
            f"{found.source}: must hold interval_hours or two settlements to tell it, was neither"
        )
    # At the ends the one neighbour is asked twice; a lone step has nobody to doubt it.
    before = np.concatenate((steps[1:2], steps))[: len(steps)]
    after = np.concatenate((steps, steps[-2:-1]))[-len(steps) :]
    told = np.where(steps <= np.maximum(before, after), steps, np.minimum(before, after))
    inferred: Times = np.concatenate((told[:1], told))
    if hours is None:
        return inferred
    given = np.where(np.isnan(hours), 0.0, hours)
    return np.where(np.isnan(hours), inferred, np.rint(given * HOUR).astype(np.int64))


def _holes(ts: Times, interval: Times) -> tuple[Hole, ...]:
    gaps = np.diff(ts) - interval[1:]
    places = np.flatnonzero(gaps >= MINUTE)
    return tuple(Hole(int(ts[i] + interval[i + 1]), int(ts[i + 1])) for i in places)


def settlements(funding: Funding) -> Iterator[tuple[int, Settlement]]:
    """Yield each settlement when it happened: what an account is charged by."""
    for ts, rate, interval in zip(
        funding.ts.tolist(), funding.rate.tolist(), funding.interval.tolist(), strict=True
    ):
        yield ts, Settlement(ts, rate, interval)


def rates(funding: Funding, instrument: str) -> Iterator[tuple[int, FundingRate]]:
    """Yield, at each settlement, its rate as the one expected at the next.

    The venue's running estimate is not in such a file, and the next settled
    rate would look ahead; the last settled rate is what was known.
    """
    for ts, settled in settlements(funding):
        following = ts + settled.interval
        yield ts, FundingRate(ts, ts, instrument, settled.rate, settled.interval, following)
