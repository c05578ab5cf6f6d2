"""A beat: how a book stands, in the few words that are said each second."""

from collections.abc import Mapping
from typing import Any

from rebalancer.core.memory import Episode
from rebalancer.core.orders import OrderState
from rebalancer.core.params import Params
from rebalancer.core.state import State
from rebalancer.ports import SECOND


def beat(state: State, params: Params) -> Mapping[str, Any]:
    """Return the state of the book, and since when anything is not as it must be.

    `outside` and `blind` are by underlying, s: outside its band, and with a net
    delta that nobody can know; 0 where all is well.
    """
    memories = {name: state.memory[name] for name in params.underlyings}
    open_orders = state.open_orders()
    return {
        "state": str(state.mode),
        "why": state.mode_reason,
        "outside": {name: _lasts(each.outside, state.now) for name, each in memories.items()},
        "blind": {name: _lasts(each.blind, state.now) for name, each in memories.items()},
        "halted": dict(state.halted),
        "unknown": sum(each.state is OrderState.UNKNOWN for each in open_orders),
    }


def _lasts(episode: Episode, now: int) -> float:
    """Return for how long something is not as it must be, s; at least one where it is not."""
    if episode.since is None:
        return 0.0
    return max(round((now - episode.since) / SECOND, 1), 0.1)
