"""Recovery: the ledger and the orders of an earlier start, from what its journal kept.

Every booking carries the id that the venue gave it, so what the venue tells
once more after a restart is known, and what happened while nobody listened is
new. An order whose end the journal does not hold may have traded while nobody
listened, or never have left: its outcome is unknown until the venue proves it.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from rebalancer.core import behaviour, bookings
from rebalancer.core import ledger as books
from rebalancer.core import orders as lives
from rebalancer.core.behaviour import Behaviour
from rebalancer.core.commands import Submit
from rebalancer.core.events import (
    Booking,
    CashMoved,
    Fill,
    FundingPaid,
    Operator,
    OrderEvent,
)
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.instruments import Instrument
from rebalancer.core.orders import Order, OrderState
from rebalancer.core.params import UnderlyingParams

Traders = tuple[Mapping[str, Instrument], Container[str]]  # instruments by id, own order ids
DAY = 86_400_000_000_000  # ns that an order is remembered after its intent


def rebook(
    ledger: books.Ledger,
    told: Iterable[Booking],
    instruments: Mapping[str, Instrument],
    underlyings: Mapping[str, UnderlyingParams],
    own: Container[str],
) -> tuple[str, ...]:
    """Book what was booked before, in the order in which it was.

    Args:
        ledger: Is written; empty at the start.
        told: Bookings of the journal.
        instruments: By id.
        underlyings: Settings by name: what of each is hedged.
        own: Client order ids of the orders that were made: their fills are hedges.

    Returns:
        Ids of instruments that no setting describes any more; their bookings
        are left out.
    """
    lost: dict[str, None] = {}
    for event in told:
        if isinstance(event, CashMoved):
            bookings.book_moved(ledger, event, instruments)
        elif event.instrument in instruments:
            ours = isinstance(event, Fill) and event.client_order_id in own
            instrument = instruments[event.instrument]
            bookings.book(ledger, event, instrument, underlyings, ours=ours)
        else:
            lost[event.instrument] = None
    return tuple(lost)


def recount(told: Behaviour, events: Iterable[Booking], state: Traders) -> None:
    """Count what was booked after it was last kept what the book did, as it was counted then.

    A start that fell in between would else be a way around the day's limits.

    Args:
        told: As it was kept; is written.
        events: Bookings of the journal.
        state: Instruments by id, and the client order ids that were made.
    """
    instruments, own = state
    for event in events:
        if told.kept_at is None or event.ts_local <= told.kept_at:
            continue
        if isinstance(event, Fill) and event.client_order_id in own:
            instrument = instruments.get(event.instrument)
            if instrument is not None:
                price = float(event.price)
                unit = price if event.fee_currency == instrument.underlying else None
                behaviour.fill(told, event, instrument, (price, unit))
        elif isinstance(event, FundingPaid):
            behaviour.funding(told, event, None)


def revived(
    submits: Iterable[Submit],
    told: Iterable[OrderEvent | Fill | Operator],
    instruments: Mapping[str, Instrument],
    now: int,
    underlyings: Mapping[str, UnderlyingParams] | None = None,
) -> tuple[Order, ...]:
    """Return the orders of earlier starts that are open or young, as they must be taken now.

    Args:
        submits: That were about to be sent, oldest first.
        told: What was heard of them, in the order in which it was; also what operators looked up.
        instruments: By id; an order for one that is not there any more is left out.
        now: ns; since when what is open counts as unknown.
        underlyings: Whose hedge ratios count; None: all hedge one for one.
    """
    found = {}
    for submit in submits:
        if submit.instrument in instruments:
            own = (underlyings or {}).get(submit.underlying)
            delta = _delta(submit, instruments[submit.instrument], own)
            order = Order(submit, OrderState.SENDING, submit.decided_at, delta)
            found[submit.client_order_id] = order
    booked: set[tuple[str, str]] = set()
    for event in told:
        if isinstance(event, Operator):
            for each in (found[name] for name in event.ended if name in found):
                found[each.submit.client_order_id] = lives.looked_up(each, event.reason)
            continue
        known = found.get(event.client_order_id or "")
        if known is None:
            continue
        if not isinstance(event, Fill):
            found[known.submit.client_order_id] = lives.note(known, event)
        elif (event.instrument, event.trade_id) not in booked:
            booked.add((event.instrument, event.trade_id))
            found[known.submit.client_order_id] = lives.filled(known, event)
    recent = (each for each in found.values() if each.open or now - each.sent_at < DAY)
    return tuple(_doubted(each, now) if each.open else each for each in recent)


def _delta(order: Submit, instrument: Instrument, own: UnderlyingParams | None) -> float:
    """Return the delta of a contract at the order's own limit, coins."""
    return delta_per_contract(instrument, float(order.price), float(order.price), own)


def _doubted(order: Order, now: int) -> Order:
    """Return an open order as nobody can vouch for it: the venue is to be asked."""
    known = order.state in lives.TERMINAL  # its end is, its fills are not all
    state = order.state if known else OrderState.UNKNOWN
    return replace(
        lives.doubted(order),
        state=state,
        unknown_since=now,
        asked_at=None,
        asked_from=None,
        evidence=f"{order.evidence}; then a restart",
    )
