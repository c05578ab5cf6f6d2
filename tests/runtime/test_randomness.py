"""Chance: the same name under the same seed tells the same numbers, whatever else is drawn."""

import numpy as np
import pytest

from rebalancer.runtime.randomness import SeededRandomness


def draw(seed, name):
    """Return the first numbers of a stream."""
    return SeededRandomness(seed).generator(name).random(50).tolist()


def test_same_numbers():
    """A stream begins anew whenever it is asked for."""
    chance = SeededRandomness(7)
    first = chance.generator("spot/BTC").random(50).tolist()
    chance.generator("another").random(1000)

    assert first == chance.generator("spot/BTC").random(50).tolist()
    assert first == draw(7, "spot/BTC")


@pytest.mark.parametrize(("seed", "name"), [(8, "spot/BTC"), (7, "spot/ETH"), (-7, "spot/BTC")])
def test_other_numbers(seed, name):
    """Another seed or another name is another stream."""
    assert draw(7, "spot/BTC") != draw(seed, name)


def test_independence():
    """Streams of neighbouring names and seeds do not move together."""
    rows = [
        SeededRandomness(seed).generator(f"x{name}").normal(size=20_000)
        for seed in (1, 2)
        for name in range(3)
    ]
    off = np.corrcoef(rows) - np.eye(len(rows))

    assert np.abs(off).max() < 0.04


def test_the_stream_is_a_promise():
    """A seed of last year makes last year's world."""
    numbers = SeededRandomness(7).generator("spot/BTC").integers(0, 1000, 5)

    assert [644, 349, 263, 493, 39] == numbers.tolist()
