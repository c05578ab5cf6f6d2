"""Deribit's contracts: January 2026, recorded answers of `public/get_instruments`."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.catalogue.steps import Steps, make

DELIVERY_HOUR = 8  # UTC, of every dated contract
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATED = re.compile(
    r"(BTC|ETH)-([1-9][0-9]?)([A-Z]{3})([0-9]{2})(?:-([1-9][0-9]{0,6})-([CP]))?", re.ASCII
)

# Deribit counts inverse contracts in USD and options in coins.
PERPETUALS = {"BTC": Steps("10", "0.5"), "ETH": Steps("1", "0.05")}
FUTURES = {"BTC": Steps("10", "2.5"), "ETH": Steps("1", "0.05")}
# Above 0.005 coin the step is 0.0005; a record has room for the finer one only.
OPTIONS = {"BTC": Steps("0.1", "0.0001"), "ETH": Steps("1", "0.0001")}
LISTED = tuple(f"deribit:{coin}-PERPETUAL" for coin in PERPETUALS)


def known(name: str) -> Instrument | None:
    """Return a perpetual, future or option by its name, None where it is not known."""
    coin, _, rest = name.partition("-")
    if rest == "PERPETUAL":
        return make(name, Kind.PERPETUAL, ("deribit", coin, coin), PERPETUALS.get(coin))
    found = _DATED.fullmatch(name)
    expiry = _expiry(found[2], found[3], found[4]) if found else None
    if found is None or expiry is None:
        return None
    option = found[6] is not None
    steps = (OPTIONS if option else FUTURES)[coin]
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
