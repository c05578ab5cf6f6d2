"""Ten full chains of Deribit's BTC options: its greeks and marks against ours.

Every one of the 6,628 rows counts. Deribit prices with rate 0 on each expiry's
own forward, publishes vega per vol point and theta per day, and rounds delta
and gamma to 5 digits, vol to 4, the mark to 4 digits of a coin.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from rebalancer.core import pricing
from rebalancer.core.pricing import ImpliedVolStatus

CHAINS = "options/deribit_tickers_full_btc_options_2026-01.parquet"
YEAR_MS = 365 * 86_400_000
HALF_TICK = 5e-5  # coin: marks are published to 4 digits
WEEK = 7 / 365


@pytest.fixture(scope="module")
def chains(recordings):
    """Return the recorded columns as arrays, and the five arguments of a pricing function."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow absent")
    table = parquet.read_table(recordings / CHAINS)

    def column(name):
        return table.column(name).to_numpy().astype(np.float64)

    kinds = np.array(table.column("option_type").to_pylist())
    years = (column("expiration_timestamp") - column("timestamp")) / YEAR_MS
    return SimpleNamespace(
        column=column,
        years=years,
        market=(
            column("underlying_price"),
            column("strike"),
            years,
            column("mark_iv") / 100,
            np.where(kinds == "call", +1, -1),
        ),
    )


def test_every_row_is_there(chains):
    """The recording is whole: no row is dropped before it is compared."""
    assert 6_628 == chains.years.size
    assert {-1, 1} == set(chains.market[4].tolist())


@pytest.mark.trap("deribit-delta-is-blacks", "deribit")
def test_delta(chains):
    """Delta agrees to the rounding of the venue's vol, which is 0.01 points."""
    error = np.abs(pricing.delta(*chains.market) - chains.column("greeks_delta"))

    assert np.median(error) < 1e-5
    assert error.max() < 2e-4


def test_mark(chains):
    """The mark, in coin, agrees to the tick: half of it is rounding, the rest is its vol's."""
    error = np.abs(pricing.inverse_price(*chains.market) - chains.column("mark_price"))

    assert np.median(error) < 5e-5
    assert error.max() < 4.5e-4


def test_gamma(chains):
    """Gamma agrees to half of its fifth digit, the last that is published."""
    found = pricing.greeks(*chains.market).gamma

    assert np.abs(found - chains.column("greeks_gamma")).max() < 5.1e-6


def test_vega(chains):
    """Vega, USD per point, agrees to 0.04 of values up to 393."""
    error = np.abs(pricing.greeks(*chains.market).vega / 100 - chains.column("greeks_vega"))

    assert np.median(error) < 2e-3
    assert error.max() < 0.04


def test_theta(chains):
    """Theta, USD per day, agrees from a week to expiry on.

    Sooner the venue caps it at what is left to lose (its theta of the last day is over the
    remaining life, and single wings are cut up to three days ahead): those rows are held to their
    sign and to being no larger than ours.
    """
    found, published = pricing.greeks(*chains.market).theta / 365, chains.column("greeks_theta")
    error, far = np.abs(found - published), chains.years > WEEK

    assert np.median(error[far]) < 5e-3
    assert error[far].max() < 0.03
    assert (published[~far] <= 0).all()
    assert (np.abs(published[~far]) <= np.abs(found[~far]) + 0.3).all()


def test_implied_vol(chains):
    """The mark gives back its vol to what the mark itself is off by, in coin through vega."""
    forward, strike, years, vol, sign = chains.market
    found, status = pricing.inverse_implied_vol(
        chains.column("mark_price"), forward, strike, years, sign
    )
    told = status == ImpliedVolStatus.OK
    vega = pricing.inverse_greeks(*chains.market).vega
    fine = told & (HALF_TICK < 0.01 * vega)  # coarser ticks than a point say nothing

    assert (told == np.isfinite(found)).all()
    assert fine.sum() > 5_000
    assert np.median(np.abs(found - vol)[fine] * vega[fine]) < HALF_TICK
    assert (np.abs(found - vol)[fine] * vega[fine]).max() < 6e-4
