"""What a point cost and what it left open, on a part of its samples.

Cost is what hedging alone took: fees, slippage (what fills lost against the mid
price of the decision, as a report tells it; see `hedges`), and the funding that
hedges paid. Risk is how far the equity of the hedged book moved
from sample to sample. Samples lie as far apart as the recordings told, and a
few further; a day's figure takes them as they come.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalancer.research.recorder import Samples
from rebalancer.runtime.randomness import SeededRandomness

DAY = 86_400e9  # ns
TAIL = 0.05  # of the intervals, whose mean loss is the CVaR
RESAMPLED = 400  # times
BAR = (5.0, 95.0)  # percentiles of the resampled risk: what the error bar spans
DAYS = 5  # fewest of which an error bar is told: blocks of a day are drawn
FEWEST = 8  # intervals of which a risk is told

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """Figures of a part; None: too few samples to tell."""

    days: float
    intervals: int
    interval_seconds: float  # between two samples, median
    cost: float  # USD a day, so are its three parts
    fees: float
    slippage: float
    funding: float  # that hedges paid, + paid
    risk: float | None  # standard deviation of hedged equity, USD a day
    risk_low: float | None  # error bar; None: too few days to tell
    risk_high: float | None
    risk_interval: float | None  # the same from sample to sample
    cvar: float | None  # mean loss of the worst intervals, USD, + is a loss
    effectiveness: float | None  # 1 − variance hedged ÷ unhedged
    fills: int
    turnover: float  # USD a day
    outside: float  # share of the time outside the band


def parts(
    samples: Samples, split: float, warm_up: int = 0
) -> Mapping[str, Mapping[str, Any] | None]:
    """Return the figures of the first part, of the rest and of the whole, as plain values.

    Args:
        samples: Of a replay.
        split: Share of the time from the first sample to the last that the first part takes.
        warm_up: ns after the first sample that count nowhere: a book that begins without its
            hedges, or before the vols of its options are believed, is not what is compared.
    """
    ts = np.array(samples.ts, dtype=np.int64)
    begun = 0 if not len(ts) else int(np.searchsorted(ts, ts[0] + warm_up))
    if begun >= len(ts):
        return {"first": None, "rest": None, "whole": None}
    until = ts[begun] + split * (ts[-1] - ts[begun])
    middle, last = int(np.searchsorted(ts, until, side="right")) - 1, len(ts) - 1
    spans = {"first": (begun, middle), "rest": (middle, last), "whole": (begun, last)}
    return {name: _told(samples, *span) for name, span in spans.items()}


def _told(samples: Samples, start: int, end: int) -> dict[str, Any] | None:
    return asdict(part(samples, start, end)) if end > start else None


def part(samples: Samples, start: int, end: int) -> Part:
    """Return the figures from one sample to a later one."""
    ts = np.array(samples.ts[start : end + 1], dtype=np.int64)
    hedged = np.diff(np.array(samples.hedged[start : end + 1]))
    bare = np.diff(np.array(samples.unhedged[start : end + 1]))
    then, now = samples.sums[start], samples.sums[end]
    days = float(ts[-1] - ts[0]) / DAY
    fees = (now.fees - then.fees) / days
    slippage = (samples.slippage[end] - samples.slippage[start]) / days
    funding = -(now.carried - then.carried) / days
    enough = len(hedged) >= FEWEST
    deviation = float(hedged.std(ddof=1)) if enough else None
    daily = math.sqrt(len(hedged) / days)
    low, high = (error_bar(hedged, ts) if enough else None) or (None, None)
    wild = float(bare.var()) if enough else 0.0
    return Part(
        days=days,
        intervals=len(hedged),
        interval_seconds=float(np.median(np.diff(ts))) / 1e9,
        cost=fees + slippage + funding,
        fees=fees,
        slippage=slippage,
        funding=funding,
        risk=None if deviation is None else deviation * daily,
        risk_low=None if low is None else low * daily,
        risk_high=None if high is None else high * daily,
        risk_interval=deviation,
        cvar=cvar(hedged) if enough else None,
        effectiveness=1.0 - float(hedged.var()) / wild if wild > 0 else None,
        fills=now.fills - then.fills,
        turnover=(now.turnover - then.turnover) / days,
        outside=(samples.outside[end] - samples.outside[start]) / (days * 86_400),
    )


def cvar(moves: Floats) -> float:
    """Return the mean loss of the worst twentieth of the moves, one at least; + is a loss.

    >>> cvar(np.array([-3.0, -1.0, 0.0, 2.0]))
    3.0
    """
    worst = max(round(TAIL * len(moves)), 1)
    return -float(np.partition(moves, worst - 1)[:worst].mean())


def error_bar(moves: Floats, ts: npt.NDArray[np.int64]) -> tuple[float, float] | None:
    """Return between which two values the standard deviation of moves may well lie.

    Blocks of moves that follow one another are drawn anew, so that calm and
    wild stretches stay together, the night with its day. A block begins at any
    move and ends with the first that ends a day later or more; the first move
    follows the last. The same moves always give the same bar. Storms that last
    longer than a day make it too narrow.

    Args:
        moves: From sample to sample, shape (n,).
        ts: Times of the samples in ns, shape (n + 1,).

    Returns:
        The 5th and 95th percentile; None where there are fewer than `DAYS` days.

    Source:
        Politis & Romano, "A circular block-resampling procedure for stationary data" (1992).
    """
    size, since = len(moves), ts - ts[0]
    if since[-1] < DAYS * DAY:
        return None
    around = np.concatenate((since[:-1], since + since[-1]))
    ends = np.searchsorted(around, since[:-1] + int(DAY))
    lengths = ends - np.arange(size)
    centred = np.tile(moves - moves.mean(), 2)
    sums = np.concatenate(([0.0], np.cumsum(centred)))
    squares = np.concatenate(([0.0], np.cumsum(centred**2)))
    count = max(round(size / float(lengths.mean())), 2)
    chance = SeededRandomness(0).generator("sweep.blocks")
    starts = chance.integers(size, size=(RESAMPLED, count))
    drawn = lengths[starts].sum(axis=1)
    total = (sums[ends[starts]] - sums[starts]).sum(axis=1)
    square = (squares[ends[starts]] - squares[starts]).sum(axis=1)
    found = np.maximum(square - total**2 / drawn, 0.0) / np.maximum(drawn - 1, 1)
    low, high = np.percentile(np.sqrt(found), BAR)
    return float(low), float(high)
