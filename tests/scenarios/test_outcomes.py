"""Stories of what becomes of an order: filled, cut, refused, lost, absent, resurrected."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from rebalancer.core import ids
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import (
    Ending,
    FeedStatus,
    OrderNotFound,
    OrderRejected,
    Tick,
    VenueHeld,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.orders import OrderState
from tests.scenarios.desk import CALL, LINEAR, PUT, SECOND, SPOT, build

D = Decimal


def test_one_order_at_a_time(desk):
    """While an order is in flight nothing else leaves, and its delta is pending."""
    [order] = desk.orders
    desk.accept(order)
    desk.wait(3, 110_000)

    assert [order] == desk.orders
    assert (Action.HOLD, Reason.ORDER_IN_FLIGHT) == (desk.decision.action, desk.decision.reason)
    assert -1.95 == pytest.approx(desk.decision.pending)


def test_partial_fill(desk):
    """What an IOC order left open is ordered anew once the venue has closed it."""
    [first] = desk.orders
    desk.accept(first)
    desk.fill(first, "-1.5")
    assert (Reason.ORDER_IN_FLIGHT, -0.45) == (
        desk.decision.reason,
        pytest.approx(desk.decision.pending),
    )

    desk.end(first, Ending.EXPIRED, "-1.5")
    assert [D("-1.950"), D("-0.450")] == [order.quantity for order in desk.orders]


def test_end_before_its_fills(desk):
    """An end that tells of more than was seen keeps the order open until the fills come."""
    [first] = desk.orders
    desk.end(first, Ending.EXPIRED, "-1.5")
    desk.wait(2)
    assert [first] == desk.orders
    assert -1.5 == pytest.approx(desk.decision.pending)

    desk.fill(first, "-1")
    assert [first] == desk.orders
    desk.fill(first, "-0.5")
    assert [D("-1.950"), D("-0.450")] == [order.quantity for order in desk.orders]


def test_rejected(desk):
    """A rejected order is over; a second later a new decision follows under a new id."""
    [first] = desk.orders
    desk.reject(first)
    assert ([first], Reason.AFTER_REJECTION) == (desk.orders, desk.decision.reason)
    desk.wait(1)
    [_, second] = desk.orders

    assert first.quantity == second.quantity
    assert [1, 2] == [ids.decode(order.client_order_id).sequence for order in desk.orders]


def test_unknown_blocks(desk):
    """An order that may be live blocks its underlying, and its whole size is pending."""
    [order] = desk.orders
    desk.lose(order)
    assert (Action.REFUSE, Reason.OUTCOME_UNKNOWN) == (desk.decision.action, desk.decision.reason)

    desk.wait(3, 120_000)
    assert [order] == desk.orders
    assert Reason.OUTCOME_UNKNOWN == desk.decision.reason
    assert -1.95 == pytest.approx(desk.decision.pending)
    assert [order.client_order_id] == desk.queries[:1]


def test_silence_is_unknown(desk):
    """Without any answer for five seconds the outcome is unknown, and the venue is asked."""
    [order] = desk.orders
    desk.wait(4)
    assert (Reason.ORDER_IN_FLIGHT, []) == (desk.decision.reason, desk.queries)

    desk.wait(1)
    assert (Reason.OUTCOME_UNKNOWN, [order.client_order_id]) == (
        desk.decision.reason,
        desk.queries,
    )


def test_unknown_found(desk):
    """An unknown order that a query finds goes on as if nothing had been."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(1)
    desk.accept(order)
    assert Reason.ORDER_IN_FLIGHT == desk.decision.reason

    desk.fill(order)
    desk.end(order, Ending.FILLED, order.quantity)
    desk.wait(70)
    assert ([order], []) == (desk.orders, desk.alerts)
    assert Reason.INSIDE_BAND == desk.decision.reason


def test_absent(desk):
    """Three answers over twelve seconds prove absence; then it is decided anew, with a new id."""
    [first] = desk.orders
    desk.lose(first)
    desk.miss(first)
    desk.wait(5)
    desk.miss(first)
    desk.wait(6)
    desk.miss(first)  # three answers, eleven seconds
    assert [first] == desk.orders

    desk.wait(1)
    assert [first] == desk.orders  # time alone proves nothing
    desk.miss(first)
    assert ([first], Reason.AFTER_REJECTION) == (desk.orders, desk.decision.reason)
    desk.wait(1)
    [_, second] = desk.orders

    assert "absent" == desk.state.orders[first.client_order_id].state
    assert first.client_order_id != second.client_order_id
    assert ([], TradingState.ACTIVE) == (desk.alerts, desk.state.mode_of("BTC"))


def test_two_answers_are_no_proof(desk):
    """Two answers, however far apart, prove nothing."""
    [order] = desk.orders
    desk.lose(order)
    desk.miss(order)
    desk.wait(20)
    desk.miss(order)

    assert [order] == desk.orders


