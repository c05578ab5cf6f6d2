"""Curves: few points, and every extreme of the many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.research.curves import NARROWEST, Curve


def curve(values, most=8, step=NARROWEST):
    drawn = Curve(most)
    for place, value in enumerate(values):
        drawn.add(place * step, value)
    return drawn


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(1, 5 * NARROWEST))
def test_no_extreme_is_lost(values, step):
    """Ends, least and most are kept whatever was left out, and points stay in order."""
    points = curve(values, step=step).points()
    told = [value for _, value in points]

    assert (values[0], values[-1]) == (told[0], told[-1])
    assert (min(values), max(values)) == (min(told), max(told))
    assert sorted(ts for ts, _ in points) == [ts for ts, _ in points]
    assert {*points} <= {(place * step, value) for place, value in enumerate(values)}


@pytest.mark.parametrize("count", [10, 1_000, 20_000])
def test_few_points(count):
    """However long a line is, four points a bucket are kept at most."""
    assert len(curve(range(count)).points()) <= 4 * 8


def test_short_lines_are_whole():
    """A line with fewer points than buckets is drawn as it was."""
    assert [3.0, 1.0, 2.0] == [value for _, value in curve([3.0, 1.0, 2.0]).points()]


def test_a_long_silence():
    """A line that slept for a year takes no more room for it."""
    drawn = Curve(4)
    for ts in (0, 1, 365 * 86_400, 365 * 86_400 + 1, 730 * 86_400):
        drawn.add(ts * NARROWEST, float(ts))

    assert 5 == len(drawn.points())
