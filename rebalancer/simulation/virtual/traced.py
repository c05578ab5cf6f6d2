"""Traced: one order, as the wire and the exchange saw it, and what of that reached the process."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import (
    Event,
    Fill,
    Operator,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
)
from rebalancer.core.params import OrderParams
from rebalancer.simulation.virtual.weather import ARRIVES, LAGS


class Fate(StrEnum):
    """What became of a request, in truth."""

    ON_ITS_WAY = "on its way"
    LOST = "lost"  # it never arrived, and never will
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True)
class Traced:
    """One order of the daemon."""

    order: Submit
    ts: int  # ns, when it left
    blind: bool = False  # whether something was booked that the process did not know, when it left
    fate: Fate = Fate.ON_ITS_WAY
    filled: Decimal = Decimal(0)
    told: dict[str, Decimal] = field(default_factory=dict)  # trade id → what of it was heard of
    denied: list[int] = field(default_factory=list)  # true ns: when the venue said it has none
    proved: bool = False  # whether its end was told
    ended: Decimal | None = None  # what it filled, as its end was told
    asked: int = 0  # times that the venue was asked what became of it
    unknown: bool = False  # whether its outcome ever was
    withdrawn: bool = False  # whether it was asked back
    accused: bool = False  # of resting for too long

    @property
    def live(self) -> bool:
        """Whether it may still trade."""
        return self.fate in (Fate.ON_ITS_WAY, Fate.OPEN)

    @property
    def rests(self) -> bool:
        """Whether it lies on the exchange's book."""
        return self.fate is Fate.OPEN and self.order.time_in_force is not TimeInForce.IOC

    @property
    def rest(self) -> Decimal:
        """Contracts, signed, that it may still trade."""
        return self.order.quantity - self.filled if self.live else Decimal(0)

    @property
    def heard(self) -> Decimal:
        """Contracts, >= 0, of its fills that were heard of."""
        return abs(sum(self.told.values(), Decimal(0)))

    @property
    def over(self) -> bool:
        """Whether a person who looks it up finds that nothing of it is to come, nor untold."""
        return not self.live and self.heard == abs(self.filled)

    @property
    def grows_knowing(self) -> bool:
        """Whether it is a hedge of a process that knew all that was booked."""
        return self.order.purpose is Purpose.HEDGE and not self.blind

    def known(self, own: OrderParams) -> bool:
        """Whether its end was proved to the process, and all that it filled was told."""
        if self.ended is not None and self.heard < abs(self.ended):
            return False
        patient = [at for at in self.denied if at >= self.ts + ARRIVES + LAGS]
        return self.proved or (bool(patient) and len(self.denied) >= own.absent_answers)

    def hear(self, event: Event, ts: int) -> None:
        """Note what reached the process about it, at `ts`, ns."""
        match event:
            case OrderRejected() | OrderEnded():
                self.proved = True
                self.ended = event.filled if isinstance(event, OrderEnded) else None
            case Fill():
                self.told[event.trade_id] = event.quantity
                if self.heard >= abs(self.order.quantity):
                    self.proved = True  # a whole fill is an end
            case OrderNotFound():
                self.denied.append(ts if event.ts_venue is None else event.ts_venue)
            case Operator():  # who looked it up, and says so
                self.proved, self.ended = True, None
            case _:
                pass

    def forget(self) -> None:
        """Let the process that heard of it be gone."""
        self.told, self.denied, self.proved, self.ended = {}, [], False, None


def subjects(event: Event) -> Iterable[str]:
    """Return the ids of the orders that an event tells of."""
    if isinstance(event, OrderEvent | Fill):
        return (event.client_order_id or "",)
    return event.ended if isinstance(event, Operator) else ()
