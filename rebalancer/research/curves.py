"""Curves: lines of any length in bounded memory, with no extreme lost.

A curve is a row of buckets of equal time. Of each the first value, the least,
the most and the last are kept, with their times, so that a spike of one
moment is drawn however far a reader looks from. When there are too many
buckets, each two become one.
"""

from dataclasses import dataclass

MOST = 1_000  # buckets; a curve has at most four points of each
NARROWEST = 1_000_000_000  # ns, of a bucket

Point = tuple[int, float]  # ns, value


@dataclass(slots=True)
class _Bucket:
    """What is kept of a stretch of time."""

    place: int  # start ÷ width
    first: Point
    least: Point
    most: Point
    last: Point

    def take(self, later: "_Bucket") -> None:
        """Take in the bucket that follows."""
        if later.least[1] < self.least[1]:
            self.least = later.least
        if later.most[1] > self.most[1]:
            self.most = later.most
        self.last = later.last


class Curve:
    """One line; points are added in the order of time.

    >>> curve = Curve(most=2)
    >>> for second, value in enumerate([0.0, 9.0, 1.0, 2.0, -5.0, 3.0]):
    ...     curve.add(second * NARROWEST, value)
    >>> [(ts // NARROWEST, value) for ts, value in curve.points()]
    [(0, 0.0), (1, 9.0), (3, 2.0), (4, -5.0), (5, 3.0)]
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._width = NARROWEST
        self._buckets: list[_Bucket] = []

    def add(self, ts: int, value: float) -> None:
        """Add a point, ns and value."""
        point = (ts, value)
        self._put(_Bucket(ts // self._width, point, point, point, point))
        if len(self._buckets) > self._most:
            self._widen()

    def _put(self, bucket: _Bucket) -> None:
        if self._buckets and self._buckets[-1].place == bucket.place:
            self._buckets[-1].take(bucket)
        else:
            self._buckets.append(bucket)

    def _widen(self) -> None:
        """Double the width until the buckets fit."""
        while len(self._buckets) > self._most:
            self._width *= 2
            narrow, self._buckets = self._buckets, []
            for bucket in narrow:
                bucket.place //= 2
                self._put(bucket)

    def points(self) -> list[Point]:
        """Return what is kept, in the order of time."""
        kept: dict[Point, None] = {}
        for each in self._buckets:
            for point in sorted((each.first, each.least, each.most, each.last)):
                kept[point] = None
        return list(kept)