def test_unproven_for_a_minute(desk):
    """What stays unknown for a minute halts its underlying and wakes a person, once."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(59)
    assert TradingState.ACTIVE is desk.state.mode_of("BTC")

    desk.wait(1)
    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert TradingState.ACTIVE is desk.state.mode
    assert 1 == desk.alerts.count("order.unproven")
    assert [order.client_order_id] == desk.cancels

    asked = len(desk.queries)
    desk.wait(30)
    assert asked < len(desk.queries)  # the question stays open
    assert (1, [order]) == (desk.alerts.count("order.unproven"), desk.orders)


@pytest.mark.parametrize("answered", [True, False])
def test_a_process_that_stood_still_asks_first(desk, answered):
    """After more than a minute of standstill the venue may answer before anybody is called."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(1)
    desk.now += 63 * SECOND
    desk.market()
    desk.take(Tick(desk.now))
    assert "order.unproven" not in desk.alerts
    assert 2 == len(desk.queries)

    if answered:
        desk.fill(order)
    desk.wait(5)

    assert answered is ("order.unproven" not in desk.alerts)
    assert answered is (TradingState.ACTIVE is desk.state.mode_of("BTC"))


@pytest.mark.parametrize("story", ["accepted", "part", "ended"])
def test_never_ends(desk, story):
    """An IOC order that the venue took but never finished halts in a minute, too."""
    [order] = desk.orders
    desk.accept(order)
    if story == "part":
        desk.fill(order, "-1")
    if story == "ended":
        desk.end(order, Ending.EXPIRED, "-1")
    desk.wait(59)
    assert "order.unproven" not in desk.alerts
    desk.wait(1)

    assert "order.unproven" in desk.alerts
    assert TradingState.HALTED is desk.state.mode_of("BTC")


def test_resurrected(desk):
    """A late fill of an absent order is booked, and halts its underlying."""
    [first] = desk.orders
    desk.lose(first)
    for _ in range(3):
        desk.miss(first)
        desk.wait(5)
    desk.miss(first)
    desk.wait(1)
    [_, second] = desk.orders
    desk.execute(second)
    desk.fill(first)
    desk.wait(5)

    assert D("-3.900") == desk.state.ledger.position("binanceusdm", LINEAR).quantity
    assert ["order.resurrected"] == desk.alerts
    assert "absent" == desk.state.orders[first.client_order_id].state
    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert Reason.NOT_ACTIVE == desk.decision.reason
    assert [first, second] == desk.orders


def test_accepted_after_all(desk):
    """An order that was proved absent and then turns up at the venue halts its underlying."""
    [first] = desk.orders
    desk.lose(first)
    for _ in range(3):
        desk.miss(first)
        desk.wait(5)
    desk.miss(first)
    desk.wait(1)
    desk.accept(first)

    assert ["order.resurrected"] == desk.alerts
    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert [desk.orders[1].client_order_id] == desk.cancels  # what is in flight is withdrawn


def test_overfilled(desk):
    """More than was ordered is booked as it is, and looked at."""
    [order] = desk.orders
    desk.fill(order, "-3")

    assert D(-3) == desk.state.ledger.position("binanceusdm", LINEAR).quantity
    assert ["order.overfilled"] == desk.alerts
    assert TradingState.HALTED is desk.state.mode_of("BTC")


def test_doubled_news(desk):
    """News that is told twice changes nothing twice."""
    [order] = desk.orders
    desk.accept(order)
    outcomes = [desk.fill(order), desk.end(order, Ending.FILLED, order.quantity)]
    events = desk.outcomes[-2:]
    assert outcomes == events

    desk.trades = 0
    desk.fill(order)  # the same trade id
    desk.accept(order)
    desk.end(order, Ending.FILLED, order.quantity)

    assert D("-1.950") == desk.state.ledger.position("binanceusdm", LINEAR).quantity
    assert ([order], []) == (desk.orders, desk.alerts)


