"""Readings: guards and stress of a running book as JSON values, decimals as strings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rebalancer.core import overview
from rebalancer.core.black import FloatArray
from rebalancer.core.params import Params
from rebalancer.core.state import State
from rebalancer.core.stress import SPOTS, VOLS, Stress, measure_grid


def guards(state: State, params: Params) -> Sequence[Mapping[str, Any]]:
    """Return each guard with its limit, its reading and its headroom."""
    return [
        {
            "name": line.name,
            "scope": line.scope,
            "limit": line.limit,
            "measured": _finite(line.measured),
            "headroom": _finite(line.headroom),
            "allows": None if line.allows is None else str(line.allows),
            "reason": None if line.reason is None else str(line.reason),
            "subject": line.subject,
        }
        for line in overview.lines(state, params)
    ]


def stress(state: State, params: Params) -> Sequence[Mapping[str, Any]]:
    """Return the grid of each underlying whose inputs are known; rows are vols, columns spots."""
    grids = (measure_grid(state, params, own) for own in params.underlyings.values())
    return [_grid(each) for each in grids if each is not None]


def _grid(told: Stress) -> Mapping[str, Any]:
    return {
        "underlying": told.underlying,
        "price": told.price,
        "spots": SPOTS.tolist(),
        "vols": VOLS.tolist(),
        "profit": _rows(told.profit),
        "naked": _rows(told.naked),
        "hedges": _rows(told.forced),
        "turnover": _rows(told.turnover),
        "margin_ratio": {each.pool: _rows(each.ratio) for each in told.pools},
    }


def _rows(told: FloatArray) -> list[list[float | None]]:
    """Return a grid as lists; what no number says (nothing left to divide by) is None."""
    return [[value if np.isfinite(value) else None for value in row] for row in told.tolist()]


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
