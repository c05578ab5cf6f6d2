"""Many sources in time order become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import DataError
from rebalancer.recordings.merge import between, merge


def test_ties_keep_the_order_of_sources():
    """At the same time the earlier source speaks first, and each keeps its own order."""
    first, second = [(1, "a"), (2, "b"), (2, "c")], [(0, "d"), (2, "e"), (3, "f")]

    assert ["d", "a", "b", "c", "e", "f"] == [item for _, item in merge(first, second)]
    assert ["d", "a", "e", "b", "c", "f"] == [item for _, item in merge(second, first)]


@given(st.lists(st.lists(st.integers(0, 9)), max_size=4))
def test_merge_is_a_stable_sort(times):
    """Merging sorted sources is sorting their concatenation by time."""
    sources = [
        [(ts, (number, place)) for place, ts in enumerate(sorted(source))]
        for number, source in enumerate(times)
    ]
    flat = [item for source in sources for item in source]

    assert sorted(flat, key=lambda item: item[0]) == list(merge(*sources))


def test_a_source_that_goes_back():
    """A source that goes back in time is refused, with its number."""
    with pytest.raises(DataError, match="source 2: time must not go back from 5, was 4"):
        list(merge([(1, "a")], [(5, "b"), (4, "c")]))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, [1, 2, 3, 4]), (2, None, [2, 3, 4]), (None, 3, [1, 2]), (2, 4, [2, 3])],
)
def test_between(start, end, expected):
    """The start is inside, the end is not."""
    items = [(ts, None) for ts in (1, 2, 3, 4)]

    assert expected == [ts for ts, _ in between(items, start, end)]


def test_between_stops_reading():
    """Nothing is read past the end."""
    source = iter([(1, None), (2, None), (3, None)])

    assert [1] == [ts for ts, _ in between(source, None, 2)]
    assert (3, None) == next(source)
