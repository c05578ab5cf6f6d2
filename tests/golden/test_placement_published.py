"""One hedge over three venues, worked out elsewhere with long arithmetic.

25 coins are sold at 100,000 USD and held for a day. The venues ask 4.6, 5.2 and
4 bp and 1, 1.5 and 0.5 bp a coin; their longs pay 8, 14 and −2 % a year.
"""

import pytest

from rebalancer.core import placement
from rebalancer.core.placement import Binds, Place

PRICE, COINS, DAY = 100_000.0, -25.0, 1 / 365
A = Place("A", 4.6e-4, 1.0e-4, 0.08 * DAY, cap=1e3)
B = Place("B", 5.2e-4, 1.5e-4, 0.14 * DAY, cap=1e3)
C = Place("C", 4.0e-4, 0.5e-4, -0.02 * DAY, cap=1e3)
CAPPED = Place("B", 5.2e-4, 1.5e-4, 0.14 * DAY, cap=4.0)


def test_free():
    """Where there is room everywhere, a coin more costs 170.22 USD at each."""
    found = placement.split([A, B, C], COINS, PRICE)

    expected = [-7.30684932, -5.21917808, -12.47397260]
    assert expected == [round(each.coins, 8) for each in found.parts]
    assert [170.21917808] * 3 == [round(each.marginal, 8) for each in found.parts]
    assert (170.21917808, 2534.98) == (round(found.marginal, 8), round(found.cost, 2))
    assert 10.14 == round(found.cost / (25 * PRICE) * 1e4, 2)


def test_capped():
    """With room for 4 at B the others take more, and B stays the cheaper."""
    found = placement.split([A, CAPPED, C], COINS, PRICE)

    assert [-7.71324, -4.0, -13.28676] == [round(each.coins, 5) for each in found.parts]
    assert [Binds.NOTHING, Binds.CAP, Binds.NOTHING] == [each.binds for each in found.parts]
    assert 2562.23 == round(found.cost, 2)


@pytest.mark.parametrize(
    ("parts", "cost"),
    [((-25.0, 0.0, 0.0), 6852), ((0.0, 0.0, -25.0), 4262), ((COINS / 3,) * 3, 2777)],
)
def test_simple_splits(parts, cost):
    """What all at one venue costs, and equal parts."""
    told = placement.told_of([A, B, C], parts, COINS, PRICE)

    assert cost == round(told.cost)
    assert pytest.approx(0.0, abs=1e-9) == told.left
