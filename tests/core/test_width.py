"""How wide a band is by what stands around it, term by term."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.band.width import (
    Bound,
    Conditions,
    SideCost,
    Wander,
    leaves,
    measure,
    spends,
)
from rebalancer.core.params import BandKind, BandParams, WidthParams

DAY = 86_400_000_000_000
S, VOL, GAMMA = 100_000.0, 0.6, 2.3106721272388524e-05
AVERSE = WidthParams(risk_aversion=1e-4)
FEE = SideCost(fee=0.0005)
CALM = Conditions(
    price=S,
    vol=VOL,
    years=30 / 365,
    gamma=-GAMMA,
    wander=Wander(gamma=-GAMMA * S * VOL),
    buying=FEE,
    selling=FEE,
    horizon=1 / 365,
    ceiling=2.0,
)


def band(width=AVERSE, kind=BandKind.WHALLEY_WILMOTT, reset=0.0, **settings):
    return BandParams(kind, 0.0, 0.0, reset, width=width, **settings)


def width_of(params, around=CALM, factor=1.0):
    told = measure(params, around, factor)
    assert told is not None
    return told


def test_of_one_option():
    """One short option at the money: the published half-width on both sides."""
    told = width_of(band())

    assert told.lower == told.upper
    assert 0.0737 == round(told.lower.trigger, 4)
    assert (told.lower.trigger, Bound.COST) == (told.lower.goal, told.lower.bound)
    assert told.risk_aversion == 1e-4


def test_bands_of_given_width_are_none_of_this():
    """A fixed band has its width from the settings."""
    assert measure(BandParams(BandKind.FIXED, -1.0, 1.0, 0.0), CALM) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (BandKind.INVENTORY, 0.0737),
        (BandKind.ZAKAMOULINE, 0.0529),  # published beside the first
    ],
)
def test_kinds(kind, expected):
    """Each kind has the half-width of its formula."""
    assert expected == pytest.approx(width_of(band(kind=kind)).lower.trigger, abs=6e-5)


def test_a_book_without_options_has_no_fit_to_options():
    """Where there is no gamma, Zakamouline's band is that of whatever else wanders."""
    still = replace(CALM, gamma=0.0, years=0.0, wander=Wander(flow=1.0))
    kinds = (BandKind.ZAKAMOULINE, BandKind.INVENTORY)

    fitted, plain = (width_of(band(kind=kind), still) for kind in kinds)

    assert fitted == plain
    assert plain.lower.trigger > 0


def test_scaled():
    """So many deviations of what net delta does in an hour."""
    hour = DAY // 24
    told = width_of(band(WidthParams(sigmas=2.0, over=hour), BandKind.SCALED))

    assert 2 * GAMMA * S * VOL / math.sqrt(365 * 24) == pytest.approx(told.upper.trigger)


def test_the_dearer_side_waits_longer():
    """Buying at eight times the cost has twice the width of selling, and the edge is below."""
    told = width_of(band(), replace(CALM, buying=SideCost(fee=0.003, half_spread=0.001)))

    assert 2.0 == pytest.approx(told.lower.trigger / told.upper.trigger)


@given(
    st.floats(0.0, 0.01), st.floats(0.0, 1.0), st.sampled_from(["aversion", "spend"]), st.booleans()
)
def test_the_width_has_its_own_cost(impact, carry, minds, fitted):
    """Cost and width fit together: impact at two half-widths, carry until the band is crossed."""
    own = AVERSE if minds == "aversion" else WidthParams(spend_per_day=50.0)
    kind = BandKind.ZAKAMOULINE if fitted and minds == "aversion" else BandKind.WHALLEY_WILMOTT
    side = replace(FEE, impact=impact, carry=carry)
    around = replace(CALM, buying=side, ceiling=1e9)
    edge = width_of(band(own, kind), around).lower
    held = min((2 * edge.alone / around.wander.total) ** 2, around.horizon)
    cost = 0.0005 + impact * math.sqrt(2 * edge.alone) + carry * held

    assert cost == pytest.approx(edge.cost, rel=1e-6)
    assert 0.0005 + edge.impact + edge.funding == pytest.approx(edge.cost, rel=1e-6)
    flat = width_of(band(own, kind), replace(CALM, buying=replace(FEE, fee=cost), ceiling=1e9))
    assert flat.lower.alone == pytest.approx(edge.alone, rel=1e-6)


