"""A hedge that one leg may not make for a reason of its own is made by the next one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Reason
from rebalancer.core.figures import MarginTold, PoolFigures
from rebalancer.core.margin.schedule import flat
from rebalancer.core.params import AccountTerms, MarketParams
from tests.scenarios.desk import BTC, LINEAR, PARAMS, PERP, SECOND, SPOT, WATCHED, build

D = Decimal
OWN = replace(BTC, hedge_buy=(LINEAR, PERP), hedge_sell=(LINEAR, PERP))
MARKET = MarketParams(spread=0.001, basis=0.03, divergence=0.02, depeg=0.02, depth=None)
BOOK = replace(PARAMS, underlyings={"BTC": OWN}, market=MARKET)
TERMS = AccountTerms(leverage=20.0, schedule=flat(0.005))
RECKONED = replace(BOOK, margin=WATCHED, terms=dict.fromkeys(("binanceusdm", "deribit"), TERMS))


def stand(desk, dollars, coins):
    """Let both venues tell what collateral there is, all of it free."""
    for account, currency, balance in (
        ("binanceusdm", "USDT", dollars),
        ("deribit", "BTC", coins),
    ):
        numbers = (D(balance), D(balance), D(0), D(0))
        pools = (PoolFigures(currency, *numbers),)
        desk.take(MarginTold(desk.now, desk.now, account, pools))


def widen(desk, *names, half=0.002):
    """Let the books of some instruments lie wide apart."""
    for name in names:
        desk.quote(name, desk.price * (1 - half), desk.price * (1 + half))


def test_wide_spread():
    """A book that is too wide gets nothing; why it was passed over stands in the decision."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    widen(desk, LINEAR)
    desk.trade_by_hand(SPOT, "1")

    assert [PERP] == [order.instrument for order in desk.orders]
    (passed,) = desk.decision.passed_over
    assert (LINEAR, Reason.SPREAD_TOO_WIDE, "spread") == (
        passed.subject,
        passed.reason,
        passed.guard,
    )
    assert (0.004, 0.001) == (pytest.approx(passed.measured, rel=0.01), passed.limit)


def test_thin_margin():
    """What an account has no margin for is hedged on the other, though no rung was reached."""
    desk = build(RECKONED, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    stand(desk, dollars=25_000, coins=20)
    desk.trade_by_hand(SPOT, "5")
    first = desk.orders[0]
    desk.execute(first)
    desk.now += SECOND
    stand(desk, dollars=25_000, coins=20)
    desk.market()

    assert LINEAR == first.instrument
    assert -1 < first.quantity < 0  # as much as its margin has room for
    assert [PERP] == [order.instrument for order in desk.orders[1:]]
    passed = [each.reason for told in desk.decisions for each in told.passed_over]
    assert [Reason.MARGIN_TOO_THIN] == passed
    assert not [alert for alert in desk.alerts if alert.startswith("margin")]


def test_neither():
    """Where no leg may hedge, the refusal of the best one is told, and nothing is sent."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    widen(desk, LINEAR, PERP)
    desk.trade_by_hand(SPOT, "1")

    assert [] == desk.orders
    decision = desk.decision
    assert (Action.REFUSE, Reason.SPREAD_TOO_WIDE, LINEAR) == (
        decision.action,
        decision.reason,
        decision.instrument,
    )


def test_waits_for_a_moment():
    """What heals by itself is waited for: figures from before a fill move no hedge elsewhere."""
    desk = build(RECKONED, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    stand(desk, dollars=500_000, coins=20)
    desk.trade_by_hand(SPOT, "1")
    desk.now += SECOND
    desk.execute(desk.orders[0])
    desk.trade_by_hand(SPOT, "1")
    before = [order.instrument for order in desk.orders]
    stand(desk, dollars=500_000, coins=20)
    desk.market()

    assert [LINEAR] == before
    assert [LINEAR, LINEAR] == [order.instrument for order in desk.orders]


def test_a_move_is_called_off():
    """A leg that was to move to where no hedge may go stays: else it went to and fro for ever."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    desk.state.behaviour.placed["BTC"] = PERP
    widen(desk, PERP)
    desk.trade_by_hand(SPOT, "1")

    assert [LINEAR] == [order.instrument for order in desk.orders]
    assert "BTC" not in desk.state.behaviour.placed


def test_a_move_goes_on():
    """It goes on where the hedge went to where it moves."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    desk.state.behaviour.placed["BTC"] = PERP
    desk.trade_by_hand(SPOT, "1")

    assert [PERP] == [order.instrument for order in desk.orders]
    assert PERP == desk.state.behaviour.placed["BTC"]


def test_the_whole_book():
    """What holds for the whole book is not asked of each leg."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    desk.state.standing.limited["drawdown"] = "test"
    desk.trade_by_hand(SPOT, "1")

    assert [] == desk.orders
    assert Reason.NOT_ACTIVE == desk.decision.reason


def test_a_leg_whose_orders_are_too_large():
    """What the first leg's smallest order would overshoot is hedged by the next one's."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    coarse = replace(desk.state.instruments[LINEAR], minimum=D("0.5"))
    desk.state.instruments[LINEAR] = coarse
    desk.trade_by_hand(SPOT, "0.3")

    assert [PERP] == [order.instrument for order in desk.orders]


def test_no_leg_with_orders_small_enough():
    """Where none has, the gap is held: it is below the minimum, and nobody is woken for it."""
    desk = build(BOOK, [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    for name, least in ((LINEAR, "0.5"), (PERP, "50000")):
        desk.state.instruments[name] = replace(desk.state.instruments[name], minimum=D(least))
    desk.trade_by_hand(SPOT, "0.3")

    assert [] == desk.orders
    assert (Action.HOLD, Reason.BELOW_MINIMUM) == (desk.decision.action, desk.decision.reason)
