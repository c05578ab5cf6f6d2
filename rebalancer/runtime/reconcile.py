"""Reconciling: what the venues say is held against what the ledger says.

A difference counts only when two looks in a row find it and nothing moved in
between: a report taken while a fill was on its way proves nothing. Nor does
one that shows the account as the ledger had it a moment ago: a venue's report
may lag behind its fills, and two that lag behind fills of one size would
agree on a difference that there never was.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, PositionReport, Reconciled
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.state import State
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log, Venue
from rebalancer.runtime.inbox import Inbox

PATIENCE = 20  # looks without proof until somebody is told
BEHIND = 10 * SECOND  # ns that a report may be behind the fills that the venue told
TOLERANCE = Decimal("1e-8")  # of a cash balance, its currency; quantities must agree exactly


def differences(
    ledger: Ledger, account: str, told: Sequence[PositionReport], known: Mapping[str, Instrument]
) -> dict[str, Decimal]:
    """Return venue less ledger for each holding of an account on which they disagree, by id.

    A missing row is no report of nothing held, but what the ledger holds and
    the venue leaves out is a difference.
    """
    gaps: dict[str, Decimal] = {}
    for report in told:
        name, instrument = report.instrument, known.get(report.instrument)
        cash = instrument is None or instrument.kind is Kind.CASH  # None: no setting names it
        held = ledger.position(account, name).quantity
        own = ledger.balance(account, name.partition(":")[2]) if cash else held
        if abs(report.quantity - own) > (TOLERANCE if cash else 0):
            gaps[name] = report.quantity - own
    named = {report.instrument for report in told}
    for (holder, name), position in ledger.positions.items():
        if holder == account and position.quantity and name not in named:
            gaps[name] = -position.quantity
    for (holder, currency), balance in ledger.cash.items():
        if holder == account and abs(balance) > TOLERANCE and f"{account}:{currency}" not in named:
            gaps[f"{account}:{currency}"] = -balance
    return gaps


class Reconciler:
    """Compares all accounts with the ledger.

    Args:
        state: The book.
        venues: By account.
        inbox: Gets a `Reconciled` for each look that proves something.
        clock: For the events' times.
        log: For looks that a venue did not answer.
        ready: Whether everything was told that was booked while nobody listened;
            before that a difference means nothing.
    """

    def __init__(
        self,
        state: State,
        venues: Mapping[str, Venue],
        inbox: Inbox,
        clock: Clock,
        log: Log,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._state = state
        self._venues = venues
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._ready = ready
        self._looking = False
        self._last: dict[str, Decimal] = {}  # what the last look found: venue less ledger
        self._missed = 0  # looks in a row that proved nothing
        self._now = _copy(state.ledger)
        self._before: deque[tuple[int, Ledger]] = deque()  # the ledger, and until when it stood so

    def notice(self, _event: Event, _decisions: Sequence[Decision]) -> None:
        """Remember for a while how the ledger stood, if the step just taken changed it."""
        if self._state.ledger.version != self._now.version:
            self._before.append((self._clock.now(), self._now))
            self._now = _copy(self._state.ledger)
            self._forget()

    def _forget(self) -> None:
        while self._before and self._before[0][0] < self._clock.now() - BEHIND:
            self._before.popleft()

    async def look(self) -> None:
        """Compare once; says nothing while an order is open or a venue does not answer.

        Nor before the bookings of the time when the daemon was down are told.

        Two looks at a time would see one passing difference twice, so a look
        that an earlier one is still waiting for is left out.
        """
        if not self._ready():
            self._log.debug("reconcile.unanswered", error="what was booked is not told yet")
            return
        if self._looking:
            self._log.warning("reconcile.unanswered", error="the look before is still waiting")
            return
        self._looking = True
        try:
            await self._compare()
        finally:
            self._looking = False

    async def _compare(self) -> None:
        self._forget()
        version, agreed = self._state.ledger.version, True
        found: dict[str, Decimal] = {}
        for account, venue in self._venues.items():
            try:
                told = await venue.positions()
            except Unavailable as error:
                self._log.warning("reconcile.unanswered", account=account, error=str(error))
                return
            gaps = differences(self._state.ledger, account, told, self._state.instruments)
            agreed = agreed and not gaps
            found |= self._unexplained(gaps, account, told)
        if self._state.open_orders() or self._state.ledger.version != version:
            self._miss()
            return
        lasting = {name: gap for name, gap in found.items() if self._last.get(name) == gap}
        self._last = found
        if not found and not agreed:
            self._miss()
            return
        if found and not lasting:
            self._miss()  # once is nothing; a gap that changes with each look is told in time
            return
        self._missed = 0
        if lasting or agreed:
            lines = (f"{name}: venue less ledger is {gap}" for name, gap in lasting.items())
            self._inbox.put(Reconciled(self._clock.now(), tuple(lines)))

    def _unexplained(
        self, gaps: Mapping[str, Decimal], account: str, told: Sequence[PositionReport]
    ) -> dict[str, Decimal]:
        """Return the differences of which the ledger knew nothing a moment ago either."""
        left = dict(gaps)
        for _, ledger in self._before if left else ():
            then = differences(ledger, account, told, self._state.instruments)
            left = {name: gap for name, gap in left.items() if name in then}
        return left

    def _miss(self) -> None:
        self._missed += 1
        if self._missed % PATIENCE == 0:
            missed = f"{self._missed} looks in a row proved nothing: orders, bookings, moving gaps"
            self._log.warning("reconcile.unanswered", error=missed)


def _copy(ledger: Ledger) -> Ledger:
    """Return what a ledger holds as it stands."""
    return Ledger(dict(ledger.positions), dict(ledger.cash), version=ledger.version)
