"""The life of an order as a table: what may follow what, and what its evidence was.

    INTENT → SENDING → ACKED | REJECTED | UNKNOWN → PARTIAL → FILLED | CANCELED | EXPIRED | ABSENT

An order whose outcome nobody has proved stays *open*: it blocks its underlying
and its whole rest counts as pending. Only a venue's word ends an order; time
never does. A fill for an order that was already over is booked all the same
and *resurrects* it: somebody was wrong, so a person must look.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.commands import Submit, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.core.params import OrderParams

_ZERO = Decimal(0)


class OrderState(StrEnum):
    """Where an order stands."""

    INTENT = "intent"  # on disk, not yet on the wire
    SENDING = "sending"
    ACKED = "acked"
    UNKNOWN = "unknown"
    PARTIAL = "partial"
    REJECTED = "rejected"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    ABSENT = "absent"  # proved never to have reached the venue


class Stimulus(StrEnum):
    """What can happen to an order."""

    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"
    PART_FILLED = "part_filled"
    ALL_FILLED = "all_filled"
    ENDED_FILLED = "ended_filled"
    ENDED_CANCELED = "ended_canceled"
    ENDED_EXPIRED = "ended_expired"
    PROVED_ABSENT = "proved_absent"
    UNANSWERED = "unanswered"  # it was withdrawn, and nobody heard of its end


S, T = OrderState, Stimulus
CLOCKS = 2_000_000_000  # ns that a clock is out meanwhile which is set, or made to come round
REMEMBERED = 10_000  # orders: weeks of a busy book, and no more memory than a few megabytes
TERMINAL = frozenset({S.REJECTED, S.FILLED, S.CANCELED, S.EXPIRED, S.ABSENT})
_LIVE = (S.SENDING, S.ACKED, S.UNKNOWN, S.PARTIAL)

TRANSITIONS: dict[tuple[OrderState, Stimulus], OrderState] = {
    (S.INTENT, T.SENT): S.SENDING,
    (S.SENDING, T.ACCEPTED): S.ACKED,
    (S.UNKNOWN, T.ACCEPTED): S.ACKED,  # a query found it
    (S.SENDING, T.REFUSED): S.REJECTED,
    (S.UNKNOWN, T.REFUSED): S.REJECTED,  # the answer came after all
    (S.SENDING, T.LOST): S.UNKNOWN,
    (S.UNKNOWN, T.PROVED_ABSENT): S.ABSENT,
    (S.ACKED, T.UNANSWERED): S.UNKNOWN,
    (S.PARTIAL, T.UNANSWERED): S.UNKNOWN,
    **{(state, T.PART_FILLED): S.PARTIAL for state in _LIVE},
    **{(state, T.ALL_FILLED): S.FILLED for state in _LIVE},
    **{(state, T.ENDED_FILLED): S.FILLED for state in _LIVE},
    **{(state, T.ENDED_CANCELED): S.CANCELED for state in _LIVE},
    **{(state, T.ENDED_EXPIRED): S.EXPIRED for state in _LIVE},
}
"""Whatever is not listed changes nothing: late, doubled and reordered news is harmless."""

_ENDINGS = {
    Ending.FILLED: T.ENDED_FILLED,
    Ending.CANCELED: T.ENDED_CANCELED,
    Ending.EXPIRED: T.ENDED_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Order:
    """One order of ours and all that is known of it."""

    submit: Submit
    state: OrderState
    sent_at: int  # ns, when the intent was made
    delta_per_contract: float  # coins, at the time of the intent
    filled: Decimal = _ZERO  # contracts, signed, from fills
    reported: Decimal | None = None  # contracts, signed: the venue's own total at its end
    venue_order_id: str | None = None
    unknown_since: int | None = None  # ns
    not_found: int = 0  # answers "no such order" since it became unknown
    first_not_found: int | None = None  # ns
    last_not_found: int | None = None  # ns
    asked_at: int | None = None  # ns of the last query …
    asked_from: int | None = None  # … and of the first that others followed without a long break
    told: bool = False  # whether a person heard that nobody proves its outcome
    withdrawn_at: int | None = None  # ns of the first try to withdraw it …
    withdrawn_last: int | None = None  # … and of the last; None: none since it was accepted
    evidence: str = "intent"  # what the present state rests on

    @property
    def open(self) -> bool:
        """Whether the outcome is not yet whole: alive, unknown, or fills still missing."""
        if self.state not in TERMINAL:
            return True
        return self.reported is not None and abs(self.filled) < abs(self.reported)

    @property
    def rests(self) -> bool:
        """Whether it may lie on the venue's book now."""
        return self.submit.time_in_force is not TimeInForce.IOC and self.state not in TERMINAL

    @property
    def rest(self) -> Decimal:
        """Contracts that may still be filled, signed; 0 when the order is over."""
        if self.state not in TERMINAL:
            return self.submit.quantity - self.filled
        return self.reported - self.filled if self.open and self.reported is not None else _ZERO


