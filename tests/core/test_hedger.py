"""One step: which underlyings an event touches, and what a decision says."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import hedger
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import (
    FeedStatus,
    Fill,
    FundingPaid,
    Index,
    Mark,
    Operator,
    OrderAccepted,
    OrderNotFound,
    PositionReport,
    Quote,
    Reconciled,
    Settled,
    Tick,
    Trade,
    Verb,
)
from rebalancer.core.state import State
from tests.scenarios.desk import (
    DOLLARS,
    ETHER,
    INSTRUMENTS,
    LIMITS,
    LINEAR,
    PARAMS,
    SPOT,
    START,
    build,
    settings,
)

D = Decimal

BOTH = replace(
    PARAMS,
    underlyings={name: replace(PARAMS.underlyings["BTC"], name=name) for name in ("BTC", "ETH")},
)


@pytest.mark.parametrize(
    ("event", "touched"),
    [
        (Tick(START), ["BTC", "ETH"]),
        (Operator(START, Verb.PAUSE, "", ""), ["BTC", "ETH"]),
        (Reconciled(START, ()), ["BTC", "ETH"]),
        (Index(START, START, "deribit", "ETH", D(3_500)), ["ETH"]),
        (Index(START, START, "deribit", "DOGE", D(1)), []),
        (Mark(START, START, LINEAR, D(100_000)), ["BTC"]),
        (Mark(START, START, ETHER, D(3_500)), ["ETH"]),
        (Mark(START, START, "deribit:NEW", D(1)), []),
        (Trade(START, START, LINEAR, D(1), D(1)), []),  # a last price decides nothing
        (Quote(START, START, ETHER, None, None, None, None), ["ETH"]),
        (FundingPaid(START, START, "binanceusdm", LINEAR, "f", D(1), "USDT"), ["BTC"]),
        (Settled(START, START, "binanceusdm", ETHER, "s", D(3_500)), ["ETH"]),
        (PositionReport(START, START, "binanceusdm", DOLLARS, D(1)), []),
        (FeedStatus(START, "deribit", alive=False), []),
        (OrderAccepted(START, START, "foreign", "v"), []),
        (
            Fill(START, START, "binanceusdm", ETHER, "t", None, D(1), D(3_500), D(0), "USDT"),
            ["ETH"],
        ),
    ],
)
def test_touched(event, touched):
    """An event makes one decision for each underlying that it may have changed."""
    outcome = hedger.step(State(INSTRUMENTS, BOTH, START), event, BOTH)

    assert touched == [decision.underlying for decision in outcome.decisions]


def test_order_event_touches_its_underlying(desk_with_order):
    """News of an order makes a decision for what the order hedges."""
    order = desk_with_order.orders[0]
    outcome = desk_with_order.take(OrderNotFound(START, START, order.client_order_id))

    assert ["BTC"] == [decision.underlying for decision in outcome.decisions]


@pytest.fixture
def desk_with_order():
    return build(holdings=[(SPOT, "2")])


def test_sequence_counts_steps():
    """Each event is one step, whatever comes of it."""
    state = State(INSTRUMENTS, PARAMS, START)
    told = [hedger.step(state, Tick(START), PARAMS) for _ in range(3)]

    assert [1, 2, 3] == [outcome.decisions[0].sequence for outcome in told]


def test_decision_has_its_numbers(desk_with_order):
    """An order's decision says what was wanted, what was allowed, and where the band lay."""
    told = next(d for d in desk_with_order.decisions if d.action is Action.ORDER)

    assert (2.0, 0.0, 0.0, -0.05, 0.05, 100_000.0) == (
        told.net_delta,
        told.pending,
        told.aim,
        told.lower,
        told.upper,
        told.price,
    )
    assert (LINEAR, D("-1.950"), D("-1.950"), D("99700.0")) == (
        told.instrument,
        told.wanted,
        told.allowed,
        told.limit_price,
    )
    assert desk_with_order.orders[0].client_order_id == told.client_order_id


def test_all_guards_report():
    """Every guard gives its verdict, also when an earlier one refuses everything."""
    desk = build(settings(limits=replace(LIMITS, order=1.0, position=1.5)), [(SPOT, "3")])
    desk.operate(Verb.PAUSE)
    desk.reject(desk.orders[0])
    desk.wait(2)
    told = [each for each in desk.decisions if each.action is Action.REFUSE][-1]

    assert (Action.REFUSE, Reason.NOT_ACTIVE, D(0)) == (told.action, told.reason, told.allowed)
    assert [
        (0.0, Reason.NOT_ACTIVE),
        (2.95, None),
        (2.95, None),
        (2.95, None),
        (2.95, None),
        (1.0, Reason.ORDER_TOO_LARGE),
        (1.5, Reason.POSITION_TOO_LARGE),
        (2.95, None),
    ] == [(float(verdict.allows), verdict.reason) for verdict in told.verdicts]


def test_same_events_same_decisions():
    """Two runs over the same events decide the same, to the last digit."""
    runs = []
    for _ in range(2):
        desk = build(holdings=[(SPOT, "2")])
        desk.execute(desk.orders[0])
        desk.wait(5, 101_234.5)
        desk.trade_by_hand(SPOT, "1.3")
        desk.lose(desk.orders[-1])
        desk.wait(10)
        runs.append(desk.outcomes)

    assert runs[0] == runs[1]
