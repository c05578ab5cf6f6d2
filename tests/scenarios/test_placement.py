"""With placement by cost a hedge goes to where all of it costs least, and stays for a little."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.funding import Rule
from rebalancer.core.params import AccountTerms, FundingParams, ImpactParams, Placement
from tests.scenarios.desk import (
    BAND,
    BTC,
    LINEAR,
    MINUTE,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    build,
)

D = Decimal
HOUR = 60 * MINUTE
DAY = 24 * HOUR
OWN = replace(
    BTC,
    hedge_buy=(LINEAR, PERP),
    hedge_sell=(LINEAR, PERP),
    band=replace(BAND, min_interval=SECOND),
    placement=Placement.COST,
)
CARRY = FundingParams(cap_per_day=0.01, rule=Rule(horizon=30 * DAY, factor=2.0, penalty=0.0))
DEAR, CHEAP = AccountTerms(leverage=5.0, taker=0.0010), AccountTerms(leverage=5.0, taker=0.0002)
BOOK = replace(
    PARAMS,
    underlyings={"BTC": OWN},
    funding=CARRY,
    terms={"binanceusdm": DEAR, "deribit": CHEAP},
)
SAME = (0.0001, 0.0001)


def open_(rates=SAME, held=(), params=BOOK):
    """Return a desk at which both venues told their funding for ten days."""
    desk = build(params, held)
    for _ in range(30):
        desk.now += 8 * HOUR
        for rate, name in zip(rates, (LINEAR, PERP), strict=True):
            if rate is not None:
                desk.funding(rate, name)
    desk.market()
    return desk


def add(desk, coins):
    """Let somebody trade coins, and return where their hedge goes."""
    desk.now += 2 * SECOND
    desk.market()
    sent = len(desk.orders)
    desk.trade_by_hand(SPOT, coins)
    (order,) = desk.orders[sent:]
    return order.instrument


def weighed(desk):
    """Return what the last order's legs would have cost, by instrument."""
    told = next(each for each in reversed(desk.decisions) if each.client_order_id).weighed
    return {each.instrument: each for each in told}


@pytest.mark.parametrize(
    ("placement", "chosen"), [(Placement.COST, PERP), (Placement.ORDER, LINEAR)]
)
def test_first_hedge(placement, chosen):
    """The first hedge goes where it costs least, or where the settings list it."""
    own = replace(OWN, placement=placement)
    desk = open_(params=replace(BOOK, underlyings={"BTC": own}))

    assert chosen == add(desk, "1")


def test_stays_for_little():
    """The leg that is held grows, though a coin would cost a little less elsewhere."""
    desk = open_(SAME, [(SPOT, "1"), (LINEAR, "-1", "hedge")])

    assert LINEAR == add(desk, "1")
    told = weighed(desk)[PERP]
    assert pytest.approx(0.0008, rel=1e-6) == told.saves  # of the fee
    assert pytest.approx(2 * 0.0013, rel=1e-3) == told.needs  # twice both fees and half spreads


def test_moves_for_much():
    """It goes elsewhere where that saves more than twice the switch."""
    desk = open_((-0.0001, 0.0001), [(SPOT, "1"), (LINEAR, "-1", "hedge")])

    assert PERP == add(desk, "1")
    told = weighed(desk)
    assert told[PERP].saves > told[PERP].needs
    assert pytest.approx(30 * 0.0003, rel=1e-6) == told[LINEAR].funding  # a short pays there


def test_told_why():
    """Each leg's cost stands in the decision, term by term, the best first."""
    desk = open_((-0.0001, 0.0001))
    add(desk, "1")
    first, second = next(each.weighed for each in reversed(desk.decisions) if each.client_order_id)

    assert (PERP, LINEAR) == (first.instrument, second.instrument)
    assert (0.0002, 0.0010) == (first.fee, second.fee)
    assert pytest.approx(0.00005, rel=1e-3) == first.half_spread
    assert (0.0, None, None) == (first.impact, first.saves, first.needs)
    assert pytest.approx(-0.009, rel=1e-6) == first.funding
    assert pytest.approx(0.02 * 30 / 365 / 5) == first.margin
    assert pytest.approx(0.0002 + 0.00005 - 0.009 + 0.02 * 30 / 365 / 5, rel=1e-3) == first.total


