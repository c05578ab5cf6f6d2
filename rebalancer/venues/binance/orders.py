"""Orders of a Binance account: placed, looked up, withdrawn, and whose each trade is.

A trade tells the number of its order and not our id, so that number is remembered
from wherever an order was seen, and asked for where it was not: once an order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rebalancer.core.events import Fill
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.venues.accounts import Placed, Resting, Shelf
from rebalancer.venues.binance import rows
from rebalancer.venues.binance.calls import PAGE, BinanceCalls
from rebalancer.venues.binance.rows import Owner
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.payloads import Row, decimal, moment, table, text
from rebalancer.venues.payloads import rows as rows_of
from rebalancer.venues.profile import MATCHING
from rebalancer.wire.binance.values import order_id

NO_SUCH_ORDER = ("-2013", "-2011")  # to a question, and to a cancel
REMEMBERED = 86_400 * SECOND  # ns for which an order that traded is surely shown: else it will be
FORCED = 100  # newest orders of the venue's own that are looked through; it tells no more
KEPT = 20_000  # numbers of orders whose labels are remembered


class Orders:
    """The orders of one account.

    Args:
        calls: Ask the venue.
        ours: Whether a label is a client order id of ours.
    """

    def __init__(self, calls: BinanceCalls, ours: Callable[[str], bool]) -> None:
        self._calls, self._ours = calls, ours
        self._account = calls.venue.name
        self._labels: dict[str, str] = {}  # order id → its label

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned; spot tells the fills that came with it."""
        where = f"{self._account} order"
        raw = table(order.get("info") if isinstance(order, Mapping) else None, where)
        placed = self._note(raw)
        if "fills" not in raw:
            return placed, ()
        return placed, [self._met(row, raw, placed) for row in rows_of(raw["fills"], where)]

    def _met(self, row: Row, raw: Row, placed: Placed) -> Fill:
        """Return the fill of a trade that stands inside the answer to its order."""
        known = {
            **row,
            "symbol": raw.get("symbol"),
            "side": raw.get("side"),
            "id": row.get("tradeId"),
            "time": placed.ts // 1_000_000,
        }
        return self._fill(known, placed.label)

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the order that bears a label: the newest, of those that the venue shows."""
        params = {"symbol": _symbol(instrument), "origClientOrderId": label}
        row = await self._order(params)
        if row is None:
            return ()
        found = self._note(row)
        if found.label != label:
            raise Malformed(f"{self._account} order: must bear {label}, bore {found.label}")
        return (found,)

    async def by_id(self, known: str) -> Placed | None:
        """Return an order by its symbol and number, None when the venue denies it."""
        symbol, number = rows.number_of(known)
        row = await self._order({"symbol": symbol, "orderId": number})
        return None if row is None else self._note(row)

    async def _order(self, params: Row) -> Row | None:
        call = self._calls.venue.call("Get", "Order")
        try:
            return table(await self._calls.ask(call, params, Lane.HEDGE), call)
        except Refused as error:
            if error.code in NO_SUCH_ORDER:
                return None
            raise

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open order that bears a label; return how many there were."""
        call = self._calls.venue.call("Delete", "Order")
        params = {"symbol": _symbol(instrument), "origClientOrderId": label}
        try:
            await self._calls.ask(call, params, Lane.CANCEL, MATCHING)
        except Refused as error:
            if error.code in NO_SUCH_ORDER:
                return 0
            raise
        return 1

    async def resting(self) -> Shelf:
        """Return every open order of the account; without a symbol the venue tells all.

        USD-M lists what waits for its price apart: nothing of ours does, but a person's may.
        """
        venue = self._calls.venue
        lists = [(venue.call("Get", "OpenOrders"), rows.resting)]
        if venue.waiting:
            lists.append((venue.call("Get", venue.waiting), rows.waiting))
        found: list[Resting] = []
        unread: list[str] = []
        for call, read in lists:
            for row in rows_of(await self._calls.ask(call, {}, Lane.POLL), call):
                try:
                    found.append(read(row, self._account))
                except Malformed as error:  # one that nobody understands must not hide the others
                    unread.append(str(error))
        return Shelf(found, unread)

    # --- trades -----------------------------------------------------------------

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        if not order.filled:
            return ()
        call = self._calls.venue.profile.ledger[0]
        symbol, number = rows.number_of(order.order_id)
        params = {"symbol": symbol, "orderId": number, "limit": PAGE}
        told = rows_of(await self._calls.ask(call, params, Lane.HEDGE), call)
        return [self._fill(row, order.label) for row in told]

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        found = await self.fills(_symbol(instrument), since, Lane.HEDGE)
        return [each for each in found if each.client_order_id == label]

    async def fills(self, symbol: str, since: int, lane: Lane) -> Sequence[Fill]:
        """Return the fills of a symbol since a time, each with the label of its order."""
        found: list[Fill] = []
        async for row in self._calls.trades(symbol, since, lane):
            found.append(self._fill(row, await self._label(row, symbol, lane)))
        return found

    async def _label(self, row: Row, symbol: str, lane: Lane) -> str:
        """Return the label of a trade's order; empty where the venue knows the order no more.

        Raises:
            Unavailable: The trade is young: its order will be shown, and may be ours.
        """
        number = int(decimal(row, "orderId", f"{self._account} trade"))
        known = self._labels.get(order_id(symbol, number))
        if known is not None:
            return known
        call = self._calls.venue.call("Get", "Order")
        try:
            told = await self._calls.ask(call, {"symbol": symbol, "orderId": number}, lane)
        except Refused as error:
            if error.code not in NO_SUCH_ORDER:
                raise
            forced = await self._forced(symbol, number, lane)
            if forced is not None:
                return self._keep(order_id(symbol, number), forced)
            at = moment(row, "time", f"{self._account} trade")
            if self._calls.clock.now() - at < REMEMBERED:
                raise Unavailable(
                    f"{self._account} shows a trade of order {number} and not the order yet"
                ) from None
            return self._keep(order_id(symbol, number), "")
        found = text(table(told, call), "clientOrderId", call)  # whatever its state is called
        return self._keep(order_id(symbol, number), found)

    async def _forced(self, symbol: str, number: int, lane: Lane) -> str | None:
        """Return the label of an order that the venue made for the account; None: it made none.

        Such an order may stand in a list of its own alone, and nobody asks for it by number.
        """
        if not self._calls.venue.margined:
            return None
        call = self._calls.venue.call("Get", "ForceOrders")
        told = rows_of(await self._calls.ask(call, {"symbol": symbol, "limit": FORCED}, lane), call)
        found = (each for each in told if int(decimal(each, "orderId", call)) == number)
        return next((text(each, "clientOrderId", call) for each in found), None)

    def _fill(self, row: Row, label: str) -> Fill:
        owner = Owner(label, ours=bool(label) and self._ours(label))
        return rows.fill(row, self._account, owner, self._calls.clock.now())

    def _note(self, row: Row) -> Placed:
        """Read an order and remember whose it is."""
        found = rows.placed(row, self._account)
        self._keep(found.order_id, found.label)
        return found

    def _keep(self, known: str, label: str) -> str:
        self._labels.pop(known, None)
        self._labels[known] = label
        if len(self._labels) > KEPT:
            self._labels.pop(next(iter(self._labels)))
        return label


def _symbol(instrument: str) -> str:
    return instrument.partition(":")[2]
