"""What every Binance message is made of: times, numbers, names, and when not to believe them.

A symbol is a venue's own name of an instrument; the three venues are three
accounts, and the same symbol may stand on two of them.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec

MILLISECOND = 1_000_000  # ns

ZERO = Decimal(0)
TOO_LARGE = Decimal("1e15")  # no price or size comes near; keeps 1e999999999 out of arithmetic
_LAST_MS = 253_402_300_799_999  # the year 9999

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=_LAST_MS)]  # ms since 1970 UTC
Symbol = Annotated[str, msgspec.Meta(min_length=1)]
Level: TypeAlias = tuple[Decimal, Decimal]  # price in quote currency, size in contracts


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that is not read here."""

    name: str | None  # what it calls itself; None: it does not say


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a known type, or no message at all, whose content cannot be trusted."""

    reason: str


def ns(milliseconds: int) -> int:
    """Return a venue time in ns."""
    return milliseconds * MILLISECOND


def order_id(symbol: str, number: int) -> str:
    """Return an order's id: numbers count within a symbol, so it stands before them.

    >>> order_id("BTCUSD_PERP", 8389765)
    'BTCUSD_PERP-8389765'
    """
    return f"{symbol}-{number}"


def missing(field: str) -> str:
    """Return the reason for refusing a message without a field, in msgspec's words."""
    return f"Object missing required field `{field}`"


def price_fault(price: Decimal) -> str | None:
    """Return what is wrong with a price."""
    return None if ZERO < price < TOO_LARGE else f"price must be positive, was {price}"


def size_fault(size: Decimal, *, zero: bool) -> str | None:
    """Return what is wrong with a size, which has no sign."""
    if ZERO < size < TOO_LARGE or (zero and size == ZERO):
        return None
    return f"size must be {'at least zero' if zero else 'positive'}, was {size}"


def number_fault(name: str, number: Decimal) -> str | None:
    """Return what is wrong with a number of either sign."""
    return None if -TOO_LARGE < number < TOO_LARGE else f"{name} must be a number, was {number}"
