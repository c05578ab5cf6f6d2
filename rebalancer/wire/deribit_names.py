"""Deribit's option names, e.g. BTC-27FEB26-98000-C: the contract is in the name.

Inverse options only: they settle in the coin that they are about, one coin a
contract, and expire at 08:00 UTC.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind

VENUE = "deribit"

_NAME = re.compile(r"(BTC|ETH)-([1-9]\d?)([A-Z]{3})(\d\d)-([1-9]\d*)-([CP])", re.ASCII)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LOTS = {"BTC": Decimal("0.1"), "ETH": Decimal(1)}
_TICK = Decimal("0.0001")  # the finest: from 0.005 on the venue quotes in 0.0005
_EXPIRY_HOUR = 8  # UTC


def option(name: str) -> Instrument | None:
    """Return the inverse option that a native name stands for, or None when it is none.

    >>> option("BTC-27FEB26-98000-C").strike
    Decimal('98000')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    coin, day, month, year, strike, side = match.groups()
    try:
        date = datetime(
            2000 + int(year), _MONTHS.index(month) + 1, int(day), _EXPIRY_HOUR, tzinfo=UTC
        )
    except ValueError:  # no such month, or no such day in it
        return None
    return Instrument(
        id=f"{VENUE}:{name}",
        kind=Kind.OPTION,
        underlying=coin,
        settle=coin,
        size=Decimal(1),
        lot=_LOTS[coin],
        minimum=_LOTS[coin],
        tick=_TICK,
        expiry=int(date.timestamp()) * 1_000_000_000,
        strike=Decimal(strike),
        sign=+1 if side == "C" else -1,
    )
