"""Stories of an operator who changes target, coverage and band of a running book."""

import pickle
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import tuning
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Verb
from rebalancer.core.knobs import BUDGETS, Change, Knob, Tuned
from rebalancer.core.params import WidthParams
from rebalancer.storage import codec
from tests.scenarios.desk import BTC, PARAMS, SPOT, build

D = Decimal


def turn(desk, **values):
    """Let an operator change settings of the coin at once."""
    own = tuning.effective(desk.state.tuning, desk.params).underlyings["BTC"]
    knobs = {Knob(name.replace("__", ".")): value for name, value in values.items()}
    changes = tuple(
        Change("BTC", knob, tuning.value_of(own, knob), value) for knob, value in knobs.items()
    )
    return desk.take(Tuned(desk.now, changes, "test", "1000", "f" * 16))


@pytest.mark.parametrize(
    ("values", "net"),
    [
        ({"target": 0.5}, D("0.450")),  # bought up to the lower edge of the band around it
        ({"target": -0.5}, D("-0.450")),
        ({"band__lower": -0.002, "band__upper": 0.002}, D("0.002")),
        ({"band__reset": 1.0, "band__lower": -0.001, "band__upper": 0.001}, D("0")),
        ({"target": 0.04}, D("0.01")),  # its band still holds what is there
    ],
)
def test_a_change_hedges_at_once(calm, values, net):
    """Net delta goes where the changed settings want it, in the step of the change itself."""
    outcome = turn(calm, **values)
    orders = [each for each in outcome.commands if hasattr(each, "reduce_only")]

    assert net == D("0.01") + sum((each.quantity for each in orders), D(0))
    assert len(orders) == len(calm.orders) <= 1


def test_coverage():
    """Half of what nobody hedges may stay."""
    desk = build(holdings=[(SPOT, "2")])
    desk.execute(desk.orders[0])
    turn(desk, coverage=0.5)

    assert 1.0 == desk.decision.aim
    assert D("0.900") == desk.orders[-1].quantity  # to the lower edge, 0.95 less 0.05 held


def test_never_twice(desk):
    """While an order is on its way a change holds, and orders nothing beside it."""
    [order] = desk.orders
    turn(desk, target=-3.0)
    turn(desk, target=-4.0)
    assert [order] == desk.orders
    assert Reason.ORDER_IN_FLIGHT == desk.decision.reason

    desk.lose(order)
    turn(desk, target=-5.0)
    assert [order] == desk.orders
    assert Reason.OUTCOME_UNKNOWN == desk.decision.reason


def test_guards_cap_it(calm):
    """A change passes no guard: the order is as large as one may be."""
    turn(calm, target=-40.0)

    assert D("-10.000") == calm.orders[-1].quantity
    assert "order_size" in {each.guard for each in calm.decision.verdicts if each.reason}


@pytest.mark.parametrize("verb", [Verb.KILL, Verb.PAUSE])
def test_a_book_that_stands_still(calm, verb):
    """It holds, and nothing is sent; once the book goes on it is hedged towards it."""
    calm.operate(verb)
    turn(calm, target=1.0)
    assert (1.0, []) == (calm.decision.aim, calm.orders)
    assert Action.REFUSE == calm.decision.action

    calm.operate(Verb.ARM if verb is Verb.KILL else Verb.RESUME)
    calm.reconcile()
    calm.wait(1)
    assert D("0.940") == calm.orders[-1].quantity


def test_it_lasts(calm):
    """What was changed holds in every later step, and what is changed again is what counts."""
    turn(calm, target=0.5)
    calm.execute(calm.orders[-1])
    calm.wait(10)
    assert 0.5 == calm.decision.aim

    turn(calm, target=0.0)
    assert D("-0.400") == calm.orders[-1].quantity
    assert 0.0 == calm.decision.aim


def test_nothing_changed_costs_nothing():
    """A book of which nothing was changed decides by its file's own parameters."""
    assert PARAMS is tuning.effective(tuning.Tuning(), PARAMS)


def test_all_knobs():
    """Each knob turns the setting of its name, and no other."""
    for knob in Knob:
        own = BTC
        if knob in BUDGETS:
            assert tuning.value_of(own, knob) is None  # its width is given
            own = replace(own, band=replace(own.band, width=WidthParams()))
        turned = tuning.turn(own, knob, 0.75)
        assert 0.75 == tuning.value_of(turned, knob)
        others = [each for each in Knob if each is not knob]
        assert [tuning.value_of(own, each) for each in others] == [
            tuning.value_of(turned, each) for each in others
        ]


def test_a_copy_goes_on_alike(calm):
    """A state that was taken down and read back decides by what was changed, too."""
    turn(calm, target=0.5)
    copy = pickle.loads(pickle.dumps(calm.state))

    assert 0.5 == tuning.effective(copy.tuning, calm.params).underlyings["BTC"].target


def test_spelled_and_read_back():
    """The event is journaled exactly."""
    changes = (Change("BTC", Knob.LOWER, -0.05, -0.1), Change("BTC", Knob.TARGET, 0.0, 1e-9))
    event = Tuned(5, changes, "why", "1000", "f" * 16)

    assert event == codec.decode(codec.encode(event))


def test_other_coins_are_left_alone(calm):
    """A change of a coin that the book does not have decides nothing."""
    change = Change("ETH", Knob.TARGET, 0.0, 1.0)
    outcome = calm.take(Tuned(calm.now, (change,), "test", "1000", "f" * 16))

    assert () == outcome.decisions
    calm.wait(1)
    assert 0.0 == calm.decision.aim
