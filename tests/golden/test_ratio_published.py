"""Hedge ratios of one series that a formula gives, worked out elsewhere with long arithmetic."""

import numpy as np
import pytest

from rebalancer.core import ratio

STEPS = np.arange(1, 41)
HEDGE = 0.02 * np.sin(1.7 * STEPS) + 0.01 * np.cos(0.9 * STEPS)
HELD = 1.03 * HEDGE + 0.002 * np.sin(2.9 * STEPS + 0.3)


def test_least_squares():
    """Ratio and effectiveness of a plain fit, and what a ratio of 1 would have removed."""
    found = ratio.minimum_variance(HELD, HEDGE)

    assert (1.0286702976, 0.9928326822) == (round(found.ratio, 10), round(found.effectiveness, 10))
    assert 0.9920614449 == round(ratio.at(found, 1.0), 10)


def test_fading():
    """The average that keeps 0.94 of itself, begun with the first products."""
    found = ratio.minimum_variance(HELD, HEDGE, ratio.halflife_of(0.94))

    assert 1.0278317454 == round(found.ratio, 10)


def test_beside_the_basis():
    """Constant, ratio and speed on the cumulated levels."""
    found = ratio.error_correction(11.5 + np.cumsum(HELD), 11.5 + np.cumsum(HEDGE))

    assert pytest.approx(-1.07830689e-4, abs=5e-13) == found.constant
    assert (1.00425914, -1.70159241) == (round(found.ratio, 8), round(found.speed, 8))
