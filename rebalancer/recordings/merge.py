"""Several sources of events, each in time order, as one.

An item is (ns when it was known, event). Of items known at the same time those
of the earlier source come first, and those of one source stay in their order,
so that a replay is the same on every run and every machine.
"""

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TypeVar

from rebalancer.errors import DataError

Item = TypeVar("Item")


def merge(*sources: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    """Yield the items of all sources by time, ties in the order of the sources.

    Raises:
        DataError: A source goes back in time; found when it is reached.
    """
    checked = [_forward(number, source) for number, source in enumerate(sources, 1)]
    return heapq.merge(*checked, key=itemgetter(0))


def _forward(number: int, source: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    last: int | None = None
    for item in source:
        if last is not None and item[0] < last:
            raise DataError(f"source {number}: time must not go back from {last}, was {item[0]}")
        last = item[0]
        yield item


def between(
    source: Iterable[tuple[int, Item]], start: int | None, end: int | None
) -> Iterator[tuple[int, Item]]:
    """Yield the items known from `start` (inclusive) to `end` (exclusive), ns; None is open.

    Reading stops at the first item at or after `end`: the source must be in time order.
    """
    for item in source:
        if end is not None and item[0] >= end:
            return
        if start is None or item[0] >= start:
            yield item
