"""The flight: all that a book took, kept so that its day can be stepped again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rebalancer.core.events import Event
from rebalancer.core.guards.trading_state import TradingState

if TYPE_CHECKING:  # who asks a running book loads nothing that a book runs on
    from rebalancer.core.state import State


@dataclass(frozen=True, slots=True)
class Moved:
    """The daemon itself moved the book to another state: it starts, or it stops."""

    mode: TradingState
    reason: str


class Flight(Protocol):
    """What keeps all that a book took, so that its day can be stepped again; never raises."""

    def note(self, step: int, what: Event | Moved, state: "State") -> None:
        """Keep what is about to be taken; `state` is as it is before."""

    def settle(self, ts: int) -> None:
        """Write down what was kept, if it is time; `ts` is ns."""

    def close(self, *, whole: bool) -> None:
        """Write the rest down; `whole`: all that was decided is in the journal."""


class _Unrecorded:
    """A flight that nobody keeps."""

    def note(self, step: int, what: Event | Moved, state: "State") -> None:
        """Do nothing."""

    def settle(self, ts: int) -> None:
        """Do nothing."""

    def close(self, *, whole: bool) -> None:
        """Do nothing."""


UNRECORDED: Flight = _Unrecorded()
