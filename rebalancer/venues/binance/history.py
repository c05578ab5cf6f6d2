"""What a Binance account was booked, list by list, as far as each is told.

Fills come from trades, a symbol at a time; funding, deliveries and cash of futures from
the list of income, which also names the symbols that were traded by somebody else.
Spot has no such list: what came in and went out stands in four.
"""

from collections.abc import Iterable
from decimal import Decimal

from rebalancer.core.events import AccountEvent
from rebalancer.errors import Unavailable
from rebalancer.venues.accounts import History
from rebalancer.venues.binance import rows
from rebalancer.venues.binance.calls import BinanceCalls
from rebalancer.venues.binance.futures import Futures
from rebalancer.venues.binance.orders import Orders
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.payloads import Row, decimal, moment
from rebalancer.venues.payloads import rows as rows_of

_Line = tuple[str, str, str, str]  # of income: type, number, asset and symbol


class FuturesHistory:
    """Reads what a futures account was booked.

    Args:
        calls: Ask the venue.
        orders: Read trades.
        held: Knows the symbols that were ever met.
    """

    def __init__(self, calls: BinanceCalls, orders: Orders, held: Futures) -> None:
        self._calls, self._orders, self._held = calls, orders, held

    async def read(self, since: int) -> History:
        """Return the bookings since a time, ns; a list that fails takes nothing from the others.

        Raises:
            KeyRefused: All of them would be refused.
        """
        found: list[AccountEvent] = []
        fault: Unavailable | None = None
        try:
            lines = await self._lines(since)
            found, fault = await self._booked(lines.values())
        except KeyRefused:
            raise
        except Unavailable as error:
            fault = error
        for symbol in tuple(self._held.symbols):
            try:
                found += await self._orders.fills(symbol, since, Lane.POLL)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        return History(rows.in_order(found), fault)

    async def _lines(self, since: int) -> dict[_Line, Row]:
        """Return the lines of income, each once, and meet the symbols in them."""
        found: dict[_Line, Row] = {}
        async for row in self._calls.income(since):
            names = ("incomeType", "tranId", "asset", "symbol")
            kind, number, asset, symbol = (str(row.get(name) or "") for name in names)
            if kind == rows.COMMISSION:  # a liquidation may book several under one number
                number = f"{number} {row.get('tradeId')}"
            found.setdefault((kind, number, asset, symbol), row)
            if symbol:
                self._held.symbols[symbol] = None
        return found

    async def _booked(self, lines: Iterable[Row]) -> tuple[list[AccountEvent], Unavailable | None]:
        """Return what the lines moved, and why one of them could not be read, if one could not."""
        account, found = self._calls.venue.name, list[AccountEvent]()
        fault: Unavailable | None = None
        for row in lines:
            ended = row.get("incomeType") == rows.DELIVERED
            try:
                prices = await self._deliveries(str(row.get("symbol"))) if ended else ()
                event = rows.booking(row, account, prices, self._calls.clock.now())
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
                continue
            found += [] if event is None else [event]
        return found, fault

    async def _deliveries(self, symbol: str) -> list[tuple[int, Decimal]]:
        """Return the deliveries of a contract's pair: when, ns, and at what price."""
        call = f"{self._calls.venue.private[0]}apiDataGetDeliveryPrice"
        told = await self._calls.ask(call, {"pair": symbol.partition("_")[0]}, Lane.POLL)
        return [
            (moment(each, "deliveryTime", call), decimal(each, "deliveryPrice", call))
            for each in rows_of(told, call)
        ]
