"""The legs of a book that are no options: what the coin made of them, the basis; and bad prices.

Between two looks a leg holds the same contracts. Its profit is told in two: as
if its price had moved in proportion to the index, which a hedge is there for,
and the rest, the basis. What a fill lost against its reference price is
slippage; from there on the contracts count as held.
"""

from dataclasses import dataclass

from rebalancer.core.instruments import Kind
from rebalancer.research.worth import Line, Worth, index_of, worth_of


@dataclass(slots=True)
class LegSums:
    """Running totals, USD."""

    spot: float = 0.0  # of spot pairs, what the coin's move made
    hedge: float = 0.0  # of perpetuals and futures, the same
    basis: float = 0.0  # what their prices did beside the index
    slippage: float = 0.0  # paid, > 0: fills against their reference prices


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a leg was last valued at."""

    index: float  # USD per coin; 0: nobody told it
    mark: float
    worth: float  # USD


class Legs:
    """Follows the legs of a book; `sums` is their profit by source so far.

    Args:
        worth: The books; read, never written.
    """

    def __init__(self, worth: Worth) -> None:
        self.sums = LegSums()
        self._worth = worth
        self._seen: dict[str, _Seen] = {}

    def look(self) -> None:
        """Account for every leg until now."""
        for line in self._worth.lines.values():
            self.look_at(line)

    def look_at(self, line: Line) -> None:
        """Account for one leg until now; before its contracts change, and after."""
        if line.instrument.kind is Kind.OPTION or line.mark is None:
            return
        if not line.quantity and not line.spent:
            self._seen.pop(line.instrument.id, None)
            return
        now = self._value(line)
        before = self._seen.get(line.instrument.id)
        if before is None:  # opened since the last look
            self._made(line, now.worth)
        elif not (now.index and before.index):
            self._made(line, now.worth - before.worth)
        else:
            carried = before.mark / before.index * now.index
            held = (line.instrument, line.quantity, line.spent)
            along = worth_of(*held, carried, now.index)
            self._made(line, along - before.worth)
            self.sums.basis += now.worth - along
        self._seen[line.instrument.id] = now

    def traded(self, line: Line, slippage: float) -> None:
        """Account for a fill just booked; `look_at` was asked just before.

        Args:
            line: The leg, with the fill in it.
            slippage: What it lost against its reference price, USD, > 0 lost; an option's
                is the value that the trail has of it, so that all parts add up.
        """
        self.sums.slippage += slippage
        if line.instrument.kind is Kind.OPTION:
            return
        self._made(line, slippage)
        if line.mark is None:
            return
        before, now = self._seen.get(line.instrument.id), self._value(line)
        self._made(line, now.worth - (0.0 if before is None else before.worth))
        self._seen[line.instrument.id] = now

    def ended(self, line: Line, paid: float) -> None:
        """Account for the end of a future; `paid` is the open profit that it paid, USD."""
        before = self._seen.pop(line.instrument.id, None)
        self.sums.basis += paid - (0.0 if before is None else before.worth)

    def _value(self, line: Line) -> _Seen:
        index, mark = index_of(self._worth, line), line.mark or 0.0
        held = (line.instrument, line.quantity, line.spent)
        return _Seen(index, mark, worth_of(*held, mark, index))

    def _made(self, line: Line, profit: float) -> None:
        if line.instrument.margined:
            self.sums.hedge += profit
        else:
            self.sums.spot += profit
