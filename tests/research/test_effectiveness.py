"""Hedge effectiveness: the share of variance removed."""

import pytest

from rebalancer.research.effectiveness import Effectiveness, measure

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("hedged", "unhedged", "expected"),
    [
        ([5, 5, 5, 5], [0, 2, 0, 2], 1.0),  # nothing is left
        ([0, 2, 0, 2], [0, 2, 0, 2], 0.0),  # no hedge at all
        ([0, 1, 0, 1], [0, 2, 0, 2], 0.75),
        ([0, 4, 0, 4], [0, 2, 0, 2], -3.0),  # a hedge the wrong way round
        ([0, 3, 6, 9], [0, 2, 0, 2], 1.0),  # a steady gain is no variance
        ([0, 1, 0, 1], [7, 7, 7, 7], None),  # there was nothing to remove
    ],
)
def test_removed(hedged, unhedged, expected):
    """What counts is the variance of changes, hedged against unhedged."""
    assert expected == measure([0, 1, 2, 3], hedged, unhedged).hedge_effectiveness


def test_told():
    """Variances divide by n - 1; the sampling interval is the median one."""
    times = [0, 10 * SECOND, 20 * SECOND, 90 * SECOND]

    told = measure(times, [0, 1, 0, 1], [0, 2, 0, 2])

    assert pytest.approx((4 / 3, 16 / 3)) == (told.variance_hedged, told.variance_unhedged)
    assert 10.0 == told.sampling_seconds


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_too_few(samples):
    """Fewer than three samples have no variance of changes."""
    some = list(range(samples))

    assert Effectiveness(None, None, None, None) == measure(some, some, some)
