"""A market with a straddle in it: sold at the money for about a month, and anew each week or month.

A bar is known at its close, and what is decided then is traded at the open of the next. Here
are no options at all: the vol of the month before makes a straddle up, and stays.
`listed_straddles` makes the same of options that were listed and marked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rebalancer.core import pricing
from rebalancer.core.black import FloatArray
from rebalancer.core.exposure import YEAR
from rebalancer.errors import DataError
from rebalancer.recordings import bars, funding
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.table import Times
from rebalancer.research.policies import Moment

DAY = 86_400_000_000_000  # ns
WEEK, MONTH = 7 * DAY, 30 * DAY
FRIDAY = DAY + 8 * 3_600_000_000_000  # ns from a Thursday 00:00, as 1970 began, to Friday 08:00
NOTIONAL = 100_000.0  # USD of coin in a straddle when it is sold
WARM = 30 * DAY  # of prices before the first synthetic straddle


class Leg(NamedTuple):
    """The straddle that is held during a bar; arrays of shape (n,)."""

    coins: FloatArray  # sold, of each option
    strike: FloatArray  # USD per coin
    expiry: Times  # ns
    call_vol: FloatArray  # per year
    put_vol: FloatArray
    carry: FloatArray  # forward over the price of the perpetual

    def cut(self, part: slice | NDArray[np.int64]) -> "Leg":
        """Return some of its bars."""
        prices = (self.call_vol[part], self.put_vol[part], self.carry[part])
        return Leg(self.coins[part], self.strike[part], self.expiry[part], *prices)


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Bars of a perpetual and the straddle beside it, shape (n,)."""

    name: str
    synthetic: bool
    ts: Times  # ns, when a bar closed
    close: FloatArray  # USD per coin
    following: FloatArray  # open of the next bar: where a hedge decided at the close is made
    funding: FloatArray  # rate charged at this close of what was held until then; + longs pay
    leg: Leg
    worth: FloatArray  # USD earned by the options until then; NaN where they are not marked
    told: tuple[str, ...]  # what is odd or assumed, in words

    @property
    def length(self) -> int:
        """Bars."""
        return len(self.ts)

    def moment(self, part: slice) -> Moment:
        """Return what a policy may know at the closes of some bars; arrays of shape (m, 1)."""
        leg, price = self.leg.cut(part), self.close[part]
        years = (leg.expiry - self.ts[part]) / YEAR
        forward = price * leg.carry
        call = pricing.greeks(forward, leg.strike, years, leg.call_vol, +1)
        put = pricing.greeks(forward, leg.strike, years, leg.put_vol, -1)

        def delta_at(vol: FloatArray) -> FloatArray:
            terms = (forward[:, None], leg.strike[:, None], years[:, None], vol)
            return np.asarray(leg.coins[:, None] * (2.0 * pricing.delta(*terms, +1) - 1.0))

        return Moment(
            price=price[:, None],
            delta=(leg.coins * (call.delta + put.delta))[:, None],
            gamma=(-leg.coins * leg.carry * (call.gamma + put.gamma))[:, None],
            years=years[:, None],
            vol=((leg.call_vol + leg.put_vol) / 2)[:, None],
            delta_at=delta_at,
        )


def week(ts: int) -> int:
    """Return which week a moment lies in; weeks begin on Fridays at 08:00 UTC.

    >>> week(FRIDAY - 1), week(FRIDAY)
    (-1, 0)
    """
    return (ts - FRIDAY) // WEEK


def titled(coin: str, start: int, end: int, kept: int) -> str:
    """Return what a market is called: its coin, its months, and how long a straddle is kept.

    >>> titled("BTC", 0, 40 * DAY, 4)
    'BTC 1970-01 to 1970-02, kept 4 weeks'
    """
    first, last = (np.datetime64(int(each), "ns").astype("datetime64[M]") for each in (start, end))
    return f"{coin} {first} to {last}, kept {'a week' if kept == 1 else f'{kept} weeks'}"