def test_nothing_is_told_where_order_decides():
    """Where the settings' order decides, nothing was weighed."""
    own = replace(OWN, placement=Placement.ORDER)
    desk = open_(params=replace(BOOK, underlyings={"BTC": own}))
    add(desk, "1")

    assert {} == weighed(desk)


def test_closes_first():
    """What is held against the hedge closes, though a new leg would be paid to be held."""
    desk = open_((0.0001, -0.0003), [(SPOT, "2"), (LINEAR, "-2", "hedge")])

    assert LINEAR == add(desk, "-1")
    told = weighed(desk)
    assert told[PERP].total < told[LINEAR].total
    assert told[LINEAR].margin < 0 < told[PERP].margin


def test_closes_what_is_dear():
    """Of two legs that could close, the one that is dear to hold does."""
    held = [(SPOT, "2"), (LINEAR, "-1", "hedge"), (PERP, "-10000", "hedge")]

    assert PERP == add(open_((0.0003, -0.0003), held), "-0.5")
    assert LINEAR == add(open_((-0.0003, 0.0003), held), "-0.5")


def test_unknown_comes_last():
    """A leg whose funding nobody knows comes after one that is known, however cheap it is."""
    free = replace(BOOK, funding=None)

    assert LINEAR == add(open_((-0.0003, None), params=free), "1")
    assert PERP == add(open_(SAME, params=free), "1")


def test_too_dear_comes_last():
    """A leg whose funding is above its cap comes last, though it is the one held."""
    tight = replace(BOOK, funding=replace(CARRY, cap_per_day=0.0001))
    held = [(SPOT, "1"), (PERP, "-10000", "hedge")]

    assert LINEAR == add(open_((0.0001, -0.0001), held, tight), "1")


@pytest.mark.parametrize(("coins", "chosen"), [("0.06", PERP), ("9", LINEAR)])
def test_large_orders_go_where_the_market_is_deep(coins, chosen):
    """A market that trades little is left to small orders."""
    sizes = {PERP: ImpactParams(5.0, 0.7), LINEAR: ImpactParams(500_000.0, 0.7)}
    desk = open_(params=replace(BOOK, impacts=sizes))
    for place in range(30):  # so that a volatility is known
        desk.now += MINUTE
        desk.market(100_000.0 + 100.0 * (place % 2))

    assert chosen == add(desk, coins)
    told = weighed(desk)
    assert told[PERP].impact > 100 * told[LINEAR].impact > 0


def test_fills_up_and_goes_on():
    """Where the cheap leg has no room left the next one takes the rest, order by order."""
    limits = replace(OWN.limits, position=1.5, order=1.0)
    desk = open_(params=replace(BOOK, underlyings={"BTC": replace(OWN, limits=limits)}))
    desk.trade_by_hand(SPOT, "2.5")
    for _ in range(8):
        desk.now += 2 * SECOND
        desk.market()
        for order in desk.state.open_orders():
            desk.execute(order.submit)

    assert [PERP, PERP, LINEAR] == [each.instrument for each in desk.orders]
    assert -15_000 == desk.state.ledger.position("deribit", PERP).quantity
    assert abs(desk.decision.net_delta) <= 0.05 + 1e-6


def test_crumbs_held_elsewhere_draw_no_hedge():
    """A leg of which an order would close next to nothing is weighed as one that opens."""
    desk = open_(SAME, [(SPOT, "0.001"), (LINEAR, "0.001", "hedge")])

    assert PERP == add(desk, "8")
