"""Profit: what a book earned since it was first priced, net of what flowed in and out."""

from rebalancer.core import exposure as exposures
from rebalancer.core.events import Adopted, CashMoved, Event, OutsideTold
from rebalancer.core.instruments import STABLE
from rebalancer.core.state import State


class Profit:
    """Measures one book, step by step.

    Args:
        state: The book.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._first: float | None = None  # worth at the beginning, with all flows since
        self._before: float | None = None  # worth before the flow that is just being taken

    def weigh(self, event: Event) -> None:
        """Take the worth before somebody brings or takes something."""
        if _flows(event):
            self._before = worth(self._state)

    def take(self, event: Event, _decisions: object = ()) -> None:
        """Take the first step at which everything has a price as the beginning.

        What flows in or out moves the beginning with it; a flow that has no
        price yet makes it begin anew.
        """
        if self._first is None:
            self._first = worth(self._state)
        elif _flows(event):
            after, before = worth(self._state), self._before
            known = after is not None and before is not None
            self._first = self._first + (after or 0.0) - (before or 0.0) if known else None

    @property
    def earned(self) -> float | None:
        """What was earned in scope, USD; None while a price is missing."""
        now = worth(self._state)
        return None if now is None or self._first is None else now - self._first


def _flows(event: Event) -> bool:
    """Whether an event may bring or take what nobody earned or lost."""
    declared = isinstance(event, Adopted | OutsideTold)
    return declared or (isinstance(event, CashMoved) and event.flow)


def worth(state: State) -> float | None:
    """Return what everything in scope is worth, USD; None while a price is missing."""
    total = 0.0
    for name in state.params.underlyings:
        index, book = state.index(name), state.book(name)
        if index is None or book.missing:
            return None
        total += exposures.value(book, float(index.price), state.now)
    for (account, currency), balance in state.ledger.cash.items():
        if currency in STABLE and f"{account}:{currency}" not in state.params.cash_underlying:
            total += float(balance)
    return total
