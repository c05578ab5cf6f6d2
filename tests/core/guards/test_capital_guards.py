"""Guards of what a book can bear: leverage, one counterparty, turnover, fees, and haste."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.budget import Budget
from rebalancer.core.decision import Reason
from rebalancer.core.guards import counterparty, fees, leverage, throttle, turnover
from rebalancer.core.guards.counterparty import Share
from rebalancer.core.guards.leverage import Gross
from tests.core.guards.orders import CLOSES, GROWS, PROTECTS, TURNS, order

D = Decimal
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("intent", "gross", "allows", "reason"),
    [
        # five contracts of 100 USD, at most 3 times the equity
        (GROWS, Gross(1000, 100, 500, 3), "5", None),
        (GROWS, Gross(1000, 100, 501, 3), "5", None),
        (GROWS, Gross(1000, 100, 499, 3), "4.97", Reason.LEVERAGE_TOO_HIGH),
        (GROWS, Gross(1500, 100, 500, 3), "0", Reason.LEVERAGE_TOO_HIGH),
        (GROWS, Gross(9000, 100, 500, 3), "0", Reason.LEVERAGE_TOO_HIGH),
        (GROWS, Gross(0, 0.1, 0.1, 3), "3", Reason.LEVERAGE_TOO_HIGH),  # a float's 0.3 is less
        (GROWS, Gross(0, 300, 100, 1), "0.3333333333333333333333333333", Reason.LEVERAGE_TOO_HIGH),
        (TURNS, Gross(1500, 100, 500, 3), "5", None),  # 300 closed, 200 opened
        (TURNS, Gross(1700, 100, 500, 3), "4", Reason.LEVERAGE_TOO_HIGH),
        (TURNS, Gross(1800, 100, 500, 3), "3", Reason.LEVERAGE_TOO_HIGH),
        (TURNS, Gross(9000, 100, 500, 3), "3", Reason.LEVERAGE_TOO_HIGH),
        (order("-5", required="5"), Gross(9000, 100, 500, 3), "0", Reason.LEVERAGE_TOO_HIGH),
        (CLOSES, Gross(9000, 100, 500, 3), "5", None),
        (PROTECTS, Gross(9000, 100, 500, 3), "5", None),
        (TURNS, Gross(9000, 100, None, 3), "3", Reason.EQUITY_MISSING),
        (TURNS, Gross(0, 100, 0, 3), "3", Reason.LEVERAGE_TOO_HIGH),
        (TURNS, Gross(0, 100, -1, 3), "3", Reason.LEVERAGE_TOO_HIGH),
        (TURNS, Gross(None, 100, 500, 3), "3", Reason.MARK_MISSING),
        (TURNS, Gross(0, None, 500, 3), "3", Reason.MARK_MISSING),
        (CLOSES, Gross(None, None, None, 3), "5", None),
        (PROTECTS, Gross(None, None, None, 3), "5", None),
    ],
)
def test_leverage(intent, gross, allows, reason):
    """Growth ends where gross notional reaches its multiple of the equity."""
    told = leverage.judge(intent, gross)

    assert (D(allows), reason) == (told.allows, told.reason)


@pytest.mark.parametrize(
    ("gross", "measured", "subject"),
    [
        (Gross(1000, 100, 500, 3), 3.0, ""),
        (Gross(1500, 100, 500, 3), 4.0, ""),
        (Gross(1500, 100, 0, 3), None, ""),
        (Gross(None, 100, 500, 3), None, "gross notional"),
        (Gross(1500, None, 500, 3), None, "v:X"),
    ],
)
def test_leverage_measured(gross, measured, subject):
    """What is told is the leverage after all of the order, or what is missing to know it."""
    told = leverage.judge(GROWS, gross)

    assert (measured, subject) == (told.measured, told.subject)


@pytest.mark.parametrize(
    ("intent", "share", "allows", "reason", "measured"),
    [
        (GROWS, (400, 1000), "5", None, 0.4),
        (GROWS, (399, 1000), "5", None, 0.399),
        (GROWS, (401, 1000), "0", Reason.COUNTERPARTY_TOO_LARGE, 0.401),
        (TURNS, (401, 1000), "3", Reason.COUNTERPARTY_TOO_LARGE, 0.401),
        (order("-5", required="5"), (401, 1000), "0", Reason.COUNTERPARTY_TOO_LARGE, 0.401),
        (CLOSES, (900, 1000), "5", None, None),
        (PROTECTS, (900, 1000), "5", None, None),
        (GROWS, (-5, 1000), "5", None, -0.005),  # it owes us nothing
        (GROWS, (5, 0), "0", Reason.COUNTERPARTY_TOO_LARGE, None),
        (GROWS, (5, -5), "0", Reason.COUNTERPARTY_TOO_LARGE, None),
        (GROWS, (-5, -5), "5", None, None),
        (GROWS, (-1, -5), "5", None, None),
        (TURNS, (None, 1000), "3", Reason.EQUITY_MISSING, None),
        (TURNS, (400, None), "3", Reason.EQUITY_MISSING, None),
        (CLOSES, (None, None), "5", None, None),
        (PROTECTS, (None, None), "5", None, None),
    ],
)
def test_counterparty(intent, share, allows, reason, measured):
    """Nothing grows at a venue that holds more of the book than it may."""
    told = counterparty.judge(intent, Share(*share, limit=0.4))

    assert (D(allows), reason, measured) == (told.allows, told.reason, told.measured)


@pytest.mark.parametrize(("share", "subject"), [((None, None), "v"), ((1, None), "book")])
def test_counterparty_names(share, subject):
    """A refusal names the venue whose equity nobody knows, or the book."""
    assert subject == counterparty.judge(GROWS, Share(*share, limit=0.4)).subject


@pytest.mark.parametrize(
    ("guard", "overdrawn"),
    [(turnover, Reason.TURNOVER_SPENT), (fees, Reason.FEES_SPENT)],
)
@pytest.mark.parametrize(
    ("intent", "budget", "allows", "reason"),
    [
        # five contracts of 0.1 USD, at most 1 USD a day
        (GROWS, Budget(0.5, 0.1, 1), "5", None),
        (GROWS, Budget(0.49, 0.1, 1), "5", None),
        (GROWS, Budget(0.51, 0.1, 1), "4.9", "overdrawn"),
        (GROWS, Budget(0.7, 0.1, 1), "3", "overdrawn"),  # a float's 0.3 is less
        (GROWS, Budget(1, 0.1, 1), "0", "overdrawn"),
        (GROWS, Budget(9, 0.1, 1), "0", "overdrawn"),
        (TURNS, Budget(0.5, 0.1, 1), "5", None),
        (TURNS, Budget(0.6, 0.1, 1), "4", "overdrawn"),  # what closes is counted first
        (TURNS, Budget(0.9, 0.1, 1), "3", "overdrawn"),  # and passes all the same
        (order("-5", required="5"), Budget(1, 0.1, 1), "0", "overdrawn"),
        (CLOSES, Budget(9, 0.1, 1), "5", None),
        (PROTECTS, Budget(9, 0.1, 1), "5", None),
        (TURNS, Budget(0, None, 1), "3", Reason.MARK_MISSING),
        (CLOSES, Budget(0, None, 1), "5", None),
        (PROTECTS, Budget(0, None, 1), "5", None),
    ],
)
def test_budgets(guard, overdrawn, intent, budget, allows, reason):
    """Growth ends where the budget of 24 hours is spent; what closes passes beyond it."""
    told = guard.judge(intent, budget)

    assert D(allows) == told.allows
    assert (overdrawn if reason == "overdrawn" else reason) == told.reason
    assert guard.NAME == told.guard


@pytest.mark.parametrize(
    ("budget", "allows"),
    [
        (Budget(0.9, 0, 1), 5),  # free
        (Budget(1, 0, 1), 5),
        (Budget(1.1, 0, 1), 0),  # free, but what was paid is too much already
        (Budget(0.9, -0.1, 1), 5),  # the venue pays
        (Budget(1.1, -0.1, 1), 5),  # and brings the sum back
        (Budget(9, -0.1, 1), 0),
    ],
)
def test_rebates(budget, allows):
    """An order that costs nothing passes unless more was paid than it brings back."""
    assert allows == fees.judge(GROWS, budget).allows


def test_budget_measured():
    """What is told is the sum of 24 hours with all of the order in it."""
    told = turnover.judge(TURNS, Budget(0.9, 0.1, 1))

    assert (1.4, 1) == (told.measured, told.limit)


@pytest.mark.parametrize(
    ("intent", "ages", "reason", "count"),
    [
        (GROWS, [], None, 1),
        (GROWS, [0, 1], None, 3),
        (GROWS, [0, 1, 59.9], Reason.TOO_MANY_HEDGES, 4),
        (GROWS, [0, 1, 60], None, 3),  # a minute ago is past
        (GROWS, [90, 80, 70], None, 1),
        (CLOSES, [0, 1, 2, 3], Reason.TOO_MANY_HEDGES, 5),
        (order("-5", required="5"), [0, 1, 2], Reason.TOO_MANY_HEDGES, 4),
        (PROTECTS, [0, 1, 2, 3], None, None),
        (replace(GROWS, patient=True), [], None, 1),  # of one that leaves none one may rest …
        (replace(GROWS, patient=True), [0], Reason.TOO_MANY_HEDGES, 2),  # … and the rest takes
    ],
)
def test_throttle(intent, ages, reason, count):
    """The fourth hedge within a minute waits, unless it protects."""
    now = 1_000 * SECOND
    told = throttle.judge(intent, [now - int(age * SECOND) for age in ages], now, limit=3)

    assert (D(0 if reason else 5), reason) == (told.allows, told.reason)
    assert (count, "BTC" if count else "") == (told.measured, told.subject)
