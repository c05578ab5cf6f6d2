"""The meter: times by the clock port, to the nanosecond, and what became of each order."""

from dataclasses import replace

import pytest

from rebalancer.core.events import (
    Ending,
    FeedStatus,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderUnknown,
    Quote,
    Reconciled,
    Tick,
)
from rebalancer.core.ledger import Ledger
from rebalancer.ports import SECOND, Spread
from rebalancer.runtime.meter import BookMeter, Buckets
from tests.runtime.stage import VENUE, D, fill, market, play
from tests.scenarios.desk import LINEAR

MS = SECOND // 1000
TIMES = ("tick_to_decision_seconds", "tick_to_send_seconds", "order_ack_seconds")


class Hands:
    """A clock that is put where a test wants it; its wall was set by an hour."""

    def __init__(self):
        self.ns = 1_000 * SECOND

    def now(self):
        return self.ns + 3_600 * SECOND

    def monotonic(self):
        return self.ns


def told(meter, name, *labels):
    """Return what a meter tells of a metric: a number, or count and sum of a spread."""
    found = [each for each in meter.measures() if each.metric == name and each.labels == labels]
    if not found:
        return None
    (one,) = found
    return (sum(one.counts), one.total) if isinstance(one, Spread) else one.value


def hedge(answer=None, after=None, seconds=20):
    """Run a book that hedges once, its venue answering so; return its stage."""

    async def story(stage):
        if answer is not None:
            stage.venue.answer = lambda order: answer(stage, order)
        if after is not None:
            stage.venue.query_answer = Prepared(stage, after)
        stage.tasks.spawn("engine", stage.engine.run())
        stage.activate()
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        for _ in range(seconds):
            await stage.settle(SECOND)
            stage.inbox.put(Tick(stage.clock.now()))

    return play(story)


class Prepared:
    """What a venue answers a question with, made when it is asked."""

    def __init__(self, stage, make):
        self._stage, self._make = stage, make

    def __iter__(self):
        return iter(self._make(self._stage))


def test_buckets():
    """A measure on a bound is not beyond it; one beyond all of them is counted at last."""
    buckets = Buckets("x", (1, 2, 5), 10)
    for value in (0, 1, 1.5, 2, 5, 6):
        buckets.put(value)

    assert Spread("x", (0.1, 0.2, 0.5), (2, 2, 1, 1), 1.55) == buckets.told()


def test_times_of_an_order():
    """In market time nothing is late, and an answer takes as long as the venue lets it."""
    meter = hedge().meter

    assert [(4, 0.0), (1, 0.0), (1, 0.01)] == [told(meter, name) for name in TIMES]
    assert 1 == told(meter, "orders_total", VENUE, "filled")
    assert 1 == told(meter, "fills_total", VENUE)


def test_late_decision():
    """A decision is as late as the event has waited, also by a clock that was set."""
    hands = Hands()
    meter = BookMeter(hands)
    quote = Quote(hands.now(), None, LINEAR, D(1), D(1), D(2), D(1))
    hands.ns += 7 * MS

    meter.decided(quote)
    meter.decided(Reconciled(hands.now(), ()))  # no market event

    assert (1, 0.007) == told(meter, "tick_to_decision_seconds")


def test_commit():
    """A commit takes what the steady clock says between its ends."""
    hands = Hands()
    meter = BookMeter(hands)
    began = meter.began()
    hands.ns += 4 * MS

    meter.committed(began)

    assert (1, 0.004) == told(meter, "journal_commit_seconds")


@pytest.mark.parametrize(
    ("make", "result", "acked"),
    [
        (lambda s, o: OrderRejected(s.clock.now(), None, o.client_order_id, "no"), "rejected", 1),
        (
            lambda s, o: OrderRejected(
                s.clock.now(), None, o.client_order_id, "not sent: late", sent=False
            ),
            "unsent",
            0,
        ),
    ],
)
def test_what_came_to_nothing(make, result, acked):
    """A rejection is an answer; what never left got none, and is counted apart."""

    async def answer(stage, order):
        return make(stage, order)

    stage = hedge(answer, seconds=1)
    counts, _ = told(stage.meter, "order_ack_seconds")
    results = {
        each.labels: each.value for each in stage.meter.measures() if each.metric == "orders_total"
    }

    assert {(VENUE, result): len(stage.state.orders)} == results
    assert acked == counts


