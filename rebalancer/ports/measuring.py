"""What a running book measures of itself, and how it stands: for monitors, not for decisions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rebalancer.core.commands import Submit
from rebalancer.core.events import Event, OrderEvent

if TYPE_CHECKING:  # who asks a running book loads nothing that a book runs on
    from collections.abc import Sequence

    from rebalancer.core.state import State


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of one metric."""

    metric: str  # as the table of metrics names it, without its prefix
    value: float  # unit as the name says
    labels: tuple[str, ...] = ()  # values, in the order of the table


@dataclass(frozen=True, slots=True)
class Spread:
    """How often a measure fell between which bounds."""

    metric: str
    bounds: tuple[float, ...]  # upper ends, rising, unit as the name says
    counts: tuple[int, ...]  # of each, and at last of what lies beyond; not summed up
    total: float  # of all that was measured
    labels: tuple[str, ...] = ()


Measure = Sample | Spread


@dataclass(frozen=True, slots=True)
class Age:
    """How old something is that a decision rests on."""

    subject: str  # instrument, account, source, or venue:underlying of an index
    seconds: float | None  # None: it was never told
    limit: float  # s


@dataclass(frozen=True, slots=True)
class Condition:
    """How well a book is, as far as it can say itself."""

    turned: float | None  # s since the engine last took a tick of the clock; None: nobody looks
    state: str  # of the whole book
    reconciled: float | None  # s since ledger and venues were last found to agree; None: never
    inputs: tuple[Age, ...]  # what the deltas rest on
    lost: tuple[tuple[str, float], ...]  # streams that are gone, and for how long, s
    open: bool  # whether orders may leave: not once the journal or the engine failed
    awaited: tuple[tuple[str, float], ...] = ()  # venues without which it cannot begin; since, s


class Meter(Protocol):
    """What measures a book while it runs; costs next to nothing, decides nothing, never raises."""

    def decided(self, event: Event) -> None:
        """Note that a step decided of an event, before anything is written down."""

    def committed(self, began: int) -> None:
        """Note that what an order waits for is on disk; `began` is ns, of `began()`."""

    def began(self) -> int:
        """Return ns by which `committed` measures."""

    def took(self, event: Event, state: "State") -> None:
        """Note that a step is over."""

    def leaves(self, order: Submit, middle: Decimal | None) -> None:
        """Note that an order is handed to its venue; `middle`: between bid and ask, then."""

    def answered(self, answer: OrderEvent) -> None:
        """Note what its venue answered."""

    def measures(self) -> "Sequence[Measure]":
        """Return what was measured so far."""

    @property
    def turned(self) -> int | None:
        """Ns since a tick of the clock was last taken; None: nobody looks."""

    @property
    def agreed(self) -> int | None:
        """Ns since ledger and venues were last found to agree; None: never, or nobody looks."""


class _Unmeasured:
    """A meter that nobody reads."""

    turned = agreed = None

    def decided(self, event: Event) -> None:
        """Do nothing."""

    def committed(self, began: int) -> None:
        """Do nothing."""

    def began(self) -> int:
        """Return 0."""
        return 0

    def took(self, event: Event, state: "State") -> None:
        """Do nothing."""

    def leaves(self, order: Submit, middle: Decimal | None) -> None:
        """Do nothing."""

    def answered(self, answer: OrderEvent) -> None:
        """Do nothing."""

    def measures(self) -> "Sequence[Measure]":
        """Return nothing."""
        return ()


UNMEASURED: Meter = _Unmeasured()
