"""What every Bybit message is made of: names, numbers, times, and when not to believe them.

Bybit writes numbers and times as text, and an empty text where it has none. A
symbol means nothing without its category: `BTCUSDT` is a perpetual under
`linear` and a pair under `spot`. Here a pair is named with a slash, `BTC/USDT`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, TypeAlias

import msgspec

from rebalancer.errors import brief

MILLISECOND = 1_000_000  # ns
HOUR = 3_600_000 * MILLISECOND  # ns
VENUE = "bybit"

ZERO = Decimal(0)
TOO_LARGE = Decimal("1e15")  # nothing comes near; keeps 1e999999999 out of arithmetic
_LAST_MS = 253_402_300_799_999  # the year 9999
_QUOTES = ("USDT", "USDC", "USDE", "USDQ", "USDR", "USD1", "EUR", "BRL", "PLN", "TRY", "BTC", "ETH")
_DOLLARS = ("USDT", "USDC", "USD")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=_LAST_MS)]  # ms since 1970 UTC
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Category: TypeAlias = Literal["linear", "inverse", "option", "spot"]
Side: TypeAlias = Literal["Buy", "Sell"]
Level: TypeAlias = tuple[Decimal, Decimal]  # price in quote currency, size; size 0: it is gone

CATEGORIES: tuple[Category, ...] = ("linear", "inverse", "option", "spot")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that is not read here."""

    name: str | None  # what it calls itself; None: it does not say


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a known type, or no message at all, whose content cannot be trusted."""

    reason: str


# --- names ------------------------------------------------------------------


def native(category: Category, symbol: str) -> str:
    """Return what the house calls a symbol of a category, without the venue.

    >>> native("linear", "BTCUSDT"), native("spot", "BTCUSDT"), native("spot", "ODDPAIR")
    ('BTCUSDT', 'BTC/USDT', 'ODDPAIR/')
    """
    if category != "spot":
        return symbol
    quote = next((each for each in _QUOTES if symbol.endswith(each) and symbol != each), "")
    return f"{symbol.removesuffix(quote)}/{quote}"


def instrument_id(category: Category, symbol: str) -> str:
    """Return the house's id of a symbol.

    >>> instrument_id("option", "BTC-27FEB26-105000-C-USDT")
    'bybit:BTC-27FEB26-105000-C-USDT'
    """
    return f"{VENUE}:{native(category, symbol)}"


def symbol_of(name: str) -> str:
    """Return Bybit's symbol of a native name of ours.

    >>> symbol_of("BTC/USDT"), symbol_of("BTCPERP")
    ('BTCUSDT', 'BTCPERP')
    """
    return name.replace("/", "")


def category_of(name: str) -> Category:
    """Return the category that a native name of ours belongs to.

    >>> [category_of(each) for each in ("BTCUSDT", "BTCPERP", "BTC-27FEB26", "BTCUSDT-27FEB26")]
    ['linear', 'linear', 'linear', 'linear']
    >>> [category_of(each) for each in ("BTCUSD", "BTCUSDH26", "BTC-27FEB26-9000-P", "BTC/USDT")]
    ['inverse', 'inverse', 'option', 'spot']
    """
    if "/" in name:
        return "spot"
    words = name.split("-")
    if len(words) > 3 and words[3] in ("C", "P"):  # COIN-DATE-STRIKE-SIDE
        return "option"
    family = words[0]
    if len(words) > 1 or family.endswith(("USDT", "PERP")):
        return "linear"
    return "inverse"


def coin(name: str) -> str:
    """Return the underlying in a native name of ours.

    >>> [coin(each) for each in ("BTCUSDT", "ETHPERP", "SOLUSDT-27FEB26", "BTC-27FEB26-9000-P")]
    ['BTC', 'ETH', 'SOL', 'BTC']
    >>> coin("BTCUSD"), coin("BTCUSDH26"), coin("BTC/USDT")
    ('BTC', 'BTC', 'BTC')
    """
    family = name.partition("-")[0].partition("/")[0]
    for tail in ("USDT", "PERP"):
        if family.endswith(tail) and family != tail:
            return family.removesuffix(tail)
    head, usd, rest = family.rpartition("USD")
    return head if usd and head and len(rest) in (0, 3) else family


def settle_of(category: Category, symbol: str) -> str:
    """Return the currency that profit, premium and fee of a contract are in; of a pair its quote.

    >>> settle_of("linear", "BTCUSDT"), settle_of("linear", "BTCPERP"), settle_of("inverse", "X")
    ('USDT', 'USDC', 'X')
    >>> [settle_of("option", each) for each in ("BTC-27FEB26-9000-P-USDT", "BTC-27FEB26-9000-P")]
    ['USDT', 'USDC']
    """
    match category:
        case "inverse":
            return coin(symbol)
        case "option":
            return "USDT" if symbol.endswith("-USDT") else "USDC"
        case "spot":
            return native(category, symbol).partition("/")[2]
        case _:
            return "USDT" if symbol.partition("-")[0].endswith("USDT") else "USDC"


def is_perpetual(category: Category, symbol: str) -> bool:
    """Tell whether a symbol is a contract without an end.

    >>> is_perpetual("linear", "BTCPERP"), is_perpetual("linear", "BTC-27FEB26")
    (True, False)
    >>> is_perpetual("inverse", "BTCUSD"), is_perpetual("inverse", "BTCUSDH26")
    (True, False)
    """
    if category == "inverse":
        return symbol.endswith("USD")
    return category == "linear" and "-" not in symbol


def in_dollars(category: Category, symbol: str) -> bool:
    """Tell whether an index of a symbol is a price in US dollars, or in a stable currency."""
    return category in ("option", "inverse") or settle_of(category, symbol) in _DOLLARS


# --- numbers ----------------------------------------------------------------


def ns(milliseconds: int) -> int:
    """Return a venue time in ns."""
    return milliseconds * MILLISECOND


def number(told: str | None) -> Decimal | None:
    """Return a number that was written as text, None where there is none.

    Raises:
        ValueError: It is no finite number.
    """
    if not told:
        return None
    try:
        found = Decimal(told)
    except InvalidOperation:
        raise ValueError(f"must be a number, was {brief(repr(told))}") from None
    if not found.is_finite() or abs(found) >= TOO_LARGE:
        raise ValueError(f"must be a finite number, was {brief(repr(told))}")
    return found


def signed(amount: Decimal, side: Side) -> Decimal:
    """Return an amount with the sign of its side: + buys."""
    return amount if side == "Buy" else -amount


def missing(field: str) -> str:
    """Return the reason for refusing a message without a field, in msgspec's words."""
    return f"Object missing required field `{field}`"


