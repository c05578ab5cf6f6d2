"""Kept: what must outlive a restart beside the ledger, as plain values and back.

A restart that forgot how much was traded today, that the last nine orders were
rejected, or that an account's hedge was cut an hour ago would be a way around
every guard. One that forgot what a settlement's average was so far would hedge
options that can hardly move any more.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from rebalancer.core import breaker, counters, fixings, performance
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.memory import Climb
from rebalancer.core.performance import Performance
from rebalancer.core.state import State

_WAITS = ("hedged_at", "failures", "unsent", "barred_until", "cuts_failed", "cut_after")


def kept(state: State) -> dict[str, Any]:
    """Return what must outlive a restart, in JSON's types."""
    told = state.behaviour
    return {
        "as_of": state.now,
        "turnover": counters.kept(told.turnover),
        "fees": counters.kept(told.fees),
        "funding": counters.kept(told.funding),
        "performance": performance.kept(told.performance),
        "breakers": {name: breaker.kept(own) for name, own in told.breakers.items()},
        "ordered": {name: list(times) for name, times in told.ordered.items()},
        "flipped": dict(told.flipped),
        "placed": dict(told.placed),
        "ladders": {
            name: {"rung": int(own.rung), "relieved": own.relieved}
            for name, own in state.ladders.items()
        },
        "waits": {
            name: {each: getattr(memory, each) for each in _WAITS}
            for name, memory in state.memory.items()
        },
        "fixings": {name: fixings.kept(own) for name, own in state.prices.fixings.items()},
    }


def restore(state: State, values: Mapping[str, Any], *, worth: bool) -> None:
    """Put back what was kept.

    Args:
        state: Of this start; what it has no underlying for is left out.
        values: Of `kept`.
        worth: Whether the book is the one that it was; a paper book begins anew
            with every start, and what it was worth before is another's.
    """
    told, known = state.behaviour, state.params.underlyings
    told.kept_at = values.get("as_of")  # a release before did not say
    told.turnover = counters.restored(values["turnover"])
    told.fees = counters.restored(values["fees"])
    told.funding = counters.restored(values["funding"])
    told.breakers = {name: breaker.restored(own) for name, own in values["breakers"].items()}
    told.ordered = {name: deque(times) for name, times in values["ordered"].items()}
    told.flipped = dict(values["flipped"])
    told.placed = {
        name: place
        for name, place in values["placed"].items()
        if name in known and place in (*known[name].hedge_buy, *known[name].hedge_sell)
    }
    if worth:
        told.performance = Performance(**values["performance"])
    state.ladders = {
        name: Climb(Rung(own["rung"]), own["relieved"]) for name, own in values["ladders"].items()
    }
    for name, means in values.get("fixings", {}).items():  # a release before kept none
        state.prices.fixings[name] = fixings.restored(means)
    for name, waits in values["waits"].items():
        if name in state.memory:
            for each in _WAITS:
                setattr(state.memory[name], each, waits[each])
