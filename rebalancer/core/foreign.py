"""Foreign fills: what was traded on an account of ours without an order of ours.

By somebody else who trades there, or by the venue itself, which takes down
what is short of margin and cuts winners when others cannot pay. A liquidation
means that the margin was misjudged, so nothing new is opened in that
underlying until a person has looked.
"""

from decimal import Decimal

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import Adopted, Fill, Forced
from rebalancer.core.instruments import Instrument
from rebalancer.core.positions import Position


def alert(fill: Fill, instrument: Instrument) -> Alert:
    """Return what a person must hear of a fill that belongs to no order of ours."""
    what = f"{fill.quantity:+} {fill.instrument} at {fill.price} (trade {fill.trade_id})"
    match fill.forced:
        case Forced.LIQUIDATION:
            text = f"{fill.account} was liquidated: {what}"
            return Alert(Severity.ERROR, "position.liquidated", instrument.underlying, text)
        case Forced.DELEVERAGING:
            text = f"{fill.account} was deleveraged for another's loss: {what}"
            return Alert(Severity.WARNING, "position.deleveraged", instrument.underlying, text)
        case Forced.EXPIRY:
            text = f"{fill.account} was closed out as the contract ended: {what}"
            return Alert(Severity.INFO, "position.delivered", instrument.underlying, text)
        case None:
            text = f"fill {fill.trade_id} on {fill.instrument} belongs to no order of ours"
            return Alert(Severity.WARNING, "fill.foreign", instrument.underlying, text)


def stranger(fill: Fill) -> str:
    """Return what a fill means that bears an id of ours which this start never made."""
    return (
        f"trade {fill.trade_id} on {fill.instrument} is of order {fill.client_order_id}, which"
        " this start did not make: another daemon trades here, or the journal is not the newest"
    )


def adopted(event: Adopted) -> Alert:
    """Return what a person hears of a holding that was declared to be the book's."""
    text = f"{event.quantity} {event.instrument} of {event.account} at {event.entry}"
    return Alert(Severity.INFO, "position.adopted", event.instrument, text)


def unwound(held: Position, fill: Fill) -> Decimal:
    """Return how much of a forced fill takes away what hedging had put there.

    Contracts, signed like the fill; what goes beyond the hedge is the book's own.
    """
    if fill.forced is None or held.hedge * fill.quantity >= 0:
        return Decimal(0)
    return min(abs(fill.quantity), abs(held.hedge)).copy_sign(fill.quantity)
