"""Dice: draws that cost little, the same for the same seed and name on every machine."""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1
_STEP, _PLUS = 6364136223846793005, 1442695040888963407  # Knuth's, of MMIX


class Dice:
    """One stream of draws.

    Args:
        seed: Of the run.
        name: Of the stream: one more draw in it moves no other stream.
    """

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._state = int.from_bytes(digest[:8], "big")

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` − 1; `bound` > 0, far below 2³¹."""
        self._state = (self._state * _STEP + _PLUS) & _MASK
        return (self._state >> 33) % bound

    def share(self) -> float:
        """Return a number from 0 to 1, 1 excluded."""
        return self.below(1 << 30) / (1 << 30)

    def chance(self, rate: float) -> bool:
        """Return True with a chance of `rate`."""
        return rate > 0 and self.share() < rate

    def between(self, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`, evenly."""
        return least + int(self.share() * (most - least + 1))

    def normal(self) -> float:
        """Return about a standard normal number: of twelve even ones, beyond 6 nothing."""
        return sum(self.share() for _ in range(12)) - 6.0

    def pick(self, among: Sequence[T]) -> T:
        """Return one of a sequence."""
        return among[self.below(len(among))]

    def shuffle(self, items: list[Any]) -> None:
        """Put a list into an order that is drawn."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