def test_unknown():
    """An outcome that nobody knew counts from when it was unknown until the venue proved it."""

    async def answer(stage, order):
        return OrderUnknown(stage.clock.now(), None, order.client_order_id, "dropped")

    def proof(stage):
        ts, order = stage.clock.now(), stage.venue.submitted[0]
        name = order.client_order_id
        return [fill(order, ts), OrderEnded(ts, ts, name, Ending.FILLED, order.quantity)]

    stage = hedge(answer, proof)
    (order,) = stage.state.orders.values()
    count, seconds = told(stage.meter, "unknown_resolution_seconds")

    assert "filled" == order.state
    assert 1 == count
    assert 0 < seconds < 20
    assert (0, 0.0) == told(stage.meter, "order_ack_seconds")
    assert 1 == told(stage.meter, "orders_total", VENUE, "filled")


@pytest.mark.parametrize(
    ("price", "quantity", "slipped"),
    [
        ("100100", "1", 10.0),  # bought above the middle
        ("99900", "1", -10.0),
        ("99900", "-1", 10.0),  # sold below it
        ("100000", "-1", 0.0),
    ],
)
def test_slippage(price, quantity, slipped):
    """A fill is worse by what it is beyond the middle of the book when its order left."""

    async def answer(stage, order):
        ts = stage.clock.now()
        made = replace(fill(order, ts), price=D(price), quantity=D(quantity))
        stage.clock.call_at(ts, lambda: stage.inbox.put(made))
        return OrderAccepted(ts, ts, order.client_order_id, "v1")

    count, total = told(hedge(answer, seconds=1).meter, "slippage_basis_points")

    assert 1 == count
    assert pytest.approx(slipped) == total


def test_told_again():
    """A fill that a venue tells again, as archives do, is no second one."""

    async def answer(stage, order):
        ts = stage.clock.now()
        for late in (1, 2, 3):
            stage.clock.call_at(ts + late * MS, lambda: stage.inbox.put(fill(order, ts)))
        return OrderAccepted(ts, ts, order.client_order_id, "v1")

    meter = hedge(answer, seconds=1).meter

    assert 1 == told(meter, "fills_total", VENUE)
    assert 1 == told(meter, "slippage_basis_points")[0]


def test_reconnects_and_differences():
    """A stream counts when it is back after it was lost; a difference by what it is about."""
    stage = hedge(seconds=1)
    meter, state, ts = stage.meter, stage.state, stage.clock.now()

    for alive in (True, False, False, True, True, False, True):
        meter.took(FeedStatus(ts, VENUE, alive), state)
    lines = (f"{LINEAR}: venue less ledger is 1", f"{VENUE}:USDT: venue less ledger is -3")
    meter.took(Reconciled(ts, (*lines, "elsewhere:X: venue less ledger is 2")), state)

    assert 2 == told(meter, "feed_reconnects_total", VENUE)
    assert 1 == told(meter, "reconcile_mismatch_total", "position")
    assert 2 == told(meter, "reconcile_mismatch_total", "cash")


def test_ages():
    """A turn counts from the last tick, an agreement from the last one, at first from the start."""
    hands = Hands()
    meter = BookMeter(hands)
    hands.ns += 3 * SECOND
    before = told(meter, "reconcile_age_seconds"), meter.agreed, meter.turned
    meter.took(Reconciled(hands.now(), ("x: venue less ledger is 1",)), FakeState())
    assert meter.agreed is None
    meter.took(Reconciled(hands.now(), ()), FakeState())
    hands.ns += SECOND

    assert (3.0, None, 3 * SECOND) == before
    assert 1.0 == told(meter, "reconcile_age_seconds")
    assert 4.0 == told(meter, "engine_turn_age_seconds")


class FakeState:
    """A state that knows no instrument."""

    instruments: dict[str, object] = {}  # noqa: RUF012 - nobody writes it
    ledger = Ledger()


def test_probe():
    """What is measured elsewhere is asked for each time."""
    meter = BookMeter(Hands())
    asked = []
    meter.ask(lambda: asked.append(1) or ())
    meter.measures()
    meter.measures()

    assert [1, 1] == asked
