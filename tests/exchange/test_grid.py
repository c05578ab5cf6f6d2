"""Tests of portfolio margin: worst cell of the grid by an own Black-76, and contingencies."""

import math
from dataclasses import replace

import pytest
from scipy.stats import norm

from rebalancer.errors import DataError
from rebalancer.exchange.grid import DAY, Leg, OptionModel, Scenario, first, requirement, scenarios
from rebalancer.exchange.terms import Grid
from tests.exchange.listing import CALL, FUTURE, INVERSE, LINEAR, LINEAR_CALL, D

INDEX = 100_000.0
COIN = 1e5 / 10  # contracts of 10 USD that are one coin at the index
STILL = {"vol_up": 0.0, "vol_down": 0.0, "reach": 1e-9, "extended": (1e-9,), "buckets": 3}
VOL_ONLY = {"reach": 1e-9, "extended": (1e-9,), "buckets": 3, "short_option_contingency": 0.0}


def black(forward, strike, deviation, sign):
    """Return the value of an option by Black's formula, written anew."""
    upper = math.log(forward / strike) / deviation + deviation / 2
    weights = norm.cdf(sign * upper), norm.cdf(sign * (upper - deviation))
    return float(sign * (forward * weights[0] - strike * weights[1]))


def option(quantity, sign=1, *, linear=False, days=30.0, strike=1e5, vol=0.6, forward=INDEX):
    """Return a leg of `quantity` coins of an option, marked at its model."""
    listed = LINEAR_CALL if linear else CALL
    name = f"x:{days}-{strike}-{sign}"
    contract = replace(listed, id=name, expiry=int(days * DAY), strike=D(strike), sign=sign)
    worth = black(forward, strike, vol * (days / 365) ** 0.5, sign)
    mark = worth if linear else worth / forward
    return Leg(contract, quantity / float(contract.size), mark, OptionModel(vol, forward))


def linear(quantity, name=LINEAR.id):
    return Leg(replace(LINEAR, id=name), quantity, INDEX)


def inverse(coins, contract=INVERSE):
    return Leg(contract, coins * COIN, INDEX)


def moved(leg, move, vol, counts):
    """Return what a short of one coin of an option loses when it moves so, and vol goes to."""
    contract, model = leg.instrument, leg.model
    forward = model.forward + INDEX * move
    years = contract.expiry / DAY / 365
    worth = black(forward, float(contract.strike), vol * years**0.5, contract.sign)
    return counts * ((worth / forward if contract.inverse else worth) - leg.mark)


@pytest.mark.parametrize(
    ("leg", "expected"),
    [
        (linear(1), 16_600.0),  # 16 % of 100,000, and 0.6 %; every damped extreme comes to the same
        (linear(-1), 16_600.0),
        (linear(-2.5), 41_500.0),
        (inverse(-1), 1 - 1 / 1.16 + 0.006),  # coins: a short loses most at +16 %
        (inverse(1), (1 / 0.34 - 1) * 0.16 / 0.66 + 0.006),  # a long at -66 %, damped
        (inverse(1, FUTURE), 0.16 / 0.34 + 0.006),
    ],
)
def test_lone_perpetual(leg, expected):
    """A perpetual by itself needs its worst move and the contingency on its notional."""
    assert pytest.approx(expected, abs=1e-9) == float(requirement(Grid(), [leg], INDEX, 0))


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ([linear(1), linear(-1, "x:OTHER")], 1200.0),  # 0.6 % of 200,000
        ([inverse(2), inverse(-2, FUTURE)], 0.024),
        ([linear(3), linear(-2, "x:OTHER")], 19_000.0),  # one coin is open, five stand
    ],
)
def test_hedged_pair(legs, expected):
    """Of what is hedged only the contingencies remain."""
    assert pytest.approx(expected, abs=1e-6) == float(requirement(Grid(), legs, INDEX, 0))


