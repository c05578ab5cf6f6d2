"""Schedules: each slice of a notional at its own rate, and never cheaper than the one below."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.margin.schedule import charge, flat, schedule

TIERS = ((0.0, 0.005), (100_000.0, 0.01), (500_000.0, 0.02))


@pytest.mark.parametrize(
    ("notional", "asked"),
    [
        (0.0, 0.0),
        (50_000.0, 250.0),
        (100_000.0, 500.0),  # on a floor both tiers say the same
        (300_000.0, 500.0 + 2_000.0),
        (500_000.0, 500.0 + 4_000.0),
        (1_000_000.0, 500.0 + 4_000.0 + 10_000.0),
    ],
)
def test_charge(notional, asked):
    """Each slice is charged at its own rate, whatever else is asked at once."""
    found = charge(schedule(TIERS), np.array([notional, 1e9]))

    assert asked == pytest.approx(found[0], rel=1e-12)


def test_flat():
    """One rate for every notional, made once."""
    assert [0.0, 5.0] == charge(flat(0.005), np.array([0.0, 1000.0])).tolist()
    assert flat(0.005) is flat(0.005)


@st.composite
def schedules(draw):
    """Schedules of up to five tiers."""
    floors = sorted(draw(st.sets(st.floats(1.0, 1e7), max_size=4)))
    rates = sorted(draw(st.floats(0.0, 0.5)) for _ in range(len(floors) + 1))
    return schedule(tuple(zip([0.0, *floors], rates, strict=True)))


notionals = st.floats(0.0, 2e7)


@given(told=schedules(), low=notionals, high=notionals, share=st.floats(0.0, 1.0))
def test_convex(told, low, high, share):
    """What a chord between two notionals promises, the schedule keeps."""
    between = share * low + (1 - share) * high
    asked = charge(told, np.array([low, high, between]))

    assert asked[2] <= share * asked[0] + (1 - share) * asked[1] + 1e-9 * (1 + asked.max())
