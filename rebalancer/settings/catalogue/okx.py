"""OKX's contracts: December 2024 to 2025, recorded answers of `public/instruments`.

Sizes are `ctVal` x `ctMult`. What was not recorded is unknown: linear futures and
ETH options have changed their lots and multipliers before.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.catalogue.steps import Steps, make

DELIVERY_HOUR = 8  # UTC, of every dated contract
_DATED = re.compile(
    r"(BTC|ETH)-USD-([0-9]{2})([0-9]{2})([0-9]{2})(?:-([1-9][0-9]{0,6})-([CP]))?", re.ASCII
)

# Swaps are counted in contracts of coins, or of USD where they are inverse.
LINEAR = {"BTC": Steps("0.01", "0.1", "0.01"), "ETH": Steps("0.01", "0.01", "0.1")}
INVERSE = {"BTC": Steps("1", "0.1", "100"), "ETH": Steps("1", "0.01", "10")}
# Above 0.005 coin the step is 0.0005; a record has room for the finer one only.
OPTIONS = {"BTC": Steps("1", "0.0001", "0.01")}
SPOT = {
    "BTC": (Steps("0.00000001", "0.1"), "0.00001"),
    "ETH": (Steps("0.000001", "0.01"), "0.0001"),
}
LISTED = (
    *(f"okx:{coin}-USDT" for coin in SPOT),
    *(f"okx:{coin}-USDT-SWAP" for coin in LINEAR),
    *(f"okx:{coin}-USD-SWAP" for coin in INVERSE),
)


def known(name: str) -> Instrument | None:
    """Return a pair, swap, future or option by its name, None where it is not known."""
    coin, _, rest = name.partition("-")
    match rest:
        case "USDT":
            return _spot(name, coin)
        case "USDT-SWAP":
            return make(name, Kind.PERPETUAL, ("okx", coin, "USDT"), LINEAR.get(coin))
        case "USD-SWAP":
            return make(name, Kind.PERPETUAL, ("okx", coin, coin), INVERSE.get(coin))
        case _:
            return _dated(name)


def _spot(name: str, coin: str) -> Instrument | None:
    steps, minimum = SPOT.get(coin, (None, "0"))
    found = make(name, Kind.SPOT, ("okx", coin, "USDT"), steps)
    return None if found is None else replace(found, minimum=Decimal(minimum))


def _dated(name: str) -> Instrument | None:
    found = _DATED.fullmatch(name)
    expiry = _expiry(found[2], found[3], found[4]) if found else None
    if found is None or expiry is None:
        return None
    option = found[6] is not None
    steps = (OPTIONS if option else INVERSE).get(found[1])
    kind = Kind.OPTION if option else Kind.FUTURE
    made = make(name, kind, ("okx", found[1], found[1]), steps)
    if made is None or not option:
        return None if made is None else replace(made, expiry=expiry)
    sign = 1 if found[6] == "C" else -1
    return replace(made, expiry=expiry, strike=Decimal(found[5]), sign=sign)


def _expiry(year: str, month: str, day: str) -> int | None:
    """Return the delivery time of an OKX date in ns, None when there is no such day."""
    try:
        moment = datetime(2000 + int(year), int(month), int(day), DELIVERY_HOUR, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000