# The worst cell of each, found by an own walk through all of them.
@pytest.mark.parametrize(
    ("legs", "cell", "short"),
    [
        ([option(-1, +1, linear=True), option(-1, -1, linear=True)], (5.0, 0.9, 0.032), 2000.0),
        ([option(-1, +1), option(-1, -1)], (-0.66, 0.9, 0.16 / 0.66), 0.02),
        ([option(-1, +1, linear=True)], (5.0, 0.9, 0.032), 1000.0),
        ([option(-1, -1, linear=True)], (-0.66, 0.9, 0.16 / 0.66), 1000.0),
        ([option(-1, +1)], (0.16, 0.9, 1.0), 0.01),  # in coin a call is worth less than one
        ([option(-1, -1)], (-0.66, 0.9, 0.16 / 0.66), 0.01),
        ([option(-1, +1, strike=1.5e5)], (1.0, 0.9, 0.16), 0.01),
    ],
)
def test_short_options(legs, cell, short):
    """A short option or straddle loses most where the price goes far, with its vol up by half."""
    expected = sum(moved(leg, *cell) for leg in legs) + short

    assert pytest.approx(expected, rel=1e-9) == float(requirement(Grid(), legs, INDEX, 0))


@pytest.mark.parametrize(
    ("leg", "cell"),
    [
        (option(1, +1, linear=True), (-0.16, 0.45, 1.0)),
        (option(1, -1, linear=True), (0.16, 0.45, 1.0)),
        (option(1, +1), (-0.16, 0.45, 1.0)),
        (option(1, -1), (0.16, 0.45, 1.0)),
    ],
)
def test_long_options(leg, cell):
    """A long option loses most where it runs away with vol down, and never more than its worth."""
    found = float(requirement(Grid(), [leg], INDEX, 0))

    assert pytest.approx(-moved(leg, *cell), rel=1e-9) == found
    assert found < leg.mark * leg.quantity * float(leg.instrument.size)


def test_long_straddle():
    """A long straddle loses where nothing moves and vol falls by a quarter."""
    legs = [option(1, sign, linear=True) for sign in (1, -1)]

    found = float(requirement(Grid(), legs, INDEX, 0))

    assert pytest.approx(-sum(moved(leg, 0.0, 0.45, 1.0) for leg in legs), rel=1e-9) == found


@pytest.mark.parametrize(
    ("days", "quantity", "vol"),
    [
        (30.0, -1, 0.6 * 1.5),
        (30.0, +1, 0.6 * 0.75),
        (7.5, -1, 0.6 * (1 + 0.5 * 4**0.3)),  # nearer: (30 ÷ 7.5)^0.3 = 1.5157 times as much
        (7.5, +1, 0.6 * (1 - 0.25 * 4**0.3)),
        (120.0, -1, 0.6 * (1 + 0.5 * 0.25**0.13)),  # farther: (30 ÷ 120)^0.13 = 0.8351
        (120.0, +1, 0.6 * (1 - 0.25 * 0.25**0.13)),
    ],
)
def test_vol_shock(days, quantity, vol):
    """A vol moves more the nearer its expiry, by one power inside 30 days, by another beyond."""
    leg = option(quantity, linear=True, days=days)

    found = float(requirement(Grid(**VOL_ONLY), [leg], INDEX, 0))

    assert pytest.approx(-quantity * moved(leg, 0.0, vol, 1.0), abs=1e-3) == found


def test_vol_never_below_nothing():
    """A vol that would fall below nothing is nothing: an option at the money loses its worth."""
    leg = option(1, linear=True, days=1.0)

    found = float(requirement(Grid(**VOL_ONLY, vol_down=0.9), [leg], INDEX, 0))  # 0.9 x 30^0.3

    assert pytest.approx(leg.mark, abs=1e-3) == found


def test_scenarios():
    """Ordinary moves come with three vols and count whole, extremes once and damped."""
    grid = Grid(reach=0.1, buckets=3, extended=(-0.5, 0.2, 0.05))

    assert [
        *(Scenario(-0.1, vol, 1.0) for vol in (1, 0, -1)),
        *(Scenario(0.0, vol, 1.0) for vol in (1, 0, -1)),
        *(Scenario(0.1, vol, 1.0) for vol in (1, 0, -1)),
        Scenario(-0.5, 1, 0.2),
        Scenario(0.2, 1, 0.5),
        Scenario(0.05, 1, 1.0),  # inside the reach nothing is damped
    ] == list(scenarios(grid))


