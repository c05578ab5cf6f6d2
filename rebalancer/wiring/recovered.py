"""Recovered: what the journal of earlier starts kept of a live book, put back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.core import ids, recovery
from rebalancer.core.commands import Submit
from rebalancer.core.events import (
    Adopted,
    Booking,
    CashMoved,
    Fill,
    Operator,
    OrderEvent,
    Reconciled,
)
from rebalancer.core.instruments import Instrument
from rebalancer.core.orders import Order
from rebalancer.core.state import State
from rebalancer.ports import Entry, Journal, Log
from rebalancer.settings.catalogue import known
from rebalancer.storage import codec

START = "start"  # journal kind of a start, with its epoch
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
    told: tuple[OrderEvent | Fill | Operator, ...]  # of orders
    own: frozenset[str]  # client order ids that were made for this book, by whichever journal
    began: Mapping[str, int]  # account → ns: what the venue dates before is adopted
    agreed: int | None  # ns: when ledger and venues last agreed; None: never

    @property
    def first(self) -> bool:
        """Whether nothing was adopted or ordered before this start.

        A start may fall before it has adopted, with something booked already; the
        next one adopts what differs from that.
        """
        adopted = any(isinstance(each, Adopted) for each in self.bookings)
        return not adopted and not self.submits

    def described(self, instruments: Mapping[str, Instrument]) -> dict[str, Instrument]:
        """Return the instruments with those that were traded and are in no setting any more."""
        booked = (each.instrument for each in self.bookings if not isinstance(each, CashMoved))
        found = dict(instruments)
        for name in (*booked, *(each.instrument for each in self.submits)):
            terms = None if name in found else known(name)
            if terms is not None:
                found[name] = terms
        return found

    def put_back(self, state: State, log: Log) -> tuple[Order, ...]:
        """Book again what was booked; return the orders that were revived."""
        known, own = state.params.underlyings, self.own
        lost = recovery.rebook(state.ledger, self.bookings, state.instruments, known, own)
        recovery.recount(state.behaviour, self.bookings, (state.instruments, own))
        ordered = (each.instrument for each in self.submits)
        gone = (name for name in ordered if name not in state.instruments)
        for name in dict.fromkeys((*lost, *gone)):
            log.error("reconcile.differed", instrument=name, error="not described any more")
        orders = recovery.revived(
            self.submits,
            self.told,
            state.instruments,
            state.now,
            state.params.underlyings,
        )
        for order in orders:
            state.put(order)
        return orders


def recover(journal: Journal, accounts: Iterable[str]) -> Recovered:
    """Read a journal once and return what earlier starts of a book with these accounts left."""
    bookings: list[Booking] = []
    told: list[OrderEvent | Fill | Operator] = []
    agreed: int | None = None
    for entry in journal.read("event"):
        event = codec.decode(entry.payload)
        if isinstance(event, Reconciled) and not event.differences:
            agreed = event.ts_local
        if isinstance(event, Booking):
            bookings.append(event)
        if isinstance(event, OrderEvent | Fill | Operator):
            told.append(event)
    submits, places = tuple(_submits(journal.read("order"))), tuple(accounts)
    made = {each.client_order_id for each in submits}
    own = made | set(_inherited(bookings, places, journal.read(START)))
    began = _began(journal, places, bookings) if bookings or submits else {}
    return Recovered(tuple(bookings), submits, tuple(told), frozenset(own), began, agreed)


def begun(journal: Journal, ts: int, book: str) -> None:
    """Write down that a start begins, and which: what came of earlier ones is told by it."""
    journal.append(Entry(0, ts, START, book, {"epoch": journal.epoch}))


def _inherited(
    bookings: Iterable[Booking], accounts: Sequence[str], starts: Iterable[Entry]
) -> Iterable[str]:
    """Yield the ids of fills of a journal that was lost, judged as the start judged that heard.

    The orders of such a journal are remembered nowhere. Their epochs lie below
    the one of the start that was told of them.
    """
    heard = [(entry.ts, int(entry.payload["epoch"])) for entry in starts]
    for event in bookings:
        if not isinstance(event, Fill) or event.client_order_id is None:
            continue
        parts = ids.decode(event.client_order_id)
        epoch = max((each for ts, each in heard if ts <= event.ts_local), default=0)
        if parts is not None and ids.of_earlier(parts, accounts, event.account, epoch):
            yield event.client_order_id


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
