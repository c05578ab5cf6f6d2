"""Lists: what a venue answers when it is asked: orders, positions, margin, bookings, its time.

Each list may be behind, miss something, or not come at all.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.events import (
    AccountEvent,
    Booking,
    OrderNotFound,
    PositionReport,
    ShutOut,
)
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.errors import Unavailable
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.faults import Around
from rebalancer.simulation.virtual.hearing import booking_of
from rebalancer.simulation.virtual.weather import LAGS, MILLISECOND
from rebalancer.venues.accounts import History
from rebalancer.venues.bookings import translate
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.paper import holdings
from rebalancer.venues.past import Past

RESTS = 5 * SECOND  # ns that a venue names which bans, again and again
BOOKS_LATE = 3 * SECOND  # ns: most that bookings show late


class Lists:
    """Answers of the venue of one account.

    Args:
        account: Its name.
        exchange: The truth.
        around: Clock, faults, oracle.
        dice: Of its wire.
    """

    def __init__(self, account: str, exchange: Exchange, around: Around, dice: Dice) -> None:
        self.records: list[tuple[int, Record]] = []  # all that was booked and is listed, at its ns
        self.unlisted = False  # whether something was booked that is listed nowhere
        self._account, self._exchange = account, exchange
        self._around, self._dice = around, dice
        self._past = Past(self._rows, around.clock.now())
        self._cut = False  # whether the last list of positions missed a row
        self._short = False  # whether the last look at the past missed some

    def note(self, record: Record, *, lists: bool) -> None:
        """Note what was booked, and whether it is ever listed."""
        self._past.note(record.ts)
        if lists:
            self.records.append((record.ts, record))
        elif booking_of(record) is not None:
            self.unlisted = True

    def _strikes(self, fault: str) -> bool:
        return self._around.faults.strikes(fault, self._dice)

    def noticed(self) -> None:
        """Let the process learn of a ban, where there is one and it asked for the first time."""
        banned, now = self._around.faults.banned, self._around.clock.now()
        if banned.get(self._account) is False:
            told = ShutOut(now, self._account, "too many requests")
            banned[self._account] = self._around.hear(self._account, told)

    def asked(self, fault: str = "") -> None:
        """Note a question.

        Raises:
            KeyRefused: The key is not taken.
            Unavailable: It is not answered.
        """
        self._around.oracle.conduct.pace.asked(self._account, self._around.clock.now())
        self.noticed()
        if self._account in self._around.faults.banned:
            raise Unavailable(f"{self._account} answers us no more")
        if self._account in self._around.faults.barred:
            raise KeyRefused(f"{self._account}: the key is not taken")
        if fault and self._strikes(fault):
            raise Unavailable(f"{self._account} did not answer")

    def rests(self) -> int:
        """Return for how many ns it wants to be asked nothing, where the process heard of a ban."""
        return RESTS if self._around.faults.banned.get(self._account) else 0

    def time(self) -> int:
        """Return what the venue's clock shows, ms.

        Raises:
            Unavailable: It did not answer.
        """
        pace, now = self._around.oracle.conduct.pace, self._around.clock.now()
        pace.timed(self._account, now, told=False)
        self.asked("time_failed")
        return now // MILLISECOND

    def timed(self) -> None:
        """Note that what the venue's clock showed is here."""
        pace = self._around.oracle.conduct.pace
        pace.timed(self._account, self._around.clock.now(), told=True)

    def order(self, name: str, instrument: str) -> Sequence[AccountEvent]:
        """Return what the venue shows of an order; it may be behind.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._around.clock.now()
        self._around.oracle.queried(name)
        self.asked("query_failed")
        as_of = now - (self._dice.between(0, LAGS) if self._strikes("query_behind") else 0)
        booked = [each for each in self._exchange.query(self._account, name) if each.ts <= as_of]
        if not booked:
            rows = self._past.at(as_of)
            held = next((held for name, held, _ in rows if name == instrument), Decimal(0))
            return (OrderNotFound(now, now, name, held),)
        return tuple(event for each in booked if (event := translate(each, now)) is not None)

    def positions(self) -> Sequence[PositionReport]:
        """Return what the account holds; it may be behind, and does not say so.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._around.clock.now()
        self.asked("positions_failed")
        behind = self._strikes("positions_behind")
        rows = self._past.at(now - self._dice.between(0, LAGS)) if behind else self._rows()
        self._cut = bool(rows) and not self._cut and self._strikes("row_missing")
        if self._cut:
            missing = self._dice.pick(rows)
            rows = [each for each in rows if each is not missing]
        self._around.oracle.conduct.read(self._account)
        return [PositionReport(now, now, self._account, *row) for row in rows]

    def _rows(self) -> Sequence[tuple[str, Decimal, Decimal | None]]:
        """Return all that is held now, how much of it, and at what entry."""
        held = holdings(self._exchange, self._account)
        return [(name, quantity, self._entry(name)) for name, quantity in held]

    def _entry(self, name: str) -> Decimal | None:
        cash = name.partition(":")[2] in self._exchange.balances(self._account)
        return None if cash else self._exchange.position(self._account, name).entry

    def figures(self, asked: int) -> MarginTold:
        """Return how the account stands.

        Raises:
            Unavailable: It did not answer, or misses a price.
        """
        self.asked("margin_failed")
        standings = self._exchange.standings(self._account)
        if None in standings.values():
            raise Unavailable(f"{self._account} did not answer")
        pools = tuple(
            PoolFigures(
                currency=pool.currency,
                equity=told.equity,
                balance=told.balance,
                maintenance=told.maintenance,
                initial=told.initial,
                together=pool.together,
            )
            for pool, told in standings.items()
            if told is not None
        )
        positions = self._exchange.positions(self._account)
        held = [each.instrument for each in positions if each.quantity]
        legs = tuple(
            LegFigures(name, self._exchange.requirement(self._account, name))
            for name in held
            if self._exchange.contract(name).margined
        )
        return MarginTold(self._around.clock.now(), asked, self._account, pools, legs)

    def history(self, since: int) -> History:
        """Return the bookings since a time, ns; the youngest may not show yet.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._around.clock.now()
        self.asked("history_failed")
        until = now - (self._dice.between(0, BOOKS_LATE) if self._strikes("history_behind") else 0)
        told = [translate(each, now) for ts, each in self.records if since <= ts <= until]
        return self._told([each for each in told if isinstance(each, Booking)])

    def _told(self, told: Sequence[Booking]) -> History:
        """Return a look at the past, of which some may be missing.

        A list that ends, or begins, too early does not say so; where one kind is missing it does.
        """
        short = bool(told) and not self._short and self._strikes("history_cut")
        partly = bool(told) and not short and self._strikes("history_part")
        self._around.oracle.goals[goals.PART_TOLD] += short or partly
        if not partly:  # else it is asked for anew
            self._short = short
        if short:
            kept = self._dice.between(0, len(told) - 1)
            told = told[:kept] if self._dice.chance(0.5) else told[len(told) - kept :]
        if not partly:
            return History(told)
        kind = type(self._dice.pick(told))
        fault = Unavailable(f"{self._account} did not tell of each {kind.__name__}")
        return History([each for each in told if not isinstance(each, kind)], fault)
