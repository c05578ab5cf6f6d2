"""Waiting before the next try: longer after each failure, and never all at once.

Full jitter: uniform between nothing and a ceiling that doubles from 0.2 s to
30 s, so that a thousand clients of a venue that comes back do not knock
together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import numpy as np

from rebalancer.ports import SECOND

LEAST = SECOND // 5  # ns: ceiling of the first wait
MOST = 30 * SECOND  # ns: ceiling of all waits


class Backoff:
    """The waits of one connection.

    Args:
        chance: Draws the jitter.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._failures = 0

    def wait(self) -> int:
        """Return ns to wait after one more failure."""
        ceiling = min(LEAST << min(self._failures, 16), MOST)
        self._failures += 1
        return int(self._chance.uniform(0, ceiling))

    def succeeded(self) -> None:
        """Begin anew with short waits."""
        self._failures = 0
