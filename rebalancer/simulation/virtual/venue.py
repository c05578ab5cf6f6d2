"""Venues of a simulated run: the exchange model behind a wire on which things go wrong.

A `Wire` is one account's way to its exchange and outlives the process that
uses it: what is on its way when a process dies still arrives. A `VirtualVenue`
is the end of it that one process holds.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.commands import Cancel, Query, Submit
from rebalancer.core.events import (
    AccountEvent,
    Booking,
    Event,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    PositionReport,
)
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.errors import Unavailable
from rebalancer.exchange import orders as requests
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND, Clock
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.weather import ARRIVES, LAGS, MILLISECOND, Weather
from rebalancer.venues.accounts import History
from rebalancer.venues.bookings import translate
from rebalancer.venues.paper import holdings
from rebalancer.venues.past import Past

NEAR, FAR = 5 * MILLISECOND, 60 * MILLISECOND  # ns: a request or an answer that is not late
SLOW = (SECOND, 30 * SECOND)  # ns of a slow answer
BOOKS_LATE = 3 * SECOND  # ns: most that bookings show late

Hear = Callable[[str, Event], None]


@dataclass(slots=True)
class Faults:
    """What goes wrong now; off in the second half of a run."""

    weather: Weather
    on: bool = True
    dead: set[str] = field(default_factory=set)  # accounts whose stream says nothing
    shut: set[str] = field(default_factory=set)  # accounts that take no orders

    def strikes(self, fault: str, dice: Dice) -> bool:
        """Whether a fault strikes on this occasion."""
        return self.on and dice.chance(self.weather.rate(fault))

    def close(self, account: str, duration: int, clock: Clock) -> None:
        """Let an account's venue take no orders for a while, ns, and not say so."""
        self.shut.add(account)
        clock.call_at(clock.now() + duration, lambda: self.shut.discard(account))


