"""Bybit's history: what an account was booked, list by list, as far as each is told.

Executions of one category at a time, and the transaction log of all of them. The
log tells that a contract was delivered but not at what price: a third list does,
and it may do so later. A row that cannot be read hides none of the others.
"""

from collections.abc import AsyncIterator, Collection, Mapping

from rebalancer.core.events import AccountEvent, Fill
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.accounts import History
from rebalancer.venues.budget import Lane
from rebalancer.venues.bybit import rows
from rebalancer.venues.bybit.calls import BybitCalls
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.outcome import KeyRefused, Malformed, Refused
from rebalancer.venues.payloads import MILLISECOND, Row, text
from rebalancer.venues.profile import LOG
from rebalancer.wire.bybit.values import Category

FILLS_PAGE, LOG_PAGE, DELIVERIES_PAGE = 100, 50, 50  # most rows of one answer
CATEGORIES: tuple[Category, ...] = ("linear", "inverse", "option")
NEAR = 3_600 * SECOND  # ns around the log's line in which its delivery is recorded
DELIVERIES = "privateGetV5AssetDeliveryRecord"
_Key = tuple[str, str, str]  # of a booking
_Booked = AsyncIterator[tuple[_Key, AccountEvent] | Unavailable]  # why one cannot be read


class BybitHistory:
    """Reads what one account was booked.

    Args:
        calls: Ask the venue.
        clock: For the events' times and the end of a look at the past.
        reader: Of rows.
        traded: Categories that the book trades in; grows.
    """

    def __init__(
        self, calls: BybitCalls, clock: Clock, reader: rows.Reader, traded: Collection[Category]
    ) -> None:
        self._calls, self._clock, self._reader = calls, clock, reader
        self._traded = traded

    async def read(self, since: int, *, whole: bool) -> History:
        """Return the bookings since a time, by venue time, each once.

        A list that is not answered takes nothing away from the others.

        Args:
            since: ns.
            whole: Ask for every category, else for those that the book trades in.

        Raises:
            KeyRefused: All of them would be refused.
        """
        pairs: tuple[Category, ...] = ("spot",) if self._reader.pairs else ()
        wanted = [each for each in CATEGORIES if whole or each in self._traded]
        lists = [self._fills(each, since) for each in (*wanted, *pairs)]
        found: dict[_Key, AccountEvent] = {}
        fault: Unavailable | None = None
        for booked in (*lists, self._logged(since)):
            try:
                async for each in booked:
                    if isinstance(each, Unavailable):
                        fault = fault or each
                    else:
                        found.setdefault(*each)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        return History(rows.in_order(found.values()), fault)

    async def fills(
        self, category: Category, params: Mapping[str, object], since: int | None, lane: Lane
    ) -> list[Fill]:
        """Return fills of a category, oldest first; since a time, ns, or as many as there are.

        Raises:
            Malformed: One of them cannot be read: what it was nobody knows.
        """
        found: dict[str, Fill] = {}
        for row in await self._executions(category, params, since, lane):
            for each in self._reader.executed(row, category, self._clock.now()):
                found[each.trade_id] = each
        return list(found.values())

    async def _executions(
        self, category: Category, params: Mapping[str, object], since: int | None, lane: Lane
    ) -> list[Row]:
        """Return the rows of executions, oldest first; the venue lists the newest first."""
        call, asked = BYBIT.ledger[0], {"category": category, "limit": FILLS_PAGE, **params}
        listed = (
            self._calls.pages(call, asked, lane)
            if since is None
            else self._calls.past(call, asked, since, lane)
        )
        told = [row async for row in listed]
        told.reverse()
        return sorted(told, key=rows.sequence)

    async def _fills(self, category: Category, since: int) -> _Booked:
        for row in await self._executions(category, {}, since, Lane.POLL):
            try:
                for fill in self._reader.executed(row, category, self._clock.now()):
                    yield ("fill", fill.instrument, fill.trade_id), fill
            except Malformed as error:
                yield error

    async def _logged(self, since: int) -> _Booked:
        params = {"accountType": "UNIFIED", "limit": LOG_PAGE}
        # Nobody else asks this list, so nothing of its limit is kept for anybody.
        async for row in self._calls.past(BYBIT.ledger[1], params, since, Lane.HEDGE, LOG):
            try:
                if row.get("type") == "DELIVERY":
                    yield await self._delivered(row)
                for event in self._reader.booked(row, self._clock.now()):
                    yield (type(event).__name__, "log", str(row.get("id"))), event
            except (Malformed, Refused) as error:
                yield error

    async def _delivered(self, row: Row) -> tuple[_Key, AccountEvent]:
        event = self._reader.delivered(row, await self._delivery(row), self._clock.now())
        return ("delivery", event.instrument, event.delivery_id), event

    async def _delivery(self, line: Row) -> Row:
        """Return the record of a delivery that the log has a line of.

        Raises:
            Malformed: It is not told yet: at what price, nobody can know.
        """
        where = "bybit delivery"
        at, symbol = rows.stamp(line, "transactionTime", where), text(line, "symbol", where)
        params = {
            "category": rows.category_in(line, where),
            "symbol": symbol,
            "startTime": (at - NEAR) // MILLISECOND,
            "endTime": (at + NEAR) // MILLISECOND,
            "limit": DELIVERIES_PAGE,
        }
        async for row in self._calls.pages(DELIVERIES, params, Lane.HEDGE):
            if row.get("symbol") == symbol:
                return row
        raise Malformed(f"{DELIVERIES}: must tell the delivery of {symbol}, does not yet")