def charged(ts: Times, settled: funding.Funding) -> FloatArray:
    """Return the rate charged at each close: of all settlements since the close before.

    A venue settles some milliseconds late; to the minute it settles at a close.
    """
    minute = 60_000_000_000
    at = (settled.ts + minute // 2) // minute * minute
    places = np.searchsorted(ts, at)
    found = np.zeros(len(ts))
    inside = (places < len(ts)) & (at > ts[0])
    np.add.at(found, places[inside], settled.rate[inside])
    return found


# --- synthetic ----------------------------------------------------------------


def synthetic(name: str, read: Bars, settled: funding.Funding, kept: int = 1) -> Market:
    """Return a market whose straddles are made up of the vol that was realised before.

    Each lasts 30 days from a Friday at 08:00 UTC, is struck at the price of the moment and is
    bought back some weeks later; its vol is that of the 30 days before, exponentially weighted,
    and stays until then.

    Args:
        name: Of the coin.
        read: Bars of the perpetual that hedges.
        settled: Its funding.
        kept: Weeks from a sale to the next, at most 4.

    Raises:
        DataError: There are fewer bars than a month and a week.
    """
    ts, close = read.ts + read.length, read.close
    weeks = (ts - FRIDAY) // WEEK
    new = np.flatnonzero(np.diff(weeks, prepend=weeks[0]))
    new = new[ts[new] - ts[0] >= WARM]
    new = new[::kept]
    if not len(new):
        raise DataError(f"{read.source}: must span a month and a week, did not")
    start, end = int(new[0]), len(ts) - 1  # the last bar has no open after it
    sold = np.maximum(np.searchsorted(new, np.arange(start, end), side="right") - 1, 0)
    vols = np.array([realised(ts[: at + 1], close[: at + 1]) for at in new])
    vol, at = vols[sold], new[sold]
    strike = close[at]
    leg = Leg(NOTIONAL / strike, strike, ts[at] + MONTH, vol, vol, np.ones(end - start))
    part = slice(start, end)
    worth = earned(ts[part], close[part], leg, sold)
    told = (
        "the options are synthetic: each at the vol of the 30 days before its sale",
        *odd(read, ts[start], ts[end - 1]),
    )
    return Market(
        titled(name, ts[start], ts[end - 1], kept),
        True,
        ts[part],
        close[part],
        read.open[start + 1 : end + 1],
        charged(ts[part], settled),
        leg,
        worth,
        told,
    )


def realised(ts: Times, close: FloatArray) -> float:
    """Return the vol per year of closes up to now, weighted by e to the −age over 30 days."""
    squares = np.square(np.diff(np.log(close)))
    weights = np.exp((ts[1:] - ts[-1]) / MONTH)
    spans = np.diff(ts) / YEAR
    return float(np.sqrt(weights @ squares / (weights @ spans)))


def earned(ts: Times, close: FloatArray, leg: Leg, sold: NDArray[np.int64]) -> FloatArray:
    """Return what the options earned until each close, sale after sale."""
    held = value(leg, ts, close)
    change = np.zeros(len(ts))
    change[1:] = -np.diff(held)
    turns = np.flatnonzero(np.diff(sold)) + 1  # the old one is bought back there, a new one sold
    old = leg.cut(turns - 1)
    change[turns] = held[turns - 1] - value(old, ts[turns], close[turns])
    return np.cumsum(change)


def value(leg: Leg, ts: Times, price: FloatArray) -> FloatArray:
    """Return what the straddles are worth by the model, USD."""
    years = (leg.expiry - ts) / YEAR
    forward = price * leg.carry
    call = pricing.price(forward, leg.strike, years, leg.call_vol, +1)
    put = pricing.price(forward, leg.strike, years, leg.put_vol, -1)
    return np.asarray(leg.coins * (call + put) / leg.carry)


def odd(read: Bars, start: int, end: int) -> Iterator[str]:
    """Yield what is odd about the bars between two moments."""
    holes = [each for each in read.holes if each.start > start and each.end < end]
    if holes:
        hours = sum(each.end - each.start for each in holes) / 3.6e12
        yield f"{len(holes)} holes of {hours:.1f} hours in the bars; nothing was filled in"
    inside = (read.ts >= start) & (read.ts < end)
    still = int((bars.frozen(read) & inside).sum())
    if still:
        yield f"{still} bars without a trade"
