"""A view: one underlying as a decision sees it, and the decision that has no order.

A refusal is told once and its repetition is a hold, so that a book that waits
does not fill its journal.
"""

from dataclasses import dataclass, replace

from rebalancer.core import band as bands
from rebalancer.core.band import Band
from rebalancer.core.decision import Action, Decision, Reason
from rebalancer.core.exposure import Exposure
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import UnderlyingParams
from rebalancer.core.state import State

REPEAT = 60_000_000_000  # ns between two tellings of the same refusal


@dataclass(frozen=True, slots=True)
class View:
    """One underlying as a decision sees it."""

    params: UnderlyingParams
    exposure: Exposure
    band: Band
    pending: float  # coins

    @property
    def price(self) -> float:
        """Index, USD per coin."""
        return self.exposure.price


def plain(state: State, view: View, action: Action, reason: Reason) -> Decision:
    """Return a decision with its numbers and no order."""
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
        price=view.price,
    )


def blind(state: State, own: UnderlyingParams, reason: Reason) -> Decision:
    """Return the refusal of an underlying whose delta nobody can know."""
    nowhere = Exposure(0.0, 0.0, 0.0, 0.0)
    view = View(own, nowhere, bands.place(own, 0.0, 0.0), 0.0)
    return told_once(state, replace(plain(state, view, Action.REFUSE, reason), price=None))


def told_once(state: State, decision: Decision) -> Decision:
    """Turn the repetition of a refusal into a hold, so that it is told once a minute.

    Before the first reconciliation nothing is expected to pass: that is a hold too.
    """
    if decision.action is not Action.REFUSE:
        return decision
    if state.mode in (TradingState.STARTING, TradingState.RECONCILING):
        return replace(decision, action=Action.HOLD)
    memory = state.memory[decision.underlying]
    told = (decision.reason, decision.instrument or "")
    lasting = decision.reason is Reason.VENUE_HELD  # told when it began, and when it ends
    if memory.refused == told and (lasting or state.now - memory.refused_at < REPEAT):
        return replace(decision, action=Action.HOLD)
    memory.refused, memory.refused_at = told, state.now
    return decision
