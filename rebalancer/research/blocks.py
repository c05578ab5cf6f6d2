"""Blocks of days, drawn again and again: how far a measure might have come out otherwise.

Days that follow one another resemble each other, so days are drawn in blocks; what is compared
is measured on the same days, and a measure that is a ratio is the ratio of each draw.
"""

import numpy as np

from rebalancer.core.black import FloatArray
from rebalancer.runtime import randomness


def counts(days: int, block: int, draws: int, seed: int) -> FloatArray:
    """Return how often each day is in each draw, shape (draws, days).

    Args:
        days: In the sample, in time order.
        block: Days that are drawn together; the first follows the last.
        draws: Each of as many days as there are, short of the last block's rest.
        seed: Of the generator; the same seed draws the same.

    Source:
        Politis & Romano, "A circular block-resampling procedure for stationary data" (1992).

    >>> counts(4, 2, 1, seed=1).tolist()
    [[0.0, 1.0, 2.0, 1.0]]
    """
    length = min(block, days)
    each = -(-days // length)
    source = randomness.numbered(seed)
    starts = source.integers(0, days, size=(draws, each, 1))
    drawn = (starts + np.arange(length)).reshape(draws, each * length)[:, :days] % days
    found = np.zeros((draws, days))
    np.add.at(found, (np.arange(draws)[:, None], drawn), 1.0)
    return found


def means(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Return the mean over days of each draw, shape (draws, k); weights (draws, days)."""
    return np.asarray(weights @ values / weights.sum(axis=1, keepdims=True))


def variances(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Return the variance over days of each draw, shape (draws, k)."""
    away = values - values.mean(axis=0)
    mean = means(weights, away)
    return np.asarray(means(weights, np.square(away)) - np.square(mean))


def interval(sample: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Return between what bounds so much of a sample lies; NaN where half of it is NaN."""
    known = sample[np.isfinite(sample)]
    if 2 * len(known) < len(sample):
        return float("nan"), float("nan")
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)
