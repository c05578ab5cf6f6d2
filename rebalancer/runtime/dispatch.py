"""Dispatch: the only way from a command to a venue.

The last check is synchronous and stands right before the venue's `submit`:
nothing is awaited between the two. A deadline that passes without an answer
makes the outcome unknown; it does not end the request, and an answer that
comes after all is still an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.commands import Alert, Cancel, Command, Purpose, Query, Submit
from rebalancer.core.events import OrderEvent, OrderRejected, OrderUnknown
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import Params
from rebalancer.core.state import State
from rebalancer.ports import (
    UNMEASURED,
    UNPULLED,
    AlertSink,
    Brake,
    Clock,
    Log,
    Meter,
    Tasks,
    Venue,
)
from rebalancer.runtime.inbox import Inbox

_OPEN = (TradingState.ACTIVE, TradingState.REDUCING)  # states in which a hedge may leave


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Carries commands out.

    `closed` is a one-element list so that a fault elsewhere (a dead journal)
    can shut the way at once: True means that nothing leaves any more. `brake` is
    what somebody outside the process can pull.
    """

    state: State
    params: Params
    venues: Mapping[str, Venue]  # by account
    inbox: Inbox
    clock: Clock
    tasks: Tasks
    alerts: AlertSink
    log: Log
    closed: list[bool]
    meter: Meter = UNMEASURED  # what measures how long orders take
    brake: Brake = UNPULLED

    def carry_out(self, command: Command) -> None:
        """Start what a command asks for; its outcome arrives in the inbox."""
        match command:
            case Submit():
                self.tasks.spawn(f"submit {command.client_order_id}", self._submit(command))
            case Cancel():
                self.tasks.spawn(f"cancel {command.client_order_id}", self._cancel(command))
            case Query():
                self.tasks.spawn(f"query {command.client_order_id}", self._query(command))
            case Alert():
                self.alerts.send(command)

    def shut(self) -> None:
        """Let no order leave any more."""
        self.closed[0] = True

    def barred(self, order: Submit) -> str | None:
        """Return why an order must not leave after all, or None.

        Asked right before a venue's `submit`, and by whoever had it wait after that.
        """
        age = self.clock.now() - order.decided_at
        mode = self.state.mode_of(order.underlying)
        if self.closed[0]:
            return "the way out is shut"
        if self.state.killed:
            return "killed"
        pulled = self.brake.pulled()
        if pulled is not None:
            return pulled
        protects = self._protects(order, mode)
        if mode not in _OPEN and not protects:
            return f"state is {mode}"
        if mode is TradingState.REDUCING and not protects and not self._closes(order):
            return f"state is {mode}, and it would grow a position"
        # A decision from the future is no younger: the clock was set back since.
        if abs(age) > self.params.orders.max_decision_age:
            return f"decision is {age // 1_000_000} ms old"
        return None

    def _protects(self, order: Submit, mode: TradingState) -> bool:
        """Whether an order only closes, to stay alive, and so may leave a book that is stopped."""
        closes = order.purpose is Purpose.PROTECT and order.reduce_only
        stopping = TradingState.DRAINING in (mode, self.state.standing.phase)
        return closes and not stopping and not self.state.sealed

    def _closes(self, order: Submit) -> bool:
        """Whether an order brings a position nearer to none, and not beyond."""
        held = self.state.ledger.position(order.account, order.instrument).quantity
        return order.quantity * held < 0 and abs(order.quantity) <= abs(held)

    async def _submit(self, order: Submit) -> None:
        answered = False

        def give_up() -> None:
            if not answered:
                seconds = self.params.orders.timeout / 1e9
                reason = f"no answer within {seconds:g} s"
                self.inbox.put(OrderUnknown(self.clock.now(), None, order.client_order_id, reason))

        barred = self.barred(order)
        if barred is not None:
            reason = f"not sent: {barred}"
            self.inbox.put(
                OrderRejected(self.clock.now(), None, order.client_order_id, reason, sent=False)
            )
            return
        deadline = self.clock.call_at(self.clock.now() + self.params.orders.timeout, give_up)
        answer: OrderEvent
        self.meter.leaves(order, self._middle(order.instrument))
        try:
            answer = await self.venues[order.account].submit(order)
        except Exception as error:  # noqa: BLE001 - whatever broke, the order may be live
            reason = _told(error)
            answer = OrderUnknown(self.clock.now(), None, order.client_order_id, reason)
        else:
            self.meter.answered(answer)
        finally:
            answered = True
            deadline.cancel()
        self.inbox.put(answer)

    def _middle(self, instrument: str) -> Decimal | None:
        """Return the price between bid and ask; None where one of them is not told."""
        quote = self.state.markets.quotes.get(instrument)
        if quote is None or quote.bid is None or quote.ask is None:
            return None
        return (quote.bid + quote.ask) / 2

    async def _cancel(self, order: Cancel) -> None:
        try:
            await self.venues[order.account].cancel(order)
        except Exception as error:  # noqa: BLE001 - whatever broke, the book must be hedged on
            self.log.warning(
                "order.cancel_failed", client_order_id=order.client_order_id, error=_told(error)
            )

    async def _query(self, order: Query) -> None:
        try:
            answers = await self.venues[order.account].query(order)
        except Exception as error:  # noqa: BLE001 - whatever broke, the outcome stays unknown
            self.log.warning(
                "order.query_failed", client_order_id=order.client_order_id, error=_told(error)
            )
            return
        for event in answers:
            self.inbox.put(event)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
