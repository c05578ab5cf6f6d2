"""Whatever a venue tells, however often and in whatever order, an order adds up."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rebalancer.core import orders
from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.orders import TERMINAL, Order, OrderState
from rebalancer.core.state import State
from tests.scenarios.desk import INSTRUMENTS, LINEAR, PARAMS, SECOND, START

D = Decimal


def intention(name="rb1", quantity="-10"):
    return Submit(
        name,
        "binanceusdm",
        LINEAR,
        D(quantity),
        D(99_000),
        TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=START,
    )


def fill(trade, quantity, name="rb1"):
    return Fill(
        START, START, "binanceusdm", LINEAR, trade, name, D(quantity), D(100_000), D(1), "USDT"
    )


def ended(how, filled):
    return OrderEnded(START, START, "rb1", how, D(filled))


ACCEPTED = OrderAccepted(START, START, "rb1", "v1")
REJECTED = OrderRejected(START, START, "rb1", "no")
UNKNOWN = OrderUnknown(START, None, "rb1", "timeout")
NOT_FOUND = OrderNotFound(START, None, "rb1")


def played(events):
    """Return a state that sent one order and then heard the events."""
    state = State(INSTRUMENTS, PARAMS, START)
    state.intend(intention(), 1.0)
    alerts = [alert for event in events for alert in state.apply(event)]
    return state, alerts


STORIES = [
    # whole, by two fills
    ([ACCEPTED, fill("a", -4), fill("b", -6), ended(Ending.FILLED, -10)], "filled", -10),
    # cut short, with noise
    ([ACCEPTED, UNKNOWN, NOT_FOUND, fill("a", -4), ended(Ending.EXPIRED, -4)], "expired", -4),
    # doubled
    (
        [fill("a", -4), fill("a", -4), ended(Ending.CANCELED, -7), fill("b", -3), ACCEPTED],
        "canceled",
        -7,
    ),
    (
        [UNKNOWN, ACCEPTED, fill("a", -4), fill("b", -1), ended(Ending.EXPIRED, -5), NOT_FOUND],
        "expired",
        -5,
    ),
    ([ACCEPTED, ended(Ending.CANCELED, 0), ended(Ending.CANCELED, 0), UNKNOWN], "canceled", 0),
]


@pytest.mark.parametrize(("events", "end", "filled"), STORIES)
def test_every_order_of_events(events, end, filled):
    """News of one order comes to the same end in every sequence, without an alarm."""
    for shuffled in permutations(events):
        state, alerts = played(shuffled)
        order = state.orders["rb1"]

        assert (end, D(filled), False) == (order.state, order.filled, order.open)
        assert D(filled) == state.ledger.position("binanceusdm", LINEAR).quantity
        assert [] == state.open_orders()
        assert [] == alerts


def test_every_order_of_a_contradiction():
    """A rejection beside a fill ends booked and looked at, whichever came first."""
    for shuffled in permutations([REJECTED, fill("a", -4), fill("b", -6), UNKNOWN]):
        state, alerts = played(shuffled)
        order = state.orders["rb1"]

        assert D(-10) == order.filled == state.ledger.position("binanceusdm", LINEAR).quantity
        assert OrderState.REJECTED is not order.state or (
            TradingState.HALTED is state.mode_of("BTC") and alerts
        )


class Life(RuleBasedStateMachine):
    """One order, told anything at any time."""

    @initialize()
    def send(self):
        self.now = START
        self.order = Order(intention(), OrderState.SENDING, START, 1.0)
        self.total = D(0)
        self.trades = 0
        self.evidence = []

    def note(self, event):
        before = self.order
        self.order = orders.note(self.order, replace(event, ts_local=self.now))
        if orders.proved_absent(self.order, PARAMS.orders):
            self.evidence.append("absent")
            self.order = orders.advance(self.order, orders.Stimulus.PROVED_ABSENT, "not found")
        self.check(before)

    def check(self, before):
        if before.state in TERMINAL:
            assert before.state is self.order.state
        elif self.order.state in TERMINAL:
            assert self.evidence

    @rule(seconds=st.integers(0, 120))
    def wait(self, seconds):
        """Time ends nothing: it only makes an order due for a question or a person."""
        self.now += seconds * SECOND
        before = self.order
        orders.due_for_query(self.order, self.now, PARAMS.orders)
        orders.unproven(self.order, self.now, PARAMS.orders)
        if orders.overdue(self.order, self.now, PARAMS.orders):
            self.note(UNKNOWN)
            assert OrderState.UNKNOWN is self.order.state
        assert self.order.state not in TERMINAL or before.state in TERMINAL

    @rule()
    def accept(self):
        self.note(ACCEPTED)

    @rule()
    def reject(self):
        self.evidence.append("rejected")
        self.note(REJECTED)

    @rule()
    def lose(self):
        self.note(UNKNOWN)

    @rule()
    def miss(self):
        self.note(NOT_FOUND)

    @precondition(lambda self: abs(self.total) < 10)
    @rule(lots=st.integers(1, 10))
    def fill(self, lots):
        lots = min(lots, 10 - int(abs(self.total)))
        self.trades += 1
        self.total -= lots
        if abs(self.total) == 10:
            self.evidence.append("filled")
        before = self.order
        self.order = orders.filled(self.order, fill(f"t{self.trades}", -lots))
        self.check(before)

    @rule(how=st.sampled_from(Ending), more=st.integers(0, 10))
    def end(self, how, more):
        self.evidence.append("ended")
        self.note(ended(how, max(self.total - more, D(-10))))

    @invariant()
    def adds_up(self):
        assert self.total == self.order.filled
        assert abs(self.order.rest) <= 10 - abs(self.order.filled) or not self.order.open
        assert self.order.open or self.order.rest == 0
        assert self.order.state in TERMINAL or self.order.open


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_life = Life.TestCase
