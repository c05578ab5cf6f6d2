"""Skewing: the deltas of a book's options follow the smile that its marks draw.

Marks come one by one, a fit needs them together: it is done with the clock, not
with each mark. An expiry whose smile cannot be fitted has sticky strikes, at
once, and after a while a person hears of it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from rebalancer.core import black, quotes, smile, surface
from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import OptionMark
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import Params, SmileParams
from rebalancer.core.skew import Curve
from rebalancer.core.state import State
from rebalancer.core.surface import Points, Smile
from rebalancer.core.volatility import YEAR

EVERY = 10_000_000_000  # ns between two looks at one expiry
PATIENCE = 30_000_000_000  # ns without a curve until a person hears of it
SPREAD = 0.01  # of vol: a mark has no bid and ask, but is no truer than to a point
TRUSTED = 0.02  # coins a coin that a delta may be off by what a slope is unsure of


def follow(state: State, params: Params) -> Iterable[Alert]:
    """Look at the smiles that are due; yield what a person must hear of them.

    Written are `state.prices.curves` and how the vols of held options turn.
    """
    for own in params.underlyings.values():
        if own.smile is not None and own.smile.curved:
            price = state.prices.index_price(own.name, state.now)
            if price is not None:
                yield from _follow(state, params, own.name, price)


def _follow(state: State, params: Params, name: str, price: float) -> Iterator[Alert]:
    lines = state.book(name).options
    held: dict[int, list[Instrument]] = {}
    for option, expiry in zip(lines.ids, lines.expiry.tolist(), strict=True):
        if expiry - state.now > AVERAGING:
            held.setdefault(expiry, []).append(state.instruments[option])
    curves = state.prices.curves.found
    known = curves[name] = {e: each for e, each in curves.get(name, {}).items() if e in held}
    for expiry in _due(held, known, state.now):
        looked = _look(state, params, held[expiry][0], price)
        before = known.get(expiry)
        sure = looked is not None and _sure(*looked)
        fitted = surface.fit(*looked, _nearer(known, expiry)) if looked and sure else None
        same = before is not None and (before.smile is None) is (fitted is None)
        since = before.since if before is not None and same else state.now
        told = before is not None and same and before.told
        curve = Curve(_series(held[expiry][0]), state.now, since, fitted, told)
        alert = _alert(name, before, curve)
        known[expiry] = replace(curve, told=fitted is None and (told or alert is not None))
        _turn(state, params.underlyings[name].smile, held[expiry], fitted, price)
        if alert is not None:
            yield alert


def enter(state: State, params: Params) -> None:
    """Let an option that was just booked follow the smile that its expiry has already."""
    for own in params.underlyings.values():
        known = state.prices.curves.found.get(own.name)
        price = state.prices.index_price(own.name, state.now) if known else None
        if own.smile is None or not own.smile.curved or not known or price is None:
            continue
        lines = state.book(own.name).options
        for option, expiry in zip(lines.ids, lines.expiry.tolist(), strict=True):
            curve = known.get(expiry)
            if curve is not None and curve.smile is not None:
                _turn(state, own.smile, [state.instruments[option]], curve.smile, price)


def _sure(told: Points, years: float) -> bool:
    """Whether marks tell a slope at all: near one another, what they are off by draws any."""
    spread = float(np.std(told.k)) * len(told.k) ** 0.5
    if not spread:
        return False
    unsure = float(np.mean(told.spread)) / spread  # of the slope, vol per unit of ln strike
    vega = float(black.density(np.zeros(1))[0]) * math.sqrt(years)  # at the money, of the forward
    return bool(vega * unsure <= TRUSTED)


def _due(held: Iterable[int], known: dict[int, Curve], now: int) -> list[int]:
    """Return the expiries to look at: all that never were, else the one of longest ago."""
    new = [expiry for expiry in sorted(held) if expiry not in known]
    if new:
        return new
    oldest = min(known, key=lambda expiry: (known[expiry].ts, expiry), default=None)
    return [] if oldest is None or now - known[oldest].ts < EVERY else [oldest]


def _nearer(known: dict[int, Curve], expiry: int) -> Smile | None:
    """Return the curve of the last expiry before one, of those that have one."""
    found = [(e, each.smile) for e, each in known.items() if e < expiry and each.smile is not None]
    return max(found, key=lambda each: each[0])[1] if found else None


def _look(
    state: State, params: Params, option: Instrument, price: float
) -> tuple[Points, float] | None:
    """Return the points of an expiry that are believed and young, and the years to it."""
    years = ((option.expiry or 0) - state.now) / YEAR
    found = []
    for name, told in state.prices.inputs.items():
        each = state.instruments[name]
        if _same(each, option) and _young(state, params, name):
            forward, strike = told.carry * price, float(each.strike or 0)
            spread = _spread(each, told.vol, forward, years)
            found.append((forward, strike, float(each.sign), told.vol, spread))
    if not found:
        return None
    return surface.points(*np.array(found).T), years


def _same(one: Instrument, other: Instrument) -> bool:
    """Whether two instruments are options of one expiry and coin."""
    option = one.kind is Kind.OPTION and one.underlying == other.underlying
    return option and one.expiry == other.expiry


def _young(state: State, params: Params, name: str) -> bool:
    age = quotes.age(state.markets, OptionMark, name, state.now)
    return age is not None and age <= params.staleness.option


def _spread(option: Instrument, vol: float, forward: float, years: float) -> float:
    """Return how far a mark's vol may be off: a point, or what a tick of its price makes."""
    total = vol * years**0.5
    d1 = np.asarray(np.log(forward / float(option.strike or 1)) / total + total / 2)
    vega = float(black.density(d1)) * float(years**0.5) * (1.0 if option.inverse else forward)
    return SPREAD + float(option.tick) / max(vega, float(option.tick))


def _turn(
    state: State,
    own: SmileParams | None,
    options: list[Instrument],
    fitted: Smile | None,
    price: float,
) -> None:
    """Let the vols of held options move as their smile says; none: not at all."""
    for option in options:
        turned, told = 0.0, state.prices.inputs.get(option.id)
        if fitted is not None and told is not None and own is not None:
            k = np.log(np.array([float(option.strike or 1) / (told.carry * price)]))
            turned = float(smile.turn(surface.slope(fitted, k), own.ratio)[0])
        state.prices.turn(option.id, turned)


def _series(option: Instrument) -> str:
    """Return what the options of an expiry are called, without strike and type."""
    return option.id.partition(f"-{option.strike}-")[0]


def _alert(underlying: str, before: Curve | None, now: Curve) -> Alert | None:
    """Return what a person must hear of a look, if anything."""
    if now.smile is None:
        if now.told or now.ts - now.since < PATIENCE:
            return None
        text = f"{now.name}: too few or too rough marks for a smile; its strikes are sticky"
        return Alert(Severity.WARNING, "smile.lost", underlying, text)
    if before is None or not before.told:
        return None
    text = f"{now.name}: {now.smile.method} through {now.smile.points} points"
    return Alert(Severity.INFO, "smile.found", underlying, text)
