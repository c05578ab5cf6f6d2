"""The day of a short straddle, part by part, against the same sums in forty digits.

A book of one call and one put sold at the money, thirty days before their
expiry: in a day the forward goes from 100,000 to 102,000 and the vol from
60 to 62 %. The sums here are mpmath's: textbook Black-76, no code of the core.
"""

from dataclasses import asdict

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from rebalancer.core import pricing
from rebalancer.core.attribution import Point, attribute

STRIKE = 100_000
TOLD = {  # double precision holds 15 digits; differences of prices lose the last of them
    "delta": -137.078814365071,
    "gamma": -92.4268850895541,
    "theta": +227.901908439996,
    "vega": -455.803816879993,
    "vanna": -4.55803816879993,
    "volga": +0.05619499112219,
    "residual": +14.382380489931,
}


def in_forty_digits():
    """Return the parts of the short straddle's day, USD."""
    with mpmath.workdps(40):
        strike, start, end = mpf(STRIKE), mpf(30) / 365, mpf(29) / 365
        forward, later = mpf(100_000), mpf(102_000)
        vol, risen = mpf("0.6"), mpf("0.62")

        def straddle(forward, years, vol):
            width = vol * mpmath.sqrt(years)
            d1 = mpmath.log(forward / strike) / width + width / 2
            call = forward * mpmath.ncdf(d1) - strike * mpmath.ncdf(d1 - width)
            return 2 * call - (forward - strike)

        root = mpmath.sqrt(start)
        d1 = vol * root / 2
        d2, density = -d1, mpmath.npdf(d1)
        moved, jolt = later - forward, risen - vol
        vega = 2 * forward * density * root
        parts = {
            "delta": -(2 * mpmath.ncdf(d1) - 1) * moved,
            "gamma": -(2 * density / (forward * vol * root)) * moved**2 / 2,
            "theta": forward * density * vol / root * (start - end),
            "vega": -vega * jolt,
            "vanna": 2 * density * d2 / vol * moved * jolt,
            "volga": -vega * d1 * d2 / vol * jolt**2 / 2,
        }
        change = straddle(forward, start, vol) - straddle(later, end, risen)
        return {**parts, "residual": change - sum(parts.values())}


def point(forward, days, vol):
    """Return both options at their model values."""
    ones = np.ones(2)
    moment = (forward * ones, STRIKE * ones, days / 365 * ones, vol * ones)
    value = pricing.price(*moment, np.array([1.0, -1.0]))
    return Point(moment[0], moment[2], moment[3], value)


def test_long_arithmetic_tells_the_numbers():
    """The numbers that the parts are held against are those of the long sums."""
    told = {name: float(part) for name, part in in_forty_digits().items()}

    assert pytest.approx(TOLD, rel=2e-14) == told


def test_straddle():
    """Every part is right to the last digits of a double."""
    start, end = point(100_000, 30, 0.60), point(102_000, 29, 0.62)

    parts = attribute(-np.ones(2), STRIKE * np.ones(2), np.array([1.0, -1.0]), start, end)

    found = asdict(parts)
    assert 0.0 == found.pop("basis")
    assert pytest.approx(TOLD, rel=1e-12) == found
    assert pytest.approx(-447.5270705823717, rel=1e-13) == parts.total


def test_a_day_to_break_even():
    """Gamma takes what theta gave when the coin moves by its daily vol: 3,141 USD at 60 %."""
    years, width = 30 / 365, 0.6 * np.sqrt(30 / 365)
    strike = 100_000.0 * np.exp(width**2 / 2)  # where d1 is 0, and no gamma is lost to it
    greeks = pricing.greeks(100_000.0, strike, years, 0.6, 1.0)

    move = np.sqrt(-2 * greeks.theta / 365 / greeks.gamma)

    assert pytest.approx(3_140.5, abs=0.1) == float(move)
