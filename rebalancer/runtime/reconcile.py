"""Reconciling: what the venues say is held against what the ledger says.

A difference counts only when two looks in a row find it and nothing moved in
between: a report taken while a fill was on its way proves nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rebalancer.core.events import PositionReport, Reconciled
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.state import State, cash_instrument
from rebalancer.errors import Unavailable
from rebalancer.ports import Clock, Log, Venue
from rebalancer.runtime.inbox import Inbox

TOLERANCE = Decimal("1e-8")  # of a cash balance, its currency; quantities must agree exactly


def differences(
    ledger: Ledger, account: str, told: Sequence[PositionReport], known: Mapping[str, Instrument]
) -> tuple[str, ...]:
    """Return one line for each holding of an account on which ledger and venue disagree.

    A missing row is no report of nothing held: what the ledger holds and the
    venue leaves out is a difference, and so is what the venue holds and no
    setting describes.
    """
    lines = []
    named = {report.instrument for report in told}
    for report in told:
        instrument = known.get(report.instrument)
        if instrument is None:
            if report.quantity:
                lines.append(f"{report.instrument}: venue {report.quantity}, no setting names it")
            continue
        if instrument.kind is Kind.CASH:
            own = ledger.balance(account, instrument.settle)
            agrees = abs(own - report.quantity) <= TOLERANCE
        else:
            own = ledger.position(account, report.instrument).quantity
            agrees = own == report.quantity
        if not agrees:
            lines.append(f"{report.instrument}: venue {report.quantity}, ledger {own}")
    for (holder, name), position in ledger.positions.items():
        if holder == account and position.quantity and name not in named:
            lines.append(f"{name}: venue names none, ledger {position.quantity}")
    for (holder, currency), balance in ledger.cash.items():
        name = cash_instrument(account, currency).id
        if holder == account and abs(balance) > TOLERANCE and name not in named:
            lines.append(f"{name}: venue names none, ledger {balance}")
    return tuple(lines)


class Reconciler:
    """Compares all accounts with the ledger.

    Args:
        state: The book.
        venues: By account.
        inbox: Gets a `Reconciled` for each look that proves something.
        clock: For the events' times.
        log: For looks that a venue did not answer.
    """

    def __init__(
        self, state: State, venues: Mapping[str, Venue], inbox: Inbox, clock: Clock, log: Log
    ) -> None:
        self._state = state
        self._venues = venues
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._looking = False
        self._last: tuple[tuple[str, ...], int] | None = None  # lines, version of the ledger

    async def look(self) -> None:
        """Compare once; says nothing while an order is open or a venue does not answer.

        Two looks at a time would see one passing difference twice, so a look
        that an earlier one is still waiting for is left out.
        """
        if self._looking:
            self._log.warning("reconcile.unanswered", error="the look before is still waiting")
            return
        self._looking = True
        try:
            await self._compare()
        finally:
            self._looking = False

    async def _compare(self) -> None:
        version = self._state.ledger.version
        found: list[str] = []
        for account, venue in self._venues.items():
            try:
                told = await venue.positions()
            except Unavailable as error:
                self._log.warning("reconcile.unanswered", account=account, error=str(error))
                return
            found += differences(self._state.ledger, account, told, self._state.instruments)
        if self._state.open_orders() or self._state.ledger.version != version:
            return
        seen = (tuple(found), version)
        if not found or seen == self._last:
            self._inbox.put(Reconciled(self._clock.now(), tuple(found)))
        self._last = seen
