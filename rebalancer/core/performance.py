"""Performance: what the book earned or lost, today and since its best moment.

Moves are added up tick by tick in the unit that each underlying protects and
turned into dollars as they happen. What somebody brings or takes is neither
profit nor loss, so the count stops before it and begins again after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DAY = 86_400_000_000_000  # ns


@dataclass(frozen=True, slots=True)
class Part:
    """What the holdings of one underlying are worth."""

    amount: float  # dollars, or coins where coins are protected
    price: float  # USD of one of them

    @property
    def dollars(self) -> float:
        """The same in USD."""
        return self.amount * self.price


@dataclass(slots=True)
class Performance:
    """What was earned; written by the functions below only."""

    last: dict[str, float] | None = None  # worth at the last look, by underlying; None: begin anew
    profit: float = 0.0  # USD since the book began
    best: float = 0.0  # highest that it ever was
    opened: float = 0.0  # what it was when the day began
    day: int = -1  # days since 1970 UTC

    @property
    def today(self) -> float:
        """What was earned since the day began, USD; − is a loss."""
        return self.profit - self.opened

    @property
    def drawdown(self) -> float:
        """What was lost since the best moment, USD, >= 0."""
        return self.best - self.profit


def note(told: Performance, ts: int, parts: Mapping[str, Part] | None) -> None:
    """Note what the book is worth at `ts` (ns); nothing while a price is missing."""
    if told.day != ts // DAY:
        told.day, told.opened = ts // DAY, told.profit
    if parts is None:
        return
    if told.last is not None:
        moves = ((each, told.last.get(name, each.amount)) for name, each in parts.items())
        told.profit += sum((each.amount - before) * each.price for each, before in moves)
    told.last = {name: each.amount for name, each in parts.items()}
    told.best = max(told.best, told.profit)


def pause(told: Performance) -> None:
    """Stop counting: what comes next is brought or taken; the next note begins anew."""
    told.last = None


def accept(told: Performance) -> None:
    """Let today's loss and the drawdown begin anew: a person has seen them."""
    told.opened = told.best = told.profit


def kept(told: Performance) -> dict[str, object]:
    """Return it as plain values, to outlive a restart."""
    return {
        "last": None if told.last is None else dict(told.last),
        "profit": told.profit,
        "best": told.best,
        "opened": told.opened,
        "day": told.day,
    }
