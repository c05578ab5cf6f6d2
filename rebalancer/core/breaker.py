"""Breaker: sees when hedging does not work, and says why it has to end.

Three signs, each by itself enough: hedges that do not move net delta as they
must (a position that is read wrong would be hedged for ever), hedges that take
back one another, and orders that are rejected one after the other. A sign is
a reason to halt the underlying, which latches; that is the caller's to do.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypedDict

MOST = 256  # hedges that are remembered


@dataclass(frozen=True, slots=True)
class Limits:
    """What is no accident any more."""

    misses: int = 3  # hedges in a row without their effect
    effect: float = 0.5  # least part of the expected change that is an effect
    sides: int = 6  # times that hedges went the other way, the first one counted …
    window: int = 600_000_000_000  # … within so long, ns …
    remains: float = 0.25  # … and at most this part of all that they moved was left
    rejections: int = 10  # orders in a row


USUAL = Limits()


@dataclass(slots=True)
class Breaker:
    """What is remembered of the hedges of one underlying; written by the functions below only."""

    missed: int = 0  # hedges in a row without their effect
    rejected: int = 0  # orders in a row
    hedges: deque[tuple[int, float]] = field(  # ns, coins of delta that it added
        default_factory=lambda: deque(maxlen=MOST)
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """Net delta around a hedge, coins, all at one price: the market's own move is no effect."""

    before: float  # of what was held before it
    expected: float  # of that and what it filled, at its delta per contract
    measured: float  # of what is held now, no order open


class Kept(TypedDict):
    """A breaker as plain values that outlive the process."""

    missed: int
    rejected: int
    hedges: Sequence[Sequence[float]]  # ns and coins: lists, where JSON was between


def settled(breaker: Breaker, effect: Effect, limits: Limits = USUAL) -> str | None:
    """Note what a hedge did, once the positions after it are known.

    One that filled nothing says nothing.

    Returns:
        Why to halt: it and those before it did not do what they must; else None.
    """
    wanted = effect.expected - effect.before
    if wanted == 0:
        return None
    works = (effect.measured - effect.before) / wanted >= limits.effect
    breaker.missed = 0 if works else breaker.missed + 1
    if breaker.missed < limits.misses:
        return None
    part = f"{limits.effect:.0%}"
    return f"{limits.misses} hedges in a row moved net delta by less than {part} of what they must"


def hedged(breaker: Breaker, ts: int, coins: float, limits: Limits = USUAL) -> str | None:
    """Note a hedge that filled.

    Args:
        breaker: Is written.
        ts: ns, not before the last one.
        coins: What it added to net delta by its fills, signed; 0 says nothing.
        limits: How much to bear.

    Returns:
        Why to halt: the hedges of the window went to and fro, and to nothing; else None.
    """
    if coins == 0:
        return None
    hedges = breaker.hedges
    hedges.append((ts, coins))
    while hedges[0][0] < ts - limits.window:
        hedges.popleft()
    ways = [moved > 0 for _, moved in hedges]
    sides = 1 + sum(one is not other for one, other in pairwise(ways))
    left, gone = sum(moved for _, moved in hedges), sum(abs(moved) for _, moved in hedges)
    if sides < limits.sides or abs(left) > limits.remains * gone:
        return None
    minutes = limits.window / 60e9
    return f"hedges went to and fro {limits.sides} times within {minutes:g} min and to nothing"


def rejected(breaker: Breaker, limits: Limits = USUAL) -> str | None:
    """Note an order that the venue rejected.

    Returns:
        Why to halt: so were all the last ones; else None.
    """
    breaker.rejected += 1
    if breaker.rejected < limits.rejections:
        return None
    return f"{limits.rejections} orders in a row were rejected"


def accepted(breaker: Breaker) -> None:
    """Note an order that the venue took."""
    breaker.rejected = 0


def armed(breaker: Breaker) -> None:
    """Forget all of it: a person looked at it, and hedging begins anew."""
    breaker.missed = breaker.rejected = 0
    breaker.hedges.clear()


def kept(breaker: Breaker) -> Kept:
    """Return a breaker as plain values."""
    return {
        "missed": breaker.missed,
        "rejected": breaker.rejected,
        "hedges": list(breaker.hedges),
    }


def restored(values: Kept) -> Breaker:
    """Return the breaker of which `values` were kept."""
    hedges = ((int(ts), coins) for ts, coins in values["hedges"])
    return Breaker(values["missed"], values["rejected"], deque(hedges, maxlen=MOST))
