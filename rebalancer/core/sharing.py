"""Sharing: one account that hedges several underlyings, and an order that keeps others out.

What an open order takes is in nobody's figures yet, so that no other order may
open anything in its account meanwhile. One that takes is over in a moment; one
that rests gives way to whoever is outside its band and waits for it.
"""

from collections.abc import Iterable

from rebalancer.core.decision import Decision, Reason
from rebalancer.core.params import Params, UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.view import view_of

WAITS = (Reason.MARGIN_AWAITED,)
WAITED = (*WAITS, Reason.MARGIN_STALE)  # the order is gone, and figures since are not told yet


def kept_out(
    state: State, params: Params, name: str, account: str, why: tuple[Reason, ...] = WAITS
) -> bool:
    """Whether another underlying than `name` is outside its band and waits for an account."""
    return any(
        own.name != name and account in _accounts(own) and _waits(state, own, why)
        for own in params.underlyings.values()
    )


def needed(state: State, params: Params, name: str, account: str) -> bool:
    """Whether nothing may rest in an account for `name`: something does, or somebody waits."""
    resting = any(each.rests and each.submit.account == account for each in state.open_orders())
    return resting or kept_out(state, params, name, account, WAITED)


def keepers(state: State, params: Params, decision: Decision) -> Iterable[str]:
    """Yield the underlyings whose orders rest in the account for which a decision waits."""
    if decision.reason is not Reason.MARGIN_AWAITED or decision.instrument is None:
        return
    account = state.instruments[decision.instrument].venue
    for order in state.open_orders():
        told = order.submit
        if order.rests and told.account == account and told.underlying in params.underlyings:
            yield told.underlying


def _accounts(own: UnderlyingParams) -> Iterable[str]:
    return (each.partition(":")[0] for each in (*own.hedge_buy, *own.hedge_sell))


def _waits(state: State, own: UnderlyingParams, why: tuple[Reason, ...]) -> bool:
    """Whether the last word on an underlying was to wait, and it is still outside its band."""
    refused = state.memory[own.name].refused
    if refused is None or refused[0] not in why:
        return False
    view = view_of(state, own)
    return view is not None and not view.band.contains(view.exposure.net)