def advance(order: Order, stimulus: Stimulus, evidence: str) -> Order:
    """Return the order after `stimulus`; the same order where the table knows no step."""
    state = TRANSITIONS.get((order.state, stimulus))
    return order if state is None else replace(order, state=state, evidence=evidence)


def note(order: Order, event: OrderEvent) -> Order:
    """Return the order after what a venue (or nobody) said of it."""
    match event:
        case OrderAccepted():
            early = order.state is S.SENDING  # a withdrawal may have come before the order
            known = replace(
                order,
                venue_order_id=event.venue_order_id,
                withdrawn_last=None if early else order.withdrawn_last,
            )
            return _found(advance(known, T.ACCEPTED, f"accepted as {event.venue_order_id}"))
        case OrderRejected():
            return advance(order, T.REFUSED, f"rejected: {event.reason}")
        case OrderUnknown():
            lost = advance(order, T.LOST, f"unknown: {event.reason}")
            newly = lost.state is S.UNKNOWN and lost.unknown_since is None
            return replace(lost, unknown_since=event.ts_local) if newly else lost
        case OrderEnded():
            if order.state in TERMINAL and order.reported is not None:
                return order  # told before
            since = order.unknown_since
            if since is None and order.submit.time_in_force is not TimeInForce.IOC:
                since = event.ts_local  # fills that are missing are so from here
            told = replace(order, reported=event.filled, unknown_since=since)
            return advance(told, _ENDINGS[event.how], f"ended: {event.how}")
        case OrderNotFound(proves=True):
            lost = advance(order, T.LOST, "no answer")
            return advance(lost, T.PROVED_ABSENT, "answers not found, by the journal")
        case OrderNotFound():
            if order.state is not S.UNKNOWN:
                return order
            first = event.ts_local if order.first_not_found is None else order.first_not_found
            asked = event.ts_local if event.asked is None else event.asked
            return replace(
                order,
                not_found=order.not_found + 1,
                first_not_found=first,
                last_not_found=max(order.last_not_found or asked, asked),  # answers may overtake
            )


def doubted(order: Order) -> Order:
    """Return an order for which what was answered so far proves nothing any more."""
    return replace(order, not_found=0, first_not_found=None, last_not_found=None)


def lost(order: Order, ts: int) -> Order:
    """Return an order for which nobody answered in time: one that was sent, or withdrawn."""
    if order.state is S.SENDING:
        told = order.submit.client_order_id
        return note(order, OrderUnknown(ts, None, told, "no answer in time"))
    after = advance(order, T.UNANSWERED, "withdrawn, and its end was not told")
    return after if after is order else replace(after, unknown_since=ts)


def _found(order: Order) -> Order:
    return replace(doubted(order), unknown_since=None)


def filled(order: Order, fill: Fill) -> Order:
    """Return the order after a fill that was new to the ledger."""
    total = order.filled + fill.quantity
    whole = abs(total) >= abs(order.submit.quantity)
    after = replace(order, filled=total)
    return advance(after, T.ALL_FILLED if whole else T.PART_FILLED, f"fill {fill.trade_id}")


def overfills(order: Order, fill: Fill) -> bool:
    """Whether a fill brings the total above what was ordered."""
    return abs(order.filled + fill.quantity) > abs(order.submit.quantity)


def resurrects(order: Order, event: Fill | OrderEvent) -> bool:
    """Whether news contradicts the end that was believed of its order.

    A fill beyond what the end reported does; for an order that is thought
    never to have reached the venue, so does any word that the venue had it.
    """
    if order.state not in TERMINAL:
        return False
    never = order.state in (S.REJECTED, S.ABSENT)
    match event:
        case Fill():
            believed = order.submit.quantity if order.state is S.FILLED else order.reported
            total = order.filled + event.quantity
            return abs(total) > abs(believed if believed is not None else _ZERO)
        case OrderAccepted():
            return never
        case OrderEnded():
            return never and order.reported is None and event.filled != 0
        case _:
            return False


