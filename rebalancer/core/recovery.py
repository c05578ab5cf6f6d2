"""Recovery: the ledger of an earlier start, booked again from what its journal kept.

Every booking carries the id that the venue gave it, so what the venue tells
once more after a restart is known, and what happened while nobody listened is
new. Orders are not revived: what became of them is in the fills.
"""

from collections.abc import Iterable, Mapping

from rebalancer.core import foreign, ids
from rebalancer.core import ledger as books
from rebalancer.core.events import (
    Adopted,
    Booking,
    CashMoved,
    ContractBooking,
    Delivered,
    Fill,
    FundingPaid,
    Settled,
)
from rebalancer.core.instruments import Instrument


def rebook(
    ledger: books.Ledger, bookings: Iterable[Booking], instruments: Mapping[str, Instrument]
) -> tuple[str, ...]:
    """Book what was booked before, in the order in which it was.

    Args:
        ledger: Is written; empty at the start.
        bookings: Of the journal.
        instruments: By id.

    Returns:
        Ids of instruments that no setting describes any more; their bookings
        are left out.
    """
    lost: dict[str, None] = {}
    for event in bookings:
        if isinstance(event, CashMoved):
            books.book_cash(ledger, event)
        elif event.instrument in instruments:
            _book(ledger, event, instruments[event.instrument])
        else:
            lost[event.instrument] = None
    return tuple(lost)


def _book(
    ledger: books.Ledger,
    event: ContractBooking,
    instrument: Instrument,
) -> None:
    match event:
        case Fill():
            own = ids.decode(event.client_order_id or "") is not None
            held = ledger.position(event.account, event.instrument)
            unwound = foreign.unwound(held, event)
            books.book_fill(ledger, event, instrument, ours=own, unwound=unwound)
        case FundingPaid():
            books.book_funding(ledger, event)
        case Settled():
            books.book_settlement(ledger, event, instrument)
        case Delivered():
            books.book_delivery(ledger, event, instrument)
        case Adopted():
            books.book_adopted(ledger, event, instrument)
