"""Deliveries: whether a figure is the price of the underlying that a contract ended at.

A bill tells one price. Of a future it is that of the underlying; of an option it
is called the exercise price, and the strike, or the option's own worth in coin,
must not be taken for what the underlying stood at. What the bill moved tells.
"""

import re
from decimal import Decimal

from rebalancer.venues.payloads import Row, optional

_OPTION = re.compile(r"[A-Z0-9]+-([A-Z0-9_]+)-\d{6}-(\d+(?:\.\d+)?)-([CP])", re.ASCII)
_FAR = 20  # strike ÷ price, or the other way round: beyond, it is no price of the underlying
_ROUNDED = Decimal("1e-6")  # of the settle currency, a coin: what the figures are rounded by
_COINS = ("USD",)  # quote currencies of options that settle in their coin


def ended_at(name: str, row: Row, price: Decimal | None, size: Decimal | None) -> bool:
    """Whether a contract ended at a price, by what its bill moved.

    Args:
        name: Native, e.g. BTC-USD-260227-98000-C.
        row: Its bill.
        price: To be judged, USD per coin.
        size: Coins of one contract; None: nobody knows.
    """
    if price is None or price <= 0:
        return False
    option = _OPTION.fullmatch(name)
    if option is None:
        return True
    strike = Decimal(option[2])
    if not strike / _FAR <= price <= strike * _FAR:
        return False
    contracts, gained = optional(row, "sz"), optional(row, "pnl")
    if contracts is None or gained is None or size is None:
        return True
    inside = max(price - strike if option[3] == "C" else strike - price, Decimal(0))
    coins = abs(contracts) * size
    paid = coins * (inside / price if option[1] in _COINS else inside)
    return abs(paid - abs(gained)) <= _ROUNDED * max(coins, Decimal(1))
