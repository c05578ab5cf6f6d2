"""Secondhand: the deltas that venues tell themselves, held against ours; they are never used.

By the vol and the forward beside it a told delta has to be Black's. One that lies
elsewhere, or stands still while ours moves on, is a sign that something of the
venue's word is old: a person hears of it, and the mark stays what it is.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import OptionMark
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.params import Params
from rebalancer.core.skew import Told
from rebalancer.core.smile import Floats
from rebalancer.core.state import State
from rebalancer.core.volatility import YEAR

EVERY = 10_000_000_000  # ns between two looks
PATIENCE = 60_000_000_000  # ns of disagreement until a person hears of it
APART = 0.02  # coins a coin that the two may differ by: they are of one vol and one forward
SHOWN = 3  # options that a message names


def compare(state: State, params: Params) -> Iterable[Alert]:
    """Hold what venues told of held options against ours; yield what a person must hear.

    Options whose settlement is about to be averaged are left out: there a venue fades its delta.
    """
    deltas = state.prices.deltas
    if state.now - deltas.ts < EVERY:
        return
    deltas.ts = state.now
    for name in params.underlyings:
        if state.believed(name) is not None:
            yield from _compare(state, name)


def _compare(state: State, name: str) -> Iterator[Alert]:
    found = _marks(state, name)
    wrong = _apart(state, found) if found else []
    deltas = state.prices.deltas
    if not wrong:
        deltas.since.pop(name, None)
        if name in deltas.heard:
            del deltas.heard[name]
            yield Alert(Severity.INFO, "delta.agreed", name, f"of {len(found)} options")
        return
    since = deltas.since.setdefault(name, state.now)
    if name not in deltas.heard and state.now - since >= PATIENCE:
        deltas.heard[name] = None
        text = f"{len(wrong)} of {len(found)}: {'; '.join(wrong[:SHOWN])}"
        yield Alert(Severity.WARNING, "delta.disagreed", name, text)


def _marks(state: State, name: str) -> list[OptionMark]:
    """Return the marks of held options that tell a delta, each once."""
    lines = state.book(name).options
    living = zip(lines.ids, lines.expiry.tolist(), strict=True)
    names = dict.fromkeys(own for own, expiry in living if expiry - state.now > 2 * AVERAGING)
    marks = (state.markets.options.get(each) for each in names)
    return [each for each in marks if each is not None and _tells(each)]


def _tells(mark: OptionMark) -> bool:
    return mark.delta is not None and math.isfinite(mark.delta)


def _ours(state: State, marks: list[OptionMark]) -> Floats:
    options = [state.instruments[each.instrument] for each in marks]
    moments = [each.ts_local if each.ts_venue is None else each.ts_venue for each in marks]
    lives = [(o.expiry or 0) - ts for o, ts in zip(options, moments, strict=True)]
    return pricing.delta(
        np.array([each.forward for each in marks]),
        np.array([float(each.strike or 0) for each in options]),
        np.array(lives) / YEAR,
        np.array([each.vol for each in marks]),
        np.array([each.sign for each in options]),
    )


def _apart(state: State, marks: list[OptionMark]) -> list[str]:
    """Return in words which told deltas are not ours, and note what was told."""
    known = state.prices.deltas.told
    found = []
    for mark, own in zip(marks, _ours(state, marks).tolist(), strict=True):
        told = float(mark.delta or 0.0)
        last = known.get(mark.instrument)
        still = last is not None and last.delta == told
        known[mark.instrument] = last if last is not None and still else Told(told, own)
        if last is not None and still and abs(own - last.ours) > APART:
            found.append(f"{mark.instrument} stands at {told:.4f}, ours went to {own:.4f}")
        elif abs(own - told) > APART:
            found.append(f"{mark.instrument} told {told:.4f}, ours {own:.4f}")
    return found
