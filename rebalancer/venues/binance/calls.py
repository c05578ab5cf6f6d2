"""Binance's private calls: one question each, and the pages of an answer, asked to their end.

Trades are told a symbol at a time and a week at a time, a thousand rows at most: after a
full page by the number of the next trade, which no two share. Bookings are told by
time; a page that ends within a millisecond is asked for again from that one on, and
where all of it is of one millisecond, by the number of the page. A call says what
went wrong by class, code and the venue's short word; ccxt's own texts stay here.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.ports import Clock
from rebalancer.venues.binance.family import Venue
from rebalancer.venues.binance.weights import WEIGHTS
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import MILLISECOND, Row, rows
from rebalancer.venues.profile import LOG, OTHER

PAGE = 1_000  # most rows of one answer
WINDOW = 7 * 86_400_000 - 1  # ms between the ends of one look at trades
PAGES = 1_000  # of one look, after which something goes in circles
AHEAD = 60_000  # ms that the venue's clock may be before ours


@dataclass(frozen=True, slots=True)
class BinanceCalls:
    """The way to ask an account."""

    venue: Venue
    connection: Connection
    budget: Budget
    clock: Clock

    async def ask(
        self, call: str, params: Mapping[str, Any], lane: Lane, bucket: str = OTHER
    ) -> Any:
        """Return the answer to a call; raises `Unavailable` and says no secret."""
        await self.budget.wait(bucket, lane, WEIGHTS.get(call, 1))
        try:
            return await getattr(self.connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise heed(self.budget, self.venue.name, call, error) from None

    async def trades(self, symbol: str, since: int, lane: Lane) -> AsyncIterator[Row]:
        """Yield an account's trades of a symbol since a time (ns), oldest first, each once."""
        call = self.venue.profile.ledger[0]
        start, end = since // MILLISECOND, self.clock.now() // MILLISECOND + AHEAD
        last: int | None = None  # number of the newest trade of a full page
        for _ in range(PAGES):
            params: dict[str, Any] = {"symbol": symbol, "limit": PAGE}
            until = min(start + self._window, end)
            if last is None:
                params |= {"startTime": start, "endTime": until}
            else:
                params["fromId"] = last + 1
            page = rows(await self.ask(call, params, lane), call)
            for row in page:
                yield row
            if len(page) >= PAGE:
                newest = max(_number(row, call) for row in page)
                if last is not None and newest <= last:
                    raise Malformed(f"{call}: must go on after trade {last}")
                last = newest
            elif last is not None or until >= end:
                return
            else:
                start = until + 1
        raise Malformed(f"{call}: must end within {PAGES} pages")

    @property
    def _window(self) -> int:
        """Ms of one look: a week of futures, a day of spot."""
        return WINDOW if self.venue.margined else 86_400_000 - 1

    async def income(self, since: int) -> AsyncIterator[Row]:
        """Yield what a futures account was booked since a time (ns); some may come twice."""
        call = self.venue.profile.ledger[1]
        start, number = since // MILLISECOND, 1
        for _ in range(PAGES):
            params = {"startTime": start, "limit": PAGE}
            if number > 1:
                params["page"] = number
            page = rows(await self.ask(call, params, Lane.HEDGE, LOG), call)
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            last = max(_whole(row, "time", call) for row in page)
            start, number = (last, 1) if last > start else (start, number + 1)
        raise Malformed(f"{call}: must end within {PAGES} pages")


def _number(row: Row, call: str) -> int:
    return _whole(row, "id", call)


def _whole(row: Row, name: str, call: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed(f"{call}: {name} must be a whole number, was {type(value).__name__}")
    return value
