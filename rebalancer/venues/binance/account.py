"""A Binance account, any of the three: orders, holdings and bookings behind one door."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from rebalancer.core.events import Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.venues.accounts import History, Placed, Shelf, Standing
from rebalancer.venues.binance.orders import Orders


class Holder(Protocol):
    """What an account holds."""

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument; None: the venue lists none."""

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and every cash balance."""

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account."""

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the account stands, and each position of it."""


class Reader(Protocol):
    """What an account was booked."""

    async def read(self, since: int) -> History:
        """Return the bookings since a time, ns."""


class BinanceAccount:
    """One account on Binance; an `accounts.Account`.

    Args:
        orders: Its orders and trades.
        holder: What it holds.
        reader: What it was booked.
    """

    def __init__(self, orders: Orders, holder: Holder, reader: Reader) -> None:
        self._orders, self._holder, self._reader = orders, holder, reader

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned: the order and the fills that came with it."""
        return self._orders.answered(order)

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the order that bears a label."""
        return await self._orders.placed(label, instrument)

    async def by_id(self, order_id: str, _instrument: str, /) -> Placed | None:
        """Return an order by symbol and number, None when the venue denies it."""
        return await self._orders.by_id(order_id)

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        return await self._orders.fills_of(order)

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        return await self._orders.fills_labelled(label, instrument, since)

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open order that bears a label; return how many there were."""
        return await self._orders.cancel(label, instrument)

    async def resting(self) -> Shelf:
        """Return every open order of the account, whoever placed it."""
        return await self._orders.resting()

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument, contracts, signed."""
        return await self._holder.position(instrument)

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and every cash balance."""
        return await self._holder.positions()

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account."""
        return await self._holder.standing()

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the account stands, and each position of it, by the venue's reckoning."""
        return await self._holder.figures()

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time, ns, by venue time; lists are told whole anyhow."""
        del whole
        return await self._reader.read(since)
