"""What every OKX message is made of: names, times, numbers, and when not to believe them.

OKX writes every number as text, counts derivatives in contracts and spot in
coins, and leaves what it does not know an empty text. Here names become the
house's `okx:NAME`, a side becomes a sign, and an empty text None, never 0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, TypeAlias

import msgspec

from rebalancer.errors import brief

MILLISECOND = 1_000_000  # ns
VENUE = "okx"

ZERO = Decimal(0)
TOO_LARGE = Decimal("1e15")  # nothing comes near; keeps 1e999999999 out of arithmetic
_LAST_MS = 253_402_300_799_999  # the year 9999
_DOLLARS = frozenset({"USD", "USDT", "USDC"})
_OPTION = re.compile(r"[A-Z0-9]+-[A-Z0-9_]+-\d{6}-\d+(?:\.\d+)?-[CP]", re.ASCII)

Millis = Annotated[int, msgspec.Meta(ge=1, le=_LAST_MS)]  # ms since 1970 UTC
Sequence = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Side: TypeAlias = Literal["buy", "sell"]
Level: TypeAlias = tuple[Decimal, Decimal, str, str]  # price, contracts, 0, orders


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that is not read here."""

    name: str | None  # what it calls itself; None: it does not say


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a known type, or no message at all, whose content cannot be trusted."""

    reason: str


def instrument_id(name: str) -> str:
    """Return the house's id of an instrument.

    >>> instrument_id("BTC-USD-SWAP")
    'okx:BTC-USD-SWAP'
    """
    return f"{VENUE}:{name}"


def ns(milliseconds: int) -> int:
    """Return a venue time in ns."""
    return milliseconds * MILLISECOND


def number(text: str | None) -> Decimal | None:
    """Return the number of a text; None for an empty one.

    Raises:
        ValueError: It is none.
    """
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"must be a number, was {brief(repr(text))}") from None


def signed(amount: Decimal, side: Side) -> Decimal:
    """Return an amount with the sign of its side: + buys."""
    return amount if side == "buy" else -amount


def is_option(name: str) -> bool:
    """Tell whether a native name is an option's.

    >>> is_option("BTC-USD-261225-100000-C"), is_option("BTC-USD-261225")
    (True, False)
    """
    return _OPTION.fullmatch(name) is not None


def is_perpetual(name: str) -> bool:
    """Tell whether a native name is a swap's, e.g. BTC-USDT-SWAP."""
    return name.endswith("-SWAP")


def is_pair(name: str) -> bool:
    """Tell whether a native name is that of a pair of currencies.

    >>> is_pair("BTC-USDT"), is_pair("BTC-USDT-SWAP")
    (True, False)
    """
    return name.count("-") == 1


def family(name: str) -> str:
    """Return what instruments of one index have in common, which is the index's own name.

    >>> family("BTC-USD-261225-100000-C"), family("BTC-USDT-SWAP"), family("ETH-USDT")
    ('BTC-USD', 'BTC-USDT', 'ETH-USDT')
    """
    return "-".join(name.split("-")[:2])


def coin(name: str) -> str:
    """Return the underlying in a native name of an instrument or an index.

    >>> coin("BTC-USD-SWAP"), coin("ETH-USDT")
    ('BTC', 'ETH')
    """
    return name.partition("-")[0]


def priced_in_dollars(index: str) -> bool:
    """Tell whether an index, e.g. BTC-USDT, is a price in US dollars (or a stable currency)."""
    return index.partition("-")[2] in _DOLLARS


# --- belief -----------------------------------------------------------------


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


def number_fault(name: str, told: str | None) -> str | None:
    """Return what is wrong with a number of either sign; an empty text passes."""
    found = number(told)
    if found is None or -TOO_LARGE < found < TOO_LARGE:
        return None
    return f"{name} must be a number, was {told}"


def touch_fault(bid: Decimal | None, ask: Decimal | None) -> str | None:
    """Return what is wrong with a best bid and ask."""
    if bid is not None and ask is not None and bid >= ask:
        return f"bid must be below ask, was {bid} and {ask}"
    return None


def levels_fault(bids: Iterable[Level], asks: Iterable[Level], *, gone: bool = False) -> str | None:
    """Return what is wrong with levels; of a change, an amount of 0 takes a level away."""
    best_bid, best_ask = ZERO, TOO_LARGE
    for price, amount, *_ in bids:
        if reason := price_fault(price) or amount_fault(amount, zero=gone):
            return reason
        best_bid = max(best_bid, price)
    for price, amount, *_ in asks:
        if reason := price_fault(price) or amount_fault(amount, zero=gone):
            return reason
        best_ask = min(best_ask, price)
    if gone or best_bid < best_ask:
        return None
    return f"bid must be below ask, was {best_bid} and {best_ask}"
