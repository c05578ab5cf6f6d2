"""What holds of every smile: no arbitrage in it, and deltas that a whole revaluation confirms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core import exposure, smile, surface, svi
from rebalancer.core.exposure import YEAR, Holding, OptionInput
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import Numeraire, SmileParams
from rebalancer.core.smile import FADES, Regime, Terms
from rebalancer.core.surface import Method, Points
from rebalancer.core.svi import Svi
from tests.scenarios.desk import BTC

S = 100_000.0
DAY = YEAR // 365

slices = st.builds(
    Svi,
    a=st.floats(0.005, 0.03),
    b=st.floats(0.02, 0.15),
    rho=st.floats(-0.7, 0.7),
    m=st.floats(-0.05, 0.05),
    s=st.floats(0.05, 0.3),
)
noises = st.lists(st.floats(-1, 1), min_size=12, max_size=12)


@settings(max_examples=25, deadline=None)
@given(slices, noises, st.floats(0.005, 0.05))
def test_no_arbitrage(raw, noise, spread):
    """Whatever is quoted, an SVI that is accepted has no butterfly, and lies within spreads."""
    k, years = np.linspace(-0.4, 0.45, 12), 0.1
    vol = np.sqrt(svi.variance(raw, k) / years) + 0.8 * spread * np.array(noise)
    told = surface.fit(Points(k, np.maximum(vol, 0.05), np.full(12, spread)), years)
    if told is None or told.method is not Method.SVI:
        return
    wide = np.linspace(-2.5, 2.5, 2001)

    assert svi.density(told.raw, wide).min() >= -1e-6
    assert max(told.raw.wings) <= 2.0
    assert np.abs(surface.vol(told, k) - np.maximum(vol, 0.05)).max() <= spread * 0.5 + 1e-9


@settings(max_examples=40, deadline=None)
@given(slices, st.integers(2, 12), noises, st.floats(-0.6, 0.6))
def test_slope(raw, count, noise, at):
    """The slope of every kind of curve is how its vol differs around a strike."""
    k, years = np.linspace(-0.3, 0.35, count), 0.1
    vol = np.sqrt(svi.variance(raw, k) / years) + 0.01 * np.array(noise[:count])
    told = surface.fit(Points(k, np.maximum(vol, 0.05), np.full(count, 0.01)), years)
    if told is None:
        return
    h, place = 1e-5, np.array([at])
    apart = surface.vol(told, place + h) - surface.vol(told, place - h)
    floored = surface.vol(told, place)[0] < 1e-3

    assert floored or apart[0] / (2 * h) == pytest.approx(
        surface.slope(told, place)[0], abs=2e-3, rel=1e-3
    )


held = st.tuples(
    st.sampled_from(["BTC", "USDT"]),
    st.sampled_from([80_000, 95_000, 100_000, 120_000]),
    st.sampled_from([+1, -1]),
    st.floats(-10, 10).filter(lambda size: abs(size) > 0.01),
)
books = st.lists(held, min_size=1, max_size=4)


def compiled(lines, numeraire, raw, price, own, days=30):
    """Return a book valued at the vols of a slice that travels with the price."""
    holdings, told = [], {}
    for number, (settle, strike, sign, size) in enumerate(lines):
        terms = {"expiry": days * DAY, "strike": strike, "sign": sign}
        option = Instrument(f"d:{number}", Kind.OPTION, "BTC", settle, **terms)
        holdings.append(Holding(option, size, 0.0, 0.0))
        carry, years = 1.004, days / 365
        k = np.log(strike / (carry * price))
        root = np.sqrt((k - raw.m) ** 2 + raw.s**2)
        vol = np.sqrt((raw.a + raw.b * (raw.rho * (k - raw.m) + root)) / years)
        slope = raw.b * (raw.rho + (k - raw.m) / root) / (2 * years * vol)
        told[option.id] = OptionInput(float(vol), carry, -float(slope))
    return exposure.compile_book(replace(BTC, numeraire=numeraire, smile=own), holdings, told, {})


TRAVELS = SmileParams(Regime.STICKY_MONEYNESS, ratio=0.0, cap=10.0)


@given(books, slices, st.sampled_from(Numeraire))
def test_bumped(lines, raw, numeraire):
    """The delta is how the worth of the whole book differs where the smile travels along."""
    book = compiled(lines, numeraire, raw, S, TRAVELS)
    step = 5.0
    worths = [
        exposure.value(compiled(lines, numeraire, raw, price, TRAVELS), price, 0)
        for price in (S + step, S - step)
    ]
    if numeraire is Numeraire.COIN:
        slope = S * (worths[0] / (S + step) - worths[1] / (S - step)) / (2 * step)
    else:
        slope = (worths[0] - worths[1]) / (2 * step)

    assert slope == pytest.approx(exposure.measure(book, S, 0).net, rel=1e-5, abs=1e-6)


@given(books, slices, st.sampled_from(Numeraire))
def test_sticky(lines, raw, numeraire):
    """Where nothing turns nothing is added: R = 1 is the plain delta, to the last bit."""
    plain = compiled(lines, numeraire, raw, S, None)
    one = compiled(lines, numeraire, raw, S, SmileParams(Regime.STICKY_MONEYNESS, ratio=1.0))

    assert exposure.measure(plain, S, 0) == exposure.measure(one, S, 0)


REGIMES = (TRAVELS, SmileParams(Regime.MINIMUM_VARIANCE, 0.0, (-0.25, 0.4, -0.5)))


@given(st.sampled_from([80_000, 100_000, 120_000]), slices, st.sampled_from(REGIMES))
def test_parity(strike, raw, own):
    """A call less a put of one strike is a forward, whatever the smile does."""
    pair = [("USDT", strike, +1, 1.0), ("USDT", strike, -1, -1.0)]
    book = compiled(pair, Numeraire.USD, raw, S, own)

    assert 1.004 == pytest.approx(exposure.measure(book, S, 0).net, abs=1e-12)


@given(st.floats(-9, 9), st.floats(0.001, 0.2))
def test_cap(turn, cap):
    """No delta is moved by more than the cap."""
    strike, years, vol = np.array([95.0, 100.0, 105.0]), np.full(3, 0.1), np.full(3, 0.5)

    assert (np.abs(smile.gain(100.0, strike, years, vol, Terms(cap, turn))) <= cap).all()


@pytest.mark.parametrize("numeraire", Numeraire)
def test_fades(numeraire):
    """The smile has no part once a settlement is averaged, and none is lost in a jump before."""
    line, raw = [("BTC", 100_000, -1, 1.0)], Svi(0.0002, 0.01, -0.5, 0.0, 0.02)

    def added(left):
        plain, own = (
            compiled(line, numeraire, raw, S, smile_params, days=1)
            for smile_params in (None, TRAVELS)
        )
        ts = DAY - left
        return exposure.measure(own, S, ts).net - exposure.measure(plain, S, ts).net

    assert added(AVERAGING + FADES) != 0
    assert abs(added(AVERAGING + 1_000_000_000)) < abs(added(AVERAGING + FADES)) / 1_000
    assert (0.0, 0.0, 0.0) == (added(AVERAGING), added(AVERAGING // 2), added(-1))