def prove(desk, order, position, seconds=20):
    """Let the venue deny an order again and again, with a position beside it."""
    for _ in range(seconds // 5):
        desk.wait(5)
        desk.take(OrderNotFound(desk.now, None, order.client_order_id, position))


@pytest.mark.parametrize("position", [None, D("-1.95"), D("0.001")])
def test_absence_needs_the_position(desk, position):
    """Denied three times beside a position that is not the ledger's proves nothing: it halts."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, position, 60)

    assert [order] == desk.orders
    assert ["order.unproven"] == [each for each in desk.alerts if each != "delta.unhedged"]
    desk.fill(order)  # there it is: nothing was sent beside it
    assert [order] == desk.orders


def test_absence_beside_its_position(desk):
    """Denied three times while the position stands as if it had never been: it is absent."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, D(0))
    desk.wait(2)

    assert [OrderState.ABSENT] == [each.state for each in list(desk.state.orders.values())[:1]]
    assert 2 == len(desk.orders)


def test_a_gap_in_the_stream_makes_the_proof_begin_anew(desk):
    """Answers on both sides of a lost stream are no row, and while it is lost none counts."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, D(0), 10)
    desk.take(FeedStatus(desk.now, order.account, alive=False))
    prove(desk, order, D(0), 20)
    desk.take(FeedStatus(desk.now, order.account, alive=True))
    prove(desk, order, D(0), 10)
    assert [order] == desk.orders

    prove(desk, order, D(0), 10)
    assert OrderState.ABSENT is desk.state.orders[order.client_order_id].state


@pytest.mark.parametrize(("jump", "proved"), [(1, True), (40, False)])
def test_a_clock_that_is_set_proves_nothing(desk, jump, proved):
    """Time that went by at once, for a clock was set or all stood still, is no time of asking."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, D(0), 10)
    desk.now += jump * SECOND
    for _ in range(1 if proved else 2):
        desk.wait(8)
        desk.take(OrderNotFound(desk.now, None, order.client_order_id, D(0)))

    absent = OrderState.ABSENT is desk.state.orders[order.client_order_id].state
    assert absent is proved


@pytest.mark.parametrize(("said", "proved"), [(True, False), (False, True)])
def test_a_maintenance_makes_the_proof_begin_anew(desk, said, proved):
    """What a venue denied before it said that it takes no orders counts for nothing after it."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, D(0), 10)
    desk.take(VenueHeld(desk.now, order.account, "a maintenance", said=said))
    desk.take(VenueHeld(desk.now, order.account, None, said=said))
    prove(desk, order, D(0), 10)

    absent = OrderState.ABSENT is desk.state.orders[order.client_order_id].state
    assert absent is proved


def test_a_gap_elsewhere_changes_nothing(desk):
    """The stream of another venue has nothing to say of the order."""
    [order] = desk.orders
    desk.lose(order)
    prove(desk, order, D(0), 10)
    desk.take(FeedStatus(desk.now, "deribit", alive=False))
    prove(desk, order, D(0), 10)

    assert OrderState.ABSENT is desk.state.orders[order.client_order_id].state


def test_foreign_fill():
    """A trade that somebody else made here is booked, told and hedged."""
    desk = build()
    desk.trade_by_hand(LINEAR, "-1.95")

    assert ["fill.foreign"] == desk.alerts
    assert [D("1.900")] == [order.quantity for order in desk.orders]


@pytest.mark.parametrize("option", [CALL, PUT])
def test_an_option_that_traded_for_nothing(option):
    """A venue may close a worthless option at no price; that is booked and told as any trade."""
    desk = build(holdings=[(option, "5")])
    desk.trade_by_hand(option, "-5", price="0")

    assert ["fill.foreign"] == desk.alerts
    assert D(0) == desk.state.ledger.position("deribit", option).quantity


def test_a_fill_of_an_earlier_start(desk):
    """A label of ours that nobody remembers is ours all the same: a hedge, and no stranger's."""
    [order] = desk.orders
    desk.reject(order)
    forgotten = ids.encode(ids.ClientOrderId(account=1, epoch=2, sequence=5))

    desk.fill(replace(order, client_order_id=forgotten))

    assert [] == desk.alerts
    assert order.quantity == desk.state.ledger.position("binanceusdm", LINEAR).hedge


@pytest.mark.parametrize(
    "parts",
    [
        ids.ClientOrderId(account=1, epoch=4, sequence=5),  # of a start after this one
        ids.ClientOrderId(account=1, epoch=3, sequence=5_000),  # of this one, which never made it
        ids.ClientOrderId(account=0, epoch=2, sequence=5),  # for another account
    ],
)
def test_a_fill_of_nobody(desk, parts):
    """An id of ours that this start cannot know means another daemon, or a lost journal: a halt."""
    [order] = desk.orders
    desk.reject(order)

    desk.fill(replace(order, client_order_id=ids.encode(parts)))

    assert ["fill.foreign", "reconcile.differed"] == desk.alerts
    assert "another daemon trades here" in desk.state.mode_reason
    held = desk.state.ledger.position("binanceusdm", LINEAR)
    assert (order.quantity, 0) == (held.quantity, held.hedge)  # booked, and no hedge of ours
    desk.wait(61)
    assert [order] == desk.orders


def test_ids_are_never_used_twice(desk):
    """Each intention has its own id, for ever."""
    for _ in range(20):
        desk.reject(desk.orders[-1])
        desk.wait(61)
    told = [order.client_order_id for order in desk.orders]

    assert 21 == len(told) == len(set(told))


def test_rejections_in_a_row(desk):
    """Each rejection in a row doubles the wait, up to a minute; a fill ends the row."""
    waits = []
    for _ in range(9):
        sent = len(desk.orders)
        desk.reject(desk.orders[-1])
        began = desk.now
        while sent == len(desk.orders):
            desk.wait(1)
        waits.append((desk.now - began) // SECOND)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits

    desk.execute(desk.orders[-1])
    desk.trade_by_hand(SPOT, "3")
    desk.wait(1)
    sent = len(desk.orders)
    desk.reject(desk.orders[-1])
    desk.wait(1)
    assert sent + 1 == len(desk.orders)


@pytest.mark.parametrize("news", ["rejected", "expired", "canceled", "absent"])
def test_nothing_came_of_it(desk, news):
    """An order that came to nothing, however it ended, doubles the wait."""
    waits = []
    for _ in range(4):
        sent = len(desk.orders)
        order = desk.orders[-1]
        if news == "rejected":
            desk.reject(order)
        elif news == "absent":
            desk.lose(order)
            for _ in range(3):
                for _ in range(6):
                    desk.now += SECOND
                    desk.market()
                desk.miss(order)
        else:
            desk.accept(order)
            desk.end(order, Ending(news), "0")
        began = desk.now
        assert Reason.AFTER_REJECTION == desk.decision.reason
        while sent == len(desk.orders):
            desk.wait(1)
        waits.append((desk.now - began) // SECOND)

    assert [1, 2, 4, 8] == waits
    assert 4 == desk.state.memory["BTC"].failures


def test_part_of_it_is_no_failure(desk):
    """An order that was cut short after some fill is followed at once."""
    desk.reject(desk.orders[0])
    desk.wait(1)
    second = desk.orders[1]
    desk.accept(second)
    desk.fill(second, "-0.5")
    assert 0 == desk.state.memory["BTC"].failures
    desk.end(second, Ending.EXPIRED, "-0.5")

    assert D("-1.450") == desk.orders[2].quantity


def test_end_before_its_fills_is_no_failure(desk):
    """What the venue says was filled counts before the fills have come."""
    desk.end(desk.orders[0], Ending.EXPIRED, "-0.5")
    assert 0 == desk.state.memory["BTC"].failures
    desk.fill(desk.orders[0], "-0.5")

    assert D("-1.450") == desk.orders[1].quantity


def test_accepted_ends_no_row(desk):
    """A venue that takes orders and fills none is not asked every second."""
    for _ in range(3):
        desk.accept(desk.orders[-1])
        desk.end(desk.orders[-1], Ending.EXPIRED, "0")
        desk.wait(61)
    desk.accept(desk.orders[-1])

    assert 3 == desk.state.memory["BTC"].failures


def test_not_sent(desk):
    """An order that our own last check held back says nothing of the venue."""
    [first] = desk.orders
    told = OrderRejected(desk.now, None, first.client_order_id, "decision is old", sent=False)
    desk.take(told)

    assert 2 == len(desk.orders)
    assert (0, "rejected") == (
        desk.state.memory["BTC"].failures,
        desk.state.orders[first.client_order_id].state,
    )


def test_not_sent_again_and_again(desk):
    """What is held back again and again waits ever longer: no storm of orders that never leave."""
    for _ in range(120):
        while desk.state.open_orders():
            name = desk.orders[-1].client_order_id
            desk.take(OrderRejected(desk.now, None, name, "the budget is spent", sent=False))
        desk.wait(1)

    times = [order.decided_at for order in desk.orders]
    waits = [(after - before) // SECOND for before, after in pairwise(times)]
    assert [0, 1, 2, 4, 8, 16, 32] == waits[:7]
    assert 0 == desk.state.memory["BTC"].failures  # no other venue is tried for it

    desk.wait(60)
    desk.execute(desk.orders[-1])
    desk.trade_by_hand(LINEAR, "1")
    sent = len(desk.orders)
    desk.take(OrderRejected(desk.now, None, desk.orders[-1].client_order_id, "old", sent=False))
    assert sent + 1 == len(desk.orders)  # a row that ended begins anew


def test_arm_ends_the_row(desk):
    """Arming lets the next order go at once, and the row begin anew."""
    for _ in range(6):
        desk.reject(desk.orders[-1])
        desk.wait(61)
    desk.reject(desk.orders[-1])
    sent = len(desk.orders)
    desk.wait(2)
    assert (sent, Reason.AFTER_REJECTION) == (len(desk.orders), desk.decision.reason)

    desk.operate(Verb.ARM)
    assert sent + 1 == len(desk.orders)
    desk.reject(desk.orders[-1])
    desk.wait(1)
    assert sent + 2 == len(desk.orders)
