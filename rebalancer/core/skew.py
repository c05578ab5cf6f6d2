"""Skew: the smiles of the expiries that a book is in, as they were fitted last.

A curve is looked for anew every few seconds, one expiry at a time, from what is
believed of the options of its expiry: those that are held and those that the
settings watch. `Curves` is the notebook; `skewing` writes it. `Deltas` is that of
`secondhand`.
"""

from dataclasses import dataclass, field

from rebalancer.core.surface import Smile


@dataclass(frozen=True, slots=True)
class Curve:
    """What the last look at an expiry found."""

    name: str  # of its options, without strike and type
    ts: int  # ns, of the look
    since: int  # ns, from when on it has been found, or has not
    smile: Smile | None  # None: there is none, and strikes are sticky
    told: bool = False  # whether a person heard that there is none


@dataclass(slots=True)
class Curves:
    """The last look at each expiry, by underlying and expiry in ns."""

    found: dict[str, dict[int, Curve]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A delta as its venue told it last, and ours of when it last changed."""

    delta: float
    ours: float


@dataclass(slots=True)
class Deltas:
    """What venues told of deltas, for `secondhand` to hold against ours."""

    ts: int = 0  # ns, of the last look
    told: dict[str, Told] = field(default_factory=dict)  # by option
    since: dict[str, int] = field(default_factory=dict)  # underlying → ns, while they disagree
    heard: dict[str, None] = field(default_factory=dict)  # underlyings a person heard of
