"""Deribit's private calls: one question each, and the pages of an answer, asked to their end.

A call says what went wrong by class, code and the venue's short word; ccxt's own
texts carry signed addresses and stay here.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.ports import Clock
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.deribit.profile import DERIBIT
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import MILLISECOND, Row, rows, table
from rebalancer.venues.profile import LOG, OTHER

TRADES_PAGE, LOG_PAGE = 1_000, 250  # most rows of one answer
PAGES = 1_000  # of one look, after which something goes in circles
AHEAD = 60_000  # ms that the venue's clock may be before ours


@dataclass(frozen=True, slots=True)
class DeribitCalls:
    """The way to ask an account."""

    connection: Connection
    budget: Budget
    clock: Clock

    async def ask(
        self, call: str, params: Mapping[str, Any], lane: Lane, bucket: str = OTHER
    ) -> Any:
        """Return the result of a private call; raises `Unavailable` and says no secret."""
        await self.budget.wait(bucket, lane)
        try:
            answer = await getattr(self.connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise heed(self.budget, DERIBIT.venue, call, error) from None
        told = table(answer, call)
        if "result" not in told:
            raise Malformed(f"{call}: result must be there, was missing")
        return told["result"]

    async def trades(
        self, currency: str, since: int, historical: str, lane: Lane
    ) -> AsyncIterator[Row]:
        """Yield trades since a time, oldest first; some may come twice."""
        call = DERIBIT.ledger[0]
        start, end = since // MILLISECOND, self.clock.now() // MILLISECOND + AHEAD
        for _ in range(PAGES):
            params = {
                "currency": currency,
                "start_timestamp": start,
                "end_timestamp": end,
                "count": TRADES_PAGE,
                "sorting": "asc",
                "historical": historical,
            }
            result = table(await self.ask(call, params, lane), call)
            page = rows(result.get("trades"), call)
            for row in page:
                yield row
            if not result.get("has_more") or not page:
                return
            last = max(int(row.get("timestamp") or 0) for row in page)
            if last <= start and len(page) >= TRADES_PAGE:
                raise Malformed(f"{call}: must go on after {start} ms")
            start = max(last, start)
        raise Malformed(f"{call}: must end within {PAGES} pages")

    async def log(self, currency: str, since: int) -> AsyncIterator[Row]:
        """Yield lines of the transaction log since a time, in any order."""
        call = DERIBIT.ledger[1]
        params: dict[str, Any] = {
            "currency": currency,
            "start_timestamp": since // MILLISECOND,
            "end_timestamp": self.clock.now() // MILLISECOND + AHEAD,
            "count": LOG_PAGE,
        }
        for _ in range(PAGES):
            # Nobody else asks this list, so nothing of its limit is kept for anybody.
            result = table(await self.ask(call, params, Lane.HEDGE, LOG), call)
            for row in rows(result.get("logs"), call):
                yield row
            if result.get("continuation") is None:
                return
            params = {**params, "continuation": result["continuation"]}
        raise Malformed(f"{call}: must end within {PAGES} pages")
