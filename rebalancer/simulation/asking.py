"""Asking: one private request at a played venue, whatever its protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rebalancer.simulation.host import Call
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place
from rebalancer.simulation.statement import Statement


class Desk(Protocol):
    """What every method of a protocol works with."""

    place: Place


D = TypeVar("D", bound=Desk)


@dataclass(frozen=True, slots=True)
class Asking(Generic[D]):
    """One private request: who asks, and how late the answer may be."""

    desk: D
    call: Call
    key: Key
    at: int | None = None  # ns; None: the present

    @property
    def params(self) -> Mapping[str, Any]:
        """What is asked."""
        return self.call.params

    @property
    def statement(self) -> Statement:
        """The account of who asks."""
        return self.desk.place.statements[self.key.account]