def proved_absent(order: Order, params: OrderParams) -> bool:
    """Whether the answers "no such order" suffice: enough of them, far enough apart.

    From the first answer to the last question, so that a slow answer proves no more than
    a quick one, and as much longer as our clock may be out meanwhile. Of one that a venue
    has accepted none proves anything: it was there.
    """
    first, last = order.first_not_found, order.last_not_found
    if order.state is not S.UNKNOWN or first is None or last is None:
        return False
    if order.venue_order_id is not None or order.filled:
        return False
    return order.not_found >= params.absent_answers and last - first >= _span(params)


def _span(params: OrderParams) -> int:
    return params.absent_after + CLOCKS


def overdue(order: Order, ts: int, params: OrderParams) -> bool:
    """Whether nobody answered for the order in time, so that its outcome is unknown.

    One that rests is no such order, however long it does; one that was withdrawn is,
    from when its end should have been heard of.
    """
    if order.rests and order.withdrawn_last is not None and order.state in (S.ACKED, S.PARTIAL):
        return ts - order.withdrawn_last >= params.timeout
    return order.state is S.SENDING and ts - order.sent_at >= params.timeout


def unproven(order: Order, ts: int, params: OrderParams) -> bool:
    """Whether an outcome stays open for so long that a person must find it.

    What may rest on the book may be open for long, until it is withdrawn or ends;
    what may not has its deadline even when the venue accepted it and then fell silent.
    The venue has `timeout` to answer first: a process that stood still for most of
    the deadline asks anew, before it calls anybody.
    """
    if not order.open or order.asked_from is None or ts - order.asked_from < params.timeout:
        return False
    since = order.unknown_since
    if order.rests and order.withdrawn_at is not None:  # however often it was found since
        since = order.withdrawn_at if since is None else min(since, order.withdrawn_at)
    if since is None:
        if order.rests:
            return False
        since = order.sent_at
    return ts - since >= params.unknown_halt


def withdrawn(order: Order, ts: int) -> Order:
    """Return an order that is being withdrawn at `ts`, ns."""
    first = ts if order.withdrawn_at is None else order.withdrawn_at
    return replace(order, withdrawn_at=first, withdrawn_last=ts)


def looked_up(order: Order, reason: str) -> Order:
    """Return an order as an operator ends it, who looked it up at the venue.

    What it filled beyond the fills that are known has to show in a reconciliation.
    """
    evidence = f"operator: {reason}"
    if order.state is S.SENDING:
        order = advance(order, T.LOST, evidence)
    if order.state is S.UNKNOWN:
        return advance(order, T.PROVED_ABSENT, evidence)
    return advance(replace(order, reported=order.filled), T.ENDED_CANCELED, evidence)


def due_for_query(order: Order, ts: int, params: OrderParams) -> bool:
    """Whether the venue should be asked: unknown, or silent for longer than the timeout.

    What rests is silent by its nature, and is asked after seldom: a stream that lost
    its end, or a fill of it, is found out so.
    """
    silent = order.open and ts - order.sent_at >= params.timeout
    pause = params.absent_after // (params.absent_answers + 1)
    if order.rests and order.state in (S.ACKED, S.PARTIAL):
        pause = max(pause, params.timeout)
    last, first = order.asked_at, order.first_not_found
    rested = last is None or ts - last >= pause
    proves = last is not None and first is not None and last < first + _span(params) <= ts
    return (order.state is S.UNKNOWN or silent) and (rested or proves)


def asked(order: Order, ts: int, params: OrderParams) -> Order:
    """Return the order after a query; one that comes after half the deadline begins anew."""
    last = order.asked_at
    broken = last is None or ts - last > params.unknown_halt // 2
    return replace(order, asked_at=ts, asked_from=ts if broken else order.asked_from)


def forget(orders: dict[str, Order], live: Container[str], most: int = REMEMBERED) -> None:
    """Let the oldest orders go whose outcome is whole, until so many are left.

    The journal has them all. What is told of one of them later is as foreign as
    it would be after a restart.

    Args:
        orders: By client order id, in order of intent; is changed.
        live: Ids of those whose outcome is not whole; they stay.
        most: Orders that may be left.
    """
    while len(orders) > most:
        oldest = next((name for name in orders if name not in live), None)
        if oldest is None:
            return
        del orders[oldest]
