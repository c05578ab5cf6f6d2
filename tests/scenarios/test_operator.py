"""Stories of the operator: kill, pause, resume, reduce, arm; and of starts and reconciliations."""

from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from tests.scenarios.desk import LINEAR, SPOT, build

D = Decimal


def test_kill(desk):
    """A kill withdraws what is ours and lets nothing more pass, until it is armed."""
    [order] = desk.orders
    desk.accept(order)
    desk.operate(Verb.KILL)
    assert [order.client_order_id] == desk.cancels

    desk.reject(order)  # keeps the order open: a venue that accepted cannot have rejected
    desk.fill(order, "-1")
    desk.end(order, "canceled", "-1")
    desk.wait(5)
    assert [order] == desk.orders
    assert Reason.KILLED == desk.decision.reason

    for verb in (Verb.REDUCE, Verb.RESUME):
        desk.operate(verb)
        desk.wait(1)
    assert [order] == desk.orders
    assert TradingState.HALTED is desk.state.mode

    desk.operate(Verb.ARM)
    assert [D("-1.950"), D("-0.950")] == [order.quantity for order in desk.orders]
    assert TradingState.ACTIVE is desk.state.mode


def test_kill_of_an_unknown_order(desk):
    """Cancels pass for orders of which nobody knows whether they live."""
    [order] = desk.orders
    desk.lose(order)
    desk.operate(Verb.KILL)

    assert [order.client_order_id] == desk.cancels


def test_kill_of_a_halted_book(desk):
    """A kill withdraws what is open also where a halt has asked for it before."""
    [order] = desk.orders
    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    assert [order.client_order_id] == desk.cancels

    desk.operate(Verb.KILL)
    assert [order.client_order_id] * 2 == desk.cancels
    assert desk.state.killed


def test_pause_and_resume(desk):
    """A pause stops new hedges and nothing else; resume goes on where it stood."""
    [order] = desk.orders
    desk.operate(Verb.PAUSE)
    assert [] == desk.cancels

    desk.execute(order)
    desk.operate(Verb.RESUME)
    desk.operate(Verb.PAUSE)
    desk.trade_by_hand(LINEAR, "-0.95")
    desk.wait(2)
    desk.wait(2)
    assert ([order], Reason.NOT_ACTIVE) == (desk.orders, desk.decision.reason)
    assert TradingState.PAUSED is desk.state.mode

    desk.operate(Verb.RESUME)
    assert [D("-1.950"), D("0.850")] == [each.quantity for each in desk.orders]


@pytest.mark.parametrize(
    ("position", "quantity"),
    [
        ("1", "-1.000"),  # as far as it closes
        ("5", "-4.950"),  # only closes
        ("0", None),
        ("-1", None),  # would grow a short
    ],
)
def test_reducing(position, quantity):
    """While reducing, an order passes as far as it both hedges and closes."""
    spot = {"1": "2", "5": "0", "0": "2", "-1": "3"}[position]
    desk = build(holdings=[(SPOT, spot), (LINEAR, position)], active=False)
    desk.reconcile()
    desk.operate(Verb.REDUCE)
    desk.market()

    assert ([] if quantity is None else [D(quantity)]) == [each.quantity for each in desk.orders]
    assert TradingState.REDUCING is desk.state.mode
    if quantity is None:
        assert Reason.NOT_ACTIVE == desk.decision.reason


def test_start():
    """Before ledger and venues were compared nothing leaves, whatever the operator asks."""
    desk = build(holdings=[(SPOT, "2")], active=False)
    desk.market()
    assert (Action.HOLD, Reason.NOT_ACTIVE) == (
        desk.decisions[-1].action,
        desk.decisions[-1].reason,
    )
    for verb in (Verb.RESUME, Verb.REDUCE, Verb.PAUSE, Verb.ARM, Verb.RESUME):
        desk.operate(verb)
        desk.wait(1)
    assert [] == desk.orders

    desk.reconcile()
    assert (1, TradingState.ACTIVE) == (len(desk.orders), desk.state.mode)


def test_start_into_a_pause():
    """A pause that was asked for during the start outlives it."""
    desk = build(holdings=[(SPOT, "2")], active=False)
    desk.operate(Verb.PAUSE)
    desk.market()
    desk.reconcile()

    assert ([], TradingState.PAUSED) == (desk.orders, desk.state.mode)


def test_difference(desk):
    """A difference that nobody explained halts the book until it is armed and agrees."""
    [order] = desk.orders
    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    assert (["reconcile.differed"], [order.client_order_id]) == (desk.alerts, desk.cancels)
    desk.reject(order)
    desk.reconcile()
    desk.wait(2)
    assert ([order], TradingState.HALTED) == (desk.orders, desk.state.mode)

    desk.operate(Verb.ARM)
    assert TradingState.ACTIVE is desk.state.mode  # it agreed in the meantime
    assert 2 == len(desk.orders)


def test_armed_before_it_agrees(desk):
    """Arming takes the halt away, but not the need that the books agree."""
    desk.execute(desk.orders[0])
    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    desk.operate(Verb.ARM)
    assert TradingState.RECONCILING is desk.state.mode

    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    assert TradingState.HALTED is desk.state.mode
    desk.operate(Verb.ARM)
    desk.reconcile()
    assert TradingState.ACTIVE is desk.state.mode


