"""Placement by itself: what is filled first, what bounds it, and what is told of each place."""

import math
from dataclasses import replace

import pytest

from rebalancer.core import placement
from rebalancer.core.placement import Binds, Place

PRICE = 100_000.0
CHEAP, DEAR = Place("cheap", 0.0002), Place("dear", 0.0005)


def parts(places, coins, **options):
    """Return what each place is given, and what binds there."""
    found = placement.split(places, coins, PRICE, **options)
    return [each.coins for each in found.parts], [each.binds.value for each in found.parts]


@pytest.mark.parametrize(
    ("cheap", "dear", "coins", "given", "binds"),
    [
        ({}, {}, -3.0, [-3.0, 0.0], ["nothing", "dearer"]),
        ({}, {}, +3.0, [3.0, 0.0], ["nothing", "dearer"]),
        ({"cap": 2.0}, {}, -3.0, [-2.0, -1.0], ["cap", "nothing"]),
        ({"initial": 0.1, "free": 10_000.0}, {}, -3.0, [-1.0, -2.0], ["margin", "nothing"]),
        ({"cap": 2.0}, {"cap": 0.5}, -3.0, [-2.0, -0.5], ["cap", "cap"]),
        ({"held": -9.0, "cap": 2.0}, {}, -3.0, [0.0, -3.0], ["cap", "nothing"]),
        ({"held": +9.0, "cap": 2.0}, {}, -3.0, [-3.0, 0.0], ["nothing", "dearer"]),
        ({"funding": -0.001}, {}, -3.0, [0.0, -3.0], ["dearer", "nothing"]),  # shorts pay there
        ({"funding": -0.001}, {}, +3.0, [3.0, 0.0], ["nothing", "dearer"]),
        ({"capital": 0.001}, {}, -3.0, [0.0, -3.0], ["dearer", "nothing"]),
        ({"capital": 0.001, "held": 2.0}, {}, -3.0, [-2.0, -1.0], ["turns", "nothing"]),
        ({"beta": 0.25}, {}, -3.0, [0.0, -3.0], ["dearer", "nothing"]),  # four coins for one
        ({"beta": 0.5}, {}, -3.0, [-6.0, 0.0], ["nothing", "dearer"]),
        ({}, {}, 0.0, [0.0, 0.0], ["nothing", "dearer"]),
    ],
)
def test_straight(cheap, dear, coins, given, binds):
    """Without impact the cheapest fills first, up to its bound."""
    told = parts([replace(CHEAP, **cheap), replace(DEAR, **dear)], coins)

    assert (pytest.approx(given), binds) == told


def test_equals_fill_in_order():
    """Of places that cost alike the first fills first."""
    same = [replace(CHEAP, name="a", cap=1.0), replace(CHEAP, name="b", cap=5.0)]

    assert [1.0, 2.0] == parts(same, 3.0)[0]


def test_impact_spreads():
    """Impact spreads a hedge until a coin more costs the same everywhere."""
    found = placement.split([replace(CHEAP, impact=1e-4), replace(DEAR, impact=2e-4)], -10.0, PRICE)
    first, second = found.parts

    assert pytest.approx(-10.0) == first.coins + second.coins
    assert pytest.approx(found.marginal) == first.marginal == pytest.approx(second.marginal)
    assert pytest.approx((0.0002 - 2e-4 * first.coins) * PRICE) == first.marginal
    assert pytest.approx(first.cost + second.cost) == found.cost
    assert 0.0 == found.left


@pytest.mark.parametrize("way", [+1, -1])
@pytest.mark.parametrize("held", [-3.0, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("coins", [-1.0, 0.0, 1.0])
def test_marginal(coins, held, way):
    """The marginal cost is what a little more of the hedge adds to the cost, at a kink too."""
    place = Place("x", 0.0004, 2e-5, funding=0.0003, capital=0.0002, held=held, beta=0.8)
    step = 1e-6
    more = placement.cost(place, coins + way * step / place.beta, PRICE)
    less = placement.cost(place, coins, PRICE)

    told = placement.marginal(place, coins, PRICE, way)
    assert pytest.approx((more - less) / step, rel=1e-3, abs=1e-3) == told


def test_no_room():
    """What has no room is left, and a coin more has no price."""
    found = placement.split([replace(CHEAP, cap=1.0)], -3.0, PRICE)

    assert (-2.0, None) == (found.left, found.marginal)


def test_moves():
    """What is held moves where that saves more than both trades; without leave it does not."""
    here = replace(CHEAP, held=-4.0, cap=10.0, funding=-0.001)
    there = replace(DEAR, held=0.0, cap=3.0)

    assert [0.0, 0.0] == parts([here, there], 0.0)[0]
    assert [3.0, -3.0] == pytest.approx(parts([here, there], 0.0, moves=True)[0])
    assert [0.0, 0.0] == parts([replace(here, funding=-0.0006), there], 0.0, moves=True)[0]


def test_moves_need_bounds():
    """Where positions may move without a bound, funding would be worth any position."""
    with pytest.raises(ValueError, match="cheap must have a bound"):
        placement.split([CHEAP, replace(DEAR, cap=1.0)], 1.0, PRICE, moves=True)


@pytest.mark.parametrize(
    ("lots", "coins", "given", "left"),
    [
        ((1.0, 0.1), -2.55, [-2.0, -0.5], -0.05),
        ((1.0, 0.0), -2.55, [-2.0, -0.55], 0.0),
        ((0.0, 1.0), -2.55, [-2.55, 0.0], 0.0),
        ((5.0, 1.0), -2.55, [0.0, -2.0], -0.55),
        ((5.0, 5.0), -2.55, [0.0, 0.0], -2.55),
    ],
)
def test_lots(lots, coins, given, left):
    """A split in lots never goes past the hedge; what lots leave goes where they fit."""
    places = [replace(CHEAP, lot=lots[0]), replace(DEAR, lot=lots[1])]
    found = placement.in_lots(places, placement.split(places, coins, PRICE), PRICE)

    assert pytest.approx(given) == [each.coins for each in found.parts]
    assert pytest.approx(left) == found.left


def test_smallest_order():
    """A part that is smaller than an order may be is traded elsewhere."""
    places = [replace(CHEAP, impact=1e-4, lot=0.1), replace(DEAR, impact=1e-4, lot=0.1, least=5.0)]
    whole = placement.split(places, -10.0, PRICE)
    found = placement.in_lots(places, whole, PRICE)

    assert -5.0 < whole.parts[1].coins < -1.0
    assert [-10.0, 0.0] == pytest.approx([each.coins for each in found.parts])
    assert found.cost > whole.cost


def test_lots_keep_to_bounds():
    """What lots leave never goes past a bound."""
    places = [replace(CHEAP, lot=0.5, cap=1.2), replace(DEAR, lot=1.0, cap=9.0)]
    found = placement.in_lots(places, placement.split(places, -3.0, PRICE), PRICE)

    assert [-1.0, -2.0] == pytest.approx([each.coins for each in found.parts])


def test_bounds_of_what_is_beyond():
    """A position beyond its bound may close, and stay."""
    low, high, why = placement.bounds(replace(CHEAP, held=9.0, cap=2.0), PRICE)

    assert (-11.0, 0.0, Binds.CAP) == (low, high, why)
    assert math.isinf(placement.bounds(CHEAP, PRICE)[1])
