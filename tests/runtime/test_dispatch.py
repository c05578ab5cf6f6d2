"""Dispatch: the last check stands right before the venue, and no answer is ever lost."""

import ast
import inspect
import textwrap
from decimal import Decimal

import pytest

from rebalancer.core.commands import Alert, Cancel, Purpose, Query, Severity
from rebalancer.core.events import Operator, OrderAccepted, OrderRejected, OrderUnknown, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.positions import Position
from rebalancer.errors import DataError, Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime import dispatch
from tests.runtime.stage import MILLISECOND, VENUE, market, order, play
from tests.scenarios.desk import LINEAR, PARAMS

AGE = PARAMS.orders.max_decision_age
PROTECT = {"purpose": Purpose.PROTECT, "reduce_only": True}


def operate(stage, verb, everything=False):
    """Let an operator speak, and the engine hear it."""
    stage.engine.take(Operator(stage.clock.now(), verb, "test", "1000", everything))


def paused_at_all(stage):
    operate(stage, Verb.PAUSE, everything=True)


BARS = {
    "killed": lambda stage: operate(stage, Verb.KILL),
    "paused": lambda stage: operate(stage, Verb.PAUSE),
    "sealed": paused_at_all,
    "halted": lambda stage: stage.state.latch("test", killed=False),
    "underlying halted": lambda stage: stage.state.halt("BTC", "test"),
    "draining": lambda stage: stage.state.activate(TradingState.DRAINING, "test"),
    "standby": lambda stage: stage.state.activate(TradingState.STANDBY, "test"),
    "reconciling": lambda stage: stage.state.activate(TradingState.RECONCILING, "test"),
    "shut": lambda stage: stage.dispatch.shut(),
    "brake": lambda stage: setattr(stage.brake, "why", "kill file: test"),
}


@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("raised", ["before", "between"])
def test_last_check(bar, raised):
    """What stops the book after a decision stops its order: rejected, and the venue never asked."""

    async def story(stage):
        stage.activate()
        told = order(stage.clock)
        if raised == "before":
            BARS[bar](stage)
        stage.dispatch.carry_out(told)
        if raised == "between":  # the order waits for its turn of the loop
            BARS[bar](stage)
        await stage.settle()
        stage.heard = stage.drained()

    stage = play(story)
    (answer,) = (event for event in stage.heard if isinstance(event, OrderRejected))

    assert answer.reason.startswith("not sent: ")
    assert [] == stage.venue.submitted


@pytest.mark.parametrize(
    ("held", "quantity", "leaves"),
    [("0", "1", 0), ("2", "1", 0), ("-2", "1", 1), ("-1", "1", 1), ("-1", "1.001", 0)],
)
def test_reduced_meanwhile(held, quantity, leaves):
    """Once a person lets only what closes pass, a hedge decided before leaves only if it does."""

    async def story(stage):
        stage.activate()
        told = order(stage.clock, quantity=Decimal(quantity))
        position = Position(Decimal(held), Decimal(0), Decimal(0))
        stage.state.ledger.positions[told.account, told.instrument] = position
        stage.dispatch.carry_out(told)
        operate(stage, Verb.REDUCE)
        await stage.settle()

    assert leaves == len(play(story).venue.submitted)


@pytest.mark.parametrize(
    ("age", "leaves"), [(0, 1), (AGE, 1), (AGE + 1, 0), (-AGE, 1), (-AGE - 1, 0)]
)
def test_age(age, leaves):
    """A decision that is too old is not sent; nor is one whose clock was set back since."""

    async def story(stage):
        stage.activate()
        stage.dispatch.carry_out(order(stage.clock, decided_at=stage.clock.now() - age))
        await stage.settle()

    assert leaves == len(play(story).venue.submitted)


@pytest.mark.parametrize(
    ("bar", "leaves"),
    [
        ("paused", 1),
        ("halted", 1),
        ("underlying halted", 1),
        ("reconciling", 1),
        ("killed", 0),
        ("sealed", 0),
        ("draining", 0),
        ("shut", 0),
    ],
)
def test_protect(bar, leaves):
    """What only closes, to stay alive, leaves a stopped book, but no killed or sealed one."""

    async def story(stage):
        stage.activate()
        BARS[bar](stage)
        stage.dispatch.carry_out(order(stage.clock, **PROTECT))
        await stage.settle()

    assert leaves == len(play(story).venue.submitted)


def test_answer():
    """An answer in time is delivered, alone."""

    async def story(stage):
        stage.activate()
        stage.venue.answer = stage.venue.rejects
        stage.dispatch.carry_out(order(stage.clock))
        await stage.settle(20 * SECOND)
        stage.heard = stage.drained()

    assert ["OrderRejected"] == [type(event).__name__ for event in play(story).heard]


@pytest.mark.parametrize("late", [4, 5, 9])
def test_late_answer(late):
    """No answer within the timeout is unknown; the answer that comes after all is delivered."""

    async def story(stage):
        async def answers(told):
            await stage.clock.sleep(late * SECOND + MILLISECOND)
            return OrderAccepted(stage.clock.now(), None, told.client_order_id, "v1")

        stage.activate()
        stage.venue.answer = answers
        stage.dispatch.carry_out(order(stage.clock))
        began = stage.clock.now()
        await stage.settle(20 * SECOND)
        stage.heard = [(type(e), e.ts_local - began) for e in stage.drained()]

    unknown = [(OrderUnknown, 5 * SECOND)] if late >= 5 else []

    assert [*unknown, (OrderAccepted, late * SECOND + MILLISECOND)] == play(story).heard