def test_arm_lifts_what_is_halted(desk):
    """Arming lets a halted underlying hedge again."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(61)
    desk.reject(order)
    desk.wait(2)
    assert ([order], Reason.NOT_ACTIVE) == (desk.orders, desk.decision.reason)

    desk.operate(Verb.ARM)
    assert 2 == len(desk.orders)
    assert {} == desk.state.halted


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("first", ["pause", "halt"])
def test_arm_lifts_no_pause(desk, everything, first):
    """A pause, before a halt or during it, holds until somebody resumes."""
    desk.execute(desk.orders[0])
    if first == "pause":
        desk.operate(Verb.PAUSE, everything=everything)
    desk.operate(Verb.KILL)
    if first == "halt":
        desk.operate(Verb.PAUSE, everything=everything)
    assert TradingState.HALTED is desk.state.mode
    desk.operate(Verb.ARM)
    desk.trade_by_hand(SPOT, "1")
    assert (TradingState.PAUSED, everything, False) == (
        desk.state.mode,
        desk.state.sealed,
        desk.state.killed,
    )
    assert (1, Reason.NOT_ACTIVE) == (len(desk.orders), desk.decision.reason)

    desk.operate(Verb.RESUME)
    assert (2, TradingState.ACTIVE, False) == (
        len(desk.orders),
        desk.state.mode,
        desk.state.sealed,
    )


@pytest.mark.parametrize(
    ("verb", "mode"),
    [(Verb.RESUME, TradingState.ACTIVE), (Verb.REDUCE, TradingState.REDUCING)],
)
def test_last_word_while_halted(calm, verb, mode):
    """Of what is asked while halted the last word holds once it is armed."""
    for each in (Verb.KILL, Verb.PAUSE, verb, Verb.ARM):
        calm.operate(each)

    assert mode is calm.state.mode


def test_arm_ends_unknown_orders(desk):
    """Who arms has looked the lost order up; nothing leaves until the books agree."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(61)
    assert TradingState.HALTED is desk.state.mode_of("BTC")

    desk.operate(Verb.ARM)
    told = desk.state.orders[order.client_order_id]
    assert ("absent", "operator: test", False) == (told.state, told.evidence, told.open)
    assert TradingState.RECONCILING is desk.state.mode
    desk.wait(5)
    assert [order] == desk.orders

    desk.reconcile()
    assert (2, TradingState.ACTIVE) == (len(desk.orders), desk.state.mode)


def test_armed_though_it_was_filled(desk):
    """An order that was declared absent and was not shows as a difference, and halts."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(61)
    desk.operate(Verb.ARM)
    desk.reconcile("binanceusdm:BTC/USDT:USDT: venue -1.95, ledger 0")
    assert TradingState.HALTED is desk.state.mode

    desk.operate(Verb.ARM)
    desk.fill(order)
    assert ["reconcile.differed", "order.resurrected"] == desk.alerts[-3:-1]
    assert TradingState.HALTED is desk.state.mode_of("BTC")


def test_arm_spares_what_is_known(desk):
    """An order that the venue holds is not ended by arming, and needs no new comparison."""
    [order] = desk.orders
    desk.accept(order)
    desk.operate(Verb.ARM)

    assert ("acked", TradingState.ACTIVE) == (
        desk.state.orders[order.client_order_id].state,
        desk.state.mode,
    )


@pytest.mark.parametrize("story", ["accepted", "part", "ended"])
def test_arm_after_an_order_that_never_ended(desk, story):
    """What halted its underlying because it never ended does not halt it again at once."""
    [order] = desk.orders
    desk.accept(order)
    if story == "part":
        desk.fill(order, "-1")
    if story == "ended":
        desk.end(order, "expired", "-1")
    desk.wait(61)
    desk.operate(Verb.ARM)
    desk.reconcile()
    desk.wait(2)

    assert TradingState.ACTIVE is desk.state.mode_of("BTC")


def test_arm_spares_what_nobody_was_told_of(desk):
    """An order whose outcome is unknown since a moment is not ended by an arm for another cause."""
    [order] = desk.orders
    desk.lose(order)
    desk.reconcile("deribit:BTC: venue 9, ledger 10")
    desk.operate(Verb.ARM)
    desk.reconcile()
    desk.wait(20)

    assert ("unknown", True) == (
        desk.state.orders[order.client_order_id].state,
        desk.state.orders[order.client_order_id].open,
    )
    assert [order] == desk.orders  # its whole rest may still be filled

    desk.wait(41)
    assert "order.unproven" in desk.alerts
    desk.operate(Verb.ARM)
    assert not desk.state.open_orders()


def test_unproven_is_told_in_a_halt_too(desk):
    """An order that stays unproven is named though its underlying is halted for something else."""
    [order] = desk.orders
    desk.lose(order)
    desk.state.halt("BTC", "liquidated")
    desk.wait(61)

    assert 1 == desk.alerts.count("order.unproven")
    assert "liquidated; " in desk.state.halted["BTC"]
    assert order.client_order_id in desk.state.halted["BTC"]
    assert (order.client_order_id,) == desk.state.unproven


def test_arm_names_what_it_ends(desk):
    """Only what an arm names is ended: not what was told between his look and his word."""
    [order] = desk.orders
    desk.lose(order)
    desk.wait(61)
    desk.take(Operator(desk.now, Verb.ARM, "looked", "1000"))

    assert [order] == [each.submit for each in desk.state.open_orders()]
