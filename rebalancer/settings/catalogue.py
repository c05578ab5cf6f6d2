"""Catalogue: instruments that everybody knows, by their id.

Contract sizes, lots and ticks are the venues' published ones: Deribit's of
January 2026, Binance's of July 2026, in recorded answers of
`public/get_instruments` and `exchangeInfo`. A live book takes its own from the
venue; here they serve replay, paper and the checks of a configuration. A name
without an entry is unknown, never guessed: a wrong size is a wrong hedge.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument, Kind, cash_instrument

COINS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE")
DELIVERY_HOUR = 8  # UTC, of every dated Deribit contract
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATED = re.compile(
    r"(BTC|ETH)-([1-9][0-9]?)([A-Z]{3})([0-9]{2})(?:-([1-9][0-9]{0,6})-([CP]))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The granularity of a contract."""

    lot: str  # contracts, also the smallest order
    tick: str
    size: str = "1"  # coins, or USD where inverse


# Deribit counts inverse contracts in USD and options in coins.
_DERIBIT_PERPETUALS = {"BTC": _Steps("10", "0.5"), "ETH": _Steps("1", "0.05")}
_DERIBIT_FUTURES = {"BTC": _Steps("10", "2.5"), "ETH": _Steps("1", "0.05")}
# Above 0.005 coin the step is 0.0005; a record has room for the finer one only.
_DERIBIT_OPTIONS = {"BTC": _Steps("0.1", "0.0001"), "ETH": _Steps("1", "0.0001")}
_BINANCE_SPOT = {"BTCUSDT": _Steps("0.00001", "0.01"), "ETHUSDT": _Steps("0.0001", "0.01")}
_BINANCE_LINEAR = {
    "BTCUSDT": _Steps("0.001", "0.1"),
    "ETHUSDT": _Steps("0.001", "0.01"),
    "SOLUSDT": _Steps("0.01", "0.01"),
    "XRPUSDT": _Steps("0.1", "0.0001"),
    "BNBUSDT": _Steps("0.01", "0.01"),
    "DOGEUSDT": _Steps("1", "0.00001"),
    "BTCUSDC": _Steps("0.001", "0.1"),
    "ETHUSDC": _Steps("0.001", "0.01"),
}
_BINANCE_INVERSE = {
    "BTCUSD_PERP": _Steps("1", "0.1", "100"),
    "ETHUSD_PERP": _Steps("1", "0.01", "10"),
}
LISTED = (
    *(f"deribit:{coin}-PERPETUAL" for coin in _DERIBIT_PERPETUALS),
    *(f"binance:{name}" for name in _BINANCE_SPOT),
    *(f"binanceusdm:{name}" for name in _BINANCE_LINEAR),
    *(f"binancecoinm:{name}" for name in _BINANCE_INVERSE),
)


def known(instrument_id: str) -> Instrument | None:
    """Return the instrument of this id, None when it is not in the catalogue.

    Args:
        instrument_id: VENUE:NATIVE_NAME; cash is VENUE:CURRENCY on any venue.

    >>> option = known("deribit:BTC-27FEB26-98000-C")
    >>> option.kind, option.strike, option.sign, option.settle, option.lot
    (<Kind.OPTION: 'option'>, Decimal('98000'), 1, 'BTC', Decimal('0.1'))
    >>> option.expiry  # 2026-02-27 08:00 UTC
    1772179200000000000
    >>> known("deribit:BTC-PERPETUAL").inverse, known("binanceusdm:BTCUSDT").inverse
    (True, False)
    >>> known("binanceusdm:USDT").kind, known("binanceusdm:USDT").underlying
    (<Kind.CASH: 'cash'>, '')
    >>> known("deribit:BTC-31FEB26") is None
    True
    """
    venue, colon, name = instrument_id.partition(":")
    if not colon or not venue or not name:
        return None
    if name in STABLE or name in COINS:
        return cash_instrument(venue, name)
    match venue:
        case "deribit":
            return _deribit(name)
        case "binance":
            return _pair(instrument_id, Kind.SPOT, _BINANCE_SPOT.get(name))
        case "binanceusdm":
            return _pair(instrument_id, Kind.PERPETUAL, _BINANCE_LINEAR.get(name))
        case "binancecoinm":
            coin = name.removesuffix("USD_PERP")
            return _make(name, Kind.PERPETUAL, (venue, coin, coin), _BINANCE_INVERSE.get(name))
        case _:
            return None


def _make(
    name: str, kind: Kind, where: tuple[str, str, str], steps: _Steps | None
) -> Instrument | None:
    """Return an instrument without an end; `where` is venue, underlying and settle currency."""
    if steps is None:
        return None
    venue, underlying, settle = where
    return Instrument(
        id=f"{venue}:{name}",
        kind=kind,
        underlying=underlying,
        settle=settle,
        size=Decimal(steps.size),
        lot=Decimal(steps.lot),
        minimum=Decimal(steps.lot),
        tick=Decimal(steps.tick),
    )


def _pair(instrument_id: str, kind: Kind, steps: _Steps | None) -> Instrument | None:
    """Return a Binance pair of a coin against a stable currency of four letters."""
    venue, _, name = instrument_id.partition(":")
    return _make(name, kind, (venue, name[:-4], name[-4:]), steps)


def _deribit(name: str) -> Instrument | None:
    coin, _, rest = name.partition("-")
    if rest == "PERPETUAL":
        return _make(name, Kind.PERPETUAL, ("deribit", coin, coin), _DERIBIT_PERPETUALS.get(coin))
    found = _DATED.fullmatch(name)
    expiry = _expiry(found[2], found[3], found[4]) if found else None
    if found is None or expiry is None:
        return None
    option = found[6] is not None
    steps = (_DERIBIT_OPTIONS if option else _DERIBIT_FUTURES)[coin]
    return Instrument(
        id=f"deribit:{name}",
        kind=Kind.OPTION if option else Kind.FUTURE,
        underlying=coin,
        settle=coin,
        size=Decimal(steps.size),
        lot=Decimal(steps.lot),
        minimum=Decimal(steps.lot),
        tick=Decimal(steps.tick),
        expiry=expiry,
        strike=Decimal(found[5]) if option else None,
        sign=(1 if found[6] == "C" else -1) if option else 0,
    )


def _expiry(day: str, month: str, year: str) -> int | None:
    """Return the delivery time of a Deribit date in ns, None when there is no such day."""
    if month not in _MONTHS:
        return None
    try:
        moment = datetime(
            2000 + int(year), _MONTHS.index(month) + 1, int(day), DELIVERY_HOUR, tzinfo=UTC
        )
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000
