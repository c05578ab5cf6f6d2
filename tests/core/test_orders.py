"""The life of an order, one piece of news at a time."""

from dataclasses import replace
from decimal import Decimal

import pytest

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
from rebalancer.core.orders import TERMINAL, TRANSITIONS, Order, OrderState, Stimulus
from rebalancer.core.state import State
from tests.scenarios.desk import PARAMS, SECOND

D = Decimal

TOLD = Submit(
    "id",
    "v",
    "v:X",
    D(-10),
    D(100),
    TimeInForce.IOC,
    reduce_only=False,
    purpose=Purpose.HEDGE,
    underlying="BTC",
    decided_at=0,
)
NEW = Order(TOLD, OrderState.SENDING, sent_at=0, delta_per_contract=1.0)

ACCEPTED = OrderAccepted(1, 1, "id", "v7")
REJECTED = OrderRejected(1, 1, "id", "no margin")
UNKNOWN = OrderUnknown(1, None, "id", "timeout")


def ended(how, filled):
    return OrderEnded(1, 1, "id", how, D(filled))


def missing(seconds, asked=None):
    when = None if asked is None else int(asked * SECOND)
    return OrderNotFound(seconds * SECOND, None, "id", asked=when)


def fill(quantity, trade="t1"):
    return Fill(1, 1, "v", "v:X", trade, "id", D(quantity), D(100), D(0), "USD")


def tell(*events, order=NEW):
    """Return the order after news of any kind."""
    for event in events:
        order = (
            orders.filled(order, event) if isinstance(event, Fill) else orders.note(order, event)
        )
    return order


@pytest.mark.parametrize(
    ("news", "state", "rest", "is_open"),
    [
        ([], "sending", -10, True),
        ([ACCEPTED], "acked", -10, True),
        ([REJECTED], "rejected", 0, False),
        ([UNKNOWN], "unknown", -10, True),
        ([UNKNOWN, ACCEPTED], "acked", -10, True),
        ([UNKNOWN, REJECTED], "rejected", 0, False),
        ([ACCEPTED, UNKNOWN], "acked", -10, True),
        (
            [ACCEPTED, REJECTED],
            "acked",
            -10,
            True,
        ),  # a venue that contradicts itself proves nothing
        ([fill(-4)], "partial", -6, True),  # the fill came first
        ([fill(-4), ACCEPTED], "partial", -6, True),
        ([fill(-4), REJECTED], "partial", -6, True),
        ([fill(-4), UNKNOWN], "partial", -6, True),
        ([UNKNOWN, fill(-4)], "partial", -6, True),
        ([fill(-4), fill(-6)], "filled", 0, False),
        ([fill(-12)], "filled", 0, False),  # overfilled
        # the end and its fills, in any order
        ([ended("filled", -10)], "filled", -10, True),
        ([ended("filled", -10), fill(-10)], "filled", 0, False),
        ([fill(-10), ended("filled", -10)], "filled", 0, False),
        ([ended("expired", -4)], "expired", -4, True),
        ([ended("expired", -4), fill(-1)], "expired", -3, True),
        ([ended("expired", -4), fill(-1), fill(-3)], "expired", 0, False),
        ([fill(-4), ended("expired", -4)], "expired", 0, False),
        ([ended("canceled", 0)], "canceled", 0, False),
        ([ended("canceled", 0), ended("canceled", -4)], "canceled", 0, False),  # told before
        # nothing comes back from an end
        ([REJECTED, ACCEPTED], "rejected", 0, False),
        ([REJECTED, UNKNOWN], "rejected", 0, False),
        ([ended("canceled", 0), ACCEPTED], "canceled", 0, False),
        ([ended("canceled", 0), UNKNOWN], "canceled", 0, False),
        ([ended("canceled", 0), ended("filled", -10)], "canceled", 0, False),
        ([ended("canceled", 0), fill(-4)], "canceled", 0, False),
        ([REJECTED, ended("expired", -4)], "rejected", -4, True),  # fills are on their way
    ],
)
def test_news(news, state, rest, is_open):
    """What is told of an order changes what it may still do."""
    order = tell(*[replace(e, how=Ending(e.how)) if isinstance(e, OrderEnded) else e for e in news])

    assert state == order.state
    assert D(rest) == order.rest
    assert is_open == order.open


