"""What a Binance spot account holds, and what came in and went out of it without a trade.

A coin is the position of the one pair by which the book holds it, else cash; what open
orders have locked is held all the same. Nothing is margined. Spot has no list of
bookings: what came in and went out without a trade stands in lists of its own (`flows`).
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.events import AccountEvent, Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Unavailable
from rebalancer.venues.accounts import History, Standing
from rebalancer.venues.binance import rows
from rebalancer.venues.binance.calls import BinanceCalls
from rebalancer.venues.binance.flows import CashFlows
from rebalancer.venues.binance.orders import Orders
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.payloads import decimal, table, text
from rebalancer.venues.payloads import rows as rows_of

ZERO = Decimal(0)


class Spot:
    """The holdings of one spot account.

    Args:
        calls: Ask the venue.
        pairs: Coin → the pair by which the book holds it.
        settled: Currencies that are told even when empty.
    """

    def __init__(
        self, calls: BinanceCalls, pairs: Mapping[str, Instrument], settled: Collection[str]
    ) -> None:
        self._calls, self._pairs, self._settled = calls, pairs, tuple(settled)

    async def coins(self, lane: Lane = Lane.POLL) -> Mapping[str, Decimal]:
        """Return how much there is of each coin, locked or not."""
        call = self._calls.venue.profile.figures.call
        told = table(await self._calls.ask(call, {"omitZeroBalances": "true"}, lane), call)
        where = "binance balance"
        return {
            text(each, "asset", where): decimal(each, "free", where)
            + decimal(each, "locked", where)
            for each in rows_of(told.get("balances"), where)
        }

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of a pair's coin; what is not listed is not there."""
        held = await self.coins(Lane.HEDGE)
        for coin, pair in self._pairs.items():
            if pair.id == instrument:
                return held.get(coin, ZERO)
        return None

    async def positions(self) -> Sequence[PositionReport]:
        """Return every coin that is there or matters, as position or as cash."""
        asked, account = self._calls.clock.now(), self._calls.venue.name
        held = await self.coins()
        ts = self._calls.clock.now()
        matter = dict.fromkeys((*self._pairs, *self._settled, *held))
        found = []
        for coin in matter:
            pair, size = self._pairs.get(coin), held.get(coin, ZERO)
            if pair is not None:
                found.append(PositionReport(ts, asked, account, pair.id, size))
            elif size or coin in self._settled:
                found.append(PositionReport(ts, asked, account, f"{account}:{coin}", size))
        return found

    async def standing(self) -> Sequence[Standing]:
        """Return each coin; nothing is asked of it."""
        held = await self.coins()
        return [Standing(coin, size, size, ZERO, ZERO, size) for coin, size in held.items()]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return each coin as a pool of which nothing is asked, and no position."""
        held = await self.coins()
        return [PoolFigures(coin, size, size, ZERO, ZERO) for coin, size in held.items()], ()


class SpotHistory:
    """Reads what a spot account was booked.

    Args:
        calls: Ask the venue.
        orders: Read trades.
        pairs: Native names of the pairs that the book knows.
    """

    def __init__(self, calls: BinanceCalls, orders: Orders, pairs: Collection[str]) -> None:
        self._orders, self._pairs = orders, tuple(pairs)
        self._flows = CashFlows(calls)

    async def read(self, since: int) -> History:
        """Return the bookings since a time, ns; a list that fails takes nothing from the others.

        Raises:
            KeyRefused: All of them would be refused.
        """
        found: list[AccountEvent] = []
        fault: Unavailable | None = None
        for symbol in self._pairs:
            try:
                found += await self._orders.fills(symbol, since, Lane.POLL)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        flowed = await self._flows.read(since)
        found += flowed.events
        return History(rows.in_order(_once(found)), fault or flowed.fault)


def _once(events: Sequence[AccountEvent]) -> Sequence[AccountEvent]:
    """Return each booking once, however many lists tell it."""
    found: dict[object, AccountEvent] = {}
    for each in events:
        key = (each.instrument, each.trade_id) if isinstance(each, Fill) else each
        found.setdefault(key, each)
    return list(found.values())
