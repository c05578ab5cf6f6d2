"""Bybit's private calls: one question each, and the pages of an answer, asked to their end.

A call says what went wrong by class, code and the venue's short word; ccxt's own
texts carry signed addresses and stay here.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.ports import Clock
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import MILLISECOND, Row, rows, table
from rebalancer.venues.profile import OTHER

PAGES = 1_000  # of one look, after which something goes in circles
AHEAD = 60_000  # ms that the venue's clock may be before ours
SPAN = 7 * 86_400 * 1_000 - 1  # ms that one question about the past may span


@dataclass(frozen=True, slots=True)
class BybitCalls:
    """The way to ask an account."""

    connection: Connection
    budget: Budget
    clock: Clock

    async def ask(
        self, call: str, params: Mapping[str, Any], lane: Lane, bucket: str = OTHER
    ) -> Row:
        """Return the result of a private call; raises `Unavailable` and says no secret."""
        await self.budget.wait(bucket, lane)
        try:
            answer = await getattr(self.connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise heed(self.budget, BYBIT.venue, call, error) from None
        told = table(answer, call)
        if "result" not in told:
            raise Malformed(f"{call}: result must be there, was missing")
        return table(told["result"], call)

    async def pages(
        self, call: str, params: Mapping[str, Any], lane: Lane, bucket: str = OTHER
    ) -> AsyncIterator[Row]:
        """Yield the rows of all pages, as the venue orders them."""
        asked, cursor = dict(params), ""
        for _ in range(PAGES):
            result = await self.ask(call, asked, lane, bucket)
            page = rows(result.get("list"), call)
            for row in page:
                yield row
            told = result.get("nextPageCursor")
            if not told or not page:
                return
            if told == cursor:
                raise Malformed(f"{call}: cursor must move on, was the same twice")
            cursor = asked["cursor"] = str(told)
        raise Malformed(f"{call}: must end within {PAGES} pages")

    async def past(
        self, call: str, params: Mapping[str, Any], since: int, lane: Lane, bucket: str = OTHER
    ) -> AsyncIterator[Row]:
        """Yield the rows since a time, ns, week by week; some may come twice."""
        for start, end in weeks(since, self.clock.now()):
            asked = {**params, "startTime": start, "endTime": end}
            async for row in self.pages(call, asked, lane, bucket):
                yield row


def weeks(since: int, now: int) -> Iterator[tuple[int, int]]:
    """Yield spans from `since` until after `now`, both ns, in ms: none longer than may be asked.

    >>> [last - first for first, last in weeks(0, 0)]
    [60000]
    """
    start, end = since // MILLISECOND, now // MILLISECOND + AHEAD
    while start <= end:
        yield start, min(start + SPAN, end)
        start += SPAN
