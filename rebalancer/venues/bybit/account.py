"""The unified account on Bybit: its private calls, category by category, as our records.

An order is answered with its ids alone, and found again among the open ones, then
among those that ended. Positions are listed by category, and linear ones by what
they settle in. A coin's balance is the position of the one pair of it that the
book names, or else cash.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.events import Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.ports import Clock
from rebalancer.venues.accounts import History, Placed, Resting, Shelf, Standing, pairs_of
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.bybit import rows
from rebalancer.venues.bybit.calls import BybitCalls
from rebalancer.venues.bybit.history import BybitHistory
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.payloads import Row, table, text
from rebalancer.venues.payloads import rows as rows_of
from rebalancer.venues.profile import MATCHING
from rebalancer.wire.bybit.values import CATEGORIES, Category, category_of, symbol_of

POSITIONS = "privateGetV5PositionList"
CANCEL = "privatePostV5OrderCancel"
POSITIONS_PAGE, ORDERS_PAGE = 200, 50  # most rows of one answer
_NO_SUCH_ORDER = ("110001", "110008", "110010", "170142", "170143", "170213")
_NO_SUCH_SYMBOL = ("10001", "10029")


class BybitAccount:
    """One unified account on Bybit.

    Args:
        account: Its name in the settings.
        connection: The way there.
        budget: The right to ask.
        clock: For the events' times and the end of a look at the past.
        instruments: What the book knows, by id: their settle currencies are
            reported even when nothing is there, and their pairs say which coins
            are positions.
        ours: Whether a label is a client order id of ours.
    """

    def __init__(
        self,
        account: str,
        connection: Connection,
        budget: Budget,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        ours: Callable[[str], bool],
    ) -> None:
        self._account, self._clock = account, clock
        self._calls = BybitCalls(connection, budget, clock)
        own = [each for each in instruments.values() if each.venue == account]
        pairs = {coin: each.id for coin, each in pairs_of(own).items()}
        settled = (each.settle for each in own if each.settle not in pairs)
        self._settled = tuple(dict.fromkeys(settled))
        self._pairs = pairs
        contracts = (each for each in own if each.kind not in (Kind.CASH, Kind.SPOT))
        self._traded: dict[Category, None] = {category_of(each.name): None for each in contracts}
        self._reader = rows.Reader(account, ours, pairs)
        self._history = BybitHistory(self._calls, clock, self._reader, self._traded)

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned: the order's two ids, and nothing else.

        What became of it is told by the stream, or asked for.
        """
        raw = table(order.get("info") if isinstance(order, Mapping) else None, "bybit order")
        name, label = text(raw, "orderId", "bybit order"), text(raw, "orderLinkId", "bybit order")
        return Placed(name, label, "", Decimal(0), Decimal(0), self._clock.now()), ()

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the orders that bear a label: open ones, else ended ones."""
        scope = {"symbol": symbol_of(instrument.partition(":")[2])}
        return await self._found(_category(instrument), scope, ("orderLinkId", label))

    async def by_id(self, order_id: str, _instrument: str, /) -> Placed | None:
        """Return an order by the venue's own id, None when no category has it."""
        for category, scope in _scopes(CATEGORIES):
            found = await self._found(category, scope, ("orderId", order_id))
            if found:
                return found[0]
        return None

    async def _found(
        self, category: Category, scope: Mapping[str, str], one: tuple[str, str]
    ) -> Sequence[Placed]:
        """Return the orders whose field is so; a list of linear ones needs a scope beside it."""
        field, wanted = one
        for call in BYBIT.lookups[:2]:
            asked = {"category": category, **scope, field: wanted}
            listed = [each async for each in self._calls.pages(call, asked, Lane.HEDGE)]
            for each in listed:
                if not isinstance(each.get(field), str):  # it may be anybody's, ours too
                    raise Malformed(f"{call}: {field} must be a text, was missing")
            mine = [each for each in listed if each[field] == wanted]
            if mine:
                return [rows.placed(each, category) for each in mine]
        return ()

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        if not order.filled:
            return ()
        params = {"orderId": order.order_id}
        return await self._history.fills(_category(order.instrument), params, None, Lane.HEDGE)

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        params = {"orderLinkId": label}
        category = _category(instrument)
        found = await self._history.fills(category, params, since, Lane.HEDGE)
        return [each for each in found if each.client_order_id in (label, None)]

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open order that bears a label; return how many there were."""
        params = {
            "category": _category(instrument),
            "symbol": symbol_of(instrument.partition(":")[2]),
            "orderLinkId": label,
        }
        try:
            result = await self._calls.ask(CANCEL, params, Lane.CANCEL, MATCHING)
        except Refused as error:
            if error.code in _NO_SUCH_ORDER:
                return 0
            raise
        if result.get("orderLinkId") != label:
            raise Malformed(f"{CANCEL}: must be about {label}")
        return 1

    async def resting(self) -> Shelf:
        """Return every open order of the account, category by category."""
        call = BYBIT.lookups[0]
        found: list[Resting] = []
        unread: list[str] = []
        for category, scope in _scopes(CATEGORIES):
            asked = {"category": category, **scope, "limit": ORDERS_PAGE}
            async for row in self._calls.pages(call, asked, Lane.POLL):
                try:
                    found.append(rows.resting(row, category))
                except Malformed as error:  # what nobody understands must not hide the others
                    unread.append(str(error))
        return Shelf(found, unread)

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument; asked by name, an empty one is told too."""
        category, name = _category(instrument), instrument.partition(":")[2]
        if category == "spot":
            coin = name.partition("/")[0]
            return rows.coins(await self._wallet(Lane.HEDGE)).get(coin, Decimal(0))
        params = {"category": category, "symbol": symbol_of(name)}
        try:
            result = await self._calls.ask(POSITIONS, params, Lane.HEDGE)
        except Refused as error:
            if error.code in _NO_SUCH_SYMBOL:
                return None
            raise
        listed = rows_of(result.get("list"), POSITIONS)
        if not listed and category == "option":
            return Decimal(0)
        if len(listed) != 1:
            raise Malformed(f"{POSITIONS}: must be one row of {instrument}, was {len(listed)}")
        told, size, _ = rows.position(listed[0], category)
        if told != instrument:
            raise Malformed(f"{POSITIONS}: must be about {instrument}, was about {told}")
        return size

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position that is not empty, and the balance of every currency."""
        asked = self._clock.now()
        held = [rows.position(row, category) async for category, row in self._held()]
        balances = rows.coins(await self._wallet(Lane.POLL))
        ts, reports = self._clock.now(), [each for each in held if each[1]]
        for coin in dict.fromkeys((*self._pairs, *self._settled, *balances)):
            cash = balances.get(coin, Decimal(0))
            if coin in self._pairs:
                reports.append((self._pairs[coin], cash, None))
            elif cash or coin in self._settled:
                reports.append((f"{self._account}:{coin}", cash, None))
        return [PositionReport(ts, asked, self._account, *each) for each in reports]

    async def _held(self) -> AsyncIterator[tuple[Category, Row]]:
        """Yield every position of every category, to the last page of each list."""
        for category, scope in _scopes(("linear", "inverse", "option")):
            asked = {"category": category, **scope, "limit": POSITIONS_PAGE}
            async for row in self._calls.pages(POSITIONS, asked, Lane.POLL):
                self._traded[category] = None
                yield category, row

    async def standing(self) -> Sequence[Standing]:
        """Return the account as the one pool that it is, USD."""
        return [rows.standing(await self._wallet(Lane.POLL))]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the one pool stands, and each position, by the venue's reckoning."""
        pool = rows.pool(await self._wallet(Lane.POLL))
        legs = [
            rows.leg(row, category)
            async for category, row in self._held()
            if rows.position(row, category)[1]
        ]
        return (pool,), legs

    async def _wallet(self, lane: Lane) -> Row:
        call = BYBIT.figures.call
        return rows.wallet(await self._calls.ask(call, {"accountType": "UNIFIED"}, lane))

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time, by venue time, each once; see `BybitHistory`."""
        return await self._history.read(since, whole=whole)


def _category(instrument: str) -> Category:
    return category_of(instrument.partition(":")[2])


def _scopes(categories: Sequence[Category]) -> Sequence[tuple[Category, Mapping[str, str]]]:
    """Return what lists are asked for: linear ones one settle currency at a time.

    Without a settle currency the venue refuses, and ccxt means USDT.
    """
    found: list[tuple[Category, Mapping[str, str]]] = []
    for each in categories:
        coins = BYBIT.currencies if each == "linear" else ("",)
        found += [(each, {"settleCoin": coin} if coin else {}) for coin in coins]
    return found