@dataclass(frozen=True, slots=True)
class Around:
    """What all wires share."""

    clock: Clock
    faults: Faults
    oracle: Oracle
    hear: Hear  # takes what a stream carries, to whichever process lives


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
        self._past = Past(lambda: holdings(exchange, account), around.clock.now())
        self.records: list[tuple[int, Record]] = []
        self._carried = 0  # ns when the stream's last event comes

    def strikes(self, fault: str) -> bool:
        """Whether a fault strikes on this occasion."""
        return self._faults.strikes(fault, self._dice)

    def near(self) -> int:
        """Return how long a request or an answer takes, ns."""
        return self._dice.between(NEAR, FAR)

    # --- orders ---

    def send(self, order: Submit, answer: Callable[[OrderEvent], None]) -> None:
        """Carry an order; `answer` may be called late, or never."""
        name, now = order.client_order_id, self._clock.now()
        drawn = {each: self.strikes(each) for each in _OF_ORDERS}
        self._around.oracle.sent(order, now)

        def reply(event: OrderEvent, after: int) -> None:
            at = self._clock.now() + after
            self._clock.call_at(at, lambda: answer(_at(event, self._clock.now())))

        if drawn["limited"] or drawn["rejected"] or self.account in self._faults.shut:
            self._around.oracle.lost(name)
            reply(OrderRejected(now, now, name, "the venue is busy"), self.near())
            return
        if drawn["request_lost"] or drawn["error_before"]:
            self._around.oracle.lost(name)
            if drawn["error_before"]:
                reply(OrderUnknown(now, None, name, "the gate failed"), self.near())
            return
        travels = self._dice.between(FAR, ARRIVES) if drawn["late_arrival"] else self.near()
        self._clock.call_at(now + travels, lambda: self._arrive(order, drawn, reply))

    def _arrive(
        self, order: Submit, drawn: dict[str, bool], reply: Callable[[OrderEvent, int], None]
    ) -> None:
        now, name = self._clock.now(), order.client_order_id
        asked = requests.Order(
            client_order_id=name,
            account=self.account,
            instrument=order.instrument,
            quantity=order.quantity,
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
            return
        if drawn["error_after"]:
            reply(OrderUnknown(now, None, name, "the gate failed"), self.near())
        else:
            reply(event, self._dice.between(*SLOW) if drawn["slow_answer"] else self.near())

    def withdraw(self, order: Cancel) -> None:
        """Carry a cancellation."""
        if self.strikes("request_lost"):
            return
        now, name = self._clock.now() + self.near(), order.client_order_id

        def arrive() -> None:
            self.book(self.exchange.cancel(self._clock.now(), self.account, name))

        self._clock.call_at(now, arrive)

    # --- what the exchange booked ---

    def book(self, records: Sequence[Record], *, tells: bool = True) -> None:
        """Note what the exchange booked, and let the stream carry it."""
        for record in records:
            if getattr(record, "account", None) != self.account:
                continue
            self.records.append((record.ts, record))
            self._past.note(record.ts)
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

    # --- what is asked ---

    def order(self, name: str, instrument: str) -> Sequence[AccountEvent]:
        """Return what the venue shows of an order; it may be behind.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._clock.now()
        if self.strikes("query_failed"):
            raise Unavailable(f"{self.account} did not answer")
        as_of = now - (self._dice.between(0, LAGS) if self.strikes("query_behind") else 0)
        booked = [each for each in self.exchange.query(self.account, name) if each.ts <= as_of]
        if not booked:
            held = dict(self._past.at(as_of)).get(instrument, Decimal(0))
            return (OrderNotFound(now, None, name, held),)
        return tuple(event for each in booked if (event := translate(each, now)) is not None)

    def positions(self) -> Sequence[PositionReport]:
        """Return what the account holds; it may be behind, and does not say so.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._clock.now()
        if self.strikes("positions_failed"):
            raise Unavailable(f"{self.account} did not answer")
        behind = self.strikes("positions_behind")
        rows = (
            self._past.at(now - self._dice.between(0, LAGS))
            if behind
            else holdings(self.exchange, self.account)
        )
        return [PositionReport(now, now, self.account, *row, self._entry(row[0])) for row in rows]

    def _entry(self, name: str) -> Decimal | None:
        cash = name.partition(":")[2] in self.exchange.balances(self.account)
        return None if cash else self.exchange.position(self.account, name).entry

    def figures(self, asked: int) -> MarginTold:
        """Return how the account stands.

        Raises:
            Unavailable: It did not answer, or misses a price.
        """
        standings = self.exchange.standings(self.account)
        if self.strikes("margin_failed") or None in standings.values():
            raise Unavailable(f"{self.account} did not answer")
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
        held = [each.instrument for each in self.exchange.positions(self.account) if each.quantity]
        legs = tuple(
            LegFigures(name, self.exchange.requirement(self.account, name))
            for name in held
            if self.exchange.contract(name).margined
        )
        return MarginTold(self._clock.now(), asked, self.account, pools, legs)

    def history(self, since: int) -> History:
        """Return the bookings since a time, ns; the youngest may not show yet.

        Raises:
            Unavailable: It did not answer.
        """
        now = self._clock.now()
        if self.strikes("history_failed"):
            raise Unavailable(f"{self.account} did not answer")
        until = now - (self._dice.between(0, BOOKS_LATE) if self.strikes("history_behind") else 0)
        told = [translate(each, now) for ts, each in self.records if since <= ts <= until]
        return History([each for each in told if isinstance(each, Booking)])


_OF_ORDERS = (
    *("request_lost", "answer_lost", "error_before", "error_after"),
    *("limited", "rejected", "slow_answer", "late_arrival"),
)


def _at(event: OrderEvent, ts: int) -> OrderEvent:
    return replace(event, ts_local=ts)


class VirtualVenue:
    """A `ports.Venue`: one process's end of a wire.

    Args:
        wire: The account's.
        lives: Whether the process still lives.
    """

    def __init__(self, wire: Wire, clock: Clock, lives: Callable[[], bool]) -> None:
        self.account = wire.account
        self._wire, self._clock, self._lives = wire, clock, lives

    async def submit(self, order: Submit) -> OrderEvent:
        """Send once, never again; return what came back, if anything does."""
        answered = asyncio.get_running_loop().create_future()

        def answer(event: OrderEvent) -> None:
            if not answered.done():
                answered.set_result(event)

        if self._lives():
            self._wire.send(order, answer)
        event: OrderEvent = await answered
        return event

    async def cancel(self, order: Cancel) -> None:
        """Ask to withdraw an order."""
        if self._lives():
            self._wire.withdraw(order)
        await self._clock.sleep(self._wire.near())

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue shows of an order."""
        await self._clock.sleep(self._wire.near())
        told = self._wire.order(order.client_order_id, order.instrument)
        await self._clock.sleep(self._wire.near())
        return told

    async def positions(self) -> Sequence[PositionReport]:
        """Return what the account holds."""
        await self._clock.sleep(self._wire.near())
        told = self._wire.positions()
        await self._clock.sleep(self._wire.near())
        return told

    async def margin(self) -> MarginTold:
        """Return how the account stands."""
        asked = self._clock.now()
        await self._clock.sleep(self._wire.near())
        return self._wire.figures(asked)

    async def history(self, since: int, *, whole: bool = True) -> History:  # noqa: ARG002
        """Return the bookings since a time, ns."""
        await self._clock.sleep(self._wire.near())
        return self._wire.history(since)
