"""How well a hedge did: variance removed between samples, as a share of what was there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """What two series of worth, hedged and not, say together."""

    hedge_effectiveness: float | None  # 1 - variance hedged ÷ unhedged; None: too few samples
    variance_hedged: float | None  # USD², of the changes between samples, ddof 1
    variance_unhedged: float | None
    sampling_seconds: float | None  # median between two samples


def measure(ts: Sequence[int], hedged: Sequence[float], unhedged: Sequence[float]) -> Effectiveness:
    """Return the effectiveness of a hedge over samples of worth.

    Args:
        ts: Times of the samples, ns.
        hedged: Worth with the hedges, costs included, USD.
        unhedged: Worth without them, USD.

    Source:
        Ederington, "The hedging performance of the new futures markets",
        J. Finance 34 (1979): the share of variance that a hedge removes.

    >>> measure([0, 1, 2, 3], [0, 1, 0, 1], [0, 2, 0, 2]).hedge_effectiveness
    0.75
    """
    if len(ts) < 3:  # two changes make the first variance
        return Effectiveness(None, None, None, None)
    left = float(np.var(np.diff(hedged), ddof=1))
    there = float(np.var(np.diff(unhedged), ddof=1))
    removed = 1.0 - left / there if there else None
    return Effectiveness(removed, left, there, float(np.median(np.diff(ts))) / 1e9)
