"""The account of a venue without a package: asked and read as its profile says.

What ccxt unifies is filled in where a venue tells nothing, so each figure comes
from the path that the profile names, and one that is not there is an error.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.commands import Submit
from rebalancer.core.events import Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.ports import SECOND
from rebalancer.venues.accounts import SENT, History, Placed, Resting, Shelf, Standing
from rebalancer.venues.budget import Lane
from rebalancer.venues.generic.calls import GenericCalls, denies, to_matching
from rebalancer.venues.generic.history import GenericHistory
from rebalancer.venues.generic.names import Names
from rebalancer.venues.generic.rows import Held, Reader
from rebalancer.venues.labels import Spelling
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.seats import AccountSeat

LIVED = 24 * 3_600 * SECOND  # ns before an order's last change from where its fills are looked for


class GenericAccount:
    """One account behind ccxt.

    Args:
        seat: Where it sits; its connection has the profile.
    """

    def __init__(self, seat: AccountSeat) -> None:
        self._seat = seat
        self._calls = GenericCalls(seat.connection, seat.budget, seat.clock)
        self._names = Names(seat.account, seat.connection)
        profile, exchange = seat.connection.profile, seat.connection.exchange
        self._spelling = Spelling() if profile is None else profile.spelling
        self._reader = Reader(
            seat.account,
            self._calls.table,
            self._names,
            self._spelling,
            seat.ours,
            lambda told: str(exchange.safe_currency_code(told) or told),
        )
        self._history = GenericHistory(self._calls, seat.clock, self._reader, self._by_id)
        self._traded: dict[str, str] = {}  # the venue's id of an order → its instrument
        settled = (each.settle for each in seat.instruments.values() if each.venue == seat.account)
        self._settled = tuple(dict.fromkeys(settled))

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned; its fills are told by the list of fills."""
        sent = order.get(SENT) if isinstance(order, Mapping) else None
        if not isinstance(sent, Submit):
            raise Malformed("an answer to an order must be an object that names it")
        placed = self._reader.answered(order, sent, self._seat.clock.now())
        self._know(placed)
        return placed, ()

    def _know(self, order: Placed) -> None:
        """Remember whose an order is, and of what."""
        self._history.labels[order.order_id] = order.label
        self._traded[order.order_id] = order.instrument

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the orders that bear a label: by each question of the profile in turn."""
        values = {**self.named(instrument), "label": self._spelling.spelled(label)}
        for name in self._calls.table.lookups:
            reading = self._calls.reading(name)
            try:
                rows = await self._calls.rows(reading, values, Lane.HEDGE)
            except Refused as error:
                if denies(error, self._calls.table):
                    continue
                raise
            at, where = reading.fields, f"{self._seat.account} order"
            mine = [row for row in rows if self._reader.label(row, at, where) == label]
            if mine:
                found = [self._reader.placed(row, reading) for row in mine]
                for each in found:
                    self._know(each)
                return found
        return ()

    async def by_id(self, order_id: str, _instrument: str, /) -> Placed | None:
        """Return an order by the venue's own id, None when the venue denies it."""
        return await self._by_id(order_id, self._traded.get(order_id, ""))

    async def _by_id(self, order_id: str, instrument: str) -> Placed | None:
        """Return an order of an instrument, which some venues want to know."""
        reading = self._calls.reading("by_id")
        values = {**self.named(instrument), "order_id": order_id}
        try:
            rows = await self._calls.rows(reading, values, Lane.HEDGE)
        except Refused as error:
            if denies(error, self._calls.table):
                return None
            raise
        told = [self._reader.placed(row, reading) for row in rows]
        return next((each for each in told if each.order_id == order_id), None)

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        if not order.filled:
            return ()
        self._know(order)
        since = order.ts - LIVED
        return await self._history.fills(since, lambda own, _: own == order.order_id, Lane.HEDGE)

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        del instrument  # the list is of all of them
        return await self._history.fills(since, lambda _, own: own == label, Lane.HEDGE)

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open orders that bear a label; return how many there were."""
        del instrument  # each order names its own
        count, reading = 0, self._calls.reading("cancel")
        for order in (each for each in (await self.resting()).orders if each.label == label):
            values = {**self.named(order.instrument), "order_id": order.order_id}
            try:
                await self._calls.ask(reading, values, Lane.CANCEL, to_matching(reading))
            except Refused as error:
                if not denies(error, self._calls.table):
                    raise
                continue  # it ended by itself
            count += 1
        return count

    async def resting(self) -> Shelf:
        """Return every open order of the account."""
        reading = self._calls.reading("open")
        found: list[Resting] = []
        unread: list[str] = []
        for row in await self._calls.rows(reading, {"symbol": None}, Lane.POLL):
            try:
                found.append(self._reader.resting(row, reading))
            except Malformed as error:  # one that nobody understands must not hide the others
                unread.append(str(error))
        return Shelf(found, unread)

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument; a venue that lists none of it holds none."""
        held = {each.instrument: each.quantity for each in await self.held(Lane.HEDGE)}
        return held.get(instrument, Decimal(0))

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position, and the cash of every currency."""
        asked = self._seat.clock.now()
        held, cash = await self.held(Lane.POLL), await self._cash()
        ts, account = self._seat.clock.now(), self._seat.account
        told = [(each.instrument, each.quantity, each.entry) for each in held]
        for currency, amount in cash.items():
            if amount or currency in self._settled:
                told.append((f"{account}:{currency}", amount, None))
        return [PositionReport(ts, asked, account, *each) for each in told]

    async def _cash(self) -> dict[str, Decimal]:
        """Return the cash of each currency; one that is told twice is a fault."""
        found: dict[str, Decimal] = {}
        for row in await self._calls.rows(self._calls.reading("cash"), {}, Lane.POLL):
            currency, amount = self._reader.cash(row)
            if currency in found:
                raise Malformed(f"{self._seat.account} cash: {currency} must be told once")
            found[currency] = amount
        return found

    async def held(self, lane: Lane) -> Sequence[Held]:
        """Return every position; one instrument that is told twice is a fault."""
        rows = await self._calls.rows(self._calls.reading("positions"), {}, lane)
        held = [self._reader.held(row) for row in rows]
        names = [each.instrument for each in held]
        if len(names) != len(set(names)):
            must = "one row an instrument: long and short are netted"
            raise Malformed(f"{self._seat.account} positions: must have {must}")
        return held

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account, its margin where it is told by currency."""
        cash = await self._cash()
        pools = {each.currency: each for each in await self._pools()}
        return [
            Standing(name, pool.equity, pool.balance, pool.maintenance, pool.initial, cash[name])
            for name, pool in pools.items()
            if name in cash
        ]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the account stands, and each position, by the venue's reckoning.

        What the venue does not tell of a position is None there. An isolated one
        stands for itself, and nobody tells by what figures: it is a fault.
        """
        held = [each for each in await self.held(Lane.POLL) if each.quantity]
        modes = self._calls.table.margin_modes
        for each in held:
            if modes and each.mode not in modes:
                must = f"margin mode of {each.instrument} must be {' or '.join(modes)}"
                raise Malformed(f"{self._seat.account} position: {must}, was {each.mode}")
        return await self._pools(), [each.leg for each in held]

    async def _pools(self) -> Sequence[PoolFigures]:
        rows = await self._calls.rows(self._calls.reading("figures"), {}, Lane.POLL)
        return [self._reader.pool(row) for row in rows]

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time, by venue time, each once; see `GenericHistory`."""
        del whole  # each list is of all currencies
        return await self._history.read(since)

    def named(self, instrument: str) -> dict[str, object]:
        """Return what a question names an instrument by."""
        market = self._names.of(instrument)
        name = instrument.partition(":")[2]
        return {"symbol": market.get("symbol"), "name": market.get("id", name)}
