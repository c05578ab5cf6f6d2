"""Sums of a day: exact, bounded, a few minutes too long and never too short."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import counters
from rebalancer.core.counters import BUCKET, SPAN, Counter

D = Decimal
START = 1_780_000_200_000_000_000 // BUCKET * BUCKET

AMOUNTS = st.decimals("-1e9", "1e9", places=8)
TIMES = st.integers(START, START + 3 * SPAN)
TOLD = st.lists(st.tuples(TIMES, AMOUNTS), max_size=60)


def counted(told):
    """Return a counter of (ns, amount)."""
    counter = Counter()
    for ts, amount in told:
        counters.add(counter, ts, amount)
    return counter


@pytest.mark.parametrize(
    ("after", "sum_"),
    [
        (0, "3.3"),
        (SPAN, "3.3"),  # a day later it is all of the last day
        (SPAN + BUCKET - 1, "3.3"),  # a bucket counts whole …
        (SPAN + BUCKET, "2.2"),  # … until all of it is past
        (SPAN + 2 * BUCKET - 1, "2.2"),
        (SPAN + 2 * BUCKET, "0"),
    ],
)
def test_total(after, sum_):
    """An amount counts for a day, and up to five minutes longer."""
    counter = counted([(START, D("1.1")), (START + BUCKET, D("2.2"))])

    assert D(sum_) == counters.total(counter, START + after)


def test_nothing():
    """Nothing was counted: the sum is 0."""
    assert D(0) == counters.total(Counter(), START)


def test_exact():
    """A thousand dimes are a hundred dollars."""
    counter = counted([(START + n * BUCKET // 9, D("0.1")) for n in range(1000)])

    assert D(100) == counters.total(counter, START + SPAN)


@given(TOLD)
def test_brute_force(told):
    """The sum is that of all amounts of the day and of what of its first bucket came before."""
    told = sorted(told, key=lambda each: each[0])
    past = []
    counter = Counter()
    for ts, amount in told:
        counters.add(counter, ts, amount)
        past.append((ts, amount))
        first = (ts - SPAN) // BUCKET * BUCKET

        assert sum(each for at, each in past if at >= first) == counters.total(counter, ts)


@given(TOLD, st.randoms(use_true_random=False))
def test_late(told, random):
    """In which order amounts come changes no sum."""
    shuffled = list(told)
    random.shuffle(shuffled)
    ts = max((ts for ts, _ in told), default=START)

    assert counters.total(counted(told), ts) == counters.total(counted(shuffled), ts)


@given(st.lists(st.tuples(TIMES, st.decimals(0, "1e9", places=8)), max_size=60))
def test_never_short(told):
    """No amount of the last 24 hours is missing, and none that is five minutes older is in."""
    ts = START + 3 * SPAN
    found = counters.total(counted(told), ts)

    assert sum(amount for at, amount in told if at >= ts - SPAN) <= found
    assert sum(amount for at, amount in told if at > ts - SPAN - BUCKET) >= found


def test_bounded():
    """However long it counts, what is kept is a day."""
    counter = Counter()
    for n in range(2000):
        counters.add(counter, START + n * BUCKET, D(1))

        assert len(counter.buckets) <= 289
    assert D(289) == counters.total(counter, START + 2000 * BUCKET - 1)


def test_too_late():
    """What is told of a day long past is not kept."""
    counter = counted([(START + 2 * SPAN, D(1)), (START, D(5))])

    assert [START + 2 * SPAN] == list(counter.buckets)


@given(TOLD)
def test_kept(told):
    """A counter outlives a restart: as JSON, digit for digit."""
    counter = counted(told)

    assert counter == counters.restored(json.loads(json.dumps(counters.kept(counter))))
