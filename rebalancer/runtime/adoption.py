"""Adoption: taking what venues hold as the book's, at a first start or when an operator says so.

Only what differs from the ledger is adopted, so that what our own bookings
explain keeps its basis and its part that hedging made.
"""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.events import Adopted, PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.state import State
from rebalancer.errors import Unavailable
from rebalancer.ports import Clock, Describe, Log, Venue, nobody
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.reconcile import differences


class Adoption:
    """Adopts what is held on all accounts of a book.

    Args:
        state: The book.
        venues: By account.
        inbox: Gets an `Adopted` for each holding that differs.
        clock: For the events' times.
        log: For what cannot be adopted.
        describe: Who knows the terms of what no setting names.
    """

    def __init__(
        self,
        state: State,
        venues: Mapping[str, Venue],
        inbox: Inbox,
        clock: Clock,
        log: Log,
        describe: Describe = nobody,
    ) -> None:
        self._state = state
        self._venues = venues
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._describe = describe

    async def adopt(self) -> bool:
        """Adopt every difference; False when a venue did not answer, and nothing was adopted."""
        found: list[Adopted] = []
        for account, venue in self._venues.items():
            try:
                told = await venue.positions()
            except Unavailable as error:
                self._log.warning("reconcile.unanswered", account=account, error=str(error))
                return False
            gaps = differences(self._state.ledger, account, told, self._state.instruments)
            rows = {report.instrument: report for report in told}
            found += [
                self._adopted(account, name, rows.get(name)) for name in gaps if self._known(name)
            ]
        for event in found:
            self._inbox.put(event)
        return True

    def _known(self, name: str) -> bool:
        if self._terms(name) is not None:
            return True
        self._log.warning("reconcile.unanswered", error=f"{name}: no setting describes it")
        return False

    def _terms(self, name: str) -> Instrument | None:
        return self._state.instruments.get(name) or self._describe(name)

    def _adopted(self, account: str, name: str, row: PositionReport | None) -> Adopted:
        """Return what a row declares; one that the venue leaves out is held no more."""
        entry = None if row is None else row.entry
        if entry is None:
            entry = self._price(name)
        quantity = Decimal(0) if row is None else row.quantity
        asked = None if row is None else row.ts_venue
        return Adopted(self._clock.now(), asked, account, name, quantity, entry)

    def _price(self, name: str) -> Decimal:
        """Return a price to enter at where the venue tells none: the mark, or the index."""
        instrument = self._terms(name)
        assert instrument is not None  # `_known`
        markets = self._state.markets
        mark = markets.marks.get(name) or markets.options.get(name)
        if instrument.kind is Kind.CASH:
            return Decimal(1)
        if mark is not None and mark.price > 0:
            return mark.price
        index = self._state.index(instrument.underlying)
        return instrument.tick if index is None or instrument.kind is Kind.OPTION else index.price
