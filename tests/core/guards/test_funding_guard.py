"""The funding guard: what dear funding holds back, and what it never does."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.guards import funding
from rebalancer.core.guards.funding import Spent

D = Decimal
CAP, BUDGET = 0.0005, 1_000.0  # per day; USD


def order(quantity, position="0", closing="0", required="0"):
    return HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying="BTC",
        account="v",
        instrument="v:PERP",
        quantity=D(quantity),
        position=D(position),
        closing=D(closing),
        hedging=abs(D(quantity)),
        required=D(required),
        delta_per_contract=1.0,
        price=D(100),
    )


SHORT, LONG = order("-3"), order("3")


@pytest.mark.parametrize(
    ("intent", "rate", "reason"),
    [
        (SHORT, +0.0001, None),  # shorts are paid
        (SHORT, +0.9, None),  # however much
        (SHORT, -0.0004, None),  # shorts pay 4 bp, cap is 5 bp
        (SHORT, -0.0005, None),  # the cap itself may be paid
        (SHORT, -0.0006, Reason.FUNDING_TOO_DEAR),
        (SHORT, None, Reason.FUNDING_UNKNOWN),
        (LONG, -0.0006, None),
        (LONG, +0.0004, None),
        (LONG, +0.0006, Reason.FUNDING_TOO_DEAR),
        (LONG, None, Reason.FUNDING_UNKNOWN),
        (order("-3", position="5", closing="3"), +0.0006, None),  # only closes
        (order("-3", position="5", closing="3"), None, None),
    ],
)
def test_new_position(intent, rate, reason):
    """It is refused only when it pays more than the cap, or when nobody knows."""
    verdict = funding.judge(intent, rate, CAP)

    assert reason == verdict.reason
    assert (0 if reason else 3) == verdict.allows


@pytest.mark.parametrize(
    ("closing", "required", "allows"),
    [
        ("0", "0", 0),
        ("2", "0", 2),
        ("0", "4", 4),  # the book is never left naked …
        ("2", "4", 4),
        ("3", "1", 3),
        ("2", "5", 5),  # … however dear it is
    ],
)
@pytest.mark.parametrize("rate", [-0.0006, None])
def test_spared(closing, required, allows, rate):
    """What closes passes, and what brings net delta back to its limit."""
    intent = order("-5", position=closing, closing=closing, required=required)

    verdict = funding.judge(intent, rate, CAP)

    assert D(allows) == verdict.allows
    assert (allows == 5) == (verdict.reason is None)


def test_measured():
    """A refusal says what would be paid, by the side that pays, and the cap."""
    verdict = funding.judge(SHORT, -0.0006, CAP)

    assert (0.0006, CAP, "v:PERP") == (verdict.measured, verdict.limit, verdict.subject)


def test_side_after():
    """The position after the order counts: a short that an order turns long pays as a long."""
    turns = order("5", position="-2", closing="2")

    assert Reason.FUNDING_TOO_DEAR is funding.judge(turns, +0.0006, CAP).reason
    assert None is funding.judge(turns, -0.0006, CAP).reason


@pytest.mark.parametrize(
    ("rate", "spent", "budget", "reason"),
    [
        (0.0, 999.0, BUDGET, None),
        (-0.0001, 1_000.0, BUDGET, Reason.FUNDING_BUDGET_SPENT),
        (-0.0001, 5_000.0, BUDGET, Reason.FUNDING_BUDGET_SPENT),
        (+0.0001, 5_000.0, BUDGET, None),  # a short that is paid spends nothing
        (0.0, -5_000.0, BUDGET, None),  # was received
        (0.0, 5_000.0, None, None),  # no budget
        (-0.0006, 5_000.0, BUDGET, Reason.FUNDING_TOO_DEAR),  # the rate is told first
        (None, 5_000.0, BUDGET, Reason.FUNDING_UNKNOWN),
    ],
)
def test_budget(rate, spent, budget, reason):
    """Once the day's budget is paid, no position grows by more than is required."""
    intent = replace(SHORT, required=D(1))

    verdict = funding.judge(intent, rate, CAP, Spent(spent, budget))

    assert reason == verdict.reason
    assert D(1 if reason else 3) == verdict.allows


rates = st.none() | st.floats(-1, 1)
part = st.integers(0, 9).map(D)


@given(st.integers(-9, 9).filter(bool), part, part, rates, st.floats(0, 2_000))
def test_never_bare(quantity, closing, required, rate, spent):
    """Closing and required parts pass whatever is told; nothing grows beyond the order."""
    most = abs(D(quantity))
    closing, required = min(closing, most), min(required, most)
    intent = replace(order(quantity), closing=closing, required=required)

    verdict = funding.judge(intent, rate, CAP, Spent(spent, BUDGET))

    assert max(closing, required) <= verdict.allows <= most
    assert (verdict.allows == most) == (verdict.reason is None)
