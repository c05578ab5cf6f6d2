"""Deliveries: which figure of a log line is the price that a contract was delivered at.

A line of the log has up to three prices. For a future all are that of the
underlying; for an option `price` is its own, in its own currency, and taking
that for the underlying's would pay out the strike a coin. What the line moved
tells them apart; where it says nothing, what cannot be a price of the underlying
is left out, and the index comes first.
"""

import re
from decimal import Decimal

from rebalancer.venues.payloads import Row, optional

_OPTION = re.compile(r"([A-Z0-9]+)(_[A-Z0-9]+)?-\d{1,2}[A-Z]{3}\d{2}-(\d+(?:d\d+)?)-([CP])")
_FAR = 20  # strike ÷ price, or the other way round: beyond, it is no price of the underlying
_ROUNDED = Decimal("1e-6")  # of the settle currency, a coin: what the figures are rounded by


def delivered_at(name: str, row: Row) -> Decimal | None:
    """Return the price of the underlying that a contract ended at; None where no figure can be.

    Args:
        name: Native, e.g. BTC-27FEB26-98000-C.
        row: Of type delivery.
    """
    told = [optional(row, key) for key in ("index_price", "settlement_price", "price")]
    option = _OPTION.fullmatch(name)
    if option is None:
        return next((each for each in told if each), None)
    strike = Decimal(option[3].replace("d", "."))
    possible = [
        each for each in told if each is not None and strike / _FAR <= each <= strike * _FAR
    ]
    explained = (each for each in possible if _explains(row, option, strike, each))
    return next(explained, next(iter(possible), None))


def _explains(row: Row, option: re.Match[str], strike: Decimal, price: Decimal) -> bool:
    """Whether a delivery at a price pays what the line moved."""
    amount, change = optional(row, "amount"), optional(row, "change")
    if not amount or change is None:
        return False
    gain = price - strike if option[4] == "C" else strike - price
    inside = max(gain, Decimal(0))
    paid = abs(amount) * (inside if option[2] else inside / price)
    moved = abs(change + (optional(row, "commission") or Decimal(0)))
    return abs(paid - moved) <= _ROUNDED * max(abs(amount), Decimal(1))