def test_table_has_no_way_back():
    """No stimulus leads out of an end, nor back before the wire."""
    assert [] == [pair for pair in TRANSITIONS if pair[0] in TERMINAL]
    assert [] == [state for state in TRANSITIONS.values() if state in (OrderState.INTENT,)]
    assert {OrderState.SENDING} == {
        after for (before, _), after in TRANSITIONS.items() if before is OrderState.INTENT
    }


def test_intent_waits_for_the_wire():
    """An intent that was not sent takes no news but that it was sent."""
    intent = replace(NEW, state=OrderState.INTENT)

    assert intent is orders.advance(intent, Stimulus.ACCEPTED, "")
    assert OrderState.SENDING is orders.advance(intent, Stimulus.SENT, "").state


def test_evidence():
    """An end names what it rests on."""
    assert "rejected: no margin" == tell(REJECTED).evidence
    assert "ended: canceled" == tell(ended(Ending.CANCELED, 0)).evidence
    assert "fill t1" == tell(fill(-10)).evidence


@pytest.mark.parametrize(
    ("news", "proved"),
    [
        ([UNKNOWN, missing(0), missing(5), missing(12)], True),
        ([UNKNOWN, missing(7), missing(12), missing(19)], True),
        ([UNKNOWN, missing(0), missing(5), missing(11.999)], False),  # too close together
        ([UNKNOWN, missing(0), missing(5), missing(17, asked=12)], True),
        ([UNKNOWN, missing(0), missing(5), missing(17, asked=11.9)], False),  # asked too early
        ([UNKNOWN, missing(5, asked=0), missing(8), missing(16)], False),  # answered too late
        ([UNKNOWN, missing(0), missing(16, asked=15), missing(17, asked=3)], True),  # overtaken
        ([UNKNOWN, missing(0), missing(12)], False),  # too few
        ([UNKNOWN, missing(0), missing(1), missing(2)], False),
        ([missing(0), missing(5), missing(12)], False),  # nobody doubted it
        ([UNKNOWN, missing(0), ACCEPTED, missing(5), missing(12)], False),
        ([UNKNOWN, missing(0), missing(5), fill(-1), missing(12)], False),
        ([UNKNOWN, missing(0), missing(5), missing(12), fill(-1)], False),
    ],
)
def test_proved_absent(news, proved):
    """Three answers over ten seconds, and two for our clock, prove that it never arrived."""
    whole = [replace(e, ts_local=int(e.ts_local)) for e in news]

    assert proved == orders.proved_absent(tell(*whole), PARAMS.orders)


@pytest.mark.parametrize(
    ("news", "late", "contradicts"),
    [
        ([], fill(-4), False),
        ([ACCEPTED], ended("filled", -10), False),
        ([fill(-10)], fill(-1, "t2"), True),
        ([fill(-10)], ACCEPTED, False),  # late, not wrong
        ([ended("canceled", 0)], fill(-1), True),
        ([ended("canceled", 0)], ACCEPTED, False),
        ([ended("expired", -4)], fill(-4), False),
        ([ended("expired", -4), fill(-4)], fill(-1, "t2"), True),
        ([ended("filled", -10)], fill(-10), False),
        ([REJECTED], fill(-1), True),
        ([REJECTED], ACCEPTED, True),
        ([REJECTED], UNKNOWN, False),
        ([REJECTED], ended("expired", -4), True),
        ([REJECTED], ended("expired", 0), False),  # it came to nothing all the same
    ],
)
def test_resurrects(news, late, contradicts):
    """News that an order which was over is not over is told from news that is merely late."""
    news = [replace(e, how=Ending(e.how)) if isinstance(e, OrderEnded) else e for e in news]

    assert contradicts == orders.resurrects(tell(*news), late)


@pytest.mark.parametrize(("quantity", "over"), [(-5, False), (-6, False), (-7, True)])
def test_overfills(quantity, over):
    """More than was ordered is more than was ordered."""
    assert over == orders.overfills(tell(fill(-4)), fill(quantity, "t2"))