def price_fault(price: Decimal, *, zero: bool = False) -> str | None:
    """Return what is wrong with a price; an option far from the money may be worth 0."""
    if ZERO < price < TOO_LARGE or (zero and price == ZERO):
        return None
    return f"price must be {'at least zero' if zero else 'positive'}, was {price}"


def amount_fault(amount: Decimal, *, zero: bool = False) -> str | None:
    """Return what is wrong with an amount without a sign."""
    if ZERO < amount < TOO_LARGE or (zero and amount == ZERO):
        return None
    return f"amount must be {'at least zero' if zero else 'positive'}, was {amount}"


def number_fault(name: str, told: Decimal | None) -> str | None:
    """Return what is wrong with a number of either sign; None passes."""
    if told is None or -TOO_LARGE < told < TOO_LARGE:
        return None
    return f"{name} must be a number, was {told}"


def levels_fault(bids: Iterable[Level], asks: Iterable[Level], *, whole: bool) -> str | None:
    """Return what is wrong with levels; those of a whole book have sizes and do not cross."""
    best_bid, best_ask = ZERO, TOO_LARGE
    for price, size in bids:
        if reason := price_fault(price) or amount_fault(size, zero=not whole):
            return reason
        best_bid = max(best_bid, price)
    for price, size in asks:
        if reason := price_fault(price) or amount_fault(size, zero=not whole):
            return reason
        best_ask = min(best_ask, price)
    if not whole or best_bid < best_ask:
        return None
    return f"bid must be below ask, was {best_bid} and {best_ask}"
