"""Chance: one stream of random numbers a name, so that adding one leaves the others as they are."""

import hashlib

import numpy as np


class SeededRandomness:
    """Streams that are the same for the same seed and name.

    Args:
        seed: Any integer.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def generator(self, name: str) -> np.random.Generator:
        """Return a new generator at the beginning of the stream of this name."""
        digest = hashlib.sha256(f"{self._seed}/{name}".encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def numbered(seed: int) -> np.random.Generator:
    """Return numpy's own generator of a seed, for draws that others can repeat.

    >>> round(float(numbered(20261120).standard_normal()), 8)
    1.38217775
    """
    return np.random.Generator(np.random.PCG64(seed))
