"""The toll: at which steps a daemon is to be killed, what came of it, and the file that keeps both.

Points are numbered, and their number alone (with the seed) says which step it
is. Every kind has its turn, so that a campaign of any length meets all of them.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from rebalancer.errors import DataError
from rebalancer.runtime.randomness import SeededRandomness

ARRIVAL, MOMENT = "order taken", "any moment"
# What a point may hit → most that is counted before it strikes; of a moment, ms.
KINDS: Mapping[str, int] = {
    "before start": 24,
    "after order": 2,
    "before commit": 4,
    ARRIVAL: 2,
    "before event": 6,
    "after meta": 2,
    "before begin": 4,
    "after decision": 2,
    "after start": 24,
    "before order": 2,
    "after commit": 4,
    MOMENT: 3_000,
    "after event": 6,
    "before meta": 2,
    "after begin": 4,
    "before decision": 2,
}
ROW = tuple(KINDS)
LIFE = 10  # points that one book lives through


@dataclass(frozen=True, slots=True)
class Point:
    """One death."""

    number: int
    kind: str  # one of KINDS
    nth: int  # of the steps of its kind, from when the book is at rest; of a moment, ms

    @property
    def starting(self) -> bool:
        """Whether it strikes during a start, at any step, counted from the opening on."""
        return self.kind.endswith("start")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one death."""

    number: int
    kind: str
    nth: int
    recovery: float | None = None  # s, from the next start to trading with every outcome known
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    other: tuple[str, ...] = ()  # what else does not hold
    missed: bool = False  # the step never came: it was killed at another

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not (self.lost or self.doubled or self.other)


def point_of(number: int, seed: int) -> Point:
    """Return the point of a number.

    >>> point_of(16, 7).kind == point_of(0, 7).kind == "before start"
    True
    """
    kind = ROW[number % len(ROW)]
    chance = SeededRandomness(seed).generator(f"kills.{number}")
    return Point(number, kind, int(chance.integers(1, KINDS[kind], endpoint=True)))


def lives_of(points: int, seed: int) -> list[tuple[Point, ...]]:
    """Return the points of a campaign, by the book that lives through them."""
    numbers = range(points)
    starts = range(0, points, LIFE)
    return [
        tuple(point_of(each, seed) for each in numbers[first : first + LIFE]) for first in starts
    ]


class Checkpoint:
    """The file from which a campaign goes on: a line for its seed, then one for each book.

    Args:
        path: None keeps nothing.
        seed: Of the campaign.

    Raises:
        DataError: The file is of another campaign.
    """

    def __init__(self, path: Path | None, seed: int) -> None:
        self._path = path
        self.done: dict[int, Outcome] = {}  # by number
        if path is None:
            return
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"seed": seed}) + "\n")
        head, *lines = path.read_text().splitlines()
        if json.loads(head) != {"seed": seed}:
            raise DataError(f"{path}: must be of seed {seed}, was {head}; name another --resume")
        for line in lines:
            if not line.endswith("]"):
                continue  # cut off by an end in the middle of it
            for each in map(_outcome, json.loads(line)):
                self.done[each.number] = each

    def keep(self, outcomes: Iterable[Outcome]) -> None:
        """Write down what came of one book; of one that failed nothing, it is to be tried again."""
        listed = list(outcomes)
        self.done |= {each.number: each for each in listed}
        if self._path is not None and all(each.passed for each in listed):
            with self._path.open("a") as stream:
                stream.write(json.dumps([asdict(each) for each in listed]) + "\n")

    def finish(self) -> None:
        """Forget the file: the next campaign begins anew."""
        if self._path is not None:
            self._path.unlink()


def _outcome(told: Mapping[str, Any]) -> Outcome:
    listed = {name: tuple(told[name]) for name in ("lost", "doubled", "other")}
    return Outcome(**{**told, **listed})


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of some outcomes; times in seconds, None where nothing was measured."""
    times = sorted(each.recovery for each in outcomes if each.recovery is not None)
    return {
        "points": len(outcomes),
        "lost": sum(len(each.lost) for each in outcomes),
        "doubled": sum(len(each.doubled) for each in outcomes),
        "other": sum(len(each.other) for each in outcomes),
        "missed": sum(each.missed for each in outcomes),
        "recovery_p50": _quantile(times, 0.50),
        "recovery_p95": _quantile(times, 0.95),
        "recovery_max": times[-1] if times else None,
    }


def _quantile(times: Sequence[float], share: float) -> float | None:
    """Return the nearest rank.

    >>> _quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return times[max(math.ceil(share * len(times)) - 1, 0)] if times else None


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return the closing table: a line for each kind, and one for all."""
    drawn = Table(title="what was found after each kill; recovery in s")
    drawn.add_column("killed", no_wrap=True)
    for name in ("points", "lost", "doubled", "other", "missed", "p50", "p95", "max"):
        drawn.add_column(name, justify="right")
    for kind in KINDS:
        own = [each for each in outcomes if each.kind == kind]
        if own:
            drawn.add_row(kind, *map(_told, summary(own).values()))
    drawn.add_section()
    drawn.add_row("all", *map(_told, summary(outcomes).values()))
    return drawn


def _told(figure: Any) -> str:
    if figure is None:
        return "-"
    return f"{figure:.1f}" if isinstance(figure, float) else str(figure)
