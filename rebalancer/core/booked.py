"""Booked: the fills of late as they were booked, so that one that is told late finds its place.

What a trade realises depends on those before it. So those after it are booked once
more, from where it left the position.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import Fill
from rebalancer.core.instruments import Instrument
from rebalancer.core.positions import Position, traded

LATE = 3_600_000_000_000  # ns by which a settlement may be told after fills that came later
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booked:
    """A fill as it was booked."""

    fill: Fill
    before: Position
    profit: Decimal  # that it realised, settle currency


def again(
    kept: deque[Booked], start: Position, instrument: Instrument, fills: Sequence[Booked]
) -> tuple[Position, Decimal]:
    """Book fills once more, from a position on.

    Args:
        kept: Takes them, as they are booked now.
        start: Before the first of them.
        instrument: Theirs.
        fills: In order, with what they realised before.

    Returns:
        The position after the last, and what they realise beyond what they did.
    """
    after, gained = start, _ZERO
    for each in fills:
        before, told = after, each.fill
        after, profit = traded(before, instrument, told.quantity, told.price, _ZERO)
        kept.append(Booked(told, before, profit))
        gained += profit - each.profit
    return after, gained


def later_than(
    kept: Iterable[Booked], moment: int | None, number: int | None = None
) -> Sequence[Booked]:
    """Return the fills that were booked already though they came after a moment, in order.

    Args:
        kept: In order.
        moment: ns of the venue; None: nobody knows when it was.
        number: Of a trade of the moment: those with a greater one came after it too.
    """
    found = list(kept)
    count = 0
    if moment is not None:
        for each in reversed(found):
            if not _after(each.fill, moment, number):
                break
            count += 1
    return found[len(found) - count :]


def _after(fill: Fill, moment: int, number: int | None) -> bool:
    if fill.ts_venue is None or fill.ts_venue < moment:
        return False
    if fill.ts_venue > moment:
        return True
    return number is not None and fill.number is not None and fill.number > number
