"""How net delta turns, held against net delta at two prices and at two vols."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import exposure, pricing
from rebalancer.core.bends import bends
from rebalancer.core.exposure import YEAR, Holding, OptionInput
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument, Kind, cash_instrument
from rebalancer.core.params import Numeraire
from tests.scenarios.desk import BTC

S = 100_000.0
PERP = Instrument("d:PERP", Kind.PERPETUAL, "BTC", "BTC", size=10)

held = st.tuples(
    st.sampled_from(["BTC", "USDT"]),
    st.sampled_from([70_000, 95_000, 100_000, 130_000]),
    st.sampled_from([+1, -1]),
    st.floats(-10, 10).filter(lambda size: abs(size) > 0.01),
    st.floats(0.2, 1.5),
    st.integers(2, 200),
)
books = st.lists(held, min_size=1, max_size=5)


def compiled(lines, numeraire, more=0.0):
    """Return a book of some options, an inverse perpetual and coins; every vol `more` higher."""
    holdings, told = [], {}
    for number, (settle, strike, sign, size, vol, days) in enumerate(lines):
        expiry = days * YEAR // 365 + AVERAGING
        name = f"d:{number}"
        terms = {"expiry": expiry, "strike": strike, "sign": sign}
        option = Instrument(name, Kind.OPTION, "BTC", settle, **terms)
        holdings.append(Holding(option, size, 0.0, 0.0))
        told[name] = OptionInput(vol + more, 1.0 + 0.0002 * days)
    holdings.append(Holding(PERP, -20_000.0, -200_000 / 98_000, 0.0))
    holdings.append(Holding(cash_instrument("d", "BTC"), 3.0, 0.0, 0.0))
    own = replace(BTC, numeraire=numeraire)
    return exposure.compile_book(own, holdings, told, {})


@given(books, st.sampled_from(Numeraire))
def test_turns(lines, numeraire):
    """Gamma and vanna are the slopes of net delta, in either numeraire."""
    book = compiled(lines, numeraire)
    told = exposure.curvature(book, S, 0)
    up, down = (exposure.measure(book, S + step, 0).net for step in (5.0, -5.0))
    more, less = (
        exposure.measure(compiled(lines, numeraire, jolt), S, 0).net for jolt in (1e-4, -1e-4)
    )
    scale = 1e-5 * sum(abs(size) for *_, size, _, _ in lines)

    assert (up - down) / 10.0 == pytest.approx(told.gamma, rel=1e-4, abs=1e-4 * scale)
    assert (more - less) / 2e-4 == pytest.approx(told.vanna, rel=1e-4, abs=scale)


@given(books)
def test_gamma_is_the_one_that_is_shown(lines):
    """The gamma of the band is the gamma of the screens."""
    book = compiled(lines, Numeraire.USD)

    shown = exposure.greeks(book, S, 0).gamma
    scale = sum(abs(size) for *_, size, _, _ in lines)

    assert shown == pytest.approx(exposure.curvature(book, S, 0).gamma, rel=1e-9, abs=1e-15 * scale)


@given(books, st.floats(0.0, 1.0))
def test_while_a_mean_is_taken(lines, left):
    """In the last half hour gamma is the slope of a delta of which a part is fixed."""
    ts = min(days for *_, days in lines) * YEAR // 365 + int(AVERAGING * (1 - 0.9 * left - 0.05))
    book = compiled(lines, Numeraire.USD)
    book.options.fixed[:] = np.where(book.options.expiry - ts < AVERAGING, 1.001 * S, 0.0)
    told = exposure.curvature(book, S, ts)
    up, down = (exposure.measure(book, S + step, ts).net for step in (1.0, -1.0))
    scale = sum(abs(size) for *_, size, _, _ in lines)

    assert (up - down) / 2.0 == pytest.approx(told.gamma, rel=1e-3, abs=1e-7 * scale)


@given(
    st.floats(50_000, 200_000), st.floats(0.0, 2.0), st.floats(0.0, 3.0), st.sampled_from([1, -1])
)
def test_bends_are_the_greeks(strike, years, vol, sign):
    """The three alone are those of the whole, also without time or vol."""
    whole = pricing.greeks(S, strike, years, vol, sign)
    told = bends(S, strike, years, vol)

    assert [float(each) for each in told] == pytest.approx(
        [float(whole.gamma), float(whole.vega), float(whole.vanna)], rel=1e-7, abs=1e-12
    )


@given(held)
def test_one_option_is_its_own_mean(line):
    """Of one option, time and vol are its own."""
    *_, vol, days = line
    told = exposure.curvature(compiled([line], Numeraire.USD), S, 0)

    if told.years:  # else its gamma is less than any float
        assert (vol, days / 365) == pytest.approx((told.vol, told.years), rel=2e-2)
