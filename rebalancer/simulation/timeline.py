"""A value and all that it has been: what a late reader sees is what was true then."""

from bisect import bisect_right
from typing import Generic, TypeVar

T = TypeVar("T")


class Timeline(Generic[T]):
    """Values in the order in which they became true.

    >>> prices = Timeline()
    >>> prices.put(10, "a")
    >>> prices.put(20, "b")
    >>> prices.at(9), prices.at(19), prices.at(20), prices.at()
    (None, 'a', 'b', 'b')
    """

    def __init__(self) -> None:
        self._times: list[int] = []
        self._values: list[T] = []

    def put(self, ts: int, value: T) -> None:
        """Let `value` be true from `ts` on, ns; never earlier than the last."""
        self._times.append(ts)
        self._values.append(value)

    def at(self, ts: int | None = None) -> T | None:
        """Return what was true at `ts`; None asks for the present, and is the answer before all."""
        place = len(self._times) if ts is None else bisect_right(self._times, ts)
        return self._values[place - 1] if place else None
