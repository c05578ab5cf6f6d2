"""The desk: what every call of the protocol works with, and how it finds its way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.simulation import asking, shut
from rebalancer.simulation.bybit.envelope import MILLISECOND, text
from rebalancer.simulation.bybit.errors import Refusal, invalid
from rebalancer.simulation.bybit.keys import Keyring
from rebalancer.simulation.countdowns import Countdowns
from rebalancer.simulation.tape import Seen

CATEGORIES = ("linear", "inverse", "option", "spot")
CROSS, ISOLATED, PORTFOLIO = "REGULAR_MARGIN", "ISOLATED_MARGIN", "PORTFOLIO_MARGIN"


@dataclass(slots=True)
class Desk(shut.Desk[shut.Shut[int]]):
    """One venue's protocol and all that it stands on."""

    keyring: Keyring
    margin: str = CROSS
    hedged: bool = False  # whether longs and shorts of one symbol stand apart
    unified: int = 5  # status of the account: 5 and 6 are unified, version 2
    limit: int = 200  # most positions of a page
    remembers: int = 86_400 * 10**9  # ns that an order is shown after its end
    borrowed: dict[str, Decimal] = field(default_factory=dict)  # coin → owed by each account
    retold: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # id → terms by field
    protected: dict[str, int] = field(  # product with disconnection protect → its window, s
        default_factory=lambda: dict.fromkeys(("SPOT", "DERIVATIVES", "OPTIONS"), 10)
    )
    timers: Countdowns = field(init=False)  # of orders, by account and product

    def __post_init__(self) -> None:
        """Let it have its timers."""
        self.timers = Countdowns(self.place)

    def listed(self, category: str) -> list[Seen]:
        """Return what is known of every instrument of a category."""
        return [
            each
            for name, each in self.place.tape.seen.items()
            if category_of(each.instrument) == category and name not in self.delisted
        ]

    def seen(self, category: str, symbol: str) -> Seen:
        """Return what is known of a symbol.

        Raises:
            Refusal: There is none of this name.
        """
        for each in self.listed(category):
            if symbol_of(each.instrument) == symbol:
                return each
        raise Refusal(10001, "params error: symbol invalid")


@dataclass(frozen=True, slots=True)
class Asking(asking.Asking[Desk]):
    """One private request: who asks, and how late the answer may be."""


def category_of(contract: Instrument) -> str:
    """Return the category that a contract is listed under."""
    if contract.kind is Kind.SPOT:
        return "spot"
    if contract.kind is Kind.OPTION:
        return "option"
    return "inverse" if contract.inverse else "linear"


def symbol_of(contract: Instrument) -> str:
    """Return what Bybit calls a contract; a pair has no slash there."""
    return contract.name.replace("/", "")


def category(params: Mapping[str, Any]) -> str:
    """Return the category that is asked for.

    Raises:
        Refusal: There is none of this name.
    """
    told = text(params, "category")
    if told not in CATEGORIES:
        raise invalid("category", "Illegal category")
    return told


def milliseconds(ts: int) -> str:
    """Return a time as Bybit tells it."""
    return str(ts // MILLISECOND)


def side_of(quantity: Decimal) -> str:
    """Return the side of a quantity."""
    return "Buy" if quantity > 0 else "Sell"
