"""Listings: what it means for a book that an instrument is gone, closed or changed.

What a venue does not trade any more can neither hedge nor be closed, and by
terms that changed a quantity means something else. So the underlying stops,
until somebody has looked. What ended on its day is no such case: its delivery
is booked like any other.
"""

from decimal import Decimal

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import InstrumentUnfit, Unfit
from rebalancer.core.exposure import in_scope
from rebalancer.core.instruments import Instrument
from rebalancer.core.params import Params


def concern(
    event: InstrumentUnfit, instrument: Instrument, params: Params, held: Decimal, now: int
) -> str | None:
    """Return why an underlying must halt; None where its hedges and delta do not depend on it.

    Args:
        event: What was found.
        instrument: As the book knows it.
        params: Name the hedge instruments.
        held: Contracts of it, signed.
        now: ns.
    """
    own = params.underlyings.get(instrument.underlying)
    if own is None or (instrument.expiry is not None and instrument.expiry <= now):
        return None
    hedges = instrument.id in (*own.hedge_buy, *own.hedge_sell)
    if not hedges and not (held and in_scope(own, instrument)):
        return None
    return f"{instrument.id} is {event.how}: {event.what}"


def alert(event: InstrumentUnfit, underlying: str, why: str) -> Alert:
    """Return what a person must hear of it."""
    name = "instrument.changed" if event.how is Unfit.CHANGED else "instrument.closed"
    return Alert(Severity.ERROR, name, underlying, f"{why}; {underlying} is halted")
