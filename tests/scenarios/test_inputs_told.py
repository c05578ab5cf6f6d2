"""What a decision rests on is told as it was: inputs with ages, deltas by position, open orders."""

import json
from dataclasses import replace

import pytest

from rebalancer.core import inputs
from rebalancer.core.decision import Action
from rebalancer.core.inputs import VALUES
from rebalancer.storage import codec
from tests.scenarios import desk as desks
from tests.scenarios.desk import CALL, COINS, LINEAR, PERP, SECOND, SPOT, build, margined


def told(desk):
    """Return what the latest decision rests on."""
    return inputs.of(desk.state, desk.params, desk.decision)


def rows(found):
    """Return (age, limit, values) by kind and subject."""
    columns = (found.ages, found.limits, found.values)
    names = zip(found.kinds, found.subjects, strict=True)
    return dict(zip(names, zip(*columns, strict=True), strict=True))


def opened():
    """Return a desk with coins, a short call and a perpetual, just after its hedge left."""
    desk = build(
        margined(),
        holdings=[(SPOT, "2"), (CALL, "-10"), (PERP, "-50000"), (COINS, "3")],
        active=False,
    )
    desk.option(CALL, 0.6, 100_500.0)
    desk.funding(0.0003)
    desk.market()
    desk.now += SECOND
    desk.figures(500_000.0, 100.0)
    desk.market(101_000.0)
    desk.reconcile()
    return desk


@pytest.fixture
def book():
    """Return such a desk."""
    return opened()


def test_deltas_add_up(book):
    """The deltas of all holdings are the net delta, each with the quantity that it is of."""
    found = told(book)
    deltas = dict(zip(found.held, found.deltas, strict=True))

    assert Action.ORDER is book.decision.action
    assert pytest.approx(book.decision.net_delta, abs=1e-9) == sum(deltas.values())
    assert {SPOT: 2.0, CALL: -10.0, PERP: -50_000.0, COINS: 3.0} == dict(
        zip(found.held, found.quantities, strict=True)
    )
    assert 2.0 == deltas[SPOT]
    assert -5.0 == pytest.approx(deltas[PERP])
    assert -10 < deltas[CALL] < 0


def test_inputs(book):
    """Everything that the decision looked at is there, as it was said, with age and limit."""
    found = rows(told(book))

    assert (0, 5 * SECOND, (101_000.0,)) == found["index", "deribit:BTC"]
    assert (SECOND, 30 * SECOND, (0.0321, 0.6, 100_500.0)) == found["option", CALL]
    assert (0, 5 * SECOND, (101_000.0,)) == found["mark", LINEAR]
    age, limit, values = found["quote", LINEAR]
    assert (0, 3 * SECOND, 5.0) == (age, limit, values[1])
    assert values[0] < 101_000.0 < values[2]
    assert (SECOND, None, (pytest.approx(0.0009),)) == found["funding", LINEAR]
    assert (0, ()) == (found["reading", "binanceusdm"][0], found["reading", "binanceusdm"][2])
    assert (0, 30 * SECOND, (500_000.0, 100.0)) == found["margin", "binanceusdm USDT"]


def test_what_was_not_told():
    """An input that nobody told has no age and no value, and its delta is unknown."""
    desk = build(holdings=[(SPOT, "2"), (CALL, "-10")])
    found = told(desk)
    deltas = dict(zip(found.held, found.deltas, strict=True))

    assert Action.REFUSE is desk.decision.action
    assert (None, 30 * SECOND, ()) == rows(found)["option", CALL]
    assert (2.0, None) == (deltas[SPOT], deltas[CALL])


def test_old(desk):
    """Ages are those of the moment: what fell silent is as old as its last word."""
    desk.now += 2 * SECOND
    desk.index()
    found = rows(told(desk))

    assert 2 * SECOND == found["quote", LINEAR][0]
    assert 0 == found["index", "deribit:BTC"][0]


def test_open_orders(desk):
    """An order that is open names itself as what the pending delta is; its own does not."""
    (order,) = desk.orders
    assert () == told(desk).waiting
    desk.lose(order)
    found = told(desk)

    assert Action.REFUSE is desk.decision.action
    assert ((order.client_order_id,), ("unknown",)) == (found.waiting, found.waits)


def test_out_of_scope():
    """What is left out of the book's delta is no part of it here either."""
    desk = build(desks.settings(exclude=(COINS,)), holdings=[(SPOT, "2"), (COINS, "3")])
    desk.market()

    assert (SPOT,) == told(desk).held


def test_told_changes_nothing(book):
    """Asking what a decision rests on leaves all that follows as it would have been."""
    silent = opened()
    for desk, asks in ((book, True), (silent, False)):
        for step in range(20):
            desk.now += SECOND
            desk.figures(500_000.0, 100.0)
            desk.market(101_000.0 + 1_500.0 * (step % 7))
            if asks:
                told(desk)
            for order in desk.state.open_orders():
                desk.execute(order.submit)

    assert len(silent.orders) > 1
    assert silent.decisions == book.decisions


def test_spelled(book):
    """It comes back from the journal as it was, and each row has the values of its kind."""
    found = told(book)

    assert found == codec.decode(json.loads(json.dumps(codec.encode(found))))
    assert all(
        len(values) in (0, len(VALUES[kind]))
        for kind, values in zip(found.kinds, found.values, strict=True)
    )
    older = {k: v for k, v in codec.encode(found).items() if k not in ("waiting", "waits")}
    assert replace(found, waiting=(), waits=()) == codec.decode(older)