def test_budget_of_fees():
    """The width for a budget is the one at which hedges are expected to cost it."""
    told = width_of(band(WidthParams(spend_per_day=20.0)))

    assert 20.0 == pytest.approx(spends(told, CALM))
    assert told.risk_aversion is not None
    again = width_of(band(WidthParams(risk_aversion=told.risk_aversion)))
    assert told.lower.trigger == pytest.approx(again.lower.trigger)


def test_budget_of_variance():
    """The width for a deviation is the one that leaves it."""
    told = width_of(band(WidthParams(pnl_sd=150.0)))

    assert 150.0 == pytest.approx(leaves(told, CALM))


@pytest.mark.parametrize(
    ("side", "ceiling", "expected", "bound"),
    [
        (FEE, 2.0, 0.0737, Bound.COST),
        (replace(FEE, floor=0.1), 2.0, 0.1, Bound.FLOOR),
        (FEE, 0.05, 0.05, Bound.CEILING),
        (replace(FEE, floor=0.1), 0.05, 0.05, Bound.CEILING),  # the limit is the limit
    ],
)
def test_floor_and_ceiling(side, ceiling, expected, bound):
    """No band is narrower than an order, or wider than the limit of net delta."""
    told = width_of(band(), replace(CALM, buying=side, ceiling=ceiling)).lower

    assert (expected, bound) == (round(told.trigger, 4), told.bound)
    assert told.goal == told.trigger


def test_rare_looks_make_it_narrower():
    """What an hourly look passes the edge by on the mean is taken off, down to the floor."""
    hour = DAY // 24
    step = 0.5826 * GAMMA * S * VOL / math.sqrt(365 * 24)

    told = width_of(band(replace(AVERSE, monitored=hour))).lower
    rare = width_of(band(replace(AVERSE, monitored=100 * DAY))).lower

    assert step == pytest.approx(told.overshoot)
    assert told.alone - step == pytest.approx(told.trigger)
    assert (0.0, Bound.COST) == (rare.trigger, rare.bound)


def test_fixed_cost():
    """A fixed sum per hedge makes hedges rarer and larger; the published case."""
    around = replace(CALM, wander=Wander(gamma=0.5))
    told = width_of(band(WidthParams(risk_aversion=1e-5, fixed_cost=5.0)), around).lower

    assert (0.16185, 0.03303) == (round(told.trigger, 5), round(told.goal, 5))
    assert 0.08046 == round(told.alone, 5)


@pytest.mark.parametrize("own", [WidthParams(spend_per_day=20.0), WidthParams(pnl_sd=150.0)])
def test_fixed_cost_within_a_budget(own):
    """With a budget, the aversion that it comes to stands for the one that is not said."""
    plain = width_of(band(own)).lower
    told = width_of(band(replace(own, fixed_cost=1.0))).lower

    assert told.goal < plain.trigger < told.trigger


def test_least_trade():
    """The edge stays, a hedge to it is due later, and never beyond the limit."""
    told = width_of(band(least_trade=0.05)).lower
    limited = width_of(band(least_trade=0.05), replace(CALM, ceiling=0.1)).lower

    assert (0.0737, 0.1237) == (round(told.goal, 4), round(told.trigger, 4))
    assert (0.1, Bound.CEILING) == (limited.trigger, limited.bound)


def test_nearer_a_level():
    """Near a level all of the width shrinks, but for the smallest order."""
    near = width_of(band(), factor=0.5).lower

    assert 0.5 == pytest.approx(near.trigger / width_of(band()).lower.trigger)


def test_what_only_stands_there():
    """A gap that nothing moves is worth a hedge only over the time that it would stand."""
    still = replace(CALM, gamma=0.0, years=0.0, wander=Wander())
    own = WidthParams(risk_aversion=1e-6, residual=7 * DAY)

    assert 0.724 == round(width_of(band(own, BandKind.INVENTORY), still).lower.trigger, 3)
    assert 0.0 == width_of(band(replace(own, residual=None)), still).lower.trigger


