"""A view: one underlying as a decision sees it, and the decision that has no order.

A refusal is told once and its repetition is a hold, so that a book that waits
does not fill its journal.
"""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, TypedDict, Unpack

from rebalancer.core import band as bands
from rebalancer.core import conditions, levels
from rebalancer.core.band import Band
from rebalancer.core.band.width import Conditions, Width, measure
from rebalancer.core.commands import Style
from rebalancer.core.decision import Action, Decision, Reason, Verdict
from rebalancer.core.exposure import Exposure
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import UnderlyingParams
from rebalancer.core.state import State

REPEAT = 60_000_000_000  # ns until the same refusal is told again …
RARELY = 3_600_000_000_000  # … doubled each time, up to this


class View(NamedTuple):
    """One underlying as a decision sees it."""

    params: UnderlyingParams
    exposure: Exposure
    band: Band
    pending: float  # coins
    width: Width | None = None  # of a band that minds what hedges cost …
    around: Conditions | None = None  # … and what it was measured by

    @property
    def price(self) -> float:
        """Index, USD per coin."""
        return self.exposure.price


def view_of(state: State, own: UnderlyingParams) -> View | None:
    """Return an underlying as it stands; None while nobody told its index."""
    index = state.index(own.name)
    if index is None:
        return None
    price, book = float(index.price), state.book(own.name)
    exposure = state.prices.measure(book, price, state.now)
    closer = levels.factor(own.near, book, price, state.now)
    around = width = None
    if own.band.width is not None:
        around = conditions.around(state, own, own.band.width, book, price)
        width = measure(own.band, around, closer)
    band = bands.place(own, exposure.unhedged, exposure.gross, closer, width)
    waiting = state.open_orders(own.name)
    pending = sum(float(order.rest) * order.delta_per_contract for order in waiting)
    return View(own, exposure, band, pending, width, around)


class OfAnOrder(TypedDict, total=False):
    """Fields of a decision that is about an order."""

    instrument: str
    wanted: Decimal
    allowed: Decimal
    limit_price: Decimal
    verdicts: tuple[Verdict, ...]
    style: Style | None
    hurried: Reason | None


def plain(
    state: State, view: View, action: Action, reason: Reason, **order: Unpack[OfAnOrder]
) -> Decision:
    """Return a decision with its numbers and, where it is about one, the fields of its order."""
    return Decision(
        sequence=state.sequence,
        ts=state.now,
        underlying=view.params.name,
        action=action,
        reason=reason,
        net_delta=view.exposure.net,
        pending=view.pending,
        aim=view.band.aim,
        lower=view.band.lower,
        upper=view.band.upper,
        price=view.price or None,
        **order,
    )


def unseen(own: UnderlyingParams) -> View:
    """Return the view of an underlying whose delta nobody can know."""
    return View(own, Exposure(0.0, 0.0, 0.0, 0.0), bands.place(own, 0.0, 0.0), 0.0)


def blind(state: State, own: UnderlyingParams, reason: Reason) -> Decision:
    """Return the refusal of an underlying whose delta nobody can know."""
    return told_once(state, plain(state, unseen(own), Action.REFUSE, reason))


def told_once(state: State, decision: Decision) -> Decision:
    """Turn the repetition of a refusal into a hold, so that it is told ever more rarely.

    Before the first reconciliation nothing is expected to pass: that is a hold too.
    """
    if decision.action is not Action.REFUSE:
        return decision
    if state.mode in (TradingState.STARTING, TradingState.RECONCILING):
        return replace(decision, action=Action.HOLD)
    memory = state.memory[decision.underlying]
    told = (decision.reason, decision.instrument or "")
    lasting = decision.reason is Reason.VENUE_HELD  # told when it began, and when it ends
    again = memory.refused == told
    wait = min(REPEAT << min(memory.refusals, 10), RARELY)
    if again and (lasting or state.now - memory.refused_at < wait):
        return replace(decision, action=Action.HOLD)
    memory.refusals = memory.refusals + 1 if again else 0
    memory.refused, memory.refused_at = told, state.now
    return decision
