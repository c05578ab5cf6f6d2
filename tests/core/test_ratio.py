"""Hedge ratios by themselves: what is measured, how surely, and which one is used."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from rebalancer.core import ratio
from rebalancer.core.ratio import Ground, Ratio

RNG = np.random.default_rng(11)
HEDGE = RNG.normal(0.0, 0.01, 250)
HELD = 1.2 * HEDGE + RNG.normal(0.001, 0.003, 250)


def test_least_squares():
    """Slope, its standard error and the variance removed are those of a straight line's fit."""
    found, line = ratio.minimum_variance(HELD, HEDGE), stats.linregress(HEDGE, HELD)

    assert pytest.approx(line.slope, rel=1e-12) == found.ratio
    assert pytest.approx(line.stderr, rel=1e-12) == found.standard_error
    assert pytest.approx(line.rvalue**2, rel=1e-12) == found.effectiveness


@pytest.mark.parametrize("halflife", [3.0, 11.2, 80.0])
def test_fading(halflife):
    """The averages with a halflife are those of the recursion from the first products on."""
    decay = 0.5 ** (1 / halflife)
    together, moved, held = HELD[0] * HEDGE[0], HEDGE[0] ** 2, HELD[0] ** 2
    for one, other in zip(HELD[1:], HEDGE[1:], strict=True):
        together = decay * together + (1 - decay) * one * other
        moved = decay * moved + (1 - decay) * other**2
        held = decay * held + (1 - decay) * one**2
    found = ratio.minimum_variance(HELD, HEDGE, halflife)

    assert pytest.approx(together / moved, rel=1e-11) == found.ratio
    assert pytest.approx(together**2 / moved / held, rel=1e-11) == found.effectiveness


@pytest.mark.parametrize("halflife", [None, 30.0])
def test_error_bars(halflife):
    """The standard error is how far the ratio strays from draw to draw."""
    rng, drawn, told = np.random.default_rng(5), [], []
    for _ in range(600):
        hedge = rng.normal(0.0, 0.01, 200)
        held = 0.9 * hedge + rng.normal(0.0, 0.004, 200)
        found = ratio.minimum_variance(held, hedge, halflife)
        drawn.append(found.ratio)
        told.append(found.standard_error)

    assert pytest.approx(float(np.std(drawn)), rel=0.1) == float(np.mean(told))


@pytest.mark.parametrize("other", [0.0, 0.5, 1.0, 1.7, -1.0])
def test_another_ratio(other):
    """What another ratio removes follows from what the best one does."""
    removed = 1 - np.var(HELD - other * HEDGE) / np.var(HELD)

    assert pytest.approx(removed, abs=1e-12) == ratio.at(ratio.minimum_variance(HELD, HEDGE), other)


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 5.0, 50.0]))
def test_best(seed, halflife):
    """No search finds a ratio that removes more, and the scale of the hedge is taken out."""
    rng = np.random.default_rng(seed)
    hedge = rng.standard_t(4, 60) * 0.01
    held = rng.normal() * hedge + rng.standard_t(4, 60) * 0.01
    found = ratio.minimum_variance(held, hedge, halflife)
    twice = ratio.minimum_variance(held, 2 * hedge, halflife)
    best = optimize.minimize_scalar(lambda each: -ratio.at(found, each))

    assert pytest.approx(best.x, abs=1e-6) == found.ratio
    assert pytest.approx(found.ratio / 2) == twice.ratio
    assert pytest.approx(found.effectiveness) == twice.effectiveness


def test_basis_that_comes_back():
    """A basis that comes back hides in short returns; beside it the ratio is seen again."""
    rng = np.random.default_rng(3)
    price = np.cumsum(rng.normal(0.0, 0.002, 4_000)) + 11.0
    basis = np.zeros(4_000)
    for place in range(1, 4_000):
        basis[place] = 0.6 * basis[place - 1] + rng.normal(0.0, 0.001)
    hedge = price + basis
    short = ratio.minimum_variance(np.diff(price), np.diff(hedge))
    far = ratio.minimum_variance(np.diff(price[::50]), np.diff(hedge[::50]))
    beside = ratio.error_correction(price, hedge)

    assert short.ratio < 0.80
    assert far.ratio > 0.93
    assert short.ratio < beside.ratio
    assert -0.5 < beside.speed < -0.3  # 0.4 of the basis is gone after a sample


@pytest.mark.parametrize(
    ("found", "used", "ground"),
    [
        (Ratio(1.02, 0.99, 0.011, 0.95), 1.0, Ground.ONE),
        (Ratio(1.25, 0.99, 0.125, 0.6), 1.0, Ground.ONE),  # two errors are still within it
        (Ratio(1.02, 0.99, 0.009, 0.95), 1.02, Ground.MEASURED),
        (Ratio(0.97, 0.99, 0.004, 0.95), 0.97, Ground.MEASURED),
        (Ratio(1.02, 0.79, 0.004, 0.95), None, Ground.REFUSED),
    ],
)
def test_same_underlying(found, used, ground):
    """A hedge of the same underlying counts one for one, unless that is beyond the doubt."""
    told = ratio.for_same(found)

    assert (used, ground) == (told.ratio, told.ground)


@pytest.mark.parametrize(
    ("prior", "used", "removed", "ground"),
    [
        (1.0, 1.1, 0.90 - 0.6 * 0.01, Ground.SHRUNK),
        (2.0, 1.6, 0.90 - 0.6 * 0.16, Ground.SHRUNK),
        (2.2, None, 0.90 - 0.6 * 0.25, Ground.REFUSED),
    ],
)
def test_cross(prior, used, removed, ground):
    """A cross hedge goes half-way to its prior, and is judged by what that removes."""
    told = ratio.for_cross(Ratio(1.2, 0.90, 0.02, 0.6), prior)

    assert (used, ground) == (told.ratio, told.ground)
    assert pytest.approx(removed) == told.effectiveness


def test_returns_of_coins():
    """An inverse contract earns coins: at a doubled price half of a dollar's coins are gone."""
    assert [0.5, -1.0] == ratio.returns([100.0, 200.0, 100.0], inverse=True).tolist()
    assert [1.0, -0.5] == ratio.returns([100.0, 200.0, 100.0]).tolist()


@pytest.mark.parametrize(
    ("held", "hedge", "halflife", "why"),
    [
        ([1.0, 2.0], [1.0, 2.0], None, "4 samples"),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0], None, "one shape"),
        ([[1.0]], [[1.0]], None, "one shape"),
        ([1.0, math.nan, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], None, "finite"),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0], None, "move"),
        ([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0], None, "move"),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0], 0.0, "halflife"),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0], math.inf, "halflife"),
    ],
)
def test_nothing_to_measure(held, hedge, halflife, why):
    """What cannot tell a ratio is refused with its reason."""
    with pytest.raises(ValueError, match=why):
        ratio.minimum_variance(held, hedge, halflife)


def test_levels_that_never_part():
    """A basis that never moves corrects nothing."""
    levels = np.cumsum(HEDGE)
    with pytest.raises(ValueError, match="come back"):
        ratio.error_correction(levels + 1.0, levels)


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5])
def test_decay(decay):
    """A decay is a share; 0.94 forgets half in eleven samples."""
    with pytest.raises(ValueError, match="decay"):
        ratio.halflife_of(decay)
