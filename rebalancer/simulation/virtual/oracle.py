"""The oracle: what must hold, judged by the exchanges' own books and by what was said on the wire.

It knows what every request became, which proofs of it reached the process that
asked, and what each account holds. It never asks the daemon what it believes:
only at the very end are its books laid beside the exchanges'.

    I1   no hedge leaves while an earlier one of its underlying may still trade
    I2   no order beyond its limit; what grew by one is within position and leverage, and sound
    I3   once all is well, net delta is back in its band, and stays there
    I4   an order's intent is on the disk before it leaves, and its id is new
    I5   no order rests on a market word that is too old, or on an account that nobody read
    I6   nothing leaves after a kill, no hedge after a halt that was told or while a person paused
    I7   at the end the ledger is the venues' books, to the last unit
    I8   so is what the next start would make of the disk, every time that it is read
    I9   every end of an order that the daemon knows was proved to it
    I10  a hedge makes net delta smaller and none goes back on the last; to protect only closes
    I11  no start sends after a later one did
    I12  a venue is not asked more often than it answers
    I13  no process dies of anything but its disk or its clock, nor has ever more tasks
    I14  of net delta outside its band a person hears within a minute, and why
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.commands import Alert, Purpose, Submit
from rebalancer.core.events import (
    Adopted,
    Booking,
    Event,
    Fill,
    Index,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Quote,
)
from rebalancer.core.ids import decode
from rebalancer.core.params import Params
from rebalancer.exchange import records
from rebalancer.exchange.records import Record
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.conduct import Books, Conduct
from rebalancer.simulation.virtual.journal import Disk
from rebalancer.simulation.virtual.silence import Silence


class Fate(StrEnum):
    """What became of a request, in truth."""

    ON_ITS_WAY = "on its way"
    LOST = "lost"  # it never arrived, and never will
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True)
class Traced:
    """One order, as the wire and the exchange saw it."""

    order: Submit
    ts: int  # ns, when it left
    fate: Fate = Fate.ON_ITS_WAY
    filled: Decimal = Decimal(0)
    told: dict[str, Decimal] = field(default_factory=dict)  # trade id → what of it was heard of
    denied: list[int] = field(default_factory=list)  # ns: answers that it does not exist
    proved: bool = False  # whether its end was told
    ended: Decimal | None = None  # what it filled, as its end was told
    asked: int = 0  # times that the venue was asked what became of it
    unknown: bool = False  # whether its outcome ever was
    blind: bool = False  # whether something was booked that the process did not know, when it left

    @property
    def heard(self) -> Decimal:
        """What of its fills was heard of, contracts, >= 0."""
        return abs(sum(self.told.values(), Decimal(0)))

    @property
    def grows_knowing(self) -> bool:
        """Whether it is a hedge of a process that knew all that was booked."""
        return self.order.purpose is Purpose.HEDGE and not self.blind


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    invariant: str
    ts: int  # ns
    text: str


class Oracle:
    """Watches one run.

    Args:
        params: Limits of the book.
        disk: Of its journal.
        books: Of the exchanges.
    """

    def __init__(self, params: Params, disk: Disk, books: Books) -> None:
        self.violations: list[Violation] = []
        self.goals: Counter[str] = Counter()
        self.story: list[tuple[int, str]] = []  # ns and words
        self.orders: dict[str, Traced] = {}
        self.conduct, self.silence = Conduct(params, books, self.accuse), Silence()
        self.adopted: dict[str, int] = {}  # account → as of when it was adopted last, ns
        self.unheard: dict[str, None] = {}  # bookings that the process does not know yet
        self._params, self._disk = params, disk
        self._epoch = 0

    def accuse(self, invariant: str, ts: int, text: str) -> None:
        """Note that something does not hold."""
        self.violations.append(Violation(invariant, ts, text))

    def note(self, ts: int, text: str) -> None:
        """Tell what happened, for whoever reads the story of a run."""
        self.story.append((ts, text))

    # --- what leaves ---

    def sent(self, order: Submit, ts: int) -> None:
        """Judge an order as it leaves, before it does."""
        name = order.client_order_id
        what = f"{order.purpose} {order.quantity:+} {order.instrument} at {order.price}"
        self.note(ts, f"{name} leaves: {what}")
        if name in self.orders:
            self.accuse("I4", ts, f"{name} left twice")
        if name not in self._disk.intents:
            self.accuse("I4", ts, f"{name} left before its intent was on the disk")
        parts = decode(name)
        if parts is None or parts.epoch < self._epoch:
            self.accuse("I11", ts, f"{name} is of a start before {self._epoch}")
        else:
            self._epoch = parts.epoch
        self._alone(order, ts)
        self.conduct.judge(order, ts, blind=bool(self.unheard))
        self.orders[name] = Traced(order, ts, blind=bool(self.unheard))

    def _alone(self, order: Submit, ts: int) -> None:
        """Judge that no earlier hedge of the underlying may still trade, nor is unproved."""
        if order.purpose is not Purpose.HEDGE:
            self.goals[goals.PROTECTED] += 1
            return
        for name, each in self.orders.items():
            told = each.order
            if told.underlying != order.underlying or told.purpose is not Purpose.HEDGE:
                continue
            if each.fate in (Fate.ON_ITS_WAY, Fate.OPEN):
                self.accuse("I1", ts, f"{order.client_order_id} left while {name} is {each.fate}")
            elif not self.known(each):
                self.accuse("I1", ts, f"{order.client_order_id} left, and {name} is not proved")

    def known(self, each: Traced) -> bool:
        """Whether the end of an order was proved to the daemon, and all that it filled was told."""
        if each.ended is not None and each.heard < abs(each.ended):
            return False
        orders = self._params.orders
        patient = [at for at in each.denied if at >= each.ts + orders.absent_after]
        return each.proved or (bool(patient) and len(each.denied) >= orders.absent_answers)

    # --- what the process does and says ---

    def began(self) -> None:
        """Note that a process begins: it has read nothing, and told nothing."""
        self.conduct.began()
        self.silence.began()

    def told(self, ts: int, alert: Alert) -> None:
        """Take down what a person is told."""
        self.note(ts, f"a person hears {alert.event}: {alert.text}")
        self.silence.hear(ts, alert)
        self.conduct.told(alert)
        if alert.event == "order.unproven":
            self._unproven(ts, alert.text.split()[0])
        if alert.event in goals.TOLD:
            self.goals[goals.TOLD[alert.event]] += 1

    def queried(self, name: str) -> None:
        """Note that a venue was asked what became of an order."""
        if name in self.orders:
            self.orders[name].asked += 1

    def _unproven(self, ts: int, name: str) -> None:
        """Judge that nobody is woken for an order that the venue was never asked after."""
        traced = self.orders.get(name)
        if traced is not None and not traced.asked:
            self.accuse("I9", ts, f"{name} is unproven, and nobody asked the venue")

    # --- what becomes of it ---

    def lost(self, name: str) -> None:
        """Note that a request never arrives."""
        self.orders[name].fate = Fate.LOST
        self.note(self.orders[name].ts, f"{name} never arrives")

    def booked(self, record: Record) -> None:
        """Note what an exchange booked."""
        name = getattr(record, "client_order_id", None)
        traced = self.orders.get(name or "")
        match record:
            case records.Accepted() if traced is not None:
                traced.fate = Fate.OPEN
            case records.Rejected() | records.Ended() if traced is not None:
                traced.fate = Fate.ENDED
            case records.Filled():
                if traced is not None:
                    traced.filled += record.quantity
                    whole = abs(traced.filled) >= abs(traced.order.quantity)
                    self.goals[goals.WHOLE if whole else goals.PARTLY] += 1
                at = f"{record.quantity:+} {record.instrument} at {record.price}"
                self.note(record.ts, f"{record.client_order_id} fills: {at}")
                if (
                    traced is not None
                    and traced.order.purpose is Purpose.HEDGE
                    and not traced.blind
                ):
                    self.conduct.filled(record, traced.order)
            case records.Liquidated() | records.AutoDeleveraged():
                liquidated = isinstance(record, records.Liquidated)
                self.goals[goals.LIQUIDATED if liquidated else goals.DELEVERAGED] += 1
                self.note(
                    record.ts, f"{type(record).__name__}: {record.quantity:+} {record.instrument}"
                )
            case records.ContractDelivered():
                self.goals[goals.DELIVERED] += 1
            case records.FundingBooked():
                self.goals[goals.FUNDING] += 1
            case records.SessionSettled():
                self.goals[goals.SETTLED] += 1
            case _:
                pass
        key = booking_of(record)
        if key is not None:
            self.unheard[key] = None
            if traced is None:
                self.conduct.moved()

    def heard(self, event: Event, ts: int) -> None:
        """Note what reached the process at `ts`, true ns."""
        if isinstance(event, Booking):
            self.unheard.pop(booking_of(event) or "", None)
        if isinstance(event, Adopted):
            self.adopted[event.account] = event.ts_venue or ts
        elif isinstance(event, Quote | Index):
            self.conduct.words.hear(event)
        elif isinstance(event, OrderEvent | Fill):
            traced = self.orders.get(event.client_order_id or "")
            if traced is not None:
                self._answered(traced, event, ts)

    def _answered(self, traced: Traced, event: OrderEvent | Fill, ts: int) -> None:
        """Note what reached the process about an order."""
        match event:
            case OrderRejected() | OrderEnded():
                traced.proved = True
                traced.ended = event.filled if isinstance(event, OrderEnded) else None
            case Fill():
                traced.told[event.trade_id] = event.quantity
                if traced.heard >= abs(traced.order.quantity):
                    traced.proved = True  # a whole fill is an end
            case OrderNotFound():
                traced.denied.append(ts)
            case OrderUnknown():
                self.note(ts, f"{event.client_order_id} is unknown: {event.reason}")
                traced.unknown = True
            case _:
                pass


def booking_of(record: object) -> str | None:
    """Return the venue's own name of a booking; None for what is none."""
    for name in NAMES:
        told = getattr(record, name, None)
        if told is not None:
            return str(told)
    return None


NAMES = ("trade_id", "payment_id", "settlement_id", "delivery_id", "cash_id")


def apart(ledger: Mapping[str, Decimal], truth: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return where two books differ, first less second, by what is held."""
    names = dict.fromkeys((*ledger, *truth))
    gaps = {name: ledger.get(name, Decimal(0)) - truth.get(name, Decimal(0)) for name in names}
    return {name: gap for name, gap in gaps.items() if gap}
