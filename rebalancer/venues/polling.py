"""Polling: an account read again and again, so that the books converge without any stream.

Streams are hints; what a venue has booked is read off its own lists, each time
from a little before where the last look ended, and the ledger knows what it
has booked already. A venue may write down late what it dates back further: where
the ledger differs, it is asked from before the two last agreed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rebalancer.core import memory
from rebalancer.core.events import (
    AccountEvent,
    CashMoved,
    Delivered,
    Event,
    Fill,
    FundingPaid,
    Settled,
)
from rebalancer.core.memory import Episode
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.accounts import OVERLAP, History
from rebalancer.venues.outcome import KeyRefused

_BOOKED = Fill | FundingPaid | Settled | Delivered | CashMoved
MARGIN = 60 * SECOND  # ns before the two agreed from where a look back begins


class Historian(Protocol):
    """What can tell everything that an account was booked."""

    account: str

    async def history(self, since: int, *, whole: bool) -> History:
        """Return the bookings since a time, ns; `whole`: of every currency there is."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an account is read, and how long in vain, ns."""

    every: int = 5 * SECOND
    after_failure: int = SECOND
    after_refusal: int = 60 * SECOND  # of the key: asking on gets an address banned
    patience: int = 60 * SECOND  # of failing looks until somebody is woken


class AccountPoll:
    """A `ports.Feed` of bookings.

    Args:
        venue: Tells them.
        clock: Of the looks.
        log: For looks that were not answered.
        floor: ns; nothing that the venue dates before it is told, because it is
            in what the book began with.
        heard: ns; from where the first look begins; None: from `floor`.
        pace: How often.
    """

    def __init__(
        self,
        venue: Historian,
        clock: Clock,
        log: Log,
        floor: int,
        heard: int | None = None,
        pace: Pace = Pace(),
    ) -> None:
        self._venue, self._clock, self._log = venue, clock, log
        self._floor = floor
        self._since = floor if heard is None else heard
        self._pace = pace
        self._agreed = self._since  # ns: what is dated before is in the ledger
        self._back: int | None = None  # ns: from where all is to be told again
        self._failing = Episode()
        self._wake = asyncio.Event()
        self.looks = 0  # that were answered
        self._refused = False  # whether the key was not taken the last time
        self._silent = False  # whether the log knows that it is not answered

    def now(self, _why: str = "") -> None:
        """Look at once: a stream was lost and is back, or somebody asked."""
        self._wake.set()

    def agreed(self, ts: int) -> None:
        """Note that the ledger and the venue agreed at a time, ns."""
        self._agreed = max(ts - MARGIN, self._agreed)

    def look_back(self) -> None:
        """Have everything told again that is dated after the two last agreed."""
        self._back = self._agreed
        self.now()

    @property
    def told(self) -> bool:
        """Whether a look was answered, and the look back that was asked for last."""
        return self.looks > 0 and self._back is None

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver what was booked, until canceled."""
        while True:
            self._wake.clear()
            wait = await self._look(deliver)
            timer = self._clock.call_at(self._clock.now() + wait, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def _deliver(
        self, told: Sequence[AccountEvent], deliver: Callable[[Event], None], *, whole: bool
    ) -> None:
        """Deliver what one look found as one word: one leg of a trade alone misleads.

        Where a list did not answer, the word has no end: the next tick decides.
        """
        floor = self._floor
        news = [each for each in told if each.ts_venue is None or each.ts_venue >= floor]
        for event in news:
            if isinstance(event, _BOOKED) and not (whole and event is news[-1]):
                deliver(replace(event, more=True))
            else:
                deliver(event)

    async def _look(self, deliver: Callable[[Event], None]) -> int:
        """Read once; return when to look again, ns from now."""
        asked, back = self._clock.now(), self._back
        since = self._since - OVERLAP if back is None else min(back, self._since - OVERLAP)
        try:
            whole = back is not None or not self.looks
            told = await self._venue.history(max(since, self._floor), whole=whole)
            self._deliver(told.events, deliver, whole=told.fault is None)
            if told.fault is not None:
                raise told.fault
        except KeyRefused as error:
            if not self._refused:
                self._log.error("key.refused", venue=self._venue.account, error=str(error))
            self._refused = True
            return self._pace.after_refusal
        except Unavailable as error:
            account = self._venue.account
            memory.lasts(self._failing, asked, wrong=True)
            say = self._log.debug if self._silent else self._log.warning
            if memory.due(self._failing, asked, self._pace.patience):
                say = self._log.error
            say("reconcile.unanswered", account=account, error=str(error))
            self._silent = True
            return self._pace.after_failure
        self._since, self._refused, self._silent = asked, False, False
        memory.lasts(self._failing, asked, wrong=False)
        if back == self._back:
            self._back = None
        self.looks += 1
        return self._pace.every
