"""When hedging does not work: hedges without effect, to and fro, and rejections in a row."""

import json
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import breaker
from rebalancer.core.breaker import MOST, Breaker, Effect, Limits

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def trips(parts, limits=breaker.USUAL):
    """Return after which hedge it trips; each one's effect is a part of a sale of two coins."""
    state = Breaker()
    for count, part in enumerate(parts, start=1):
        if breaker.settled(state, Effect(5.0, 3.0, 5.0 - 2.0 * part), limits):
            return count
    return None


@pytest.mark.parametrize(
    ("parts", "after"),
    [
        ([0, 0, 0], 3),  # a position that is read as 0 for ever
        ([0, 0], None),
        ([1, 1, 1, 1], None),
        ([0.5, 0.5, 0.5], None),  # half is an effect
        ([0.4375, 0.4375, 0.4375], 3),
        ([-1, -1, -1], 3),  # the wrong way
        ([3, 3, 3], None),  # too much is another fault
        ([0, 0, 1, 0, 0], None),  # in a row
        ([0, 0, 1, 0, 0, 0], 6),
    ],
)
def test_convergence(parts, after):
    """Three hedges in a row that did less than half of what they must end the hedging."""
    assert after == trips(parts)


def test_convergence_of_purchases():
    """A purchase is measured as a sale is."""
    state = Breaker()
    told = [breaker.settled(state, Effect(-4.0, -1.0, -3.0)) for _ in range(3)]

    assert [False, False, True] == [bool(reason) for reason in told]


def test_unfilled():
    """A hedge that filled nothing proves nothing, and excuses nothing."""
    state = Breaker()
    miss, idle = Effect(5.0, 3.0, 5.0), Effect(5.0, 5.0, 7.0)
    told = [breaker.settled(state, each) for each in (miss, idle, miss, idle, miss)]

    assert [None] * 4 == told[:4]
    assert told[4]


def test_limits():
    """How much is borne is a setting."""
    assert trips([0.8], Limits(misses=1, effect=0.9)) == 1
    assert trips([0, 0, 0], Limits(misses=4)) is None


def swings(coins, gap=MINUTE, limits=breaker.USUAL):
    """Return after which hedge it trips, one every `gap`."""
    state = Breaker()
    for count, moved in enumerate(coins, start=1):
        if breaker.hedged(state, count * gap, moved, limits):
            return count
    return None


@pytest.mark.parametrize(
    ("coins", "gap", "after"),
    [
        ([1, -1, 1, -1, 1, -1], MINUTE, 6),
        ([-1, 1, -1, 1, -1, 1], MINUTE, 6),
        ([1, -1, 1, -1, 1], MINUTE, None),
        ([1, 1, -1, -1, 1, -1, 1, -1], MINUTE, 8),  # two orders to one side are one side
        ([1, -1, 0, 1, -1, 0, 1, -1], MINUTE, 8),  # what filled nothing went nowhere
        ([1] * 8, MINUTE, None),  # a trend
        ([3, -1] * 4, MINUTE, None),  # it gets somewhere
        ([5, -3] * 4, MINUTE, 6),  # 6 of 24, a quarter
        ([5, -2.9] * 4, MINUTE, None),
        ([1, -1] * 3, 2 * MINUTE, 6),  # 10 minutes from first to last
        ([1, -1] * 9, 2 * MINUTE + SECOND, None),  # a slow market may turn that often
    ],
)
def test_to_and_fro(coins, gap, after):
    """Six sides within ten minutes that come to nothing end the hedging."""
    assert after == swings(coins, gap)


def test_older_trend():
    """What lies before the window does not hide what is in it."""
    assert swings([50] + [0] * 10 + [1, -1] * 3) == 17


def test_bounded():
    """However often it hedges, no more than the last ones are remembered."""
    state = Breaker()
    for count in range(2 * MOST):
        breaker.hedged(state, count, 1.0)

    assert MOST == len(state.hedges)


def test_rejections():
    """Ten rejections in a row end the hedging; one order that is taken begins anew."""
    state = Breaker()
    told = [breaker.rejected(state) for _ in range(9)]
    breaker.accepted(state)
    told += [breaker.rejected(state) for _ in range(9)]

    assert [None] * 18 == told
    assert breaker.rejected(state)


def test_one_reason():
    """A sign that stays says the same each time: who adds up reasons gets it once."""
    state = Breaker()
    misses = {breaker.settled(state, Effect(1.0, 0.0, 1.0)) for _ in range(9)}
    sides = {
        breaker.hedged(state, count * SECOND, moved)
        for count, moved in zip(range(40), cycle([1.0, -1.0]), strict=False)
    }
    rejections = {breaker.rejected(state) for _ in range(30)}

    assert [2, 2, 2] == [len(told) for told in (misses, sides, rejections)]  # None, and why


def test_armed():
    """Once a person armed it, all begins anew."""
    state = Breaker()
    for count in range(9):
        breaker.settled(state, Effect(1.0, 0.0, 1.0))
        breaker.hedged(state, count * SECOND, (-1.0) ** count)
        breaker.rejected(state)
    breaker.armed(state)

    assert Breaker() == state


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.lists(
        st.tuples(st.integers(0, 2**62), st.floats(allow_nan=False, allow_infinity=False)),
        max_size=20,
    ),
)
def test_kept(missed, rejected, hedges):
    """A breaker outlives a restart: as JSON, bit for bit."""
    state = Breaker(missed, rejected)
    state.hedges.extend(hedges)
    told = breaker.restored(json.loads(json.dumps(breaker.kept(state))))

    assert state == told
    assert MOST == told.hedges.maxlen
