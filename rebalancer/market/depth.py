"""Books: spread and depth around a price; both give way when the market is under stress."""

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from rebalancer.core.instruments import Instrument
from rebalancer.market.records import Level

Floats = npt.NDArray[np.float64]

_SPREAD_POWER = 1.5  # of stress: spreads widen faster than volatility …
_GAP_POWER = 1.0
_DEPTH_POWER = -1.2  # … and depth goes about as fast
_UNEVEN = 0.8  # deviation of log size
_GROWTH = 0.6  # of size, per level away from the touch


@dataclass(frozen=True, slots=True)
class Shape:
    """A book of one instrument, in ticks and lots, in calm."""

    spread: float  # ticks between bid and ask
    gap: float  # ticks between two levels, beyond one
    depth: float  # lots at the touch
    least: int  # lots of the smallest level
    levels: int  # a side


@dataclass(frozen=True, slots=True)
class Touch:
    """Best prices, in ticks."""

    bid: int  # 0: nobody bids
    ask: int  # > bid


def touch_around(middle: float, shape: Shape, stress: float, shock: float) -> Touch:
    """Return best bid and ask around `middle` ticks; `shock` is standard normal."""
    wanted = shape.spread * stress**_SPREAD_POWER * math.exp(0.3 * shock)
    width = max(1, round(wanted))
    bid = max(1, math.floor(middle - width / 2 + 0.5))
    return Touch(bid, bid + width)


def book_sides(
    touch: Touch, shape: Shape, stress: float, shocks: Floats, units: tuple[Decimal, Decimal]
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return bids and asks, best first.

    Args:
        touch: Best prices.
        shape: The book in calm.
        stress: Vol over normal; levels thin out and drift apart as it grows.
        shocks: Standard normals, shape (4 * levels,).
        units: Tick and lot.

    Returns:
        Price and contracts of each level; fewer bids where the price would
        fall to 0.
    """
    levels = shape.levels
    apart = 1 + (np.abs(shocks[: 2 * levels]) * (shape.gap * stress**_GAP_POWER)).astype(np.int64)
    apart = apart.reshape(2, levels)
    apart[:, 0] = 0
    away = np.cumsum(apart, axis=1)
    swell = 1 + _GROWTH * np.arange(levels)
    sizes = np.exp(_UNEVEN * shocks[2 * levels :]).reshape(2, levels) * swell
    lots = np.maximum(sizes * (shape.depth * stress**_DEPTH_POWER), shape.least).astype(np.int64)
    tick, lot = units
    bids = zip((touch.bid - away[0]).tolist(), lots[0].tolist(), strict=True)
    asks = zip((touch.ask + away[1]).tolist(), lots[1].tolist(), strict=True)
    return (
        tuple((price * tick, size * lot) for price, size in bids if price > 0),
        tuple((price * tick, size * lot) for price, size in asks),
    )


def least_lots(instrument: Instrument) -> int:
    """Return the lots of the smallest order."""
    return max(1, math.ceil(instrument.minimum / instrument.lot))
