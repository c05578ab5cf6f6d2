"""The delivery price and what is expected of it on the way."""

import numpy as np
import pytest

from rebalancer.market.fixing import Fixing, expected, random_time, watch


def fed(*prices):
    """Return a fixing over 30 of 100 after prices of ten each, from 60 on."""
    fixing = Fixing(expiry=100, window=30)
    for number, price in enumerate(prices):
        fixing = watch(fixing, 60 + 10 * number, 70 + 10 * number, price)
    return fixing


def test_mean():
    """Only what lies in the window counts."""
    assert fed(1.0).mean is None
    assert 3.0 == fed(1.0, 2.0, 3.0, 4.0, 5.0).mean


@pytest.mark.parametrize(("since", "until", "seen"), [(0, 80, 10), (75, 85, 10), (90, 130, 10)])
def test_overlap(since, until, seen):
    """A step that begins before the window or ends after it counts for its share."""
    assert seen == watch(Fixing(100, 30), since, until, 7.0).seen


@pytest.mark.parametrize(
    ("prices", "ts", "price"),
    [
        ((1.0,), 70, 9.0),  # nothing is known yet
        ((1.0, 3.0), 80, 7.0),  # a third is: (3 + 9 + 9) / 3
        ((1.0, 3.0, 3.0, 3.0), 100, 3.0),  # all is
    ],
)
def test_expected(prices, ts, price):
    """What is known of a delivery price weighs by its share of the window."""
    assert price == pytest.approx(expected(fed(*prices), ts, 9.0))


def test_variance_left():
    """The variance of a mean that is still to come is a third of that of its end."""
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((20_000, 60))
    paths = np.cumsum(steps, axis=1)
    window = np.array([30])

    assert float(random_time(np.array([60]), window)[0]) == pytest.approx(
        paths[:, 30:].mean(axis=1).var(), rel=0.05
    )
    share = 15 / 30  # of the window is left, and only that part of the mean still moves
    assert float(random_time(np.array([15]), window)[0]) == pytest.approx(
        (share * paths[:, :15].mean(axis=1)).var(), rel=0.15
    )


def test_random_time_grows():
    """More time never means less variance, across the start of the window too."""
    left = np.arange(1, 100)

    assert np.all(np.diff(random_time(left, np.full(left.size, 30))) > 0)
