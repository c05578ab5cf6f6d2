"""The margin ladder of a book with two legs: one cut at a time, of the one that is in the way."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Alert, Purpose, Severity, Submit
from rebalancer.core.decision import Reason
from rebalancer.core.events import Tick, VenueHeld
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.margin.schedule import flat
from rebalancer.core.params import AccountTerms
from tests.scenarios.desk import (
    ETHER,
    LIMITS,
    LINEAR,
    LINEAR_FUTURE,
    PERP,
    SECOND,
    SPOT,
    build,
    hold,
    margined,
    settings,
)

D = Decimal
POOL = "binanceusdm:USDT"
FREE = replace(LIMITS, net_delta=20.0)


def legs(*held, hedges=(LINEAR, LINEAR_FUTURE)):
    """Return a desk with legs in the linear pool; a future's mark is told too."""
    own = settings(limits=FREE, hedge_buy=hedges, hedge_sell=hedges)
    desk = build(margined(own, leverage=20.0), held, active=False)
    market(desk)
    desk.reconcile()
    return desk


def market(desk):
    """Let every market talk, the future's among them."""
    desk.mark(LINEAR_FUTURE)
    desk.quote(LINEAR_FUTURE)
    desk.market()


def pool(desk):
    """Return the linear pool as it stands now."""
    (found,) = desk.state.margins.pools("binanceusdm", desk.now)
    return found


@pytest.mark.parametrize(("lost", "cut"), [(False, 1), (True, 2)])
def test_one_cut_at_a_time(lost, cut):
    """A second leg of a pool waits for what the cut of the first does, unless nobody knows it."""
    desk = legs((SPOT, "10"), (LINEAR, "-5", "hedge"), (LINEAR_FUTURE, "-5", "hedge"))
    desk.figures(105_000, 5_000)
    (desk.lose if lost else desk.accept)(desk.orders[0])
    desk.now += SECOND
    market(desk)
    desk.figures(105_000, 5_000)

    assert [Purpose.PROTECT] * cut == [order.purpose for order in desk.orders]
    assert cut == len({order.instrument for order in desk.orders})


@pytest.mark.parametrize(
    ("future", "balance", "cut"),
    [
        # Net −5: up 22 %, 80,000 less 110,000 and 9,150 for the margin; a coin less is 22,610.
        ("5", 80_000, "1.732"),
        # Net −2: maintenance is 60 % of the balance, and 4.5 coins less would do. But net +8 is
        # short of 164,120 where the price is 22 % lower, and −2 has 51,980: 10 × 51,980 ÷ 216,100.
        ("8", 15_000, "2.406"),
    ],
)
def test_the_other_side(future, balance, cut):
    """A leg that holds another in check is cut as far as the other allows, and not for nothing."""
    held = ((SPOT, str(10 - int(future))), (LINEAR, "-10", "hedge"), (LINEAR_FUTURE, future))
    desk = legs(*held, hedges=(LINEAR,))
    desk.figures(balance, 500 * (10 + int(future)))

    assert [(LINEAR, D(cut))] == [(order.instrument, order.quantity) for order in desk.orders]


def elsewhere(coins):
    """Return a desk of two venues; the one where liquidation is near takes no orders now."""
    hedges = (LINEAR, PERP)
    params = margined(settings(limits=FREE, hedge_buy=hedges, hedge_sell=hedges), leverage=20.0)
    terms = {**params.terms, "deribit": AccountTerms(leverage=20.0, schedule=flat(0.005))}
    held = ((SPOT, coins), (LINEAR, "-10", "hedge"))
    desk = build(replace(params, terms=terms), held, active=False)
    desk.market()
    desk.take(VenueHeld(desk.now, "binanceusdm", "maintenance"))
    free = PoolFigures("BTC", D(5), D(5), D(0), D(0))
    desk.take(MarginTold(desk.now, desk.now, "deribit", (free,)))
    desk.figures(105_000, 5_000)
    desk.reconcile()
    return desk


def test_a_refused_cut_is_told():
    """A cut that a guard refuses is an alarm, once, with the reason."""
    desk = elsewhere("10")
    desk.take(Tick(desk.now))
    desk.mark(LINEAR)
    (alert,) = [each for each in desk.all(Alert) if each.event == "protect.refused"]

    assert Reason.VENUE_HELD in alert.text
    assert Severity.ERROR is alert.severity
    assert [] == desk.orders


def test_a_refused_cut_stops_no_hedge():
    """What can be hedged elsewhere is, in the step in which the cut is refused."""
    outcome = elsewhere("11").outcomes[-1]

    assert [(PERP, Purpose.HEDGE)] == [
        (each.instrument, each.purpose) for each in outcome.commands if isinstance(each, Submit)
    ]
    assert "protect.refused" in [each.event for each in outcome.commands if isinstance(each, Alert)]
    assert Reason.OUTSIDE_BAND is outcome.decisions[0].reason


def test_liquidation_prices_apart():
    """Each leg whose liquidation price is not the venue's alarms, once until it agrees again."""
    desk = legs((LINEAR, "-10", "hedge"))
    hold(desk.state, ETHER, "-250", entry="4000")
    desk.mark(ETHER, 4_000.0)
    told = []
    for coin, ether in (
        (150_000, 6_000),  # ours: 198,507 and 7,940
        (150_000, 6_000),
        (198_500, 6_000),  # one agrees again …
        (150_000, 6_000),  # … and does not any more
        (198_500, 7_940),
        (198_500, 6_000),
    ):
        stands = PoolFigures("USDT", D(10**6), D(10**6), D(10_000), D(100_000))
        prices = ((LINEAR, coin), (ETHER, ether))
        theirs = tuple(LegFigures(name, D(5_000), D(price)) for name, price in prices)
        outcome = desk.take(MarginTold(desk.now, desk.now, "binanceusdm", (stands,), theirs))
        alarms = [each for each in outcome.commands if isinstance(each, Alert)]
        told.append([each.scope for each in alarms if each.event == "margin.disagreed"])

    assert [[LINEAR, ETHER], [], [], [LINEAR], [], [ETHER]] == told


def test_a_refused_cut_is_told_once_beside_hedges():
    """Hedges that leave elsewhere do not make the same refused cut a new alarm."""
    desk = elsewhere("11")
    for _ in range(5):
        for order in desk.state.open_orders():
            desk.execute(order.submit)
        desk.now += SECOND
        desk.market()
        free = PoolFigures("BTC", D(5), D(5), D(0), D(0))
        desk.take(MarginTold(desk.now, desk.now, "deribit", (free,)))
        desk.trade_by_hand(SPOT, "1")

    assert 1 == desk.alerts.count("protect.refused")
