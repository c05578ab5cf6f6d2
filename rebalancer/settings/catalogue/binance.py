"""Binance's contracts: July 2026, recorded answers of `exchangeInfo`.

A dated contract bears its day, a Friday, and is delivered at 08:00 UTC: BTCUSDT_260925
of USD-M, BTCUSD_260925 of COIN-M. Its granularity is that of the perpetual of its pair.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.catalogue.steps import Steps, make

SPOT = {"BTCUSDT": Steps("0.00001", "0.01"), "ETHUSDT": Steps("0.0001", "0.01")}
LINEAR = {
    "BTCUSDT": Steps("0.001", "0.1"),
    "ETHUSDT": Steps("0.001", "0.01"),
    "SOLUSDT": Steps("0.01", "0.01"),
    "XRPUSDT": Steps("0.1", "0.0001"),
    "BNBUSDT": Steps("0.01", "0.01"),
    "DOGEUSDT": Steps("1", "0.00001"),
    "BTCUSDC": Steps("0.001", "0.1"),
    "ETHUSDC": Steps("0.001", "0.01"),
}
INVERSE = {
    "BTCUSD_PERP": Steps("1", "0.1", "100"),
    "ETHUSD_PERP": Steps("1", "0.01", "10"),
}
DELIVERY_HOUR, FRIDAY = 8, 4  # UTC; day of the week
_DATED = re.compile(r"(?:BTC|ETH)(USDT|USD)_([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)
LISTED = (
    *(f"binance:{name}" for name in SPOT),
    *(f"binanceusdm:{name}" for name in LINEAR),
    *(f"binancecoinm:{name}" for name in INVERSE),
)


def spot(name: str) -> Instrument | None:
    """Return a spot pair, None where it is not known."""
    return _pair("binance", name, Kind.SPOT, SPOT.get(name))


def linear(name: str) -> Instrument | None:
    """Return a USD-M contract, None where it is not known."""
    family, _, day = name.partition("_")
    found = _pair("binanceusdm", family, Kind.PERPETUAL, LINEAR.get(family))
    return _of_day(found, name) if day else found


def inverse(name: str) -> Instrument | None:
    """Return a COIN-M contract, None where it is not known."""
    coin, _, rest = name.partition("USD_")
    family = f"{coin}USD_PERP"
    found = make(family, Kind.PERPETUAL, ("binancecoinm", coin, coin), INVERSE.get(family))
    return found if rest == "PERP" else _of_day(found, name)


def _of_day(perpetual: Instrument | None, name: str) -> Instrument | None:
    """Return the contract of a pair that ends on the day in its name; None: there is none."""
    found, venue = _DATED.fullmatch(name), "" if perpetual is None else perpetual.venue
    quote = "USDT" if venue == "binanceusdm" else "USD"
    if perpetual is None or found is None or found[1] != quote:
        return None
    try:
        year, month, day = (int(each) for each in found.groups()[1:])
        end = datetime(2000 + year, month, day, DELIVERY_HOUR, tzinfo=UTC)
    except ValueError:
        return None
    if end.weekday() != FRIDAY:
        return None
    expiry = int(end.timestamp()) * 1_000_000_000
    return replace(perpetual, id=f"{venue}:{name}", kind=Kind.FUTURE, expiry=expiry)


def _pair(venue: str, name: str, kind: Kind, steps: Steps | None) -> Instrument | None:
    """Return a pair of a coin against a stable currency of four letters."""
    return make(name, kind, (venue, name[:-4], name[-4:]), steps)
