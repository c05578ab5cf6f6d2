"""Bookings: the one door by which what an account was booked enters the ledger.

Live and after a restart alike, so that a book knows of its cash the same as
before: also which part of it came from what it does not hedge.
"""

from collections.abc import Mapping

from rebalancer.core import adopting, foreign
from rebalancer.core import ledger as books
from rebalancer.core.events import (
    Adopted,
    CashMoved,
    ContractBooking,
    Delivered,
    Fill,
    FundingPaid,
    Settled,
)
from rebalancer.core.exposure import in_scope
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.params import UnderlyingParams


def book(
    ledger: Ledger,
    event: ContractBooking,
    instrument: Instrument,
    underlyings: Mapping[str, UnderlyingParams],
    *,
    ours: bool = False,
) -> bool:
    """Book what happened to a contract.

    What something out of scope earned or cost stays out of scope too. Else a
    directional position that was left out would come back as coins at its first
    settlement, and be hedged away after all.

    Args:
        ledger: Is written.
        event: Of the account.
        instrument: That it is about.
        underlyings: Settings by name: what of each is hedged.
        ours: Whether an order of ours made it; of a fill only.

    Returns:
        False when it was booked before; nothing changes then.
    """
    own = underlyings.get(instrument.underlying)
    scoped = own is None or in_scope(own, instrument)
    before = None if scoped else dict(ledger.cash)
    new = _book(ledger, event, instrument, ours=ours)
    if before is not None:
        books.set_aside(ledger, before)
    return new


def book_moved(ledger: Ledger, event: CashMoved, instruments: Mapping[str, Instrument]) -> bool:
    """Book what moved without a trade: coins that a pair holds join its position, else it is cash.

    Args:
        ledger: Is written.
        event: Of the account.
        instruments: By id; an account holds a coin by the one pair of it that is among them.

    Returns:
        False when it was booked before; nothing changes then.
    """
    pairs = [
        each
        for each in instruments.values()
        if each.kind is Kind.SPOT
        and (each.venue, each.underlying) == (event.account, event.currency)
    ]
    return books.book_cash(ledger, event, pairs[0] if len(pairs) == 1 else None)


def _book(ledger: Ledger, event: ContractBooking, instrument: Instrument, *, ours: bool) -> bool:
    match event:
        case Fill():
            unwound = foreign.unwound(ledger.position(event.account, event.instrument), event)
            return books.book_fill(ledger, event, instrument, ours=ours, unwound=unwound)
        case FundingPaid():
            return books.book_funding(ledger, event)
        case Settled():
            return books.book_settlement(ledger, event, instrument)
        case Delivered():
            return books.book_delivery(ledger, event, instrument)
        case Adopted():
            adopting.book_adopted(ledger, event, instrument)
            return True
