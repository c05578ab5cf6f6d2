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
    I15  where nothing goes wrong, nothing rests for much longer than patience lasts
"""

from collections import Counter
from dataclasses import dataclass

from rebalancer.core.commands import Alert, Cancel, Purpose, Submit
from rebalancer.core.events import (
    Event,
    Index,
    OrderUnknown,
    Quote,
)
from rebalancer.core.ids import decode
from rebalancer.core.params import Params
from rebalancer.exchange import records
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.conduct import HALTING, Books, Conduct
from rebalancer.simulation.virtual.hearing import Hearing
from rebalancer.simulation.virtual.journal import Disk
from rebalancer.simulation.virtual.silence import Silence
from rebalancer.simulation.virtual.traced import Fate, Traced, subjects
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.storage import codec

CALM_GAP = 30 * SECOND  # ns outside the band where nothing goes wrong
WITHDRAWS = 12 * SECOND  # ns after patience in which what rests is gone: two tries to withdraw it


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
        weather: What goes wrong in the run.
    """

    def __init__(self, params: Params, disk: Disk, books: Books, weather: Weather) -> None:
        self.violations: list[Violation] = []
        self.goals: Counter[str] = Counter()
        self.story: list[tuple[int, str]] = []  # ns and words
        self.orders: dict[str, Traced] = {}
        late = bool(weather.rate("feed_late"))
        self.conduct, self.hearing = Conduct(params, books, self.accuse, rough=late), Hearing()
        self._calm = not weather.rates
        self.silence = Silence(CALM_GAP, excuses=False) if self._calm else Silence()
        self._params, self._disk = params, disk
        self.healed: int | None = 0 if self._calm else None  # ns since when nothing goes wrong
        self._began = 0  # ns at which the running process began
        self._epoch = 0
        self._stale = False  # whether something was too old to hedge by, and nothing left since

    def accuse(self, invariant: str, ts: int, text: str) -> None:
        """Note that something does not hold."""
        self.violations.append(Violation(invariant, ts, text))

    def note(self, ts: int, text: str) -> None:
        """Tell what happened, for whoever reads the story of a run."""
        self.story.append((ts, text))

    # --- what leaves ---

    def sent(self, order: Submit, ts: int) -> None:
        """Judge an order as it leaves, before it does."""
        name, blind = order.client_order_id, not self.hearing.whole(ts)
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
        if order.purpose is Purpose.HEDGE:
            self.goals[goals.STALE_BACK] += self._stale
            self._stale = False
        self._alone(order, ts)
        self.conduct.judge(order, ts, blind=blind)
        self.orders[name] = Traced(order, ts, blind)

    def _alone(self, order: Submit, ts: int) -> None:
        """Judge that nothing else of the underlying may still trade, or not to our harm.

        No hedge leaves beside any order that may. What is to protect may leave
        beside one that nobody heard of, as long as the two together only close;
        so may it beside none where somebody else's trade is yet to be told.
        """
        same = [
            (name, each)
            for name, each in self.orders.items()
            if each.order.underlying == order.underlying
        ]
        if order.purpose is not Purpose.HEDGE:
            self.goals[goals.PROTECTED] += 1
            there = [e for _, e in same if e.order.instrument == order.instrument]
            if not (self.hearing.surprised(order.instrument) and all(map(self.known, there))):
                self.conduct.together(order, (e.rest for e in there), ts)
            return
        for name, each in same:
            if each.live:
                self.accuse("I1", ts, f"{order.client_order_id} left while {name} is {each.fate}")
            elif not self.known(each):
                self.accuse("I1", ts, f"{order.client_order_id} left, and {name} is not proved")

    def known(self, each: Traced) -> bool:
        """Whether the end of an order was proved to the daemon, and all that it filled was told."""
        return each.known(self._params.orders)

    # --- what the process does and says ---

    def began(self, now: int = 0) -> None:
        """Note that a process begins: it knows what is on the disk, and has told nothing."""
        self._began, self._stale = now, False
        self.conduct.began(now)
        self.silence.began()
        kept = [each for each in self._disk.entries if each.kind == "event"]
        written = [(each.ts, codec.decode(each.payload)) for each in kept]
        self.hearing.begin(event for _, event in written)
        for traced in self.orders.values():
            traced.forget()
        for ts, event in written:
            self._answered(event, ts)

    def told(self, ts: int, alert: Alert) -> None:
        """Take down what a person is told."""
        self.note(ts, f"a person hears {alert.event}: {alert.text}")
        self.silence.hear(ts, alert)
        self.conduct.told(alert)
        if alert.event == "order.unproven":
            name = alert.text.split()[0]
            if name in self.orders and not self.orders[name].asked:
                self.accuse("I9", ts, f"{name} is unproven, and nobody asked the venue")
        if self._calm and alert.event in HALTING:
            self.accuse("I3", ts, f"{alert.event}, and nothing goes wrong: {alert.text}")
        if alert.event in goals.TOLD:
            self.goals[goals.TOLD[alert.event]] += 1

    def look(self, ts: int, *, stale: bool) -> None:
        """Judge what rests, while nothing goes wrong; `stale`: a hedge was refused for its age."""
        self._stale = self._stale or stale
        if self.healed is None:
            return
        for name, each in self.orders.items():
            most = self._params.underlyings[each.order.underlying].execution.patience + WITHDRAWS
            since = max(each.ts, self.healed, self._began)
            if each.rests and not each.accused and ts - since > most:
                each.accused = True
                self.accuse("I15", ts, f"{name} rests for {(ts - each.ts) // SECOND} s")

    def withdrawn(self, order: Cancel) -> None:
        """Note that an order is asked back."""
        traced = self.orders.get(order.client_order_id)
        if traced is not None and not traced.withdrawn:
            traced.withdrawn = True
            self.goals[goals.WITHDRAWN] += traced.rests
            self.goals[goals.PARTLY_WITHDRAWN] += traced.rests and bool(traced.filled)

    def queried(self, name: str) -> None:
        """Note that a venue was asked what became of an order."""
        if name in self.orders:
            self.orders[name].asked += 1

    def heard(self, event: Event, ts: int) -> None:
        """Note what reached the process at `ts`, true ns."""
        self.hearing.hear(event, ts)
        if isinstance(event, Quote | Index):
            self.conduct.words.hear(event, ts)
        self._answered(event, ts)
        if isinstance(event, OrderUnknown) and event.client_order_id in self.orders:
            self.note(ts, f"{event.client_order_id} is unknown: {event.reason}")
            self.orders[event.client_order_id].unknown = True

    def _answered(self, event: Event, ts: int) -> None:
        for name in subjects(event):
            if name in self.orders:
                self.orders[name].hear(event, ts)

    # --- what becomes of it ---

    def lost(self, name: str, *, limited: bool = False) -> None:
        """Note that a request never arrives; `limited`: there were too many."""
        self.orders[name].fate = Fate.LOST
        protects = self.orders[name].order.purpose is Purpose.PROTECT
        self.goals[goals.LIMITED_REDUCING] += protects and limited
        self.note(self.orders[name].ts, f"{name} never arrives")

    def booked(self, record: Record) -> None:
        """Note what an exchange booked."""
        traced = self.orders.get(getattr(record, "client_order_id", None) or "")
        if self.hearing.book(record) and traced is None:
            self.conduct.moved()
        match record:
            case records.Accepted() if traced is not None:
                traced.fate = Fate.OPEN
                self.goals[goals.RESTED] += traced.rests
            case records.Rejected() | records.Ended() if traced is not None:
                traced.fate = Fate.ENDED
            case records.Filled():
                at = f"{record.quantity:+} {record.instrument} at {record.price}"
                self.note(record.ts, f"{record.client_order_id} fills: {at}")
                self.goals[goals.MADE] += record.maker and traced is not None
                self.goals[goals.RACED] += traced is not None and traced.rests and traced.withdrawn
                if traced is not None:
                    self._filled(record, traced)
            case records.Liquidated() | records.AutoDeleveraged():
                cut = isinstance(record, records.AutoDeleveraged)
                self.goals[goals.CUT_MID_ORDER] += cut and any(e.live for e in self.orders.values())
                what = f"{record.quantity:+} {record.instrument}"
                self.note(record.ts, f"{type(record).__name__}: {what}")
            case _:
                pass
        if isinstance(record, records.Rejected):
            crossed = record.reason is records.RejectReason.POST_ONLY_WOULD_CROSS
            self.goals[goals.CROSSED] += crossed
        goal = goals.BOOKED.get(type(record))
        if goal is not None:
            self.goals[goal] += 1

    def _filled(self, fill: records.Filled, traced: Traced) -> None:
        traced.filled += fill.quantity
        part = abs(traced.filled) < abs(traced.order.quantity)
        self.goals[goals.PARTLY if part else goals.WHOLE] += 1
        self.conduct.filled(fill, judges=traced.grows_knowing, moved=self.hearing.moved(traced.ts))
