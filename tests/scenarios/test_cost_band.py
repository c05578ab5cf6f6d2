"""Stories of a band that minds what hedges cost."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import Tick
from rebalancer.core.params import (
    AccountTerms,
    BandKind,
    BandParams,
    FundingParams,
    ImpactParams,
    WidthParams,
)
from rebalancer.core.view import view_of
from tests.scenarios.desk import LINEAR, LINEAR_CALL, SPOT, build, settings

D = Decimal


AVERSE = WidthParams(risk_aversion=1e-4)


def params(width=AVERSE, taker=0.0005, **changes):
    band = BandParams(BandKind.WHALLEY_WILMOTT, 0.0, 0.0, 0.0, width=width, **changes)
    return replace(settings(band), terms={"binanceusdm": AccountTerms(taker=taker)})


def with_calls(own, coins="5"):
    """Return a desk that sold ten calls near the money and is told their vol."""
    desk = build(own, [(LINEAR_CALL, "-10"), (SPOT, coins)])
    desk.funding(0.0)
    for _ in range(2):
        desk.option(LINEAR_CALL, 0.6)
        desk.market()
    desk.wait(1)
    return desk


def slope(desk, price):
    """Return net delta at a price, as the book's deltas say."""
    state = desk.state
    return state.prices.measure(state.book("BTC"), price, state.now).net


def half_widths(desk):
    return (
        desk.decision.aim - desk.decision.lower,
        desk.decision.upper - desk.decision.aim,
    )


def test_the_width_follows_gamma_and_cost():
    """The half-width is the cube root of 3/2·cost·S·gamma²/aversion, gamma by the deltas."""
    desk = with_calls(params())
    gamma = (slope(desk, 100_010.0) - slope(desk, 99_990.0)) / 20.0
    cost = 0.0005 + 0.00005  # the fee, and half the spread of the desk's books
    expected = (1.5 * cost * 100_000.0 * gamma**2 / 1e-4) ** (1 / 3)

    assert (expected, expected) == pytest.approx(half_widths(desk), rel=1e-4)


def test_a_hedge_ends_at_the_edge():
    """What is outside goes to the edge of the width as it is then, rounded to a lot inside it."""
    desk = with_calls(params())
    order = desk.orders[0]
    desk.execute(order)
    desk.market()
    decision = desk.decision

    assert order.instrument == LINEAR
    assert decision.lower <= decision.net_delta <= decision.lower + 0.0011 or (
        decision.upper - 0.0011 <= decision.net_delta <= decision.upper
    )


def test_twice_the_fee_a_quarter_wider():
    """Doubling what hedges cost widens the band by the cube root of two."""
    one, two = (with_calls(params(taker=taker)) for taker in (0.00045, 0.00095))

    assert 2 ** (1 / 3) == pytest.approx(half_widths(two)[0] / half_widths(one)[0], rel=1e-6)


def test_impact_widens_both_sides():
    """A market of little volume is dearer to cross, and waited for longer."""
    thin = replace(params(), impacts={LINEAR: ImpactParams(500.0, 0.7)})
    calm, wide = with_calls(params()), with_calls(thin)

    assert half_widths(wide)[0] > 1.05 * half_widths(calm)[0]
    assert half_widths(wide)[1] > 1.05 * half_widths(calm)[1]


def test_funding_widens_the_side_that_pays():
    """Buying to grow a long that pays is waited for longer; selling it is not."""
    funded = replace(params(), funding=FundingParams(cap_per_day=0.1))
    desk = with_calls(funded, coins="2")
    desk.execute(desk.orders[0])
    desk.wait(1)
    before = half_widths(desk)
    desk.funding(0.002)
    desk.wait(1)
    after = half_widths(desk)

    assert after[0] > 1.05 * before[0]
    assert after[1] == pytest.approx(before[1], rel=1e-3)


def test_a_quiet_book_has_the_band_of_one_order():
    """Without gamma nothing wanders: the band is the smallest order wide."""
    desk = build(params(), [(SPOT, "0.01")])
    desk.wait(1)

    assert (0.001, 0.001) == pytest.approx(half_widths(desk))


def test_no_band_is_wider_than_the_limit():
    """A book that hardly minds risk is still hedged at the limit of net delta."""
    desk = with_calls(params(WidthParams(risk_aversion=1e-12)))

    assert (2.0, 2.0) == pytest.approx(half_widths(desk))


def test_the_costs_are_those_of_the_last_tick():
    """A spread that flickers between two ticks moves no edge; one that stays does."""
    desk = with_calls(params())
    before = half_widths(desk)
    desk.quote(LINEAR, 99_800.0, 100_200.0)
    desk.index()
    between = half_widths(desk)
    desk.take(Tick(desk.now))

    assert before == pytest.approx(between, rel=1e-9)
    assert 1.4 * before[0] < half_widths(desk)[0]


def test_a_question_changes_nothing():
    """Whoever looks at the width leaves the book as it is."""
    desk = with_calls(params())
    own = desk.params.underlyings["BTC"]
    desk.state.memory["BTC"].sides = None

    view = view_of(desk.state, own)

    assert view is not None
    assert view.width is not None
    assert desk.state.memory["BTC"].sides is None


@pytest.mark.parametrize(
    ("target", "lower", "upper"),
    [(0.0, -2.0, 2.0), (1.5, -0.5, 2.0), (-1.5, -2.0, 0.5), (3.0, 1.0, 3.0)],
)
def test_no_edge_lies_beyond_the_limit(target, lower, upper):
    """The limit is one of net delta, wherever the aim lies; the aim itself stays in reach."""
    plain = params(WidthParams(risk_aversion=1e-12))
    own = replace(plain.underlyings["BTC"], target=target)
    desk = with_calls(replace(plain, underlyings={"BTC": own}))

    assert (lower, upper) == pytest.approx((desk.decision.lower, desk.decision.upper))


def test_what_brings_a_book_back_to_its_limit_is_no_crumb():
    """Too dear a leg takes what the limit asks for, though the band is as wide as the limit."""
    plain = params(WidthParams(risk_aversion=1e-12))
    desk = with_calls(replace(plain, funding=FundingParams(cap_per_day=0.0001)))
    desk.funding(-0.002)  # a short pays
    desk.trade_by_hand(SPOT, "1.4")
    net = desk.decision.net_delta
    order = desk.orders[-1]

    assert 2.0 < net < 2.4
    assert float(-order.quantity) == pytest.approx(net - 2.0, abs=2e-3)
