"""Bars (open, high, low, close, volume) and what is odd about them.

A bar is known when it ends: at its open time plus the bar length, never before.
Holes are listed and stay holes; a frozen feed and a false print are flagged and
stay in. Times that repeat, go back or overlap, and prices that cannot be, are faults.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rebalancer.core.events import Mark
from rebalancer.errors import DataError
from rebalancer.recordings import table
from rebalancer.recordings.faults import Faults
from rebalancer.recordings.table import Floats, Table, Times

PRICES = ("open", "high", "low", "close")
FALSE_PRINT = 0.15  # fraction by which a bar must leave its surroundings to be doubted


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch without data that the spacing of the others promises."""

    start: int  # ns: time of the first that is missing
    end: int  # ns: time of the next that is there


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; prices in quote currency, written as the file's own digits."""

    ts_open: int  # ns
    ts_known: int  # ns: its end
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None  # coins; None: the series has none (mark prices)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A series of bars in time order."""

    source: str
    length: int  # ns
    ts: Times  # open times, ns
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None
    holes: tuple[Hole, ...]


def read(source: str | Path, length: int | None = None) -> Bars:
    """Return the bars of a Parquet or CSV file.

    Args:
        source: Path, with `?column=value&…` to pick one series (see `table`).
        length: Bar length, ns; None: the commonest step between two bars.

    Raises:
        DataError: The file cannot be trusted; all faults are counted.
        UsageError: The file is Parquet and pyarrow is not installed.
    """
    found = table.read(source, PRICES, ("volume",))
    step = _length(found) if length is None else length
    faults = Faults(found.source)
    _check_times(found, step, faults)
    _check_prices(found, faults)
    faults.check()
    columns = found.columns
    return Bars(
        source=found.source,
        length=step,
        ts=found.ts,
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        volume=columns.get("volume"),
        holes=holes(found.ts, step),
    )


def _length(found: Table) -> int:
    steps = np.diff(found.ts)
    forward, counts = np.unique(steps[steps > 0], return_counts=True)
    if not len(forward):
        raise DataError(f"{found.source}: must hold two bars to tell their length, was fewer")
    return int(forward[np.argmax(counts)])  # of equally common ones the shortest


def _check_times(found: Table, length: int, faults: Faults) -> None:
    steps = np.diff(found.ts, prepend=found.ts[0] - length)
    rows, must = found.rows, "ts must be a bar after the row before"
    faults.note(rows, steps < 0, must, lambda i: f"{-steps[i] / 1e9:g} s before it")
    faults.note(rows, steps == 0, must, lambda _: "the same")
    short = (steps > 0) & (steps < length)
    faults.note(rows, short, must, lambda i: f"{steps[i] / 1e9:g} s after it, of {length / 1e9:g}")


def _check_prices(found: Table, faults: Faults) -> None:
    rows, columns = found.rows, found.columns
    sound = np.ones(len(rows), dtype=np.bool_)
    for name, column in columns.items():
        finite = np.isfinite(column)
        enough = column >= 0 if name == "volume" else column > 0
        must = f"{name} must be {'at least zero' if name == 'volume' else 'positive'}"
        faults.note(rows, ~finite, f"{name} must be a number", column.item)
        faults.note(rows, finite & ~enough, must, column.item)
        sound &= finite & enough
    high, low = columns["high"], columns["low"]
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    upside_down = sound & (high < low)
    faults.note(
        rows, upside_down, "high must be at least low", lambda i: f"{high[i]:g} and {low[i]:g}"
    )
    inside = sound & ~upside_down
    faults.note(
        rows,
        inside & (high < top),
        "high must be at least open and close",
        lambda i: f"{high[i]:g} and {top[i]:g}",
    )
    faults.note(
        rows,
        inside & (low > bottom),
        "low must be at most open and close",
        lambda i: f"{low[i]:g} and {bottom[i]:g}",
    )


def holes(ts: Times, length: int) -> tuple[Hole, ...]:
    """Return where more than `length` ns lies between two times, in order."""
    places = np.flatnonzero(np.diff(ts) > length)
    return tuple(Hole(int(ts[i]) + length, int(ts[i + 1])) for i in places)


# --- what is odd ------------------------------------------------------------


def frozen(bars: Bars) -> NDArray[np.bool_]:
    """Return which bars repeat the close before them and nothing else, shape (n,).

    Where the series has a volume it must be zero too. The market may have
    moved meanwhile: the feed stood still, and jumps when it is back.
    """
    before = np.concatenate((bars.open[:1], bars.close[:-1]))
    still: NDArray[np.bool_] = (bars.high == bars.low) & (bars.close == before)
    return still if bars.volume is None else still & (bars.volume == 0)


def false_prints(
    bars: Bars, reference: Bars | None = None, beyond: float = FALSE_PRINT
) -> NDArray[np.bool_]:
    """Return which bars touch a price that was hardly the market's, shape (n,).

    Args:
        bars: The series to doubt.
        reference: Bars of a price that no single trade moves (mark, index) and
            of the same length; bars without a counterpart are not doubted. None:
            each bar is held against its own open and close and its neighbours'
            (the next one's too, so this is for reports and not for decisions).
        beyond: Fraction above the highest or below the lowest of these.
    """
    if reference is None:
        edges = np.stack((bars.open, bars.close))
        before = np.concatenate((edges[:, :1], edges[:, :-1]), axis=1)
        after = np.concatenate((edges[:, 1:], edges[:, -1:]), axis=1)
        around = np.concatenate((edges, before, after))
        top, bottom = around.max(axis=0), around.min(axis=0)
    else:
        places = np.searchsorted(reference.ts, bars.ts).clip(max=len(reference.ts) - 1)
        known = reference.ts[places] == bars.ts
        top = np.where(known, reference.high[places], np.inf)
        bottom = np.where(known, reference.low[places], 0.0)
    above: NDArray[np.bool_] = bars.high > top * (1 + beyond)
    below: NDArray[np.bool_] = bars.low < bottom * (1 - beyond)
    return above | below


# --- events -----------------------------------------------------------------


def decimal(number: float) -> Decimal:
    """Return a number with the fewest digits that name it: those that the recorder wrote."""
    return Decimal(repr(float(number)))


def known(bars: Bars) -> Iterator[tuple[int, Bar]]:
    """Yield each bar with the time, ns, at which it was known."""
    for place, ts in enumerate(bars.ts.tolist()):
        yield (
            ts + bars.length,
            Bar(
                ts_open=ts,
                ts_known=ts + bars.length,
                open=decimal(bars.open[place]),
                high=decimal(bars.high[place]),
                low=decimal(bars.low[place]),
                close=decimal(bars.close[place]),
                volume=None if bars.volume is None else decimal(bars.volume[place]),
            ),
        )


def marks(bars: Bars, instrument: str) -> Iterator[tuple[int, Mark]]:
    """Yield each close as a mark price of `instrument`, when it was known."""
    for ts, close in zip(bars.ts.tolist(), bars.close.tolist(), strict=True):
        yield ts + bars.length, Mark(ts + bars.length, ts + bars.length, instrument, decimal(close))
