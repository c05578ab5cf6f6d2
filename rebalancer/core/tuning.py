"""Tuning: settings that an operator changes while the book runs, and what holds because of it.

A change is an event like any other: written down, stepped, and stepped again by
a replay. The parameters of the book stay as its file made them; what was tuned
lies over them, so that a decision sees both as one and a status can tell them apart.
Only where net delta is to lie can be tuned, never what a guard rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from rebalancer.core.knobs import BUDGETS, Knob, Tuned
from rebalancer.core.memory import Memory
from rebalancer.core.params import BandParams, Params, UnderlyingParams


class Turned(NamedTuple):
    """What a setting was set to, and by whom."""

    value: float
    ts: int  # ns
    who: str
    reason: str


@dataclass(slots=True)
class Tuning:
    """What was tuned; written by `tune` only."""

    turned: dict[tuple[str, Knob], Turned] = field(default_factory=dict)  # latest, by underlying
    _plain: Params | None = None  # what the file made, as `effective` was last asked for …
    _tuned: Params | None = None  # … and what holds


def tune(tuning: Tuning, event: Tuned, memory: Mapping[str, Memory]) -> None:
    """Let changes hold from now on; a patient hedge towards what held before is over."""
    for each in event.changes:
        own = (each.underlying, each.knob)
        tuning.turned[own] = Turned(each.after, event.ts_local, event.who, event.reason)
        if each.underlying in memory:
            memory[each.underlying].attempt = None
    tuning._plain = tuning._tuned = None


def effective(tuning: Tuning, params: Params) -> Params:
    """Return the parameters that hold: those of the file with what was tuned over them."""
    if not tuning.turned:
        return params
    if tuning._tuned is None or tuning._plain is not params:
        tuning._plain, tuning._tuned = params, _over(tuning, params)
    return tuning._tuned


def _over(tuning: Tuning, params: Params) -> Params:
    found = dict(params.underlyings)
    for (name, knob), turned in tuning.turned.items():
        if name in found:
            found[name] = turn(found[name], knob, turned.value)
    return replace(params, underlyings=found)


def turn(own: UnderlyingParams, knob: Knob, value: float) -> UnderlyingParams:
    """Return an underlying with one setting changed."""
    match knob:
        case Knob.TARGET:
            return replace(own, target=value)
        case Knob.COVERAGE:
            return replace(own, coverage=value)
        case _:
            return replace(own, band=_turn_band(own.band, knob, value))


def _turn_band(band: BandParams, knob: Knob, value: float) -> BandParams:
    told: dict[str, Any] = {knob.partition(".")[2]: value}
    if knob in BUDGETS:
        width = None if band.width is None else replace(band.width, **told)
        return replace(band, width=width)
    return replace(band, **told)


def value_of(own: UnderlyingParams, knob: Knob) -> float | None:
    """Return what a setting is; None where the underlying's band has none of it."""
    match knob:
        case Knob.TARGET:
            return own.target
        case Knob.COVERAGE:
            return own.coverage
        case Knob.LOWER:
            return own.band.lower
        case Knob.UPPER:
            return own.band.upper
        case Knob.RESET:
            return own.band.reset
        case _:
            width, field_ = own.band.width, knob.partition(".")[2]
            value: float | None = None if width is None else getattr(width, field_)
            return value
