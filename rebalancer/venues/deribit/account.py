"""The Deribit account: its private calls, one currency after the other, as our records.

Deribit lists orders and trades of one currency at a time and means BTC when
none is named, so each is asked for. Recent trades and older ones are two
archives; a look that goes back further than a day asks both.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from rebalancer.core.events import Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument
from rebalancer.ports import Clock
from rebalancer.venues.accounts import History, Placed, Resting, Shelf, Standing
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.deribit import rows
from rebalancer.venues.deribit.calls import DeribitCalls
from rebalancer.venues.deribit.history import DeribitHistory
from rebalancer.venues.deribit.profile import DERIBIT
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.payloads import Row, table
from rebalancer.venues.payloads import rows as rows_of
from rebalancer.venues.profile import MATCHING

_NO_SUCH_INSTRUMENT = ("10020", "13020")
_NO_SUCH_ORDER = ("10004", "10010", "10029")
_READINGS = 3  # of cash, while funding flows
_Held: TypeAlias = tuple[str, Decimal, Decimal | None, Decimal]  # id, contracts, entry, funding


class DeribitAccount:
    """One account on Deribit.

    Args:
        account: Its name in the settings.
        connection: The way there.
        budget: The right to ask.
        clock: For the events' times and the end of a look at the past.
        instruments: What the book knows, by id: their settle currencies are
            reported even when nothing is there.
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
        self._account = account
        self._calls = DeribitCalls(connection, budget, clock)
        self._clock = clock
        self._reader = rows.Reader(account, ours)
        settled = (each.settle for each in instruments.values() if each.venue == account)
        self._settled = tuple(dict.fromkeys(settled))
        self._history = DeribitHistory(self._calls, clock, self._reader, self._settled)

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned: the raw order with its trades inside."""
        raw = table(order.get("info") if isinstance(order, Mapping) else None, "deribit order")
        trades = rows_of(raw.get("trades"), "deribit trades")
        ts = self._clock.now()
        return rows.placed(raw), [self._reader.fill(each, ts) for each in trades]

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the orders that bear a label: recent ones, else open ones."""
        for call in DERIBIT.lookups[:2]:
            found: list[Placed] = []
            for currency in self._currencies(instrument):
                params = {"currency": currency, "label": label}
                result = await self._calls.ask(call, params, Lane.HEDGE)
                mine = (each for each in rows_of(result, call) if rows.label(each) == label)
                found += [rows.placed(each) for each in mine]
            if found:
                return found
        return ()

    async def by_id(self, order_id: str, _instrument: str, /) -> Placed | None:
        """Return an order by the venue's own id, None when the venue denies it."""
        call = "private_get_get_order_state"
        try:
            result = await self._calls.ask(call, {"order_id": order_id}, Lane.HEDGE)
        except Refused as error:
            if error.code in _NO_SUCH_ORDER:
                return None
            raise
        return rows.placed(table(result, call))

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        if not order.filled:
            return ()
        call = "private_get_get_user_trades_by_order"
        params = {"order_id": order.order_id, "sorting": "asc"}
        result = await self._calls.ask(call, params, Lane.HEDGE)
        trades = result.get("trades") if isinstance(result, Mapping) else result
        return self._history.fills(rows_of(trades, call))

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        found: list[Row] = []
        for currency in self._currencies(instrument):
            for archive in self._history.archives(since):
                async for row in self._calls.trades(currency, since, archive, Lane.HEDGE):
                    found += [row] if row.get("label") == label else []
        fills = {each.trade_id: each for each in self._history.fills(found)}
        return list(fills.values())

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open orders that bear a label; return how many there were."""
        call, count = "private_get_cancel_by_label", 0
        for currency in self._currencies(instrument):
            params = {"label": label, "currency": currency}
            result = await self._calls.ask(call, params, Lane.CANCEL, MATCHING)
            if isinstance(result, bool) or not isinstance(result, int):
                raise Malformed(f"{call}: must be a count, was {type(result).__name__}")
            count += result
        return count

    async def resting(self) -> Shelf:
        """Return every open order of the account; one call tells those of all currencies."""
        call = "private_get_get_open_orders"
        found: list[Resting] = []
        unread: list[str] = []
        for row in rows_of(await self._calls.ask(call, {}, Lane.POLL), call):
            try:
                found.append(rows.resting(row))
            except Malformed as error:  # one that nobody understands must not hide the others
                unread.append(str(error))
        return Shelf(found, unread)

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument; asked by name, an empty one is told too."""
        call = "private_get_get_position"
        params = {"instrument_name": instrument.partition(":")[2]}
        try:
            result = await self._calls.ask(call, params, Lane.HEDGE)
        except Refused as error:
            if error.code in _NO_SUCH_INSTRUMENT:
                return None
            raise
        name, size, _ = rows.position(table(result, call))
        if name != instrument:
            raise Malformed(f"{call}: must be about {instrument}, was about {name}")
        return size

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position, also empty ones, and the cash of every currency.

        Cash is what our ledger calls so: with what the session realised, but
        without funding that the venue counts already and will book at 08:00.
        """
        asked = self._clock.now()
        held, standing, owed = await self._as_of_one_moment()
        ts, told = self._clock.now(), [each[:3] for each in held]
        for each in standing:
            cash = each.cash - owed.get(each.currency, Decimal(0))
            if cash or each.currency in self._settled:
                told.append((f"{self._account}:{each.currency}", cash, None))
        return [PositionReport(ts, asked, self._account, *each) for each in told]

    async def _as_of_one_moment(
        self,
    ) -> tuple[Sequence[_Held], Sequence[Standing], Mapping[str, Decimal]]:
        """Return positions, cash and the funding that is in this cash, by currency.

        Cash and funding are told by two calls, and funding flows between them: so
        it is read before and after, anew while it moves, and at last in the middle.
        """
        held, left = await self._held(), _READINGS
        while True:
            standing, left = await self.standing(), left - 1
            before = _unsettled(held, standing)
            if not held:
                return held, standing, before
            held = await self._held()
            after = _unsettled(held, standing)
            if before == after or not left:
                break
        names, zero = before.keys() | after.keys(), Decimal(0)
        owed = {name: (before.get(name, zero) + after.get(name, zero)) / 2 for name in names}
        return held, standing, owed

    async def _held(self) -> Sequence[_Held]:
        """Return every position with its funding."""
        call = "private_get_get_positions"
        told = rows_of(await self._calls.ask(call, {"currency": "any"}, Lane.POLL), call)
        return [(*rows.position(each), rows.unsettled_funding(each)) for each in told]

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account."""
        return [rows.standing(each) for each in await self.summaries()]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how each currency stands, and each position, by the venue's reckoning."""
        pools = rows.pools(await self.summaries())
        call = "private_get_get_positions"
        told = rows_of(await self._calls.ask(call, {"currency": "any"}, Lane.POLL), call)
        return pools, [rows.leg(each) for each in told if rows.position(each)[1]]

    async def summaries(self) -> Sequence[Row]:
        """Return the raw summaries, one a currency."""
        call = DERIBIT.figures.call
        result = table(await self._calls.ask(call, {}, Lane.POLL), call)
        return rows_of(result.get("summaries"), call)

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time, by venue time, each once; see `DeribitHistory`."""
        return await self._history.read(since, await self.summaries(), whole=whole)

    def _currencies(self, instrument: str) -> Sequence[str]:
        return rows.settle_currency(instrument.partition(":")[2], DERIBIT.currencies)


def _unsettled(held: Sequence[_Held], standing: Sequence[Standing]) -> Mapping[str, Decimal]:
    """Return the funding of the session by currency."""
    known = [each.currency for each in standing]
    owed: dict[str, Decimal] = {}
    for name, _, _, funding in held:
        if funding:
            currency = rows.settle_currency(name.partition(":")[2], known)[0]
            owed[currency] = owed.get(currency, Decimal(0)) + funding
    return owed
