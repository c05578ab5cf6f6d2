"""Mischance: whether a kind of fault strikes now, and how hard.

Each kind draws from a stream of random numbers of its own, and the same count
of them each time, so that turning one kind on, or up, leaves the draws of the
others where they were.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Mishap(StrEnum):
    """What can go wrong with a venue; the names are those of the settings."""

    REJECT = "reject"  # the venue says no for reasons of its own; share of orders
    LOST_ACK = "lost_ack"  # the order lives and nobody is told; share of orders
    SLOW = "slow"  # the answer is late, and all that follows it; share of orders
    LATE_FILL = "late_fill"  # the fills come after the order's ending; share of orders
    STALE_STREAM = "stale_stream"  # market data freeze; chance per minute of market time
    POSITION_LAG = "position_lag"  # the snapshot is behind the fills; share of snapshots


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one fault strikes: two independent numbers, both in [0, 1)."""

    when: float
    hard: float


def between(share: float, span: tuple[int, int]) -> int:
    """Return the point of a span (least, most) that a share in [0, 1) stands for."""
    least, most = span
    return least + int(share * (most - least))


class Mischance:
    """The faults of one venue: their rates, their streams, and a count of those that struck.

    Args:
        rates: Of each kind, in [0, 1]; a kind that is left out never strikes.
        chance: Returns the stream of random numbers of a kind, by its name.
    """

    def __init__(
        self, rates: Mapping[Mishap, float], chance: Callable[[str], np.random.Generator]
    ) -> None:
        self._rates = {kind: rates[kind] for kind in Mishap if rates.get(kind)}
        self._streams = {kind: chance(kind.value) for kind in self._rates}
        self.struck: dict[str, int] = {kind.value: 0 for kind in self._rates}

    def can(self, kind: Mishap) -> bool:
        """Whether a kind of fault may strike at all."""
        return kind in self._rates

    def draw(self, kind: Mishap) -> Stroke | None:
        """Return how a fault strikes now; None where it does not."""
        if kind not in self._rates:
            return None
        drawn, when, hard = self._streams[kind].random(3)
        return Stroke(float(when), float(hard)) if drawn < self._rates[kind] else None

    def count(self, kind: Mishap) -> None:
        """Note that a fault was felt."""
        self.struck[kind.value] += 1