@pytest.mark.parametrize(
    "error", [Unavailable("down"), DataError("nonsense"), ValueError("bug"), KeyError("x")]
)
def test_venue_raises(error):
    """Whatever a venue's submit dies of, the outcome is unknown and the daemon lives."""

    async def story(stage):
        async def breaks(told):
            raise error

        stage.activate()
        stage.venue.answer = breaks
        stage.dispatch.carry_out(order(stage.clock))
        await stage.settle(20 * SECOND)
        stage.heard = stage.drained()

    stage = play(story)
    (answer,) = stage.heard

    assert isinstance(answer, OrderUnknown)
    assert type(error).__name__ in answer.reason
    assert stage.stop.cause is None


@pytest.mark.parametrize("error", [Unavailable("down"), ValueError("bug")])
def test_cancel_and_query_fail(error):
    """A cancel or a query that fails is said, and nothing else: the book must be hedged on."""

    async def story(stage):
        stage.venue.cancel_error = stage.venue.query_answer = error
        stage.dispatch.carry_out(Cancel("rb1", VENUE, LINEAR))
        stage.dispatch.carry_out(Query("rb1", VENUE, LINEAR))
        await stage.settle()
        stage.heard = stage.drained()

    stage = play(story)

    assert ["order.cancel_failed", "order.query_failed"] == stage.log.events()
    assert [] == stage.heard
    assert stage.stop.cause is None


def test_query_answers():
    """All that a query tells is delivered, in order."""

    async def story(stage):
        ts = stage.clock.now()
        accepted = OrderAccepted(ts, ts, "rb1", "v1")
        stage.venue.query_answer = (accepted, OrderUnknown(ts, None, "rb1", "x"))
        stage.dispatch.carry_out(Query("rb1", VENUE, LINEAR))
        await stage.settle()
        stage.heard = stage.drained()

    stage = play(story)

    assert list(stage.venue.query_answer) == stage.heard


def test_cancel_and_query_pass_a_kill():
    """What asks and what withdraws leaves even a killed book."""

    async def story(stage):
        stage.activate()
        operate(stage, Verb.KILL)
        stage.dispatch.shut()
        stage.dispatch.carry_out(Cancel("rb1", VENUE, LINEAR))
        stage.dispatch.carry_out(Query("rb1", VENUE, LINEAR))
        await stage.settle()

    assert ["cancel", "query"] == [t for t in play(story).trace if t in ("cancel", "query")]


def test_alert():
    """An alert goes to its sink at once."""

    async def story(stage):
        stage.dispatch.carry_out(Alert(Severity.ERROR, "delta.unhedged", "BTC", "x"))
        assert 1 == len(stage.alerts.sent)

    play(story)


def test_canceled_submit_leaves_no_deadline():
    """A request that a shutdown ends says nothing later: its deadline goes with it."""

    async def story(stage):
        stage.activate()
        stage.venue.answer = stage.venue.never
        stage.dispatch.carry_out(order(stage.clock))
        await stage.settle()
        await stage.tasks.close()
        await stage.settle(20 * SECOND)
        stage.heard = stage.drained()

    assert [] == play(story).heard


def test_nothing_runs_between_check_and_venue():
    """From the check to the venue's own first line nobody else gets a turn."""

    async def story(stage):
        stage.activate()
        turns, seen = [0], []

        def count():
            turns[0] += 1
            if turns[0] < 1000:
                loop.call_soon(count)

        checked = type(stage.dispatch).barred

        def watched(self, told):
            seen.append(turns[0])
            return checked(self, told)

        async def answers(told):
            seen.append(turns[0])
            return OrderRejected(stage.clock.now(), None, told.client_order_id, "x")

        import asyncio

        loop = asyncio.get_running_loop()
        loop.call_soon(count)
        stage.venue.answer = answers
        original, dispatch.Dispatch.barred = checked, watched
        try:
            stage.dispatch.carry_out(order(stage.clock))
            await stage.settle()
        finally:
            dispatch.Dispatch.barred = original
        stage.seen = seen

    before, at = play(story).seen

    assert before == at
    assert before > 0


def test_source_has_no_await_before_the_venue():
    """In the source the first await after the check is the venue's submit itself."""
    source = textwrap.dedent(inspect.getsource(dispatch.Dispatch._submit))
    (function,) = ast.parse(source).body
    awaits = [node for node in ast.walk(function) if isinstance(node, ast.Await)]
    asynchronous = (ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
    checks = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "barred"
    ]
    check = inspect.getattr_static(dispatch.Dispatch, "barred")

    assert 1 == len(awaits)
    assert isinstance(awaits[0].value, ast.Call)
    assert "submit" == awaits[0].value.func.attr
    assert 1 == len(checks)
    assert checks[0].lineno < awaits[0].lineno
    assert not any(isinstance(node, asynchronous) for node in ast.walk(function))
    assert not inspect.iscoroutinefunction(check)


def test_only_dispatch_submits():
    """No other module of the daemon calls a venue's submit, cancel or query."""
    import pathlib

    folder = pathlib.Path(dispatch.__file__).parent
    callers = {
        path.name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in ("submit", "cancel", "query")
    }

    assert {"dispatch.py"} == callers


def test_market_reaches_the_venue():
    """On the whole stage a market outside the band makes exactly one order, and it is filled."""

    async def story(stage):
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        stage.activate()
        stage.tasks.spawn("engine", stage.engine.run())
        await stage.settle(SECOND)

    stage = play(story)

    assert 1 == len(stage.venue.submitted)
    assert "filled" == next(iter(stage.state.orders.values())).state
