"""Adoption: taking what venues hold as the book's, at a first start or when an operator says so.

An account is adopted as it stood at one moment, and what the venue dates before
it is in what was adopted. That moment lies between two readings that were alike,
while no order was open and nothing was booked: a hedge on its way, or a list
that lags behind a fill, would be counted twice otherwise. It is in the middle of
the two, so that a clock which is off by less than half of what lies between
them puts no booking on the wrong side.

Only what differs from the ledger is adopted, so that what our own bookings
explain keeps its basis and its part that hedging made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import Adopted, PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.state import State
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Describe, Log, Venue, nobody
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.reconcile import differences, tolerance

AT_START = 3 * SECOND  # ns between two readings of accounts on which nothing was booked yet
LATER = 15 * SECOND  # … of others: longer than a list may lag behind the fills


@dataclass(frozen=True, slots=True)
class _Reading:
    """One account, read once."""

    asked: int  # ns
    answered: int  # ns
    told: Sequence[PositionReport]


class Adoption:
    """Adopts what is held on all accounts of a book.

    Args:
        state: The book.
        venues: By account.
        inbox: Gets an `Adopted` for each holding that differs.
        clock: For the events' times.
        log: For what cannot be adopted, and for what is waited for.
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
        self._waits = ""  # for what, as the log was told

    async def adopt(self, apart: int) -> bool:
        """Adopt every difference; False when nothing is sure yet, and nothing was adopted.

        Args:
            apart: ns between the two readings, at least.
        """
        version = self._state.ledger.version
        if self._state.ledger.seen:  # two lists near each other may both lag behind it
            apart = max(apart, LATER)
        first = await self._read()
        if first is None:
            return False
        await self._clock.sleep(apart)
        second = await self._read()
        if second is None:
            return False
        if self._state.ledger.version != version or self._inbox.booking:
            return self._wait("something was booked between the two readings")
        if any(not _alike(first[name].told, second[name].told) for name in self._venues):
            return self._wait("the venues told two readings that differ")
        self._waits = ""
        for account in self._venues:
            for event in self._differing(account, first[account], second[account]):
                self._inbox.put(event)
        return True

    async def _read(self) -> dict[str, _Reading] | None:
        """Read every account once; None where that can prove nothing now."""
        found: dict[str, _Reading] = {}
        for account, venue in self._venues.items():
            asked = self._clock.now()
            try:
                told = await venue.positions()
            except Unavailable as error:
                self._wait(f"{account}: {error}")
                return None
            found[account] = _Reading(asked, self._clock.now(), told)
        still = [each.submit.client_order_id for each in self._state.open_orders()]
        if still:
            self._wait(f"the outcome of {', '.join(still)} is open")
            return None
        return found

    def _wait(self, reason: str) -> bool:
        say = self._log.debug if reason == self._waits else self._log.warning
        say("adoption.waits", reason=reason)
        self._waits = reason
        return False

    def _differing(self, account: str, first: _Reading, second: _Reading) -> Sequence[Adopted]:
        """Return what an account holds that the ledger does not, and the reverse."""
        gaps = differences(self._state.ledger, account, second.told, self._state.instruments)
        rows = {report.instrument: report for report in second.told}
        as_of = (first.answered + second.asked) // 2
        known = (name for name in gaps if self._known(name))
        return [self._adopted(account, name, rows.get(name), as_of) for name in known]

    def _known(self, name: str) -> bool:
        if self._terms(name) is not None:
            return True
        self._log.warning("reconcile.unanswered", error=f"{name}: no setting describes it")
        return False

    def _terms(self, name: str) -> Instrument | None:
        return self._state.instruments.get(name) or self._describe(name)

    def _adopted(self, account: str, name: str, row: PositionReport | None, as_of: int) -> Adopted:
        """Return what a row declares; one that the venue leaves out is held no more."""
        entry = None if row is None else row.entry
        if entry is None:
            entry = self._price(name)
        quantity = Decimal(0) if row is None else row.quantity
        return Adopted(self._clock.now(), as_of, account, name, quantity, entry)

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


def _alike(first: Sequence[PositionReport], second: Sequence[PositionReport]) -> bool:
    """Whether two readings of an account tell the same; balances as near as venues round them."""
    before = {each.instrument: each.quantity for each in first}
    after = {each.instrument: each.quantity for each in second}
    return all(
        abs(before.get(name, Decimal(0)) - after.get(name, Decimal(0))) <= _near(name)
        for name in before.keys() | after.keys()
    )


def _near(name: str) -> Decimal:
    """Return what two words of one holding may differ by; contracts by nothing.

    A balance goes by its currency alone; what else is named so short has lots far coarser.
    """
    currency = name.partition(":")[2]
    return tolerance(currency) if currency.isalnum() else Decimal(0)
