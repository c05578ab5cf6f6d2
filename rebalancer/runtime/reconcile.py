"""Reconciling: what the venues say is held against what the ledger says.

A difference counts only when two looks in a row find it and nothing moved in
between: a report taken while a fill was on its way proves nothing. Nor does
one that shows the account as the ledger had it a moment ago: a venue's report
may lag behind its fills, and two that lag behind fills of one size would
agree on a difference that there never was. One that is never the same and never
gone counts at the third look: each time the venue had been asked what it booked.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.decision import Decision
from rebalancer.core.events import AccountRead, Event, OrderUnknown, PositionReport, Reconciled
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.orders import Order
from rebalancer.core.state import State
from rebalancer.errors import Unavailable
from rebalancer.ports import ALL_TOLD, SECOND, Archives, Clock, Log, Venue
from rebalancer.runtime.inbox import Inbox
from rebalancer.settings.parameters import READING

EVERY = READING  # ns between two looks that proved something
AGAIN = 2 * SECOND  # ns after one that proved nothing: orders were open, or bookings on their way
SLOWLY = 15 * SECOND  # ns after one that found a difference, or no answer: bookings may take long
MOVING = 3  # looks in a row that find a difference on one side, each time another, until it counts
PATIENCE = 600 * SECOND  # ns without proof until somebody is told
BEHIND = 10 * SECOND  # ns that a report may be behind the fills that the venue told
# Of a cash balance, its currency; quantities must agree exactly. A venue tells figures that it
# has rounded, to 8 digits or to 6, and our ledger rounds nothing: so much for one look, and half
# a unit more for each amount that went into the balance.
COINS, DOLLARS = Decimal("1e-6"), Decimal("1e-4")
COIN_UNIT, DOLLAR_UNIT = Decimal("1e-8"), Decimal("1e-6")


def tolerance(currency: str, credits: int = 0) -> Decimal:
    """Return what a cash balance may differ by and still be the same.

    Args:
        currency: Of the balance.
        credits: Amounts of which it is the sum.

    >>> tolerance("BTC"), tolerance("USDC", 200)
    (Decimal('0.00000100'), Decimal('0.000200'))
    """
    base, unit = (DOLLARS, DOLLAR_UNIT) if currency in STABLE else (COINS, COIN_UNIT)
    return base + credits * unit / 2


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
        held, currency = ledger.position(account, name).quantity, name.partition(":")[2]
        own = ledger.balance(account, currency) if cash else held
        near = tolerance(currency, ledger.credits.get((account, currency), 0)) if cash else 0
        if abs(report.quantity - own) > near:
            gaps[name] = report.quantity - own
    named = {report.instrument for report in told}
    for (holder, name), position in ledger.positions.items():
        if holder == account and position.quantity and name not in named:
            gaps[name] = -position.quantity
    for (holder, currency), balance in ledger.cash.items():
        if holder != account or f"{account}:{currency}" in named:
            continue
        if abs(balance) > tolerance(currency, ledger.credits.get((account, currency), 0)):
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
        archives: Tell what was booked while nobody listened; before that a
            difference means nothing. One that is found has them asked again:
            what a venue writes down late it dates back.
    """

    def __init__(
        self,
        state: State,
        venues: Mapping[str, Venue],
        inbox: Inbox,
        clock: Clock,
        log: Log,
        archives: Archives = ALL_TOLD,
    ) -> None:
        self._state = state
        self._venues = venues
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._archives = archives
        self._looking = False
        self._again = False  # whether a look was asked for while one was still waiting
        self._silent: set[str] = set()  # accounts that did not answer the last time
        self._due = clock.now()  # ns of the next look that the schedule asks for
        self._doubted: set[str] = set()  # ids of orders whose outcome was unknown, until it is not
        self._last: dict[str, Decimal] = {}  # what the last look found: venue less ledger
        self._moving: dict[str, int] = {}  # looks in a row that found one on the same side
        self._proved = clock.now()  # ns of the last look that proved something, or was missed
        self._now = _copy(state.ledger)
        self._before: deque[tuple[int, Ledger]] = deque()  # the ledger, and until when it stood so

    def notice(self, event: Event, _decisions: Sequence[Decision]) -> None:
        """Remember for a while how the ledger stood, if the step just taken changed it.

        Once an outcome that nobody knew is known, it is time to look.
        """
        if isinstance(event, OrderUnknown):
            self._doubted.add(event.client_order_id)
        elif self._doubted:
            left = {each.submit.client_order_id for each in self._state.open_orders()}
            if self._doubted - left:
                self._doubted &= left
                self._due = self._clock.now()
        if self._state.ledger.version != self._now.version:
            self._before.append((self._clock.now(), self._now))
            self._now = _copy(self._state.ledger)
            self._forget()

    def _forget(self) -> None:
        while self._before and self._before[0][0] < self._clock.now() - BEHIND:
            self._before.popleft()

    @property
    def ready(self) -> bool:
        """Whether everything was told that was booked while nobody listened."""
        return self._archives.told()

    @property
    def due(self) -> bool:
        """Whether it is time to look again, and no look is still waiting."""
        return not self._looking and self._clock.now() >= self._due

    async def look(self) -> None:
        """Compare once; says nothing of the whole while an order is open or a venue is silent.

        What an open order may touch is left out, so that the rest is known all
        the same; a position that is off by more than such orders can explain is
        not. Nothing is compared before the bookings of the time when the daemon
        was down are told.

        Two looks at a time would see one passing difference twice, so a look
        that an earlier one is still waiting for is made when that is over.
        """
        if not self.ready:
            self._log.debug("reconcile.unanswered", error="what was booked is not told yet")
            return
        if self._looking:
            self._log.warning("reconcile.unanswered", error="the look before is still waiting")
            self._again = True
            return
        self._looking, self._again = True, False
        try:
            version, open_ = self._state.ledger.version, self._open()
            seen = [await self._read(*each) for each in self._venues.items()]
            wait = self._judge(seen, open_ | self._open(), version)
            self._due = self._clock.now() + (0 if self._again else wait)
        finally:
            self._looking = False

    async def _read(self, account: str, venue: Venue) -> "_Seen":
        """Read one account and compare it; what it did not answer, it did not say.

        A venue that takes no orders may be booking: what it shows then is not asked for.
        """
        asked = self._clock.now()
        if account in self._state.accounts.held:
            return _Seen(account, asked, None, {})
        try:
            told = await venue.positions()
        except Unavailable as error:
            say = self._log.debug if account in self._silent else self._log.warning
            say("reconcile.unanswered", account=account, error=str(error))
            self._silent.add(account)
            return _Seen(account, asked, None, {})
        self._silent.discard(account)
        self._forget()
        gaps = differences(self._state.ledger, account, told, self._state.instruments)
        return _Seen(account, asked, gaps, self._unexplained(gaps, account, told))

    def _judge(self, seen: Sequence["_Seen"], waiting: Mapping[str, Order], version: int) -> int:
        """Say what a look proved; return when to look again, ns from now."""
        if self._state.ledger.version != version:
            return self._miss(AGAIN)
        found: dict[str, Decimal] = {}
        busy = _busy(waiting.values(), self._state.instruments)
        reach = _reach(waiting.values())
        for each in seen:
            odd = {
                name: gap
                for name, gap in each.unexplained.items()
                if name not in busy or (name in reach and not _within(gap, reach[name]))
            }
            found |= odd
            if each.gaps is not None and not odd and each.gaps.keys() <= busy:
                self._inbox.put(AccountRead(self._clock.now(), each.asked, each.account))
        lasting = self._lasting(found, {each.account for each in seen if each.gaps is None})
        if lasting:
            lines = (f"{name}: venue less ledger is {gap}" for name, gap in lasting.items())
            return self._prove(tuple(lines))
        if found:
            self._archives.ask()
            return self._miss(SLOWLY)  # once is nothing; it may change with each look
        if any(each.gaps is None for each in seen):
            return self._miss(SLOWLY)
        if busy or any(each.gaps for each in seen):
            return self._miss(AGAIN)
        return self._prove(())

    def _lasting(self, found: Mapping[str, Decimal], silent: Set[str]) -> Mapping[str, Decimal]:
        """Return the differences that were there before, and remember all of them.

        Those of an account that is silent now stay as they were.
        """
        last = self._last
        kept = {name: gap for name, gap in last.items() if name.partition(":")[0] in silent}
        self._moving = {name: self._moving[name] for name in kept} | {
            name: self._moving.get(name, 0) + 1 if last.get(name, 0) * gap > 0 else 1
            for name, gap in found.items()
        }
        self._last = {**kept, **found}
        return {
            name: gap
            for name, gap in found.items()
            if last.get(name) == gap or self._moving[name] >= MOVING
        }

    def _open(self) -> dict[str, Order]:
        """Return the orders whose outcome is open, by client order id."""
        return {each.submit.client_order_id: each for each in self._state.open_orders()}

    def _prove(self, lines: tuple[str, ...]) -> int:
        self._proved = self._clock.now()
        self._inbox.put(Reconciled(self._clock.now(), lines))
        return EVERY

    def _unexplained(
        self, gaps: Mapping[str, Decimal], account: str, told: Sequence[PositionReport]
    ) -> dict[str, Decimal]:
        """Return the differences of which the ledger knew nothing a moment ago either."""
        left = dict(gaps)
        for _, ledger in self._before if left else ():
            then = differences(ledger, account, told, self._state.instruments)
            left = {name: gap for name, gap in left.items() if name in then}
        return left

    def _miss(self, again: int) -> int:
        """Tell somebody when nothing was proved for long; return when to look again."""
        now = self._clock.now()
        if now - self._proved >= PATIENCE:
            self._proved = now
            missed = f"nothing proved for {PATIENCE // SECOND} s: orders, bookings, moving gaps"
            self._log.warning("reconcile.unanswered", error=missed)
        return again


