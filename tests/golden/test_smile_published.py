"""Smile-aware deltas and SVI checks against numbers worked out elsewhere.

The surface is one raw SVI slice of 30 days; deltas, butterfly and SSVI numbers were
computed independently with long arithmetic. The minimum-variance delta is eq. 5 of
Hull & White, "Optimal delta hedging for options", J. Banking & Finance 82 (2017).
"""

import numpy as np
import pytest

from rebalancer.core import pricing, smile, surface, svi
from rebalancer.core.smile import Terms
from rebalancer.core.svi import Svi

F, MONTH = 100_000.0, 30 / 365
RAW = Svi(a=0.012, b=0.08, rho=-0.15, m=0.01, s=0.12)
SLICE = surface.Smile(
    surface.Method.SVI, MONTH, 9, 0.0, True, True, RAW, np.array([-0.4, 0.4]), None
)


@pytest.mark.parametrize(
    ("strike", "sign", "vol", "deltas"),
    [
        (90_000.0, -1, 0.5700, (-0.17054, -0.23377, -0.29700)),
        (110_000.0, +1, 0.5262, (0.25005, 0.28897, 0.32788)),
    ],
)
def test_regimes(strike, sign, vol, deltas):
    """Sticky moneyness, sticky strike and R = 2 have the deltas worked out for them."""
    k = np.log(np.array([strike / F]))
    told, slope = surface.vol(SLICE, k), surface.slope(SLICE, k)
    plain = float(pricing.delta(F, strike, MONTH, told, sign)[0])
    gains = [
        float(smile.gain(F, np.array([strike]), np.array([MONTH]), told, terms)[0])
        for terms in (Terms(1.0, smile.turn(slope, ratio)) for ratio in (0.0, 1.0, 2.0))
    ]

    assert vol == pytest.approx(told[0], abs=5e-5)
    assert deltas == pytest.approx([plain + gain for gain in gains], abs=5e-6)


def test_slope():
    """The slope at a strike is the difference of vols around it."""
    k, h = np.log(np.array([0.9])), 1e-6
    apart = surface.vol(SLICE, k + h) - surface.vol(SLICE, k - h)

    assert -0.7198 == pytest.approx(surface.slope(SLICE, k)[0], abs=5e-5)
    assert apart[0] / (2 * h) == pytest.approx(surface.slope(SLICE, k)[0], rel=1e-6)


def test_minimum_variance():
    """Hull and White's delta of an at-the-money call of 30 days at 60 %."""
    terms = Terms(0.1, coefficients=(-0.25, 0.4, -0.5))
    strike, years, vol = (np.array([each]) for each in (F, MONTH, 0.6))
    gain = smile.gain(F, strike, years, vol, terms)

    assert 0.46312 == pytest.approx(float(pricing.delta(F, F, MONTH, 0.6, 1) + gain[0]), abs=5e-6)


def test_butterfly():
    """The least of g, and the steeper wing, of the slice."""
    k = np.linspace(-1.5, 1.5, 3001)

    assert 0.28298 == pytest.approx(svi.density(RAW, k).min(), abs=5e-6)
    assert 0.092 == pytest.approx(max(RAW.wings))
    assert svi.free(RAW)


def test_ssvi():
    """An SSVI slice by the power law: its curvature, its conditions, its variance."""
    theta, rho = 0.03, -0.1
    phi = svi.power_law(theta, eta=1.2, gamma=0.45)
    steep = theta * phi * (1 + abs(rho))

    assert (5.7202658, 0.18877, 1.07981) == pytest.approx((phi, steep, steep * phi), abs=5e-6)
    assert (0.0406112, 0.0349175) == pytest.approx(
        tuple(svi.ssvi_variance(theta, rho, phi, np.array([-0.2, 0.2]))), abs=5e-8
    )
    assert svi.ssvi_free(theta, rho, phi)
    assert not svi.ssvi_free(theta, rho, 4 * phi)
    assert svi.ssvi_calendar(theta, phi, 0.04, svi.power_law(0.04, 1.2, 0.45), rho)
    assert not svi.ssvi_calendar(theta, phi, 0.04, phi / 4, rho)
