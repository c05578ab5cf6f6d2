"""Figures: what a venue itself reckons of an account's margin.

They are the anchor of every margin guard: a venue liquidates by its own numbers
and not by ours. Venues that invert a ratio or count in other units are
translated before they come here.
"""

from dataclasses import dataclass
from decimal import Decimal

TOGETHER = "USD"  # unit of a pool in which collateral of several currencies counts


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """What stands together for losses, in its currency."""

    currency: str  # TOGETHER where it is made of several
    equity: Decimal  # what closing everything at the mark would leave
    balance: Decimal  # what counts against the requirements
    maintenance: Decimal  # >= 0
    initial: Decimal  # of positions and open orders, >= 0
    instrument: str = ""  # the isolated position that it is; empty: it is none
    together: bool = False  # whether every currency of the account is in it


@dataclass(frozen=True, slots=True)
class LegFigures:
    """What the venue says of one position beside what is held."""

    instrument: str
    maintenance: Decimal | None = None  # settle currency; None: not told
    liquidation: Decimal | None = None  # USD per coin; None: not told, or there is none
    queue: float | None = None  # place among who is deleveraged, 0 … 1: first; None: not told

    @property
    def place(self) -> float | None:
        """The place, where it can be one: what no guard rests on makes no figures absurd."""
        return self.queue if self.queue is not None and 0 <= self.queue <= 1 else None


@dataclass(frozen=True, slots=True)
class MarginTold:
    """A venue told how an account stands; whatever is missing in it is not there."""

    ts_local: int
    asked: int  # ns, when the reading began
    account: str
    pools: tuple[PoolFigures, ...]
    legs: tuple[LegFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """How much of a contract is held by all together."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    contracts: Decimal  # one side, > 0


def fault(told: MarginTold) -> str | None:
    """Return what of the figures cannot be true, in words; None where all of them can.

    A figure that is not finite, a requirement below 0, or a pool told twice.
    """
    seen: set[tuple[str, str]] = set()
    for pool in told.pools:
        name = pool.instrument or pool.currency
        numbers = (pool.equity, pool.balance, pool.maintenance, pool.initial)
        if not all(each.is_finite() for each in numbers):
            return f"{name}: figures must be finite, were {', '.join(map(str, numbers))}"
        if pool.maintenance < 0 or pool.initial < 0:
            return f"{name}: margin asked must be at least 0, was {min(numbers[2:])}"
        if (pool.currency, pool.instrument) in seen:
            return f"{name}: must be told once, was told twice"
        seen.add((pool.currency, pool.instrument))
    for leg in told.legs:
        for number in (leg.maintenance, leg.liquidation):
            if number is not None and not (number.is_finite() and number >= 0):
                return f"{leg.instrument}: must be at least 0, was {number}"
    return None
