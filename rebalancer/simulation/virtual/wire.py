"""Wires of a simulated run: the way of an account to the exchange model, on which things go wrong.

A `Wire` outlives the process that uses it: what is on its way when a process
dies still arrives.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from rebalancer.core.commands import Cancel, Submit
from rebalancer.core.events import (
    OrderEvent,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.exchange import orders as requests
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.faults import Around
from rebalancer.simulation.virtual.lists import Lists
from rebalancer.simulation.virtual.weather import ARRIVES, MILLISECOND
from rebalancer.venues.bookings import translate

NEAR, FAR = 5 * MILLISECOND, 60 * MILLISECOND  # ns: a request or an answer that is not late
SLOW = (SECOND, 30 * SECOND)  # ns of a slow answer
LINGERS = 5 * SECOND  # ns: most that an answer to a reading takes; beyond it there is none
CANCELS = 3 * SECOND  # ns: most that a cancellation travels
CLOSES = 40 * SECOND  # ns after which a connection ends on which no answer comes
BOOKS_LATE = 3 * SECOND  # ns: most that bookings show late
REPEATED = 5  # bookings that a stream tells again when it is back


class Wire:
    """The way of one account to its exchange.

    Args:
        account: Its name.
        exchange: The truth.
        around: Clock, faults, oracle, and who listens.
        dice: Of this wire.
    """

    def __init__(self, account: str, exchange: Exchange, around: Around, dice: Dice) -> None:
        self.account, self.exchange = account, exchange
        self._around, self._dice = around, dice
        self._clock, self._faults = around.clock, around.faults
        self.lists = Lists(account, exchange, around, dice)
        self._carried = 0  # ns when the stream's last event comes

    def strikes(self, fault: str) -> bool:
        """Whether a fault strikes on this occasion."""
        return self._faults.strikes(fault, self._dice)

    def near(self) -> int:
        """Return how long a request or an answer takes, ns."""
        return self._dice.between(NEAR, FAR)

    def lingers(self) -> int:
        """Return for how long an answer to a reading is held up, ns: not at all, or for seconds."""
        return self._dice.between(SECOND, LINGERS) if self.strikes("list_slow") else 0

    # --- orders ---

    def send(self, order: Submit, answer: Callable[[OrderEvent], None]) -> None:
        """Carry an order; `answer` may be called late, or never."""
        name, now = order.client_order_id, self._clock.now()
        drawn = {each: self.strikes(each) for each in _OF_ORDERS}
        self._around.oracle.sent(order, now)

        def reply(event: OrderEvent, after: int) -> None:
            at = self._clock.now() + after
            self._clock.call_at(at, lambda: answer(_at(event, self._clock.now())))

        refused = self._faults.refuses(self.account, order.instrument)
        if drawn["limited"] or drawn["rejected"] or refused:
            self._around.oracle.lost(name, limited=drawn["limited"])
            self.lists.noticed()
            reply(OrderRejected(now, now, name, "the venue is busy"), self.near())
            return
        if drawn["request_lost"] or drawn["error_before"]:
            self._around.oracle.lost(name)
            failed = drawn["error_before"]
            why = "the gate failed" if failed else "the connection was closed"
            reply(OrderUnknown(now, None, name, why), self.near() if failed else CLOSES)
            return
        travels = self._dice.between(FAR, ARRIVES) if drawn["late_arrival"] else self.near()
        self._clock.call_at(now + travels, lambda: self._arrive(order, drawn, reply))

    def _arrive(
        self, order: Submit, drawn: dict[str, bool], reply: Callable[[OrderEvent, int], None]
    ) -> None:
        now, name = self._clock.now(), order.client_order_id
        more = self.exchange.contract(order.instrument).lot if drawn["overfilled"] else Decimal(0)
        asked = requests.Order(
            client_order_id=name,
            account=self.account,
            instrument=order.instrument,
            quantity=order.quantity + (30 * more).copy_sign(order.quantity),
            price=order.price,
            time_in_force=requests.TimeInForce(order.time_in_force.value),
            reduce_only=order.reduce_only,
        )
        self.book(self.exchange.judge(now))
        first, *rest = self.exchange.submit(now, asked)
        self.book((first,), tells=False)
        self.book(rest)
        event = translate(first, now)
        assert isinstance(event, OrderEvent)
        if drawn["answer_lost"]:
            reply(OrderUnknown(now, None, name, "the connection was closed"), CLOSES)
        elif drawn["error_after"]:
            reply(OrderUnknown(now, None, name, "the gate failed"), self.near())
        else:
            reply(event, self._dice.between(*SLOW) if drawn["slow_answer"] else self.near())

    def withdraw(self, order: Cancel) -> None:
        """Carry a cancellation.

        Raises:
            Unavailable: The key is not taken.
        """
        self.lists.asked()
        self._around.oracle.withdrawn(order)
        if self.strikes("request_lost"):
            return
        travels = self._dice.between(FAR, CANCELS) if self.strikes("cancel_late") else self.near()
        now, name = self._clock.now() + travels, order.client_order_id

        def arrive() -> None:
            self.book(self.exchange.cancel(self._clock.now(), self.account, name))

        self._clock.call_at(now, arrive)

    # --- what the exchange booked ---

    def book(self, records: Sequence[Record], *, tells: bool = True, lists: bool = True) -> None:
        """Note what the exchange booked, and let the stream carry it and the lists show it."""
        for record in records:
            if getattr(record, "account", None) != self.account:
                continue
            self.lists.note(record, lists=lists)
            self._around.oracle.booked(record)
            if tells:
                self._carry(record)

    def _carry(self, record: Record) -> None:
        if self.account in self._faults.dead or self.strikes("event_lost"):
            return
        at = max(self._clock.now() + self.near(), self._carried)
        self._carried = at
        if self.strikes("event_late"):
            at += self._dice.between(0, 3 * SECOND)
        times = [at]
        if self.strikes("event_twice"):
            times.append(at + self._dice.between(0, 2 * SECOND))
        for each in times:
            self._clock.call_at(each, lambda: self._tell(record))

    def _tell(self, record: Record) -> None:
        event = translate(record, self._clock.now())
        if event is not None:
            self._around.hear(self.account, event)

    def repeat(self) -> None:
        """Let the stream tell its youngest bookings again, as one does that is opened anew."""
        for _, record in self.lists.records[-REPEATED:]:
            self._carry(record)


_OF_ORDERS = (
    *("request_lost", "answer_lost", "error_before", "error_after"),
    *("limited", "rejected", "slow_answer", "late_arrival", "overfilled"),
)


def _at(event: OrderEvent, ts: int) -> OrderEvent:
    return replace(event, ts_local=ts)
