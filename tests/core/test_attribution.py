"""P&L attribution: published parts of one day, and that nothing is ever lost between them."""

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import pricing
from rebalancer.core.attribution import Parts, Point, attribute


def point(forward, days, vol, strikes, signs):
    """Return options of one forward, time and vol at their model values."""
    shape = np.ones(len(strikes))
    strikes, signs = np.array(strikes), np.array(signs)
    value = pricing.price(forward * shape, strikes, days / 365 * shape, vol * shape, signs)
    return Point(forward * shape, days / 365 * shape, vol * shape, value)


def test_straddle():
    """The day of a short straddle at the money falls into the parts of the theory notes (§7)."""
    book = ([100_000.0, 100_000.0], [1.0, -1.0])
    start, end = point(100_000, 30, 0.60, *book), point(102_000, 29, 0.62, *book)

    parts = attribute(np.array([-1.0, -1.0]), *map(np.array, book), start, end)

    expected = {
        "delta": -137.07881436507085,
        "gamma": -92.42688508955409,
        "theta": +227.9019084399964,
        "vega": -455.8038168799931,
        "vanna": -4.558038168799931,
        "volga": +0.05619499112,
        "residual": +14.382380489928,
        "basis": 0.0,
    }
    assert pytest.approx(expected, rel=1e-9) == asdict(parts)
    assert pytest.approx(-447.5270705823714, rel=1e-11) == parts.total


@given(
    quantity=st.floats(-50, 50),
    moneyness=st.floats(0.6, 1.6),
    move=st.floats(-0.2, 0.2),
    jolt=st.floats(-0.2, 0.2),
    days=st.floats(1, 300),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_parts_are_the_whole(quantity, moneyness, move, jolt, days, sign):
    """The parts always add up to the change in marks."""
    strikes = ([100_000 * moneyness], [sign])
    start = point(100_000, days, 0.7, *strikes)
    end = point(100_000 * (1 + move), days - 0.5, 0.7 + jolt, *strikes)

    parts = attribute(np.array([quantity]), *map(np.array, strikes), start, end)

    change = quantity * float(end.value[0] - start.value[0])
    assert pytest.approx(change, rel=1e-9, abs=1e-6) == parts.total


@pytest.mark.parametrize(
    ("index", "delta", "basis"),
    [
        ((100_000.0, 102_000.0), 2_000.0, 0.0),  # the forward moves as the coin does
        ((100_000.0, 100_000.0), 0.0, 2_000.0),  # the coin stood still
        ((50_000.0, 50_500.0), 1_000.0, 1_000.0),  # in proportion: twice the coin
    ],
)
def test_basis(index, delta, basis):
    """What the forward does beside the coin is basis, and no part of delta."""
    deep = ([1.0], [1.0])  # a call so deep in the money that its delta is 1
    start, end = (
        replace(point(forward, 30, 0.6, *deep), index=np.array([price]))
        for forward, price in zip((100_000.0, 102_000.0), index, strict=True)
    )

    parts = attribute(np.array([1.0]), *map(np.array, deep), start, end)

    assert pytest.approx((delta, basis)) == (parts.delta, parts.basis)
    assert pytest.approx(2_000.0) == parts.total


def test_shorter_intervals_leave_less():
    """Sixteen steps of a way leave less than a tenth of what one step leaves."""
    book = ([100_000.0], [1.0])

    def left(steps):
        ways = [
            point(100_000 + 4_000 * i / steps, 30 - i / steps, 0.6 + 0.04 * i / steps, *book)
            for i in range(steps + 1)
        ]
        whole = Parts()
        for start, end in pairwise(ways):
            whole = whole + attribute(np.array([1.0]), *map(np.array, book), start, end)
        return abs(whole.residual)

    assert left(16) < left(1) / 10


def test_mark_beside_the_model():
    """A mark that the model does not explain is residual and nothing else."""
    start = point(100_000, 30, 0.6, [100_000.0], [1.0])
    end = Point(start.forward, start.years, start.vol, start.value + 12.5)

    parts = attribute(np.array([-2.0]), np.array([100_000.0]), np.array([1.0]), start, end)

    assert Parts(residual=-25.0) == parts
