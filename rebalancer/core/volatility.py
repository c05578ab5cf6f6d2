"""Realised volatility: how wild a price is now, from its own moves.

Two averages of squared log returns, weighted by how long ago they were: one
forgets half within an hour, the other within a day. The larger counts, so that
a storm is noticed at once and not forgotten at once.
"""

import math
from dataclasses import dataclass

YEAR = 365 * 86_400 * 1_000_000_000  # ns
HOUR = 3_600_000_000_000
SAMPLE = 60_000_000_000  # ns between two prices that are compared: finer is noise
LEAST = 10 * SAMPLE  # ns of observation until anything is said
HALVES = (HOUR, 24 * HOUR)  # ns after which a return counts half


@dataclass(slots=True)
class Realised:
    """Squared returns of one price; written by `take` only."""

    ts: int | None = None  # ns of the last sample
    price: float = 0.0  # then, USD per coin
    squares: tuple[float, ...] = (0.0, 0.0)  # weighted sums of squared log returns
    spans: tuple[float, ...] = (0.0, 0.0)  # of the years that they took, weighted alike
    seen: int = 0  # ns observed


def take(told: Realised, ts: int, price: float) -> None:
    """Note a price (USD per coin, > 0) at `ts` (ns), at most once a minute."""
    if told.ts is not None and ts - told.ts < SAMPLE:
        return
    if told.ts is not None:
        span = ts - told.ts
        weights = [0.5 ** (span / half) for half in HALVES]
        square, years = math.log(price / told.price) ** 2, span / YEAR
        pairs = zip(weights, told.squares, told.spans, strict=True)
        kept = [(w * s + square, w * y + years) for w, s, y in pairs]
        told.squares, told.spans = tuple(s for s, _ in kept), tuple(y for _, y in kept)
        told.seen += span
    told.ts, told.price = ts, price


def annual(told: Realised) -> float | None:
    """Return the volatility per year; None while too little was seen."""
    if told.seen < LEAST:
        return None
    return max(math.sqrt(s / y) for s, y in zip(told.squares, told.spans, strict=True))
