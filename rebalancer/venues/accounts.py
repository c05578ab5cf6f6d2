"""Accounts: what the order adapter asks of a venue account, whatever its protocol.

`Placed` is an order as the venue shows it and `Standing` one currency of the
account as the venue reckons it. An implementation turns raw payloads into
these and into events; ccxt's unified structures differ too much between venues
to be trusted with a sign or a unit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from rebalancer.core.events import AccountEvent, Ending, Fill, OrderEnded, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import Unavailable

OVERLAP = 10_000_000_000  # ns by which a look at the past goes behind the last one
SENT = "sent"  # key under which an answer to an order has the order itself
BEFORE_INTENT = 5_000_000_000  # ns before an order left, from where its fills are looked for


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that the venue holds or held."""

    order_id: str
    label: str
    instrument: str  # id
    quantity: Decimal  # contracts, signed
    filled: Decimal  # contracts, signed
    ts: int  # ns, of its last change
    ending: Ending | None = None  # None: it is open
    rejected: str = ""  # why the venue refused it after all; empty: it did not


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that lies open in the venue's books, whoever placed it."""

    order_id: str
    label: str
    instrument: str  # id
    left: Decimal | None  # contracts, signed; None: the venue does not say


@dataclass(frozen=True, slots=True)
class Shelf:
    """All open orders of an account, and what of the list nobody could read."""

    orders: Sequence[Resting]
    unread: Sequence[str] = ()  # one word a row


@dataclass(frozen=True, slots=True)
class Standing:
    """One currency of an account, in that currency."""

    currency: str
    equity: Decimal  # with open profit and the value of options
    margin_balance: Decimal
    maintenance: Decimal
    initial: Decimal
    cash: Decimal  # without open profit, with what the session realised

    @property
    def margin_ratio(self) -> Decimal | None:
        """Maintenance ÷ margin balance; 1 is liquidation; None where there is nothing."""
        if self.margin_balance <= 0:
            return None if not self.maintenance else Decimal(1)
        return self.maintenance / self.margin_balance


@dataclass(frozen=True, slots=True)
class History:
    """What an account was booked, by venue time, as far as the venue told it."""

    events: Sequence[AccountEvent]
    fault: Unavailable | None = None  # why something is missing; None: this is all


class Account(Protocol):
    """A venue account, read and asked through raw calls; raises `Unavailable` when it fails."""

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned: the order and the fills that came with it.

        The order that was sent is in it as `SENT`.
        """

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the orders that bear a label: recent ones first, then open ones."""

    async def by_id(self, order_id: str, instrument: str, /) -> Placed | None:
        """Return an order by the venue's own id, None when the venue denies it."""

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open orders that bear a label; return how many there were."""

    async def resting(self) -> Shelf:
        """Return every open order of the account, whoever placed it."""

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument, contracts, signed; None: the venue lists none."""

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and every cash balance."""

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account."""

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the account stands, and each position of it, by the venue's reckoning."""

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time: fills, funding, settlements, deliveries, cash.

        Args:
            since: ns.
            whole: Ask for every currency there is; else for those that matter,
                and that ever had anything in them.
        """


def ended(order: Placed, ts: int) -> OrderEnded | None:
    """Return the end of an order as it is learnt at `ts`; None while it is open."""
    if order.ending is None:
        return None
    return OrderEnded(ts, order.ts, order.label, order.ending, order.filled)


def pairs_of(instruments: Iterable[Instrument]) -> dict[str, Instrument]:
    """Return coin → the one pair by which a book holds it; a coin with two or none is cash."""
    found: dict[str, list[Instrument]] = {}
    for each in instruments:
        if each.kind is Kind.SPOT:
            found.setdefault(each.underlying, []).append(each)
    return {coin: pairs[0] for coin, pairs in found.items() if len(pairs) == 1}
