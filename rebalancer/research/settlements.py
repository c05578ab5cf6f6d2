"""Settled funding of several venues on one clock, and what a hedge strays there.

The clock ticks at every settlement of any of them, to the whole minute: venues
settle every hour or every eight, some ms late. A row holds what was settled
then. Prices, where there are any, are those of four hours later: no other
moment is known of all venues alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rebalancer.errors import DataError
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.funding import Funding
from rebalancer.recordings.table import Floats, Times

MINUTE = 60_000_000_000  # ns
YEAR = 365 * 1_440 * MINUTE
AFTER = 240 * MINUTE


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of a coin, `AFTER` each tick; shape (n, venues), NaN where nobody knows."""

    spot: Floats  # USD per coin
    perpetual: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Settlements:
    """What was settled, tick by tick; shapes (n,) and (n, venues)."""

    venues: tuple[str, ...]
    ts: Times  # ns, whole minutes
    rate: Floats  # fraction of notional per interval, +: longs paid; 0 where nothing was settled
    interval: Times  # ns that the rate is for; 0: nothing was settled
    prices: Prices | None = None

    @property
    def years(self) -> float:
        """Return the time from the first tick to the last, years of 365 days."""
        return float(self.ts[-1] - self.ts[0]) / YEAR


def together(series: Mapping[str, Funding], start: int, end: int) -> Settlements:
    """Return the settlements of each venue from `start` (inclusive) to `end` (exclusive), ns.

    Raises:
        DataError: A venue has none in it, or two within a minute.
    """
    rounded = {name: (each.ts + MINUTE // 2) // MINUTE * MINUTE for name, each in series.items()}
    inside = {name: (ts >= start) & (ts < end) for name, ts in rounded.items()}
    for name, held in inside.items():
        if not held.any():
            raise DataError(
                f"{series[name].source}: must hold a settlement in the window, was none"
            )
    clock = np.unique(np.concatenate([rounded[name][inside[name]] for name in series]))
    shape = (len(clock), len(series))
    rate, interval = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for column, (name, each) in enumerate(series.items()):
        mine = rounded[name][inside[name]]
        if len(np.unique(mine)) < len(mine):
            raise DataError(f"{each.source}: must settle once a minute at most, was twice")
        places = np.searchsorted(clock, mine)
        rate[places, column] = each.rate[inside[name]]
        interval[places, column] = each.interval[inside[name]]
    return Settlements(tuple(series), clock, rate, interval)


def priced(
    told: Settlements,
    spot: Mapping[str, Bars],
    perpetual: Mapping[str, Bars],
    after: Mapping[str, int] | None = None,
) -> Prices:
    """Return the prices at each tick, by venue: the close of the bar that ends `AFTER` it.

    Args:
        told: The ticks and the venues.
        spot: Bars by venue.
        perpetual: Bars by venue.
        after: ns after a tick at which a venue's bars end, where it is not `AFTER`.
    """
    later = {name: AFTER if after is None else after.get(name, AFTER) for name in told.venues}
    sides = [
        np.stack([_closes(told.ts + later[name], each[name]) for name in told.venues], axis=1)
        for each in (spot, perpetual)
    ]
    return Prices(*sides)


def _closes(ts: Times, bars: Bars) -> Floats:
    ends = bars.ts + bars.length
    places = np.searchsorted(ends, ts).clip(max=len(ends) - 1)
    found: Floats = np.where(ends[places] == ts, bars.close[places], np.nan)
    return found


def between(told: Settlements, start: int, end: int) -> Settlements:
    """Return the ticks from `start` (inclusive) to `end` (exclusive), places in the clock."""
    prices = told.prices
    if prices is not None:
        prices = Prices(prices.spot[start:end], prices.perpetual[start:end])
    cut = slice(start, end)
    return replace(
        told,
        ts=told.ts[cut],
        rate=told.rate[cut],
        interval=told.interval[cut],
        prices=prices,
    )


def strayed(prices: Prices, held: NDArray[np.int64], *, moving: bool = True) -> Floats:
    """Return what a coin and its short perpetual gained together, tick by tick, shape (n − 1,).

    As a fraction of the notional, which is made whole at each tick. Both are
    priced where the perpetual stands, so a move prices the coin anew.

    Args:
        prices: Of every venue.
        held: Which venue from a tick to the next, place among the venues, shape (n,).
        moving: Whether that new price of the coin counts, or only the perpetual against it.
    """
    rows = np.arange(len(held) - 1)
    here, there = held[:-1], held[1:]
    spot, perpetual = prices.spot, prices.perpetual
    error = (
        spot[rows + 1, here] / spot[rows, here] - perpetual[rows + 1, here] / perpetual[rows, here]
    )
    if not moving:
        return error
    priced_anew: Floats = spot[rows + 1, there] / spot[rows + 1, here] - 1.0
    return error + priced_anew
