"""Recovered: what the journal of earlier starts kept of a live book, put back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.core import recovery
from rebalancer.core.commands import Submit
from rebalancer.core.events import (
    Adopted,
    Booking,
    CashMoved,
    Fill,
    OrderEvent,
    Reconciled,
)
from rebalancer.core.instruments import Instrument
from rebalancer.core.orders import Order
from rebalancer.core.state import State
from rebalancer.ports import Entry, Journal, Log
from rebalancer.settings.catalogue import known
from rebalancer.storage import codec

BEGAN = "began/"  # journal key of when an account began, ns; its name follows


@dataclass(frozen=True, slots=True)
class Recovered:
    """What is known of earlier starts.

    An account goes on from where it last agreed. What the venue dates before
    it began, or before its newest adoption, is in what was adopted even if it was
    never told.
    """

    bookings: tuple[Booking, ...]
    submits: tuple[Submit, ...]
    told: tuple[OrderEvent | Fill, ...]  # of orders
    began: Mapping[str, int]  # account → ns: what the venue dates before is adopted
    agreed: int | None  # ns: when ledger and venues last agreed; None: never

    @property
    def first(self) -> bool:
        """Whether nothing was booked or ordered before this start."""
        return not self.bookings and not self.submits

    def described(self, instruments: Mapping[str, Instrument]) -> dict[str, Instrument]:
        """Return the instruments with those that were traded and are in no setting any more."""
        found = dict(instruments)
        for booking in self.bookings:
            if isinstance(booking, CashMoved) or booking.instrument in found:
                continue
            own = known(booking.instrument)
            if own is not None:
                found[own.id] = own
        return found

    def put_back(self, state: State, log: Log) -> tuple[Order, ...]:
        """Book again what was booked; return the orders that were revived."""
        own = {each.client_order_id for each in self.submits}
        for name in recovery.rebook(state.ledger, self.bookings, state.instruments, own):
            log.error("reconcile.differed", instrument=name, error="not described any more")
        orders = recovery.revived(self.submits, self.told, state.instruments, state.now)
        for order in orders:
            state.revive(order)
        return orders


def recover(journal: Journal, accounts: Iterable[str]) -> Recovered:
    """Read a journal once and return what earlier starts of a book with these accounts left."""
    bookings: list[Booking] = []
    told: list[OrderEvent | Fill] = []
    agreed: int | None = None
    for entry in journal.read("event"):
        event = codec.decode(entry.payload)
        if isinstance(event, Reconciled) and not event.differences:
            agreed = event.ts_local
        if isinstance(event, Booking):
            bookings.append(event)
        if isinstance(event, OrderEvent | Fill):
            told.append(event)
    submits = tuple(_submits(journal.read("order")))
    began = _began(journal, accounts, bookings) if bookings or submits else {}
    return Recovered(tuple(bookings), submits, tuple(told), began, agreed)


def _began(
    journal: Journal, accounts: Iterable[str], bookings: Iterable[Booking]
) -> dict[str, int]:
    """Return since when accounts tell what they book, ns; new ones are left out."""
    kept = {name: journal.get_meta(f"{BEGAN}{name}") for name in accounts}
    began = {name: int(ts) for name, ts in kept.items() if ts is not None}
    for event in bookings:
        if isinstance(event, Adopted) and event.account in began:
            asked = event.ts_local if event.ts_venue is None else event.ts_venue
            began[event.account] = max(asked, began[event.account])
    return began


def _submits(entries: Iterable[Entry]) -> Iterable[Submit]:
    for entry in entries:
        command: Any = codec.decode(entry.payload)
        if isinstance(command, Submit):
            yield command
