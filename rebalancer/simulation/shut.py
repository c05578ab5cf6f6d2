"""Shut: what a played venue does by itself, whatever its protocol.

It takes no orders for a while, closes a book for good, forgets an instrument, and lets
somebody else trade. Each protocol says by which codes it answers meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rebalancer.ports import SECOND
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.host import order_of
from rebalancer.simulation.place import Place

Code = TypeVar("Code", int, str)


@dataclass(frozen=True, slots=True)
class Shut(Generic[Code]):
    """A span in which the venue takes no orders."""

    code: Code  # the venue's own, of what it answers
    until: int  # ns
    dark: bool = field(default=True, kw_only=True)  # whether it answers nothing private at all


Span = TypeVar("Span", bound=Shut[int] | Shut[str])


@dataclass(slots=True)
class Desk(Generic[Span]):
    """What every method of a protocol works with, as far as all venues have it."""

    place: Place
    shut: Span | None = field(default=None, kw_only=True)  # it may be over
    delisted: dict[str, None] = field(default_factory=dict, kw_only=True)  # ids nobody knows now

    @property
    def now(self) -> int:
        """Time of the venue, ns."""
        return self.place.now()

    @property
    def closed(self) -> Span | None:
        """The span without orders that it is in now."""
        return self.shut if self.shut is not None and self.now < self.shut.until else None

    def close(self, instrument: str) -> None:
        """Close a book for good, long before it ends; what is held of it stays."""
        self.place.active.pop(instrument, None)

    def delist(self, instrument: str) -> None:
        """Close a book, and forget the instrument where it is asked for by name."""
        self.close(instrument)
        self.delisted[instrument] = None


AnyDesk = TypeVar("AnyDesk", bound=Desk[Any])


class Doings(Generic[AnyDesk, Span]):
    """The part of a host that nobody asks for.

    Args:
        desk: The venue.
        spans: How it is shut until a time, ns: in a maintenance and in a settlement.
    """

    def __init__(self, desk: AnyDesk, spans: Mapping[Kind, Callable[[int], Span]]) -> None:
        self.desk = desk
        self._spans = spans

    def interfere(self, deed: Deed, *, by_hand: bool) -> None:
        """Let somebody else trade for an account."""
        self.desk.place.submit(order_of(deed, by_hand=by_hand))

    def happen(self, plan: Plan) -> None:
        """Let the venue itself shut, or close an instrument."""
        match plan.kind:
            case kind if kind in self._spans:
                self.desk.shut = self._spans[kind](self.desk.now + int(plan.seconds * SECOND))
            case Kind.CLOSING:
                self.desk.close(plan.instrument)
            case _:
                self.desk.delist(plan.instrument)
