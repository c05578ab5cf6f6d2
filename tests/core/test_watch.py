"""The watch by itself: what the delta rests on, and when somebody is woken."""

from dataclasses import replace

import pytest

from rebalancer.core import watch
from rebalancer.core.decision import Action, Decision, Reason
from rebalancer.core.events import Tick
from rebalancer.core.state import State
from tests.scenarios.desk import (
    CALL,
    FUTURE,
    INSTRUMENTS,
    LINEAR_FUTURE,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    START,
    build,
    hold,
)

OWN = PARAMS.underlyings["BTC"]
INSIDE = Decision(
    1, START, "BTC", Action.HOLD, Reason.INSIDE_BAND, 0.0, 0.0, 0.0, -0.05, 0.05, price=1e5
)
OUTSIDE = replace(INSIDE, net_delta=1.0, reason=Reason.NOT_ACTIVE)
SMALL = replace(OUTSIDE, reason=Reason.BELOW_MINIMUM)
PRICELESS = replace(INSIDE, price=None, reason=Reason.INDEX_MISSING)


def test_delta_inputs():
    """The delta rests on the index and on the marks of held options and dated futures."""
    state = build(active=False).state
    for name in (SPOT, PERP, CALL, FUTURE, LINEAR_FUTURE):
        hold(state, name, "10")
    told = list(watch.delta_inputs(state, PARAMS, OWN))

    assert {
        ("BTC", Reason.INDEX_MISSING),
        (CALL, Reason.OPTION_MISSING),
        (FUTURE, Reason.MARK_MISSING),
        (LINEAR_FUTURE, Reason.MARK_MISSING),
    } == {(each.subject, each.missing) for each in told}
    assert {None} == {each.age for each in told}


def test_ages_and_limits():
    """Each input has its age and its own limit."""
    desk = build(holdings=[(CALL, "1"), (FUTURE, "10")])
    desk.option(CALL, 0.6)
    desk.now += SECOND
    desk.mark(FUTURE)
    desk.now += SECOND
    desk.take(Tick(desk.now))
    told = watch.delta_inputs(desk.state, PARAMS, OWN)

    assert [
        ("deribit:BTC", 2, 5),
        (CALL, 2, 30),
        (FUTURE, 1, 5),
    ] == [(each.subject, each.age // SECOND, each.limit // SECOND) for each in told]


@pytest.mark.parametrize(
    ("decisions", "alerts"),
    [
        ([(0, INSIDE), (99, INSIDE)], []),
        ([(0, OUTSIDE), (59, OUTSIDE)], []),
        ([(0, OUTSIDE), (60, OUTSIDE)], ["delta.unhedged"]),
        ([(0, OUTSIDE), (60, OUTSIDE), (200, OUTSIDE)], ["delta.unhedged"]),
        ([(0, OUTSIDE), (60, OUTSIDE), (299, OUTSIDE)], ["delta.unhedged"]),
        ([(0, OUTSIDE), (60, OUTSIDE), (300, OUTSIDE)], ["delta.unhedged"] * 2),
        ([(0, OUTSIDE), (60, OUTSIDE), (61, INSIDE)], ["delta.unhedged", "delta.restored"]),
        ([(0, OUTSIDE), (30, INSIDE), (60, OUTSIDE), (89, OUTSIDE)], []),
        ([(0, SMALL), (200, SMALL)], []),  # a hold, not an alarm
        ([(0, PRICELESS), (60, PRICELESS)], ["delta.unhedged"]),
        ([(0, OUTSIDE), (60, PRICELESS)], ["delta.unhedged"]),
    ],
)
def test_unhedged(decisions, alerts):
    """A gap, or an unknown one, that lasts a minute is told, ever more rarely, and its end once."""
    state, found = State(INSTRUMENTS, PARAMS, START), []
    for seconds, decision in decisions:
        state.apply(Tick(START + seconds * SECOND))
        found += watch.unhedged(state, PARAMS, decision, told=False)

    assert alerts == [alert.event for alert in found]


def test_told_again():
    """While a gap lasts it is told after a minute, four, sixteen … at last once a day."""
    state, found = State(INSTRUMENTS, PARAMS, START), []
    for minute in range(10 * 24 * 60):
        state.apply(Tick(START + minute * 60 * SECOND))
        if list(watch.unhedged(state, PARAMS, OUTSIDE, told=False)):
            found.append(minute)
    pauses = [later - earlier for earlier, later in zip([0, *found], found, strict=False)]

    assert [1, 4, 16, 64, 256, 1_024, 1_440, 1_440] == pauses[:8]
    assert {1_440} == set(pauses[6:])


def test_a_new_episode_begins_anew():
    """After the end of one episode the next is told after a minute again."""
    state, found = State(INSTRUMENTS, PARAMS, START), []
    for second in range(600):
        state.apply(Tick(START + second * SECOND))
        inside = second in (400, 470)
        for alert in watch.unhedged(state, PARAMS, INSIDE if inside else OUTSIDE, told=False):
            found.append((second, alert.event))

    assert [
        (60, "delta.unhedged"),
        (300, "delta.unhedged"),
        (400, "delta.restored"),
        (461, "delta.unhedged"),
        (470, "delta.restored"),
        (531, "delta.unhedged"),
    ] == found


@pytest.mark.parametrize(("seconds", "alerts"), [(59, []), (60, ["delta.unhedged"])])
def test_blind(seconds, alerts):
    """Inputs that are not known are looked at once a tick, and count like a gap."""
    state, found = State(INSTRUMENTS, PARAMS, START), []
    for passed in (0, seconds):
        state.apply(Tick(START + passed * SECOND))
        found += watch.unhedged(state, PARAMS, INSIDE, told=True)

    assert alerts == [alert.event for alert in found]


def test_chase_asks_in_turns():
    """An unknown order is asked after every two and a half seconds, five times in ten."""
    desk = build(holdings=[(SPOT, "2")])
    desk.lose(desk.orders[0])
    for _ in range(20):
        desk.now += SECOND // 2
        desk.take(Tick(desk.now))

    assert 4 == len(desk.queries)  # after 0.5, 3, 5.5 and 8 s
