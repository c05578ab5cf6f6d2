"""Adopting: what is held as a venue or a person says, taken as the truth.

An account is adopted as it stood at one moment: what is booked from before that
is in what was adopted, be it of a holding that was adopted or of one that agreed
and was left as it was.
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.core.events import Adopted, PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger, credit, keep
from rebalancer.core.positions import Position, worth


def adopt(
    ledger: Ledger,
    report: PositionReport,
    instrument: Instrument,
    price: Decimal,
    *,
    hedge: bool = False,
) -> None:
    """Take a reported quantity as the truth, entered at `price`.

    For a book's first positions and for what an operator adopted; never for a
    difference that nobody has explained.

    Args:
        ledger: Is written.
        report: What is held; for cash the balance.
        instrument: Contract of the report.
        price: Entry, quote currency; cash needs none.
        hedge: Whether all of it counts as put there by hedging, or none.
    """
    if instrument.kind is Kind.CASH:
        held = ledger.balance(report.account, instrument.settle)
        credit(ledger, report.account, instrument.settle, report.quantity - held)
        ledger.credits.pop((report.account, instrument.settle), None)  # as the venue tells it
        return
    after = Position(
        quantity=report.quantity,
        basis=worth(instrument, report.quantity, price),
        hedge=report.quantity if hedge else Decimal(0),
    )
    keep(ledger, report.account, report.instrument, after)
    ledger.recent.pop((report.account, report.instrument), None)
    ledger.version += 1


def book_adopted(ledger: Ledger, event: Adopted, instrument: Instrument) -> None:
    """Take what somebody declared to be held as the truth.

    What hedging had put there still counts as a hedge, as far as it is held.
    """
    before = ledger.position(event.account, event.instrument).hedge
    adopt(ledger, event.report, instrument, event.entry)
    if event.ts_venue is not None:
        since = ledger.adopted.get(event.account, event.ts_venue)
        ledger.adopted[event.account] = max(since, event.ts_venue)
    after = ledger.position(event.account, event.instrument)
    if before * after.quantity > 0:
        kept = min(abs(before), abs(after.quantity)).copy_sign(before)
        keep(ledger, event.account, event.instrument, replace(after, hedge=kept))
