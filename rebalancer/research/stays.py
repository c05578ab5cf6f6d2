"""How long net delta stayed how far from its aim, in memory that does not grow.

Distances are counted in bins of equal ratio, so that any quantile is right to
half a per cent, whatever the book's size.
"""

import math

import numpy as np

LEAST = 1e-9  # coins: below it net delta is nothing
A_DECADE = 200  # bins in a factor of ten: each 1.2 % wide
DECADES = 18
SHARES = (0.5, 0.9, 0.95, 0.99)


class Stays:
    """Time by distance, of one underlying."""

    def __init__(self) -> None:
        self.seconds = 0.0  # looked at
        self.outside = 0.0  # of them beyond the band
        self.furthest = 0.0  # coins
        self._bins = [0.0] * (DECADES * A_DECADE + 1)
        self._since: tuple[int, float, bool] | None = None  # ns, coins, whether outside

    def note(self, ts: int, distance: float, *, outside: bool) -> None:
        """Take a look: so many coins from the aim, from `ts`, ns, to the next look."""
        if self._since is not None:
            seconds = (ts - self._since[0]) / 1e9
            self._bins[_bin(self._since[1])] += seconds
            self.seconds += seconds
            self.outside += seconds if self._since[2] else 0.0
        self.furthest = max(self.furthest, distance)
        self._since = (ts, distance, outside)

    def quantile(self, share: float) -> float | None:
        """Return the distance within which net delta was that share of the time, coins.

        >>> stays = Stays()
        >>> for ts, distance in ((0, 0.1), (60, 5.0), (70, 0.0)):
        ...     stays.note(ts * 10**9, distance, outside=False)
        >>> round(stays.quantile(0.8), 2), round(stays.quantile(0.99), 1)
        (0.1, 5.0)
        """
        if not self.seconds:
            return None
        place = int(np.searchsorted(np.cumsum(self._bins), share * self.seconds * (1 - 1e-12)))
        if place == 0:
            return 0.0
        return float(min(LEAST * 10 ** ((place - 0.5) / A_DECADE), self.furthest))


def _bin(distance: float) -> int:
    if distance < LEAST:
        return 0
    return min(int(math.log10(distance / LEAST) * A_DECADE) + 1, DECADES * A_DECADE)
