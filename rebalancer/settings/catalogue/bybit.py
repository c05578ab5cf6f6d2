"""Bybit's contracts: answers of `instruments-info` as its documentation shows them, July 2026.

A pair has the same symbol as a perpetual there; it is named with a slash here.
Linear contracts and options are counted in coins, inverse ones in USD. A quarterly
inverse future names its month and no day, so none is known.
https://bybit-exchange.github.io/docs/v5/market/instrument
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.catalogue.steps import Steps, make

VENUE = "bybit"
DELIVERY_HOUR = 8  # UTC, of every dated contract
LINEAR = {  # USDT and, as COINPERP, USDC
    "BTC": Steps("0.001", "0.1"),
    "ETH": Steps("0.01", "0.01"),
    "SOL": Steps("0.1", "0.01"),
    "XRP": Steps("0.1", "0.0001"),
    "BNB": Steps("0.01", "0.1"),
    "DOGE": Steps("1", "0.00001"),
}
USDC = ("BTC", "ETH", "SOL")
INVERSE = {"BTC": Steps("1", "0.1"), "ETH": Steps("1", "0.01")}
PAIRS = {"BTC": (Steps("0.000001", "0.01"), "0.00004"), "ETH": (Steps("0.00001", "0.01"), "0.0006")}
OPTIONS = {"BTC": Steps("0.01", "5"), "ETH": Steps("0.1", "0.1")}
LISTED = (
    *(f"{VENUE}:{coin}USDT" for coin in LINEAR),
    *(f"{VENUE}:{coin}PERP" for coin in USDC),
    *(f"{VENUE}:{coin}USD" for coin in INVERSE),
    *(f"{VENUE}:{coin}/USDT" for coin in PAIRS),
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATE = r"([1-9][0-9]?)([A-Z]{3})([0-9]{2})"
_OPTION = re.compile(rf"([A-Z]+)-{_DATE}-([1-9][0-9]{{0,6}})-([CP])(-USDT)?", re.ASCII)
_FUTURE = re.compile(rf"([A-Z]+?)(USDT)?-{_DATE}", re.ASCII)


def known(name: str) -> Instrument | None:
    """Return a contract or pair by its name, None where it is not known.

    >>> option = known("BTC-27FEB26-105000-C-USDT")
    >>> option.settle, option.strike, option.sign, option.lot, option.inverse
    ('USDT', Decimal('105000'), 1, Decimal('0.01'), False)
    >>> known("BTC-27FEB26-105000-C").settle, known("BTC-27FEB26").settle
    ('USDC', 'USDC')
    >>> known("BTCUSD").inverse, known("BTCPERP").settle, known("BTCUSDH26") is None
    (True, 'USDC', True)
    """
    coin, slash, quote = name.partition("/")
    if slash:
        return _pair(name, coin, quote)
    if "-" in name:
        return _option(name) or _future(name)
    for tail, steps, settle in (("USDT", LINEAR, "USDT"), ("PERP", LINEAR, "USDC")):
        coin = name.removesuffix(tail)
        if coin != name and (tail == "USDT" or coin in USDC):
            return make(name, Kind.PERPETUAL, (VENUE, coin, settle), steps.get(coin))
    coin = name.removesuffix("USD")
    return make(name, Kind.PERPETUAL, (VENUE, coin, coin), INVERSE.get(coin))


def _pair(name: str, coin: str, quote: str) -> Instrument | None:
    if coin not in PAIRS or quote != "USDT":
        return None
    steps, minimum = PAIRS[coin]
    found = make(name, Kind.SPOT, (VENUE, coin, quote), steps)
    return None if found is None else replace(found, minimum=Decimal(minimum))


def _option(name: str) -> Instrument | None:
    found = _OPTION.fullmatch(name)
    if found is None or found[1] not in OPTIONS:
        return None
    made = make(
        name, Kind.OPTION, (VENUE, found[1], "USDT" if found[7] else "USDC"), OPTIONS[found[1]]
    )
    expiry = _expiry(found[2], found[3], found[4])
    if made is None or expiry is None:
        return None
    sign = 1 if found[6] == "C" else -1
    return replace(made, expiry=expiry, strike=Decimal(found[5]), sign=sign)


def _future(name: str) -> Instrument | None:
    found = _FUTURE.fullmatch(name)
    if found is None:
        return None
    settle = "USDT" if found[2] else "USDC"
    made = make(name, Kind.FUTURE, (VENUE, found[1], settle), LINEAR.get(found[1]))
    expiry = _expiry(found[3], found[4], found[5])
    return None if made is None or expiry is None else replace(made, expiry=expiry)


def _expiry(day: str, month: str, year: str) -> int | None:
    """Return the delivery time of a date in ns, None when there is no such day."""
    if month not in _MONTHS:
        return None
    try:
        moment = datetime(
            2000 + int(year), _MONTHS.index(month) + 1, int(day), DELIVERY_HOUR, tzinfo=UTC
        )
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000
