"""Legs: what a hedge would cost in each instrument of a side, and which of them comes first.

All of it counts, over the time in which a move has to pay: fee, half the spread,
impact, expected funding, and what the margin would earn elsewhere. Closing comes
before opening, since what stays open on both sides has to be closed twice; but a
leg that an order would mostly open in is weighed as one that opens. Of
what opens, the leg that is held comes first, unless another beats it by as much
as a move has to bring: otherwise each change of the rates would break a hedge
into more pieces.
"""

import math
from collections.abc import Sequence
from enum import IntEnum

from rebalancer.core import costs
from rebalancer.core.decision import Weighed
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.funding import DAY, Rule
from rebalancer.core.instruments import Instrument
from rebalancer.core.params import NO_TERMS, UnderlyingParams
from rebalancer.core.state import State

IDLE = 0.02  # that money earns a year where nobody locks it, fraction


class _Rank(IntEnum):
    """What comes first, whatever it costs."""

    CLOSES = 0
    BEATS = 1  # the leg that is held
    STANDS = 2  # is held
    OTHER = 3


def weigh(
    state: State, own: UnderlyingParams, names: Sequence[str], *, buys: bool, coins: float
) -> tuple[Weighed, ...]:
    """Return what a hedge would cost in each instrument, the best first.

    Args:
        state: Quotes, rates, what is held.
        own: The underlying.
        names: The instruments; the first of equals comes first.
        buys: The side.
        coins: That one order trades, >= 0.
    """
    side, rule = 1 if buys else -1, _rule(state)
    held = {name: side * _coins(state, own, state.instruments[name]) for name in names}
    told = [_weighed(state, own, state.instruments[name], side, coins) for name in names]
    told = [
        each._replace(margin=-each.margin) if held[each.instrument] < 0 else each for each in told
    ]
    grown = [each for each in told if held[each.instrument] > 0]
    present = max(grown, key=lambda each: held[each.instrument], default=None)
    if present is not None:
        told = [_against(state, present, each, rule) for each in told]

    def place(each: Weighed) -> tuple[_Rank, bool, float]:
        total = each.total
        return _rank(each, present, held[each.instrument], coins), total is None, total or 0.0

    return tuple(sorted(told, key=place))


def _rank(each: Weighed, present: Weighed | None, held: float, coins: float) -> _Rank:
    if held < 0 and -held >= coins / 2:
        return _Rank.CLOSES
    if present is not None and each.instrument == present.instrument:
        return _Rank.STANDS
    beats = each.saves is not None and each.needs is not None and each.saves > each.needs
    return _Rank.BEATS if beats else _Rank.OTHER


def _rule(state: State) -> Rule:
    """Return the rule by which legs move: what is placed must not move at once."""
    own = state.params.funding
    return Rule() if own is None else own.rule


def _weighed(
    state: State, own: UnderlyingParams, instrument: Instrument, side: int, coins: float
) -> Weighed:
    """Return what it costs to open in an instrument."""
    horizon = _rule(state).horizon
    told = costs.of(state, state.params, own, instrument, side, coins, horizon)
    margin = _margin(state, instrument) * IDLE * horizon / (365 * DAY)
    terms = (told.fee, told.half_spread, told.impact, told.funding, margin)
    return Weighed(instrument.id, *terms)


def _margin(state: State, instrument: Instrument) -> float:
    """Return what a position locks, fraction of notional: all of it where nobody says less."""
    leverage = state.params.terms.get(instrument.venue, NO_TERMS).leverage
    return 1.0 / leverage if instrument.margined and leverage is not None else 1.0


def _against(state: State, present: Weighed, each: Weighed, rule: Rule) -> Weighed:
    """Return a leg with what it saves against the present one, and what it would have to."""
    here, there = present.total, each.total
    if each is present or here is None or there is None:
        return each
    switch = present.trading + each.trading
    apart = math.hypot(*(_strays(state, leg.instrument, rule) for leg in (present, each)))
    return each._replace(saves=here - there, needs=rule.factor * switch + rule.penalty * apart)


def _strays(state: State, name: str, rule: Rule) -> float:
    told = costs.expected(state, state.instruments[name], rule.horizon)
    return 0.0 if told is None else told.deviation


def _coins(state: State, own: UnderlyingParams, instrument: Instrument) -> float:
    """Return the delta of what is held, coins; without a mark only its sign counts."""
    held = float(state.ledger.position(instrument.venue, instrument.id).quantity)
    index, mark = state.index(own.name), state.prices.mark_price(instrument.id, state.now)
    if not held or index is None or mark is None:
        return math.copysign(1e-9, held) if held else 0.0
    return held * delta_per_contract(instrument, mark, float(index.price), own)
