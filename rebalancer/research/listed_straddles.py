"""Straddles that were listed and marked: sold at a mark, bought back at a mark some weeks later.

At the first snapshot of a week, each or every fourth, the straddle held is bought back, and the
one nearest to 30 days and struck nearest to its forward is sold: at marks, since what options
cost is the same for every rule of hedging. Between two snapshots a vol stands at its strike; at
a snapshot the recorded mark is carried to the close of its bar, minutes later, by the model.

A run that collects a snapshot takes minutes: in a fast hour its forwards are of another moment
than the perpetual's price beside them, and one alone tells no carry. The median of two days does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.events import OptionMark
from rebalancer.core.exposure import YEAR
from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.recordings import chains, table
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.funding import Funding
from rebalancer.recordings.table import Times
from rebalancer.research.straddles import (
    DAY,
    MONTH,
    NOTIONAL,
    Leg,
    Market,
    charged,
    odd,
    titled,
    week,
)

Marks = Mapping[str, OptionMark]
RATES = 9  # snapshots of which the carry is the median: two days


class Pair(NamedTuple):
    """A straddle: one call and one put of an expiry and a strike."""

    call: Instrument
    put: Instrument
    coins: float  # sold of each

    @property
    def strike(self) -> float:
        """USD per coin."""
        return float(self.call.strike or 0)

    @property
    def expiry(self) -> int:
        """In ns."""
        return self.call.expiry or 0


class Told(NamedTuple):
    """The vols and the carry at which a straddle stands."""

    call_vol: float
    put_vol: float
    carry: float


class Look(NamedTuple):
    """What is held from a snapshot on."""

    place: int  # the bar that closes then or next
    pair: Pair
    told: Told
    change: float  # USD earned since it was marked before; NaN: it is not marked here


@dataclass(slots=True)
class _Held:
    """The straddle of one coin, as snapshots come in."""

    bars: Bars
    ends: Times  # ns, when bars closed
    perpetual: Mapping[int, float]  # USD per coin, by snapshot
    options: Mapping[str, Instrument]
    kept: int  # weeks
    pair: Pair | None = None
    told: Told | None = None
    worth: float = 0.0  # USD, when it was marked last
    week: int = 0
    rates: list[float] = field(default_factory=list)  # per year, of the latest snapshots


def markets(
    read: Mapping[str, tuple[Bars, Funding]], files: Sequence[Path], perpetuals: Path, kept: int = 1
) -> tuple[Market, ...]:
    """Return one market a coin.

    Args:
        read: Bars and funding of the perpetual that hedges, by coin.
        files: Of chains, in time order.
        perpetuals: Deribit's perpetual at each snapshot; a forward over it is the carry.
        kept: Weeks from a sale to the next; fewer where the expiry is less than two days off.

    Raises:
        DataError: A file cannot be trusted, or nothing fits.
        UsageError: pyarrow is not installed.
    """
    options = chains.listed(files)
    held = {
        coin: _Held(
            series, series.ts + series.length, _at_snapshots(perpetuals, coin), options, kept
        )
        for coin, (series, _) in read.items()
    }
    looks: dict[str, list[Look]] = {coin: [] for coin in read}
    for ts, snapshot in chains.snapshots(files):
        marks = {mark.instrument: mark for mark in snapshot.marks}
        for coin, own in held.items():
            looks[coin] += _hear(own, ts, coin, marks)
    for coin, found in looks.items():
        if len(found) < 2:
            raise DataError(f"{files[0]}: must hold two snapshots within the bars of {coin}")
    return tuple(_market(coin, *read[coin], looks[coin], kept) for coin in read)


def _at_snapshots(file: Path, coin: str) -> Mapping[int, float]:
    told = table.read(f"{file}?instrument_name={coin}-PERPETUAL", ("price_nearest",))
    return dict(zip(told.ts.tolist(), told.columns["price_nearest"].tolist(), strict=True))


def _hear(held: _Held, ts: int, coin: str, marks: Marks) -> list[Look]:
    """Take a snapshot in and return what it changes; nothing beyond the bars."""
    place, perpetual = int(np.searchsorted(held.ends, ts)), held.perpetual.get(ts)
    if ts < held.ends[0] or place >= len(held.ends) - 1 or perpetual is None:
        return []
    now, price = int(held.ends[place]), float(held.bars.close[place])
    change, pair = np.nan, held.pair
    if pair is not None and pair.call.id in marks and pair.put.id in marks:
        _remember(held, pair, marks, perpetual, ts)
        told, worth = _marked(pair, marks, held.rates, now, price)
        change, held.told, held.worth = held.worth - worth, told, worth
    marked = pair is None or not np.isnan(change)
    if marked and (pair is None or _over(held, pair, ts)):
        pair = _listed(held, ts, coin, marks, price)
        held.pair, held.week = pair, week(ts)
        if not held.rates:
            _remember(held, pair, marks, perpetual, ts)
        held.told, held.worth = _marked(pair, marks, held.rates, now, price)
    if pair is None or held.told is None:
        return []
    return [Look(place, pair, held.told, float(change))]


def _over(held: _Held, pair: Pair, ts: int) -> bool:
    return week(ts) >= held.week + held.kept or pair.expiry - ts < 2 * DAY


def _remember(held: _Held, pair: Pair, marks: Marks, perpetual: float, ts: int) -> None:
    """Note the rate at which the forward of a straddle lies over the perpetual."""
    years = (pair.expiry - ts) / YEAR
    rate = float(np.log(marks[pair.call.id].forward / perpetual)) / years
    held.rates = [*held.rates, rate][-RATES:]


def _marked(
    pair: Pair, marks: Marks, rates: Sequence[float], now: int, price: float
) -> tuple[Told, float]:
    """Return where a straddle stands and what it is worth at the close of a bar, USD."""
    years = (pair.expiry - now) / YEAR
    total, carry = 0.0, float(np.exp(median(rates) * years))
    for option in (pair.call, pair.put):
        mark = marks[option.id]
        then, later = (
            float(pricing.inverse_price(forward, pair.strike, years, mark.vol, option.sign))
            for forward in (mark.forward, price * carry)
        )
        total += (float(mark.price) + later - then) * price
    told = Told(marks[pair.call.id].vol, marks[pair.put.id].vol, carry)
    return told, pair.coins * total


def _listed(held: _Held, ts: int, coin: str, marks: Marks, price: float) -> Pair:
    """Return the straddle nearest to 30 days and to its forward, of those with both marks."""
    pairs: dict[tuple[int, float], dict[int, Instrument]] = {}
    for name in marks:
        option = held.options[name]
        if option.underlying == coin and option.expiry is not None and option.strike is not None:
            at = (option.expiry, float(option.strike))
            pairs.setdefault(at, {})[int(option.sign)] = option
    whole = [(at, both) for at, both in pairs.items() if len(both) == 2]
    if not whole:
        raise DataError(f"chains of {coin}: must hold a call and a put of one strike at {ts} ns")
    nearest = min(abs(expiry - ts - MONTH) for (expiry, _), _ in whole)
    month = [(at, both) for at, both in whole if abs(at[0] - ts - MONTH) == nearest]
    _, both = min(month, key=lambda each: abs(each[0][1] - marks[each[1][+1].id].forward))
    return Pair(both[+1], both[-1], NOTIONAL / price)


def _market(coin: str, read: Bars, settled: Funding, looks: Sequence[Look], kept: int) -> Market:
    """Return what was heard, bar by bar."""
    start, end = looks[0].place, looks[-1].place + 1
    ts, close = read.ts + read.length, read.close
    places = np.array([each.place for each in looks]) - start
    last = np.searchsorted(places, np.arange(end - start), side="right") - 1
    columns = zip(*((*each.pair[2:], each.pair.strike, *each.told) for each in looks), strict=True)
    coins, strike, call_vol, put_vol, carry = (np.array(each)[last] for each in columns)
    expiry = np.array([each.pair.expiry for each in looks])[last]
    worth = np.full(end - start, np.nan)
    earned, worth[0] = 0.0, 0.0
    for place, each in zip(places[1:].tolist(), looks[1:], strict=True):
        if not np.isnan(each.change):
            earned += each.change
            worth[place] = earned
    part = slice(start, end)
    told = (
        f"{len(looks)} snapshots; straddles: {', '.join(_names(looks))}",
        *odd(read, int(ts[start]), int(ts[end - 1])),
    )
    return Market(
        titled(coin, int(ts[start]), int(ts[end - 1]), kept),
        False,
        ts[part],
        close[part],
        read.open[start + 1 : end + 1],
        charged(ts[part], settled),
        Leg(coins, strike, expiry, call_vol, put_vol, carry),
        worth,
        told,
    )


def _names(looks: Sequence[Look]) -> list[str]:
    names = dict.fromkeys(each.pair.call.id.removesuffix("-C").partition(":")[2] for each in looks)
    return list(names)