@dataclass(frozen=True, slots=True)
class _Seen:
    """One account, read once."""

    account: str
    asked: int  # ns, when the reading began
    gaps: Mapping[str, Decimal] | None  # venue less ledger, by id; None: it did not answer
    unexplained: Mapping[str, Decimal]  # of which the ledger knew nothing a moment ago either


def _busy(waiting: Iterable[Order], known: Mapping[str, Instrument]) -> Set[str]:
    """Return the holdings that orders whose outcome is open may touch, by id."""
    names: set[str] = set()
    for order in waiting:
        account, name = order.submit.account, order.submit.instrument
        traded = known[name]
        names |= {name, *(f"{account}:{each}" for each in (traded.settle, traded.underlying))}
    return names


def _reach(waiting: Iterable[Order]) -> Mapping[str, tuple[Decimal, Decimal]]:
    """Return by how much orders whose outcome is open may move each position, least and most.

    What lies beyond is none of them: somebody else traded, and that must not wait
    until they are proved.
    """
    reach: dict[str, tuple[Decimal, Decimal]] = {}
    for order in waiting:
        low, high = reach.get(order.submit.instrument, (Decimal(0), Decimal(0)))
        rest = order.submit.quantity - order.filled
        none = Decimal(0)
        reach[order.submit.instrument] = (low + min(rest, none), high + max(rest, none))
    return reach


def _within(gap: Decimal, reach: tuple[Decimal, Decimal]) -> bool:
    return reach[0] <= gap <= reach[1]


def _copy(ledger: Ledger) -> Ledger:
    """Return what a ledger holds as it stands."""
    return Ledger(
        dict(ledger.positions), dict(ledger.cash), dict(ledger.credits), version=ledger.version
    )
