"""Deribit's history: what an account was booked, list by list, as far as each is told.

Trades of one currency at a time, from two archives, and the transaction log of
one currency at a time, which has a limit of its own. So what is empty and is not
traded is passed over, unless somebody wants to be sure.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from rebalancer.core.events import AccountEvent, Fill
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.accounts import History
from rebalancer.venues.budget import Lane
from rebalancer.venues.deribit import rows
from rebalancer.venues.deribit.calls import DeribitCalls
from rebalancer.venues.deribit.profile import DERIBIT
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.payloads import Row
from rebalancer.wire.deribit.values import is_combo

RECENT = 23 * 3_600 * SECOND  # ns that the archive of recent trades reaches back; documented 24 h
_Key = tuple[str, str, str]  # of a booking
_Booked = AsyncIterator[tuple[_Key, AccountEvent]]


class DeribitHistory:
    """Reads what one account was booked.

    Args:
        calls: Ask the venue.
        clock: For the events' times and the end of a look at the past.
        reader: Of rows.
        settled: Currencies that what is traded settles in.
    """

    def __init__(
        self, calls: DeribitCalls, clock: Clock, reader: rows.Reader, settled: Collection[str]
    ) -> None:
        self._calls, self._clock, self._reader = calls, clock, reader
        self._settled = settled
        self._used: set[str] = set()  # currencies that ever had anything in them

    async def read(self, since: int, summaries: Sequence[Row], *, whole: bool) -> History:
        """Return the bookings since a time, by venue time, each once.

        A list that is not answered takes nothing away from the others.

        Args:
            since: ns.
            summaries: Of the account, one a currency.
            whole: Ask for every currency, else for those that ever held something
                and those that what is traded settles in.

        Raises:
            KeyRefused: All of them would be refused.
        """
        balances: Mapping[str, Row] = {str(each.get("currency")): each for each in summaries}
        self._used |= {name for name, row in balances.items() if rows.used(row)}
        matter = self._used | set(self._settled)
        wanted = [name for name in balances if whole or name in matter]
        traded = (self._traded(name, since) for name in wanted if name in DERIBIT.currencies)
        found: dict[_Key, AccountEvent] = {}
        fault: Unavailable | None = None
        for booked in (*traded, *(self._logged(name, since) for name in wanted)):
            try:
                async for key, event in booked:
                    found.setdefault(key, event)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        return History(rows.in_order(found.values()), fault)

    def archives(self, since: int) -> Sequence[str]:
        """Return which archives of trades reach back so far, the older one first."""
        return ("false",) if self._clock.now() - since < RECENT else ("true", "false")

    def fills(self, trades: Sequence[Row]) -> list[Fill]:
        """Return the fills of trades; a combo's own line is told by its legs' lines."""
        ts = self._clock.now()
        single = (each for each in trades if not is_combo(str(each.get("instrument_name"))))
        return [self._reader.fill(each, ts) for each in single]

    async def _traded(self, currency: str, since: int) -> _Booked:
        for archive in self.archives(since):
            async for row in self._calls.trades(currency, since, archive, Lane.POLL):
                for fill in self.fills((row,)):
                    yield ("fill", fill.instrument, fill.trade_id), fill

    async def _logged(self, currency: str, since: int) -> _Booked:
        async for row in self._calls.log(currency, since):
            for event in self._reader.bookings(row, self._clock.now()):
                yield (type(event).__name__, currency, str(row.get("id"))), event
