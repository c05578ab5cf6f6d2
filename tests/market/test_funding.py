"""Funding by the venues' formulas: the table of a premium, and when it is charged."""

import pytest

from rebalancer.market import funding
from rebalancer.market.funding import FundingWatch
from tests.market.worlds import DAY, HOUR, MINUTE, SECOND


@pytest.mark.parametrize(
    ("premium", "eight", "four", "one", "continuous"),
    [  # bp; a premium above, inside and below the dead zone, and none
        (12, 7, 3.5, 0.875, 9.5),
        (3, 1, 0.5, 0.125, 0.5),
        (-8, -3, -1.5, -0.375, -5.5),
        (0, 1, 0.5, 0.125, 0),
    ],
)
def test_rates(premium, eight, four, one, continuous):
    """A stamp every 8, 4 and 1 h, and Deribit's rate per 8 h, from one premium."""
    fraction = premium / 1e4

    assert eight == pytest.approx(1e4 * funding.stamped_rate(fraction))
    assert four == pytest.approx(1e4 * funding.stamped_rate(fraction, 4 * HOUR))
    assert one == pytest.approx(1e4 * funding.stamped_rate(fraction, HOUR))
    assert continuous == pytest.approx(1e4 * funding.continuous_rate(fraction), abs=1e-12)


@pytest.mark.parametrize("side", [1, -1])
def test_caps(side):
    """A premium beyond all measure is charged at the cap: 30 bp a stamp, 50 bp per 8 h."""
    assert side * 0.003 == funding.stamped_rate(side * 0.05)
    assert side * 0.005 == funding.continuous_rate(side * 0.05)


@pytest.mark.parametrize(("hour", "stamp"), [(0, 8), (7.99, 8), (8, 16), (16, 24), (23, 24)])
def test_stamps(hour, stamp):
    """Stamps of 8 h stand at 00, 08 and 16 UTC; the next one is always ahead."""
    day = 20_483 * DAY

    assert day + stamp * HOUR == funding.next_stamp(day + int(hour * HOUR), 8 * HOUR)


def test_later_moments_weigh_more():
    """A premium of the second half of an interval counts three times that of the first."""
    average = funding.open_average(0, 8 * HOUR, 0.0)
    average = funding.observe(average, 4 * HOUR, 0.0004)
    average = funding.observe(average, 8 * HOUR, 0.0008)

    assert 0.0007 == pytest.approx(funding.mean_premium(average))


def test_charged_at_the_stamp():
    """A stamp is charged once, in the step that passes it, at the mean of its interval."""
    watch = FundingWatch("binanceusdm:BTCUSDT", 8 * HOUR, 60 * SECOND)
    times = [7 * HOUR, 8 * HOUR - SECOND, 8 * HOUR + SECOND, 9 * HOUR]
    due = [watch.charge(ts, 0.0012) for ts in times]

    assert [0, 0, 1, 0] == [len(each) for each in due]
    assert 0.0007 == pytest.approx(due[2][0].rate)


def test_a_long_step_passes_many_stamps():
    """No stamp is lost in a step of a day."""
    watch = FundingWatch("binanceusdm:BTCUSDT", 8 * HOUR, 60 * SECOND)
    watch.charge(HOUR, 0.0)

    assert 3 == len(watch.charge(25 * HOUR, 0.0))


def test_told_each_minute():
    """The rate is told at first sight and on each minute; continuous funding has no stamp."""
    watch = FundingWatch("deribit:BTC-PERPETUAL", None, 60 * SECOND)
    times = [5 * SECOND, 6 * SECOND, MINUTE, MINUTE + SECOND, 2 * MINUTE + SECOND]
    told = [watch.tell(ts, 0.0012) for ts in times]

    assert [1, 0, 1, 0, 1] == [len(each) for each in told]
    assert (0.00095, 8 * HOUR, None) == (
        round(told[0][0].rate, 9),
        told[0][0].interval,
        told[0][0].next_ts,
    )
    assert () == watch.charge(DAY, 0.0012)