@pytest.mark.parametrize(
    ("order", "seconds", "due"),
    [
        (NEW, 4.999, False),
        (NEW, 5, True),  # silent
        (tell(ACCEPTED), 4, False),
        (tell(ACCEPTED), 5, True),
        (tell(UNKNOWN), 0.1, True),  # at once
        (replace(tell(UNKNOWN), asked_at=10 * SECOND), 12, False),
        (replace(tell(UNKNOWN), asked_at=10 * SECOND), 12.5, True),
        (tell(ended(Ending.EXPIRED, -4)), 5, True),  # its fills are missing
        (replace(tell(UNKNOWN, missing(0)), asked_at=11 * SECOND), 11.9, False),
        (replace(tell(UNKNOWN, missing(0)), asked_at=11 * SECOND), 12, True),  # it may prove it now
        (replace(tell(UNKNOWN, missing(0)), asked_at=12 * SECOND), 14, False),
        (tell(fill(-10)), 99, False),
        (tell(REJECTED), 99, False),
    ],
)
def test_due_for_query(order, seconds, due):
    """What is unknown or silent is asked after, a few times in ten seconds."""
    assert due == orders.due_for_query(order, int(seconds * SECOND), PARAMS.orders)


@pytest.mark.parametrize(
    ("order", "seconds", "late"),
    [
        (NEW, 4.999, False),
        (NEW, 5, True),
        (tell(ACCEPTED), 99, False),
        (tell(fill(-1)), 99, False),
        (tell(UNKNOWN), 99, False),  # is unknown already
    ],
)
def test_overdue(order, seconds, late):
    """An order without any answer for five seconds is overdue."""
    assert late == orders.overdue(order, int(seconds * SECOND), PARAMS.orders)


RESTING = replace(NEW, submit=replace(TOLD, time_in_force=TimeInForce.GTC))


@pytest.mark.parametrize(
    ("order", "seconds", "late"),
    [
        (tell(UNKNOWN), 59, False),
        (tell(UNKNOWN), 61, True),
        (tell(ACCEPTED), 59, False),
        (tell(ACCEPTED), 60, True),  # an IOC that is not over
        (tell(fill(-4)), 60, True),
        (tell(ended(Ending.EXPIRED, -4)), 60, True),  # fills that never come
        (tell(fill(-10)), 99, False),
        (tell(REJECTED), 99, False),
        (tell(ACCEPTED, order=RESTING), 999, False),  # may rest
        (tell(UNKNOWN, order=RESTING), 61, True),
        (tell(ended(Ending.CANCELED, -4), order=RESTING), 60, False),  # from when its end was told
        (tell(ended(Ending.CANCELED, -4), order=RESTING), 61, True),
        (orders.withdrawn(tell(ACCEPTED, order=RESTING), SECOND), 60, False),
        (orders.withdrawn(tell(ACCEPTED, order=RESTING), SECOND), 61, True),
    ],
)
def test_unproven(order, seconds, late):
    """An outcome that stays open for a minute needs a person."""
    heard = orders.asked(order, 5 * SECOND, PARAMS.orders)
    assert late == orders.unproven(heard, int(seconds * SECOND), PARAMS.orders)


@pytest.mark.parametrize(
    ("at", "seconds", "late"),
    [
        ((), 99, False),
        ((60,), 60, False),  # the question is on its way
        ((60,), 64.9, False),
        ((60,), 65, True),
        ((5, 35), 61, True),
        ((5, 36), 40, False),
        ((5, 66, 69), 70, False),  # stood still for a minute
        ((5, 66, 69), 71, True),
        ((5, 8, 66, 69, 98), 99, True),
    ],
)
def test_unproven_only_once_it_was_asked_after(at, seconds, late):
    """Before a person is called the venue had the time to answer, also after a standstill."""
    order = tell(UNKNOWN)
    for second in at:
        order = orders.asked(order, second * SECOND, PARAMS.orders)
    assert late == orders.unproven(order, int(seconds * SECOND), PARAMS.orders)


@pytest.mark.parametrize(
    ("live", "most", "left"),
    [
        ((), 9, "abcdef"),
        ((), 6, "abcdef"),
        ((), 4, "cdef"),
        (("a", "c"), 4, "acef"),  # what may still fill stays, however old
        (("a", "b", "c", "d", "e", "f"), 4, "abcdef"),
    ],
)
def test_forget(live, most, left):
    """The oldest orders go whose outcome is whole."""
    known = dict.fromkeys("abcdef", NEW)
    orders.forget(known, live, most)

    assert left == "".join(known)


def test_a_state_forgets():
    """A book that hedges for months remembers no more orders than one that hedges for weeks."""
    state = State({}, PARAMS, 0)
    state.orders = {f"o{n}": NEW for n in range(orders.REMEMBERED)}
    desk_order = replace(NEW, state=OrderState.FILLED)
    state._keep(desk_order)

    assert orders.REMEMBERED == len(state.orders)
    assert ["o1", "id"] == [next(iter(state.orders)), next(reversed(state.orders))]
