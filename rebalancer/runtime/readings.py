"""Readings: guards, bands and stress of a running book as JSON values, decimals as strings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rebalancer.core import conditions, knobs, overview, surface, tuning
from rebalancer.core.band import implied_aversion
from rebalancer.core.band.width import DAYS, Conditions, Edge, SideCost, Width, leaves, spends
from rebalancer.core.black import FloatArray
from rebalancer.core.params import Params, WidthParams
from rebalancer.core.skew import Curve
from rebalancer.core.state import State
from rebalancer.core.stress import SPOTS, VOLS, Stress, measure_grid
from rebalancer.core.view import View, view_of
from rebalancer.ports import SECOND


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


def tuned(state: State, plain: Params) -> Sequence[Mapping[str, Any]]:
    """Return each setting that holds otherwise than its file (`plain`) has it, and since when."""
    found = []
    for (name, knob), turned in state.tuning.turned.items():
        own = plain.underlyings.get(name)
        file = None if own is None else tuning.value_of(own, knob)
        if file is not None and file != turned.value:
            told = {"ts": turned.ts, "who": turned.who, "reason": turned.reason}
            values = {"file": file, "now": turned.value}
            found.append({"setting": knobs.setting(name, knob), **values, **told})
    return found


def bands(state: State, params: Params) -> Sequence[Mapping[str, Any]]:
    """Return the band of each underlying whose index is known, term by term."""
    views = (view_of(state, own) for own in params.underlyings.values())
    return [_band(state, view) for view in views if view is not None]


def _band(state: State, view: View) -> Mapping[str, Any]:
    own, band, around, width = view.params, view.band, view.around, view.width
    if around is None:
        plain, book = WidthParams(), state.book(own.name)
        around = conditions.around(state, own, plain, book, view.price)
    if width is None:
        width = _given(view, around)
    wander, root = around.wander, DAYS**0.5
    return {
        "underlying": own.name,
        "kind": str(own.band.kind),
        "price": view.price,
        "net_delta": view.exposure.net,
        "aim": band.aim,
        "lower": band.lower,
        "upper": band.upper,
        "goals": list(band.goals or (band.lower, band.upper)),
        "vol": around.vol,
        "gamma": around.gamma,
        "wander_per_day": {
            "gamma": wander.gamma / root,
            "vanna": wander.vanna / root,
            "flow": wander.flow / root,
            "total": wander.total / root,
        },
        "risk_aversion": width.risk_aversion,
        "buying": _edge(width.lower, around.buying, around),
        "selling": _edge(width.upper, around.selling, around),
        "spend_per_day": _finite(spends(width, around, _fixed(view))),
        "pnl_sd_per_day": leaves(width, around),
    }


def _fixed(view: View) -> float:
    width = view.params.band.width
    return 0.0 if width is None else width.fixed_cost


def _given(view: View, around: Conditions) -> Width:
    """Return the width that the settings give, and the aversion of which it would be the best."""
    band = view.band
    sides = ((band.aim - band.lower, around.buying), (band.upper - band.aim, around.selling))
    below, above = band.goals or (band.lower, band.upper)
    ends = (band.aim - below, above - band.aim)
    edges = [
        Edge(half, end, side.fee + side.half_spread)
        for (half, side), end in zip(sides, ends, strict=True)
    ]
    price, vol, wander = around.price, around.vol, around.wander.total
    aversion = None
    if edges[0].trigger > 0 and wander:
        half, cost = edges[0].trigger, edges[0].cost
        aversion = float(implied_aversion(price, vol, wander, cost, half))
    return Width(edges[0], edges[1], aversion)


def _edge(edge: Edge, side: SideCost, around: Conditions) -> Mapping[str, Any]:
    return {
        "fee": side.fee,
        "half_spread": side.half_spread,
        "impact": edge.impact,
        "funding": edge.funding,
        "cost": edge.cost,
        "alone": edge.alone,
        "overshoot": edge.overshoot,
        "floor": side.floor,
        "ceiling": around.ceiling,
        "bound": str(edge.bound),
        "trigger": edge.trigger,
        "goal": edge.goal,
    }


def smiles(state: State, underlying: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the curve of each expiry whose options follow their smile, nearest first."""
    found = sorted(state.prices.curves.found.get(underlying, {}).items())
    return {told.name: _smile(told, state.now) for _, told in found}


def _smile(told: Curve, now: int) -> Mapping[str, Any]:
    smile, age = told.smile, (now - told.ts) / SECOND
    if smile is None:
        return {"method": None, "age_seconds": age}  # sticky strikes
    return {
        "method": str(smile.method),
        "age_seconds": age,
        "points": smile.points,
        "worst_spreads": smile.worst,
        "arbitrage_free": smile.free and smile.calendar,
        "slope": float(surface.slope(smile, np.zeros(1))[0]),  # at the forward
    }


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
