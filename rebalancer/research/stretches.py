"""The recorded stretches that carry is studied on, and which half of each may be learnt from.

The first halves rank the parameters of `core/funding.py`; the second halves take
no part in that. Before a stretch begins there is a time that only fills the
memory, as far as its files reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rebalancer.recordings import bars, funding
from rebalancer.research.settlements import Settlements, between, priced, together

DAY = 86_400_000_000_000  # ns
MEMORY = 60 * DAY
COINS = ("BTC", "ETH")
_PANEL = "timeseries/spot_perp_funding_8h_binance_bybit_okx_2023_2024.parquet"
# Its bars of Bybit and OKX are stamped four hours late: their closes fit those of Binance's
# hourly bars four hours before the time that they name (4.5 bp apart, 98 bp at that time).
# So prices are only known of all three four hours after a settlement, Binance's by the hour.
_LATE = 4 * 3_600_000_000_000
_RECENT = "timeseries/funding_binance_bybit_hyperliquid_2025_2026.parquet"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time and the files that tell of it; `{coin}` in a name stands for the coin."""

    name: str
    start: str  # first day, ISO 8601, UTC
    middle: str  # first day of the second half
    end: str  # first day that is not in it
    rates: Mapping[str, str]  # venue → source
    spot: Mapping[str, str] | None = None  # venue → source; None: no prices
    perpetual: Mapping[str, str] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A stretch of one coin, with the memory before it."""

    settlements: Settlements
    start: int  # place in the clock of the first tick that counts
    middle: int  # of the first tick of the second half


STRETCHES = (
    Stretch(
        name="2021",
        start="2021-01-01",
        middle="2021-07-01",
        end="2022-01-01",
        rates={
            "binance": "timeseries/binance_funding_{coin}USDT_8h.parquet",
            "bybit": "timeseries/bybit_funding_2021_2023.parquet?symbol={coin}USDT",
        },
    ),
    Stretch(
        name="2025-11 to 2026-03",
        start="2025-11-01",
        middle="2026-01-16",
        end="2026-04-01",
        rates={
            "binance": _RECENT + "?venue=binance&symbol={coin}USDT",
            "bybit": _RECENT + "?venue=bybit&symbol={coin}USDT",
            "hyperliquid": _RECENT + "?venue=hyperliquid&symbol={coin}",
        },
        note="Hyperliquid charges on its oracle price; here its notional is at the Binance mark",
    ),
    Stretch(
        name="2023-01 to 2024-06",
        start="2023-01-01",
        middle="2023-10-01",
        end="2024-07-02",
        rates={
            name: f"{_PANEL}?exchange={name}&pair={{coin}}USDT"
            for name in ("binance", "bybit", "okx")
        },
        spot={
            "binance": "timeseries/binance_spot_{coin}USDT_1h.parquet",
            **{name: f"{_PANEL}?exchange={name}&pair={{coin}}/USDT" for name in ("bybit", "okx")},
        },
        perpetual={
            "binance": "timeseries/binance_perp_{coin}USDT_1h.parquet",
            **{name: f"{_PANEL}?exchange={name}&pair={{coin}}USDT" for name in ("bybit", "okx")},
        },
        note="USDT-margined perpetuals only; coin and leg are priced four hours after a settlement;"
        " Binance's spot market stood still on 2023-03-24, the coin's price with it",
    ),
)


def read(folder: Path, stretch: Stretch, coin: str) -> Read:
    """Return what a stretch tells of a coin.

    Raises:
        DataError: A file cannot be trusted, or has nothing in the stretch.
        UsageError: The files are Parquet and pyarrow is not installed.
    """

    def sources(named: Mapping[str, str]) -> Mapping[str, str]:
        return {venue: str(folder / each.format(coin=coin)) for venue, each in named.items()}

    start, middle, end = (nanoseconds(day) for day in (stretch.start, stretch.middle, stretch.end))
    series = {venue: funding.read(each) for venue, each in sources(stretch.rates).items()}
    told = together(series, start - MEMORY, end)
    if stretch.spot is not None and stretch.perpetual is not None:
        pair = (sources(stretch.spot), sources(stretch.perpetual))
        spot, perpetual = ({v: _bars(each) for v, each in named.items()} for named in pair)
        told = replace(told, prices=priced(told, spot, perpetual))
    first, second = (int(place) for place in np.searchsorted(told.ts, (start, middle)))
    return Read(told, first, second)


def _bars(source: str) -> bars.Bars:
    """Return bars at the times that they are of."""
    told = bars.read(source)
    return replace(told, ts=told.ts - _LATE) if _PANEL in source else told


def parts(told: Read) -> Mapping[str, tuple[int, int]]:
    """Return from which place in the clock to which the whole stretch and its halves go."""
    count = len(told.settlements.ts)
    return {
        "whole": (told.start, count),
        "first half": (told.start, told.middle),
        "second half": (told.middle, count),
    }


def cut(told: Read, part: tuple[int, int]) -> Settlements:
    """Return the settlements of a part."""
    return between(told.settlements, *part)


def nanoseconds(day: str) -> int:
    """Return the first moment of a day (ISO 8601, UTC), ns."""
    return int(np.datetime64(day, "ns").astype(np.int64))
