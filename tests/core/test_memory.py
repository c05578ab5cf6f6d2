"""What is remembered from decision to decision: hedges, failures, and how far the price went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import memory
from rebalancer.core.memory import Memory

SECOND = 1_000_000_000


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(90, 110)), min_size=1, max_size=60),
    st.integers(0, 20),
)
def test_extremes(told, window):
    """What is kept of a window is its highest and its lowest price, whatever came between."""
    kept, past, ts = Memory(started_at=0), [], 0
    for seconds, price in told:
        ts += seconds
        memory.saw(kept, ts, float(price), window)
        past.append((ts, float(price)))
        inside = [price for at, price in past if at >= ts - window]

        assert (max(inside), min(inside)) == (kept.highs[0][1], kept.lows[0][1])
        assert len(kept.highs) <= 21  # falling, of 90 to 110
        assert float(told[0][1]) == kept.hedge_price


def test_no_window():
    """Without a filter only the first price is kept."""
    kept = Memory(started_at=0)
    for price in (100.0, 101.0):
        memory.saw(kept, 1, price, None)

    assert (100.0, 0, 0) == (kept.hedge_price, len(kept.highs), len(kept.lows))


@pytest.mark.parametrize(
    ("told", "settled", "suspect"),
    [
        ([100], 100, None),
        ([100, 109], 109, None),
        ([100, 112], 100, 112),  # a jump
        ([100, 88], 100, 88),
        ([100, 112, 113], 113, None),  # confirmed
        ([100, 112, 101], 101, None),  # taken back
        ([100, 112, 140], 100, 140),  # another one confirms nothing
        ([100, 112, 140, 112], 100, 112),
        ([100, 109, 118, 128], 128, None),  # step by step
    ],
)
def test_weigh(told, settled, suspect):
    """A jump is believed when a second word lies near the first, and never by itself."""
    kept = Memory(started_at=0)
    for price in told:
        memory.weigh(kept, float(price), 0.1)

    assert (settled, suspect) == (kept.settled, kept.suspect)


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (7, 60), (1_000, 60)]
)
def test_failed(failures, wait):
    """The wait doubles up to a minute, however long the row."""
    kept = Memory(started_at=0, failures=failures)
    memory.failed(kept, 5 * SECOND)

    assert ((5 + wait) * SECOND, failures + 1) == (kept.barred_until, kept.failures)


@pytest.mark.parametrize(("price", "expected"), [(105.0, 105.0), (None, 100.0)])
def test_hedged(price, expected):
    """A fill ends a row of failures and is what intervals and moves are counted from."""
    kept = Memory(started_at=0, hedge_price=100.0, failures=3, barred_until=9)
    memory.hedged(kept, 7, price)

    assert (7, expected, 0, 0) == (
        kept.hedged_at,
        kept.hedge_price,
        kept.failures,
        kept.barred_until,
    )