@pytest.mark.parametrize(
    ("wander", "total"),
    [
        (Wander(gamma=-3.0, flow=4.0), 5.0),
        (Wander(gamma=3.0, vanna=4.0), 5.0),
        (Wander(gamma=3.0, vanna=4.0, correlation=1.0), 7.0),
        (Wander(gamma=-3.0, vanna=4.0, correlation=1.0), 1.0),
        (Wander(gamma=3.0, vanna=-3.0, correlation=1.0), 0.0),  # rounding must not go below
    ],
)
def test_causes_add_up(wander, total):
    """Price and vol move net delta together as they correlate; what holdings do is apart."""
    assert total == pytest.approx(wander.total)


@pytest.mark.parametrize("reset", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("own", [AVERSE, WidthParams(spend_per_day=20.0), WidthParams(pnl_sd=150)])
def test_a_hedge_that_goes_farther_is_due_later(own, reset):
    """With a reset the budgets are still met, and no other trigger has a lower rate of cost."""
    told = width_of(band(own), CALM)
    later = width_of(band(own, reset=reset), CALM)
    due, risk = later.lower.trigger, 1e-4 * (VOL * S) ** 2

    def rate(h):
        b = h * (1 - reset)
        return risk * (h**2 + b**2) / 12 + CALM.wander.total**2 * 0.0005 * S / (h + b)

    assert due > told.lower.trigger
    assert (1 - reset) * due == pytest.approx(later.lower.goal)
    if own.spend_per_day:
        assert 20.0 == pytest.approx(spends(later, CALM))
    elif own.pnl_sd:
        assert 150.0 == pytest.approx(leaves(later, CALM))
    else:
        assert rate(due) < min(rate(1.02 * due), rate(0.98 * due))
        return
    assert later.risk_aversion is not None
    again = width_of(band(WidthParams(later.risk_aversion), reset=reset))
    assert due == pytest.approx(again.lower.trigger)


def test_what_a_fixed_cost_spends():
    """A fixed sum is paid at the rate of hedges, a walk's from the goal to either edge."""
    around = replace(CALM, wander=Wander(gamma=0.5))
    told = width_of(band(WidthParams(risk_aversion=1e-5, fixed_cost=5.0)), around)
    h, b = told.lower.trigger, told.lower.goal
    each = 5.0 + 0.0005 * S * (h - b)

    assert 0.25 * each / (h**2 - b**2) / 365 == pytest.approx(spends(told, around, 5.0))
    assert math.inf == spends(
        told._replace(lower=told.lower._replace(goal=h), upper=told.upper._replace(goal=h)),
        around,
        5.0,
    )


def test_free_hedges():
    """What costs nothing is hedged at once, under every kind and budget."""
    free = replace(CALM, buying=SideCost(), selling=SideCost(fee=-0.0001))

    for own in (AVERSE, replace(AVERSE, fixed_cost=0.0), WidthParams(spend_per_day=1.0)):
        told = width_of(band(own), free)
        assert (0.0, 0.0) == (told.lower.trigger, told.upper.trigger)
        assert 0.0 == spends(told, replace(free, wander=Wander()))
        assert math.inf == spends(told, free)


def test_a_fit_to_options_that_end_soon():
    """Within its last day an option's own horizon is no reason to leave a gap open."""
    ends = replace(CALM, years=1 / (365 * 24), buying=FEE)
    day = replace(CALM, years=1 / 365)
    told, held = (width_of(band(kind=BandKind.ZAKAMOULINE), each) for each in (ends, day))

    assert told.lower.trigger == held.lower.trigger


def test_rare_looks_count_in_what_is_told():
    """A budget is told as kept although the edge is drawn in: looks come late."""
    own = WidthParams(spend_per_day=5.0, monitored=DAY // 24)
    left = WidthParams(pnl_sd=150.0, monitored=DAY // 24)

    assert 5.0 == pytest.approx(spends(width_of(band(own)), CALM))
    assert 150.0 == pytest.approx(leaves(width_of(band(left)), CALM))
