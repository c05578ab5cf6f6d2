"""OKX's history: what an account was booked, list by list, as far as each is told.

Fills of all instruments come in one list of three days, and in one of three
months a type; so do bills, of a week and of three months. A look that goes back
further than the short list asks the long one too: what is newest may show there
late. A row that cannot be read hides none of the others.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal

from rebalancer.core.events import AccountEvent, Delivered, Fill, Settled
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.accounts import History
from rebalancer.venues.budget import Lane
from rebalancer.venues.okx import rows
from rebalancer.venues.okx.calls import OkxCalls
from rebalancer.venues.okx.deliveries import ended_at
from rebalancer.venues.okx.profile import OKX, family_of, kind_of
from rebalancer.venues.outcome import KeyRefused, Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, optional, text
from rebalancer.venues.payloads import rows as rows_of
from rebalancer.venues.profile import LOG

HOUR = 3_600 * SECOND  # ns
RECENT_FILLS, RECENT_BILLS = 71 * HOUR, 167 * HOUR  # ns; documented 3 days, and 7
KINDS = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
FILLS, BILLS, OLD_FILLS, OLD_BILLS = OKX.ledger
_DELIVERIES, _SETTLEMENTS = (
    "publicGetPublicDeliveryExerciseHistory",
    "publicGetPublicSettlementHistory",
)
_Key = tuple[str, str, str]  # of a booking
_Booked = AsyncIterator[tuple[_Key, int, AccountEvent] | Malformed]  # with its number


class OkxHistory:
    """Reads what one account was booked.

    Args:
        calls: Ask the venue.
        clock: For the events' times, and how far back a list must reach.
        reader: Of rows.
        size_of: Coins of one contract of an option, by native name; None: not known.
    """

    def __init__(
        self,
        calls: OkxCalls,
        clock: Clock,
        reader: rows.Reader,
        size_of: Callable[[str], Decimal | None],
    ) -> None:
        self._calls, self._clock, self._reader = calls, clock, reader
        self._size_of = size_of

    async def read(self, since: int) -> History:
        """Return the bookings since a time, ns, by venue time, each once.

        A list that is not answered takes nothing away from the others.

        Raises:
            KeyRefused: All of them would be refused.
        """
        found: dict[_Key, tuple[int, AccountEvent]] = {}
        fault: Unavailable | None = None
        for booked in (self._filled(since), self._billed(since)):
            try:
                async for each in booked:
                    if isinstance(each, Malformed):
                        fault = fault or each
                    else:
                        found.setdefault(each[0], each[1:])
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        return History(rows.in_order(found.values()), fault)

    def fills(self, told: Sequence[Row]) -> list[Fill]:
        """Return the fills among rows, oldest first; what is told by bills is left out."""
        ts, trades = self._clock.now(), filter(self._reader.fills, told)
        found = [(rows.number(each), self._reader.fill(each, ts)) for each in trades]
        return rows.in_order(found)

    async def trades(
        self, since: int, lane: Lane, name: str = "", order_id: str = ""
    ) -> AsyncIterator[Row]:
        """Yield fills since a time, ns, of an instrument or order where one is named."""
        params = {"begin": str(since // MILLISECOND)}
        params |= {"instId": name} if name else {}
        params |= {"ordId": order_id} if order_id else {}
        if self._clock.now() - since >= RECENT_FILLS:
            for kind in (kind_of(name),) if name else KINDS:
                asked = {**params, "instType": kind}
                async for row in self._calls.pages(OLD_FILLS, asked, "billId", lane):
                    yield row
        async for row in self._calls.pages(FILLS, params, "billId", lane):
            yield row

    async def _filled(self, since: int) -> _Booked:
        async for row in self.trades(since, Lane.POLL):
            try:
                for fill in self.fills((row,)):
                    key = ("fill", fill.instrument, fill.trade_id)
                    yield key, rows.number(row), fill
            except Malformed as error:
                yield error

    async def _billed(self, since: int) -> _Booked:
        params = {"begin": str(since // MILLISECOND)}
        old = self._clock.now() - since >= RECENT_BILLS
        for call in (OLD_BILLS, BILLS) if old else (BILLS,):
            # Nobody else asks this list, so nothing of its limit is kept for anybody.
            async for row in self._calls.pages(call, params, "billId", Lane.HEDGE, LOG):
                try:
                    event = await self._booking(row)
                    if event is not None:
                        key = (type(event).__name__, "", text(row, "billId", call))
                        yield key, rows.number(row), event
                except Malformed as error:
                    yield error

    async def _booking(self, row: Row) -> AccountEvent | None:
        kind, sub = str(row.get("type") or ""), str(row.get("subType") or "")
        if kind == rows.DELIVERY and sub in rows.ENDS:
            return await self._delivery(row)
        if kind == rows.SETTLEMENT and sub == rows.SETTLED:
            return await self._settlement(row)
        return self._reader.booking(row, self._clock.now())

    async def _delivery(self, row: Row) -> Delivered:
        """Return the end of a contract at the price that its bill, or else the venue's list, tells.

        Raises:
            Malformed: Neither tells one that it can have ended at.
        """
        where = "okx delivery"
        name, at = text(row, "instId", where), rows.moment(row, "ts", where)
        price, size = optional(row, "px"), self._size_of(name)
        if not ended_at(name, row, price, size):
            price = await self._listed(_DELIVERIES, name, ("insId", "px"), at)
        if price is None or not ended_at(name, row, price, size):
            raise Malformed(f"{where}: {name} must have ended at a price, was {row.get('px')!r}")
        fee = -(optional(row, "fee") or Decimal(0))
        key, account = text(row, "billId", where), self._reader.account
        return Delivered(self._clock.now(), at, account, f"okx:{name}", key, price, fee)

    async def _settlement(self, row: Row) -> Settled:
        """Return the end of a future's session; the bill may leave its price to the venue's list.

        Raises:
            Malformed: Nobody tells it.
        """
        where = "okx settlement"
        name, at = text(row, "instId", where), rows.moment(row, "ts", where)
        price = optional(row, "px") or None
        if price is None:
            price = await self._listed(_SETTLEMENTS, name, ("instId", "settlePx"), at)
        if price is None:
            raise Malformed(f"{where}: {name} must have a price, had none")
        key, account = text(row, "billId", where), self._reader.account
        return Settled(self._clock.now(), at, account, f"okx:{name}", key, price)

    async def _listed(
        self, call: str, name: str, fields: tuple[str, str], at: int
    ) -> Decimal | None:
        """Return an instrument's price in a public list: of the last entry up to a time, ns."""
        params = {"instType": kind_of(name), "instFamily": family_of(name)}
        told = await self._calls.ask(call, params, Lane.POLL)
        up_to = [each for each in told if rows.moment(each, "ts", call) <= at + SECOND * 60]
        for entry in sorted(up_to, key=lambda each: -rows.moment(each, "ts", call)):
            for each in rows_of(entry.get("details"), call):
                if each.get(fields[0]) == name:
                    return optional(each, fields[1]) or None
        return None
