"""Measures: tails, costs and theory, against sums by hand."""

import numpy as np
import pytest

from rebalancer.research import measures
from rebalancer.research.days import Day
from rebalancer.research.stays import Stays

SOURCES = (
    "delta",
    "gamma",
    "theta",
    "vega",
    "vanna",
    "volga",
    "residual",
    "basis",
    "spot",
    "hedge",
)
CASH = ("collateral", "funding", "own_funding", "fees", "slippage", "cash")
NOTHING = dict.fromkeys((*SOURCES, *CASH), 0.0)


def day(change, unhedged, alert=False, **parts):
    """Return a row of a day."""
    return Day("2026-01-01", 0, 1, change, 0.0, {**NOTHING, **parts}, unhedged, 0.0, alert)


@pytest.mark.parametrize(
    ("changes", "share", "loss"),
    [
        ([-100.0, *[0.0] * 19], 0.05, 100.0),  # one in twenty
        ([-100.0, *[1.0] * 9], 0.05, 100.0),  # half of the worst
        ([-8.0, -4.0, 0.0, 5.0], 0.5, 6.0),
        ([-8.0, -4.0, 0.0, 5.0], 1.0, 1.75),  # all: the mean loss
        ([3.0, 2.0], 0.05, -2.0),  # even the worst gained
    ],
)
def test_shortfall(changes, share, loss):
    """The tail is the mean of the worst changes, the last of them in part."""
    assert pytest.approx(loss) == measures.shortfall(np.array(changes), share)


def test_shortfall_of_nothing():
    """No change has no tail."""
    assert None is measures.shortfall(np.array([]))


def test_costs_net_and_gross():
    """Costs that come in lumps add variance, which gross leaves out; what they buy has a price."""
    ts = list(range(5))
    bare = [0.0, 10.0, 0.0, 10.0, 0.0]
    spent = [0.0, 2.0, 2.0, 4.0, 4.0]
    hedged = [-each for each in spent]
    told = measures.told((ts, hedged, bare, spent), [], {**NOTHING, "fees": -3.0, "slippage": -1.0})

    there, left = np.var(np.diff(bare), ddof=1), np.var(np.diff(hedged), ddof=1)
    did, costs = told["effectiveness"], told["costs"]
    assert pytest.approx((1 - left / there, 1.0)) == (did["net"], did["gross"])
    assert (3.0, 1.0, 4.0) == (costs["fees"], costs["slippage"], costs["total"])
    assert pytest.approx(4.0 / (4 * (there - left))) == costs["per_variance_removed"]
    assert pytest.approx(2 * costs["per_variance_removed"]) == costs["break_even_aversion"]


def test_day_to_day():
    """Effectiveness by day is of the rows of days, costs counted or not."""
    rows = [day(-1.0, 10.0, fees=-1.0), day(0.0, -10.0), day(-1.0, 12.0, slippage=-1.0)]
    did = measures.told(([], [], [], []), rows, NOTHING)["effectiveness"]

    there = np.var([10, -10, 12], ddof=1)
    assert pytest.approx(1 - np.var([-1, 0, -1], ddof=1) / there) == did["daily_net"]
    assert (1.0, 3) == (did["daily_gross"], did["days"])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_samples(count):
    """Where nothing can be measured the measures are unknown, and none is made up."""
    series = [float(each) for each in range(count)]
    told = measures.told((list(range(count)), series, series, [0.0] * count), [], NOTHING)

    assert None is told["effectiveness"]["net"]
    assert None is told["effectiveness"]["daily_net"]
    assert None is told["costs"]["per_variance_removed"]


def test_theory():
    """Gamma and theta are the theory's; all groups before costs are what was realised."""
    parts = {**NOTHING, "delta": -50.0, "hedge": 48.0, "gamma": -30.0, "theta": 20.0}
    parts |= {"vega": 5.0, "fees": -4.0, "residual": 0.5, "funding": 1.0}
    series = ([0, 1], [0.0, -9.5], [0.0, 0.0], [0.0, 3.0])
    theory = measures.told(series, [], parts)["theory"]

    assert (-10.0, -2.0, 5.0, 0.5) == (
        theory["gamma_theta"],
        theory["direction"],
        theory["vol"],
        theory["rest"],
    )
    assert pytest.approx(-6.5) == theory["realised"]


def test_residual():
    """The residual is told as a share of all parts, with the days that ask for a look."""
    parts = {**NOTHING, "gamma": -60.0, "theta": 30.0, "residual": -10.0}
    told = measures.told(([], [], [], []), [day(0.0, 0.0, alert=True), day(0.0, 0.0)], parts)

    assert {"usd": -10.0, "share": 0.1, "alerts": ["2026-01-01"]} == told["residual"]


def test_stays():
    """Distances are weighed by how long they lasted, and time outside is counted."""
    stays = Stays()
    looks = [(0, 0.02, False), (90, 0.3, True), (99, 4.0, True), (100, 0.0, False)]
    for second, distance, outside in looks:
        stays.note(second * 10**9, distance, outside=outside)
    (told,) = measures.stayed({"BTC": stays}).values()

    assert pytest.approx({"p50": 0.02, "p90": 0.02, "p95": 0.3, "p99": 0.3}, rel=0.006) == {
        name: told[name] for name in ("p50", "p90", "p95", "p99")
    }
    assert (4.0, 0.1) == (told["max"], told["share_outside_band"])


def test_stays_of_a_moment():
    """One look lasts no time and has no quantiles; at the aim the distance is nothing."""
    stays = Stays()
    stays.note(0, 0.0, outside=False)
    assert None is stays.quantile(0.5)
    stays.note(10**9, 0.0, outside=False)

    assert 0.0 == stays.quantile(0.5)
