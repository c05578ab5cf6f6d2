"""Realised volatility: of steady paths, of silence, and of one jump."""

import math

import pytest

from rebalancer.core.volatility import HOUR, LEAST, SAMPLE, YEAR, Realised, annual, take


def path(prices, every=SAMPLE):
    """Return what is known after some prices in a row."""
    told = Realised()
    for number, price in enumerate(prices):
        take(told, number * every, price)
    return told


def steady(vol, count, every=SAMPLE):
    """Return prices that go up and down by one standard deviation each time."""
    step = vol * math.sqrt(every / YEAR)
    return [100_000.0 * math.exp(step * (number % 2)) for number in range(count)]


@pytest.mark.parametrize("vol", [0.05, 0.6, 3.0])
@pytest.mark.parametrize(
    ("count", "every"), [(11, SAMPLE), (2000, SAMPLE), (200, 10 * SAMPLE), (5, 30 * HOUR)]
)
def test_steady(vol, count, every):
    """A path of one volatility has it, however long and however often it is looked at."""
    assert pytest.approx(vol) == annual(path(steady(vol, count, every), every))


@pytest.mark.parametrize(("count", "known"), [(0, False), (1, False), (10, False), (11, True)])
def test_too_little(count, known):
    """Nothing is said before ten minutes were seen."""
    assert known == (annual(path([100.0] * count)) is not None)


def test_silence():
    """A price that stands still has no volatility."""
    assert 0.0 == annual(path([100_000.0] * 100))


def test_gap():
    """What happened over a gap is spread over all of it, and what was before is forgotten."""
    told = path(steady(3.0, 60))
    gap = 1000 * HOUR
    move = 0.6 * math.sqrt(gap / YEAR)
    take(told, told.ts + gap, told.price * math.exp(move))

    assert pytest.approx(0.6) == annual(told)


@pytest.mark.parametrize(
    ("after", "whole"),
    [
        (0, HOUR),  # the short average: as if the jump were the last hour's
        (24 * HOUR, 24 * HOUR),  # the long one: it counts half after a day
    ],
)
def test_jump(after, whole):
    """A jump is noticed at once, and not forgotten at once: the wilder average counts."""
    calm = 20 * 24 * 60  # minutes: both averages are full, to a millionth
    told, jump = path([100_000.0] * calm), 0.05
    take(told, told.ts + SAMPLE, 100_000.0 * math.exp(jump))
    for _ in range(after // SAMPLE):
        take(told, told.ts + SAMPLE, told.price)
    kept = 0.5 if after else 1.0
    years = whole / math.log(2) / YEAR  # that weigh in an average with this half-life

    assert pytest.approx(jump * math.sqrt(kept / years), rel=0.01) == annual(told)


def test_between_samples():
    """Prices within a minute, or told out of order, are noise."""
    told = path([100.0] * 12)
    take(told, told.ts + SAMPLE - 1, 200.0)
    take(told, told.ts - SAMPLE, 200.0)

    assert (11 * SAMPLE, 100.0, 0.0) == (told.ts, told.price, annual(told))
    assert LEAST <= told.seen
