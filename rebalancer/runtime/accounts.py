"""Accounts: how far each one is from liquidation, in words and numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rebalancer.core import protect
from rebalancer.core.margin.pool import Pool
from rebalancer.core.params import MarginParams
from rebalancer.core.state import State
from rebalancer.ports import SECOND


def rows(state: State) -> Sequence[Mapping[str, Any]]:
    """Return a row for each pool of an account: what stands together for losses.

    `balance` and `maintenance` are in `currency`; `ratio` is the one over the other, 1
    is liquidation, None with nothing left; `distance` is the fraction by which the
    price of `among` (empty: all together) must move, `liquidation` that price where
    it is one coin's, `sigmas` the distance in deviations over the reaction time;
    `rung` is the step of the ladder. An account of which nobody knows how it stands
    has one row, whose numbers are None. Where no ladder is set nobody looks, and
    there are no rows.
    """
    own, told = state.params.margin, list[Mapping[str, Any]]()
    if own is None:
        return told
    for account in state.params.accounts:
        age = state.margins.age(account, state.now)
        seconds = None if age is None else age / SECOND
        head: dict[str, Any] = {"account": account, "age_seconds": seconds}
        pools = state.margins.pools(account, state.now)
        if pools is None:
            told.append(head | {"pool": account, **dict.fromkeys(_NUMBERS)})
        for pool in pools or ():
            told.append({**head, **_pool(state, pool, own)})
    return told


_NUMBERS = (
    *("currency", "balance", "maintenance", "ratio"),
    *("among", "distance", "liquidation", "sigmas", "rung"),
)


def _pool(state: State, pool: Pool, own: MarginParams) -> Mapping[str, Any]:
    row: dict[str, Any] = {
        **dict.fromkeys(_NUMBERS),
        "pool": pool.name,
        "currency": pool.currency,
        "balance": pool.balance,
        "maintenance": pool.maintenance,
        "ratio": pool.maintenance / pool.balance if pool.balance > 0 else None,
    }
    if not pool.maintenance:
        return row
    worst = protect.worst(state, pool, own)
    index = state.index(worst.among) if worst.among else None
    factor = worst.liquidation
    price = None if index is None or factor is None else float(index.price) * factor
    return row | {
        "ratio": worst.ratio if math.isfinite(worst.ratio) else None,
        "among": worst.among,
        "distance": worst.distance,
        "liquidation": price,
        "sigmas": worst.sigmas,
        "rung": worst.rung.word,
    }