def worthless(coins, sign, days, *, strike, linear=False):
    """Return a leg that no small move makes worth anything."""
    return option(coins, sign, linear=linear, days=days, strike=strike, vol=0.01)


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ([worthless(-3, 1, 30, strike=2e5)], 0.03),
        ([worthless(-3, 1, 30, strike=2e5), worthless(1, 1, 30, strike=3e5)], 0.02),  # net
        ([worthless(-3, 1, 30, strike=2e5), worthless(9, 1, 60, strike=2e5)], 0.03),  # an expiry
        ([worthless(-3, 1, 30, strike=2e5), worthless(9, -1, 30, strike=5e4)], 0.03),  # a type
        ([worthless(-3, 1, 30, strike=2e5), worthless(-1, -1, 30, strike=5e4)], 0.04),
        ([worthless(-3, 1, 30, strike=2e5), worthless(-2, 1, 60, strike=2e5)], 0.05),
        ([worthless(3, 1, 30, strike=2e5)], 0.0),
        ([worthless(-3, 1, 30, strike=2e5, linear=True)], 3000.0),  # in USD: times the index
        ([worthless(-1, 1, 30, strike=2e5), inverse(2), inverse(-2, FUTURE)], 0.034),
    ],
)
def test_contingencies(legs, expected):
    """Short options cost a share of their coins, net within an expiry and type and no further."""
    found = float(requirement(Grid(**STILL), legs, INDEX, 0))

    assert pytest.approx(expected, abs=1e-6) == found


# Strike 50,000, so deep that vol does not matter. Of the move of 16 % half is left in the window.
@pytest.mark.parametrize(
    ("minutes", "share"), [(1440.0, 1.0), (30.0, 1.0), (15.0, 0.5), (3.0, 0.1)]
)
def test_open_share(minutes, share):
    """While the settlement price is taken a move does less to an option, by what is still open."""
    leg = option(-1, linear=True, days=minutes / 1440, strike=5e4, vol=0.01)

    found = float(requirement(Grid(), [leg], INDEX, 0))

    assert pytest.approx(16_000.0 * share + 1000.0, rel=1e-9) == found


def test_inverse_option_in_coin():
    """Deep in the money an inverse call is worth 1 - strike ÷ price: 0.5, 0.569 at +16 %."""
    leg = option(-1, strike=5e4, vol=0.01)

    found = float(requirement(Grid(), [leg], INDEX, 0))

    assert pytest.approx((1 - 50 / 116) - 0.5 + 0.01, abs=1e-9) == found


LEGS = [
    option(-1, +1, linear=True),
    option(2, -1, linear=True, strike=8e4),
    option(-1, +1, linear=True, days=90.0, strike=1.3e5),
    linear(0.4),
]


@pytest.mark.parametrize("leg", [*LEGS, inverse(1), inverse(-1), option(-1, -1)])
def test_more_needs_more(leg):
    """A larger position of the same never needs less: it needs in proportion."""
    one, two, five = (
        float(requirement(Grid(), [replace(leg, quantity=leg.quantity * size)], INDEX, 0))
        for size in (1, 2, 5)
    )

    assert one > 0
    assert pytest.approx((2 * one, 5 * one), rel=1e-9) == (two, five)


def test_hedges_count():
    """Positions together never need more than each by itself."""
    together = requirement(Grid(), LEGS, INDEX, 0)

    assert together < sum(requirement(Grid(), [leg], INDEX, 0) for leg in LEGS)


@pytest.mark.parametrize(("factor", "expected"), [(1.3, "1300"), (1.25, "1250"), (1.0, "1000")])
def test_first(factor, expected):
    """Initial margin is maintenance times a factor."""
    assert D(expected) == first(Grid(initial_factor=factor), D(1000))


def test_nothing_held():
    """Nothing needs nothing."""
    assert D(0) == requirement(Grid(), [], INDEX, 0)


@pytest.mark.parametrize(
    "numbers",
    [
        {"buckets": 1},
        {"buckets": 2},
        {"buckets": 8},
        {"reach": 0.0},
        {"reach": -0.1},
        {"reach": 1.0},
        {"extended": (-1.0,)},
        {"extended": (0.5, -1.5)},
    ],
)
def test_senseless_grid(numbers):
    """A grid has moves both ways, around none, to prices above 0."""
    with pytest.raises(DataError, match="odd number of moves"):
        Grid(**numbers)
