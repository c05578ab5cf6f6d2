"""Books: sorted, on tick, in lots, and thinner the wilder the market."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.market.depth import Shape, Touch, book_sides, touch_around

SHAPE = Shape(spread=2.0, gap=3.0, depth=500.0, least=1, levels=10)
UNITS = Decimal("0.5"), Decimal("0.1")


def book(stress, seed=1, touch=None):
    """Return a book of the shape above."""
    shocks = np.random.default_rng(seed).standard_normal(40)
    return book_sides(touch or Touch(200_000, 200_002), SHAPE, stress, shocks, UNITS)


@given(
    st.floats(0.3, 1e6),
    st.floats(0.01, 50),
    st.floats(0.05, 8),
    st.floats(-5, 5),
)
def test_touch(middle, spread, stress, shock):
    """Best bid is below best ask and both are positive, around the middle."""
    shape = Shape(spread, 1.0, 1.0, 1, 10)
    touch = touch_around(middle, shape, stress, shock)

    assert 0 < touch.bid < touch.ask
    assert touch.bid == 1 or abs((touch.bid + touch.ask) / 2 - middle) <= 0.5


@given(st.integers(0, 2**31), st.floats(0.05, 8), st.integers(0, 300))
def test_sides(seed, stress, bid):
    """Levels run away from the touch, positive, each price once; sizes are positive."""
    bids, asks = book(stress, seed, Touch(bid, bid + 3))

    assert 10 == len(asks)
    assert len(bids) <= 10
    assert sorted({price for price, _ in bids}, reverse=True) == [price for price, _ in bids]
    assert sorted({price for price, _ in asks}) == [price for price, _ in asks]
    assert all(price > 0 and size > 0 for price, size in (*bids, *asks))


def test_units():
    """Prices are whole ticks and sizes whole lots."""
    for price, size in (*book(1.0)[0], *book(1.0)[1]):
        assert 0 == price % UNITS[0]
        assert 0 == size % UNITS[1]


@pytest.mark.parametrize(("calm", "wild"), [(0.5, 1.0), (1.0, 2.0), (2.0, 6.0)])
def test_stress(calm, wild):
    """Under stress the spread is wider, the depth thinner and the levels farther apart."""
    touches = [touch_around(1e6, SHAPE, stress, 0.0) for stress in (calm, wild)]
    books = [book(stress)[1] for stress in (calm, wild)]

    assert touches[0].ask - touches[0].bid < touches[1].ask - touches[1].bid
    assert sum(size for _, size in books[0]) > sum(size for _, size in books[1])
    assert books[0][-1][0] < books[1][-1][0]


def test_nobody_bids():
    """A touch without a bid has an empty bid side."""
    bids, asks = book(1.0, touch=Touch(0, 1))

    assert () == bids
    assert Decimal("0.5") == asks[0][0]
