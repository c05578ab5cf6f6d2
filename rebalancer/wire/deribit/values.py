"""What every Deribit message is made of: times, names, numbers, and when not to believe them.

Deribit counts inverse perpetuals and futures in US dollars, everything else in
coins, and names each of them natively. Here they become the house's: ids are
`deribit:NAME`, a direction becomes a sign, a best price of 0 an empty side.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

import msgspec

MILLISECOND = 1_000_000  # ns
VENUE = "deribit"

ZERO = Decimal(0)
TOO_LARGE = Decimal("1e15")  # nothing comes near; keeps 1e999999999 out of arithmetic
_LAST_MS = 253_402_300_799_999  # the year 9999
_DOLLARS = frozenset({"usd", "usdc", "usdt", "usde"})

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=_LAST_MS)]  # ms since 1970 UTC
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Direction: TypeAlias = Literal["buy", "sell"]
Level: TypeAlias = tuple[Decimal, Decimal]  # price in quote currency, amount


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

    >>> instrument_id("BTC-PERPETUAL")
    'deribit:BTC-PERPETUAL'
    """
    return f"{VENUE}:{name}"


def ns(milliseconds: int) -> int:
    """Return a venue time in ns."""
    return milliseconds * MILLISECOND


def signed(amount: Decimal, direction: Direction) -> Decimal:
    """Return an amount with the sign of its direction: + buys."""
    return amount if direction == "buy" else -amount


def is_option(name: str) -> bool:
    """Tell whether a native name is an option's, e.g. BTC-27FEB26-98000-C; no combo's is."""
    return name[-2:] in ("-C", "-P")


def is_combo(name: str) -> bool:
    """Tell whether a native name is a combo's: its legs are what is held, and are told themselves.

    >>> [is_combo(each) for each in ("BTC-CS-19MAY26-70000_75000", "BTC-FS-19MAY26_PERP")]
    [True, True]
    >>> [is_combo(each) for each in ("BTC-PERPETUAL", "BTC-27FEB26", "BTC-27FEB26-98000-C")]
    [False, False, False]
    """
    _, _, rest = name.partition("-")
    kind, more, _ = rest.partition("-")
    return bool(more) and kind.isalpha()


def is_perpetual(name: str) -> bool:
    """Tell whether a native name is a perpetual's, e.g. BTC_USDC-PERPETUAL."""
    return name.endswith("-PERPETUAL")


def coin(name: str) -> str:
    """Return the underlying in a native name of an instrument.

    >>> coin("BTC-PERPETUAL"), coin("SOL_USDC-27FEB26-150-C")
    ('BTC', 'SOL')
    """
    return name.partition("-")[0].partition("_")[0]


def priced_in_dollars(index: str) -> bool:
    """Tell whether an index, e.g. btc_usd, is a price in US dollars (or a stable currency)."""
    return index.rpartition("_")[2] in _DOLLARS


def missing(field: str) -> str:
    """Return the reason for refusing a message without a field, in msgspec's words."""
    return f"Object missing required field `{field}`"


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


def number_fault(name: str, number: Decimal | None) -> str | None:
    """Return what is wrong with a number of either sign; None passes."""
    if number is None or -TOO_LARGE < number < TOO_LARGE:
        return None
    return f"{name} must be a number, was {number}"


def touch_fault(
    bid: Decimal | None, bid_size: Decimal | None, ask: Decimal | None, ask_size: Decimal | None
) -> str | None:
    """Return what is wrong with a best bid and ask; a price of 0 or None is an empty side."""
    for price, size in ((bid, bid_size), (ask, ask_size)):
        if price and (reason := price_fault(price) or amount_fault(size or ZERO)):
            return reason
    if bid and ask and bid >= ask:
        return f"bid must be below ask, was {bid} and {ask}"
    return None


def levels_fault(bids: Iterable[Level], asks: Iterable[Level]) -> str | None:
    """Return what is wrong with the levels of a whole book."""
    best_bid, best_ask = ZERO, TOO_LARGE
    for price, amount in bids:
        if not (ZERO < price < TOO_LARGE and ZERO < amount < TOO_LARGE):
            return price_fault(price) or amount_fault(amount)
        best_bid = max(best_bid, price)
    for price, amount in asks:
        if not (ZERO < price < TOO_LARGE and ZERO < amount < TOO_LARGE):
            return price_fault(price) or amount_fault(amount)
        best_ask = min(best_ask, price)
    return None if best_bid < best_ask else f"bid must be below ask, was {best_bid} and {best_ask}"


def side(price: Decimal | None, size: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Return a side of a quote; a price of 0 is how Deribit says that it is empty."""
    return (price, size) if price else (None, None)
