"""False prints and freezes come about as often as asked for."""

import pytest

from rebalancer.market.faults import Mischief
from rebalancer.market.params import FaultParams
from tests.market.worlds import DAY, SECOND, streams

MANY = FaultParams(false_prints=400, freezes=200)


def draws(params, count=8_640, step=10 * SECOND):
    """Return (false print, silent) of the steps of a day."""
    mischief = Mischief("perp", params, streams(1))
    times = [number * step for number in range(count)]
    return [(mischief.draw(ts, step), mischief.silent(ts)) for ts in times]


def test_false_prints():
    """They are as frequent as asked for, on both sides, and far off."""
    found = [distance for distance, _ in draws(MANY) if distance is not None]

    assert 400 == pytest.approx(len(found), rel=0.2)
    assert all(0.03 <= abs(distance) <= 0.25 for distance in found)
    assert 0.3 < sum(distance > 0 for distance in found) / len(found) < 0.7


def test_freezes_end():
    """A feed is silent for seconds, a few times as often as asked, and speaks again."""
    silent = [quiet for _, quiet in draws(MANY)]

    assert 200 * 8.5 * SECOND / DAY / 2 < sum(silent) / len(silent) < 0.1


def test_none():
    """At a rate of 0 nothing happens, ever."""
    assert {(None, False)} == set(draws(FaultParams(false_prints=0, freezes=0)))
