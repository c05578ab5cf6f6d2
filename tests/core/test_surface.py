"""Curves of expiries: between the quotes, without arbitrage, and told how good they are."""

import numpy as np
import pytest

from rebalancer.core import surface, svi
from rebalancer.core.surface import Method, Points
from rebalancer.core.svi import Svi

MONTH = 30 / 365
RAW = Svi(0.012, 0.08, -0.15, 0.01, 0.12)
WIDE = np.linspace(-0.4, 0.4, 15)


def points(k=WIDE, spread=0.01, raw=RAW, years=MONTH):
    """Return quotes around a slice."""
    vol = np.sqrt(svi.variance(raw, k) / years)
    return Points(k, vol, np.full(len(k), spread))


def test_found():
    """The numbers that made the quotes are found again."""
    told = surface.fit(points(), MONTH)

    assert (Method.SVI, 15, True, True) == (told.method, told.points, told.free, told.calendar)
    assert RAW == pytest.approx(told.raw, abs=1e-6)
    assert told.worst == pytest.approx(0.0, abs=1e-6)


def test_between():
    """Quotes that are off by less than half a spread cost the curve nothing."""
    exact = points()
    wobbles = 0.004 * np.where(np.arange(15) % 2, 1, -1)
    told = surface.fit(Points(exact.k, exact.vol + wobbles, exact.spread), MONTH)

    assert Method.SVI is told.method
    assert told.worst <= surface.INSIDE


@pytest.mark.parametrize(
    ("count", "method"), [(2, Method.LINE), (4, Method.LINE), (5, Method.LOCAL), (6, Method.SVI)]
)
def test_few(count, method):
    """Fewer points than SVI has need of make a plainer curve, and it says so."""
    told = surface.fit(points(np.linspace(-0.2, 0.2, count), spread=0.05), MONTH)

    assert (method, count) == (told.method, told.points)


@pytest.mark.parametrize("count", [0, 1])
def test_none(count):
    """One point tells no slope."""
    assert surface.fit(points(WIDE[:count]), MONTH) is None


def test_false_quote():
    """A quote ten spreads away is on no curve: nobody knows that smile."""
    told = points()
    told.vol[7] += 0.2

    assert surface.fit(told, MONTH) is None


def test_no_svi():
    """A shape that no SVI has is followed by the stand-in, which tells what it missed."""
    told = points(spread=0.004)
    told.vol[:] = 0.5 + 0.05 * np.sin(12 * told.k)
    found = surface.fit(told, MONTH)

    assert Method.LOCAL is found.method
    assert found.worst > surface.INSIDE
    assert np.abs(surface.vol(found, told.k) - told.vol).max() / 0.004 == pytest.approx(found.worst)


VOGT = Svi(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)  # Gatheral & Jacquier (2014), example 3.1


def test_butterfly():
    """A slice whose density is negative is no SVI to be had, however exactly it is quoted."""
    k = np.linspace(-1.2, 1.4, 25)
    told = surface.fit(points(k, spread=1e-5, raw=VOGT, years=1.0), 1.0)

    assert not svi.free(VOGT)
    assert told is None or Method.SVI is not told.method


@pytest.mark.parametrize("spread", [0.01, 1e-7])
def test_calendar(spread):
    """A later expiry with less variance than an earlier one is not fitted by SVI; it is told."""
    early = surface.fit(points(), MONTH)
    cheap = points(raw=RAW._replace(a=0.004, b=0.06), years=2 * MONTH, spread=spread)
    free, found = (surface.fit(cheap, 2 * MONTH, before) for before in (None, early))

    assert Method.SVI is free.method
    assert found is None or (Method.LOCAL, False) == (found.method, found.calendar)
    assert found is not None or spread < 0.01  # the stand-in, too rough for such quotes


def test_surface():
    """Expiries are fitted one after the other, each over the one before."""
    later = Svi(0.03, 0.1, -0.2, 0.01, 0.2)
    told = [(MONTH, points()), (2 * MONTH, points(raw=later, years=2 * MONTH))]
    found = surface.surface(told)
    k = np.linspace(-0.4, 0.4, 50)

    assert [Method.SVI] * 2 == [each.method for each in found]
    assert (surface.variance(found[1], k) > surface.variance(found[0], k)).all()


def test_out_of_the_money():
    """Of a call and a put of one strike the one out of the money is taken."""
    forward = np.full(4, 100.0)
    strike, sign = np.array([90.0, 90, 110, 120]), np.array([1.0, -1, -1, 1])
    vol = np.array([0.9, 0.6, 0.5, 0.55])
    told = surface.points(forward, strike, sign, vol, np.full(4, 0.01))

    assert [0.6, 0.5, 0.55] == told.vol.tolist()
    assert np.log([0.9, 1.1, 1.2]) == pytest.approx(told.k)


def test_beyond():
    """Beyond its points a stand-in goes on as it ends."""
    told = surface.fit(points(np.linspace(-0.2, 0.2, 5), spread=0.05), MONTH)
    edge, beyond = surface.vol(told, np.array([0.2, 0.3]))

    assert edge + 0.1 * surface.slope(told, np.array([0.2]))[0] == pytest.approx(beyond)
