"""OKX's private calls: one question each, and the pages of an answer, asked to their end.

Lists come newest first, a hundred rows a page, and each page is asked for by the
last number of the one before. A call says what went wrong by class, code and the
venue's short word; ccxt's own texts stay here.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import Row, rows, table, text
from rebalancer.venues.profile import OTHER

PAGE = 100  # most rows of one answer
PAGES = 1_000  # of one look, after which something goes in circles


@dataclass(frozen=True, slots=True)
class OkxCalls:
    """The way to ask an account."""

    connection: Connection
    budget: Budget

    async def ask(
        self, call: str, params: Mapping[str, Any], lane: Lane, bucket: str = OTHER
    ) -> Sequence[Row]:
        """Return the rows of an answer; raises `Unavailable` and says no secret."""
        await self.budget.wait(bucket, lane)
        try:
            answer = await getattr(self.connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
            raise heed(self.budget, OKX.venue, call, error) from None
        return rows(table(answer, call).get("data"), call)

    async def one(self, call: str, params: Mapping[str, Any], lane: Lane) -> Row:
        """Return the one row of an answer; raises `Unavailable`, or `Malformed` where none is."""
        found = await self.ask(call, params, lane)
        if len(found) != 1:
            raise Malformed(f"{call}: must have one row, had {len(found)}")
        return found[0]

    async def pages(
        self,
        call: str,
        params: Mapping[str, Any],
        key: str,
        lane: Lane,
        bucket: str = OTHER,
    ) -> AsyncIterator[Row]:
        """Yield the rows of all pages, newest first; `key` names the number to go on from."""
        asked, last = {**params, "limit": str(PAGE)}, ""
        for _ in range(PAGES):
            page = await self.ask(call, asked, lane, bucket)
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            before, last = last, text(page[-1], key, call)
            if last == before:
                raise Malformed(f"{call}: must go on after {last}")
            asked = {**asked, "after": last}
        raise Malformed(f"{call}: must end within {PAGES} pages")
