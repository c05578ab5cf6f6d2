"""The anchor: one month of a sold straddle, beside the same written apart, path by path.

The figures of 20,000 paths are those of `anchor_figures`, which another program found on the
same draws; a few paths are hedged here once more, number by number, with nothing but `math`.
"""

import math

import numpy as np
import pytest

from rebalancer.research import anchor, anchor_paths
from rebalancer.research.anchor_figures import TOLD

PATHS, SCALAR, COST = 200, 2, 0.0005
S, SIGMA, T, N = 100_000.0, 0.6, 30 / 365, 8640
RULES = {"time": "1h", "edge": "0.04", "WW": "0.0001", "Zak": "0.0001"}


@pytest.fixture(scope="module")
def normals():
    """Draws of every step, of which the first are published."""
    drawn = list(anchor_paths.draws(PATHS))
    assert [1.38217775, -0.30369892, 1.60918861] == drawn[0][:3].round(8).tolist()
    assert N == len(drawn)
    return drawn


@pytest.fixture(scope="module")
def played(normals):
    """One parameter of each rule, played over the first paths."""
    rules = (
        anchor_paths.every({"1h": 12}),
        anchor_paths.banded("edge", (0.04,), 0.0),
        anchor_paths.averse("WW", (1e-4,), (COST,)),
        anchor_paths.averse("Zak", (1e-4,), (COST,)),
    )
    return rules, anchor_paths.play(rules, PATHS, normals, lambda: None)


def normal(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def straddle(price, years, sigma):
    """Delta of a call and a put, and gamma of both; log-moneyness by hand."""
    total = sigma * math.sqrt(years)
    d1 = math.log(price / S) / total + total / 2
    return 2 * normal(d1) - 1, 2 * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) / price / total


def wanted(rule, price, years):
    """Aim and half-width; None: this rule goes by time."""
    delta, gamma = straddle(price, years, SIGMA)
    if rule == "time":
        return delta, None
    if rule == "edge":
        return delta, 0.04
    aversion = 1e-4
    if rule == "WW":
        return delta, (1.5 * COST * price * gamma**2 / aversion) ** (1 / 3)
    still = COST / (aversion * price * SIGMA**2 * years)
    curved = 1.12 * COST**0.31 * years**0.05 * SIGMA**-0.25 * (gamma / aversion) ** 0.5
    grown = 4.76 * COST**0.78 * years**-0.02 * SIGMA**-0.25
    grown *= (aversion * price**2 * gamma) ** 0.15
    return straddle(price, years, SIGMA * math.sqrt(1 + grown))[0], still + curved


def hedged(rule, path):
    """Profit before fees, notional traded, hedges: one path, one rule."""
    price, held, profit, traded, hedges = S, 0.0, 13707.881436507074, 0.0, 0
    dt = T / N
    for step, z in enumerate(path):
        aim, width = wanted(rule, price, T - step * dt)
        new = held
        if step == 0 or (width is None and step % 12 == 0):
            new = aim
        elif width is not None and held > aim + width:
            new = aim + width
        elif width is not None and held < aim - width:
            new = aim - width
        traded, hedges = traded + abs(new - held) * price, hedges + (new != held)
        later = price * math.exp(-(SIGMA**2) / 2 * dt + SIGMA * math.sqrt(dt) * z)
        profit, held, price = profit + new * (later - price), new, later
    return profit - abs(price - S), traded + abs(held) * price, hedges


@pytest.mark.campaign
@pytest.mark.parametrize("place", range(len(RULES)), ids=list(RULES))
def test_number_by_number(played, normals, place):
    """Path by path the rules hedge as the same written apart does."""
    rules, found = played
    profit, traded, hedges = (each[0, :SCALAR].tolist() for each in found[place])
    rule, drawn = rules[place].name, np.array([each[:SCALAR] for each in normals])
    apart = [hedged(rule, drawn[:, i].tolist()) for i in range(SCALAR)]

    assert [each[0] for each in apart] == pytest.approx(profit, abs=1e-5)
    assert [each[1] for each in apart] == pytest.approx(traded, rel=1e-9)
    assert [each[2] for each in apart] == pytest.approx(hedges, abs=3)  # of near 1 the last bits


def test_published(played):
    """Few paths give the figures of 20,000, within four of their own standard errors."""
    rows = [each for each in anchor.rows(*played) if each.cost_bp == 5]

    assert list(RULES.items()) == [(each.rule, each.parameter) for each in rows]
    for row in rows:
        told = [float(each) for each in TOLD[row.rule, row.parameter][1]]
        for value, error, other in zip(row.found[:2], row.errors[:2], told[:2], strict=True):
            assert abs(value - other) < 4 * error
