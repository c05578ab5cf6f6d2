"""Mischance: each kind of fault by its own chance, as often as it was asked for."""

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings.models import Faults
from rebalancer.venues.mischance import Mischance, Mishap, between

DRAWS = 2_000


def strokes(kind, rates, seed=1, draws=DRAWS):
    """Return what was drawn of one kind."""
    mischance = Mischance(rates, SeededRandomness(seed).generator)
    return [mischance.draw(kind) for _ in range(draws)]


def test_names_are_those_of_the_settings():
    """Every fault that can be set can strike, and the other way round."""
    assert {kind.value for kind in Mishap} == set(Faults.model_fields)


@pytest.mark.parametrize("kind", Mishap)
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_rate(kind, rate):
    """A fault strikes as often as it was asked for, and one that was not, never."""
    struck = [stroke for stroke in strokes(kind, {kind: rate}) if stroke is not None]

    assert rate * DRAWS == pytest.approx(len(struck), abs=4 * (DRAWS * rate * (1 - rate)) ** 0.5)
    assert all(0 <= number < 1 for stroke in struck for number in (stroke.when, stroke.hard))


@pytest.mark.parametrize("kind", Mishap)
def test_turning_others_on_shifts_nothing(kind):
    """What strikes of one kind, and how hard, is the same whatever else can go wrong."""
    alone = {kind: 0.3}
    all_of_them = dict.fromkeys(Mishap, 0.9) | alone
    mischance = Mischance(all_of_them, SeededRandomness(1).generator)
    among_others = []
    for _ in range(100):
        for other in Mishap:
            stroke = mischance.draw(other)
            if other is kind:
                among_others.append(stroke)

    assert strokes(kind, alone, draws=100) == among_others


def test_a_higher_rate_adds_and_moves_none():
    """At a higher rate the same faults strike in the same way, and more besides."""
    rare, often = (strokes(Mishap.SLOW, {Mishap.SLOW: rate}) for rate in (0.1, 0.4))

    assert all(low in (None, high) for low, high in zip(rare, often, strict=True))


def test_kinds_and_seeds_differ():
    """No two kinds strike together by design, nor do two seeds alike."""
    told = [strokes(kind, {kind: 0.5}) for kind in Mishap]
    told.append(strokes(Mishap.SLOW, {Mishap.SLOW: 0.5}, seed=2))

    assert len(told) == len({repr(each) for each in told})


def test_count():
    """What struck is counted by kind; a kind that cannot strike is not listed."""
    mischance = Mischance({Mishap.SLOW: 0.5, Mishap.REJECT: 0.0}, SeededRandomness(1).generator)
    for _ in range(3):
        mischance.count(Mishap.SLOW)

    assert {"slow": 3} == mischance.struck
    assert (True, False) == (mischance.can(Mishap.SLOW), mischance.can(Mishap.REJECT))


@pytest.mark.parametrize(
    ("share", "point"), [(0.0, SECOND), (0.5, 2 * SECOND), (0.25, 3 * SECOND // 2)]
)
def test_between(share, point):
    """A share lies between the least and the most in proportion."""
    assert point == between(share, (SECOND, 3 * SECOND))
