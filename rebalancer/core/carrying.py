"""Carrying: where a hedge is held, and moving it to where that costs less.

A leg moves by steps that each leave net delta inside the band: a part of the
old one is closed, as much of the new one is opened, until nothing of the old
is left. What is expected is held against twice what the move costs, and a leg
moves at most once in a funding interval.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core import anchors, costs, funding, quotes, sizing
from rebalancer.core.accounts import shut
from rebalancer.core.band import SLACK
from rebalancer.core.events import Quote
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.funding import Candidate, Choice, Standing
from rebalancer.core.instruments import Instrument
from rebalancer.core.params import FundingParams, Params, UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.view import View

LOOKS = 60_000_000_000  # ns between two looks at where a leg would cost less


@dataclass(frozen=True, slots=True)
class Step:
    """One order of a move."""

    instrument: Instrument
    quantity: Decimal  # contracts, signed


def propose(state: State, params: Params, view: View) -> Step | None:
    """Return the next order of a move that pays, or None.

    Inside the band only: what is outside is hedged first.
    """
    own, carrying = view.params, params.funding
    if carrying is None or not carrying.moves:
        return None
    legs = dict(_legs(state, own, view.price))
    target = state.behaviour.placed.get(own.name)
    if target is not None and target not in legs and not _open(state, params, target):
        state.behaviour.placed.pop(own.name)  # nothing is there yet, and nothing can be
        return None
    if target is None or all(name == target for name in legs):
        target = _better(state, params, own, legs)
    if target is None:
        return None
    left = {name: delta for name, delta in legs.items() if name != target}
    if not left or not _open(state, params, target):
        return None
    old = max(left, key=lambda name: abs(left[name]))
    return _step(state, view, old, left[old], target)


def call_off(state: State, coin: str, refused: Iterable[str]) -> None:
    """Let a leg stay where it is, where what it moves to is among what takes no hedge.

    What was closed of it would be opened again, and closed again.
    """
    if state.behaviour.placed.get(coin) in tuple(refused):
        del state.behaviour.placed[coin]


def _legs(state: State, own: UnderlyingParams, price: float) -> Iterable[tuple[str, float]]:
    """Yield the hedge instruments that are held, with their delta in coins."""
    for name in dict.fromkeys((*own.hedge_buy, *own.hedge_sell)):
        instrument = state.instruments[name]
        held = float(state.ledger.position(instrument.venue, name).quantity)
        mark = state.prices.mark_price(name, state.now)
        if held and mark is not None:
            yield name, held * delta_per_contract(instrument, mark, price, own)


def _better(
    state: State, params: Params, own: UnderlyingParams, legs: dict[str, float]
) -> str | None:
    """Return where the leg shall go, and note that it goes; None: it stays."""
    memory, carrying = state.memory[own.name], params.funding
    if carrying is None or not legs or state.now - memory.carried_at < LOOKS:
        return None
    memory.carried_at = state.now
    present = max(legs, key=lambda name: abs(legs[name]))
    chosen = look(state, params, own, present, 1 if legs[present] > 0 else -1)
    if chosen.instrument is None or chosen.instrument == present:
        return None
    state.behaviour.placed[own.name] = chosen.instrument
    state.behaviour.flipped[own.name] = state.now
    return chosen.instrument


def look(state: State, params: Params, own: UnderlyingParams, present: str, side: int) -> Choice:
    """Return where a leg shall be held, and what the best move would bring.

    Args:
        state: Rates, quotes and marks.
        params: Settings of the book; with those of funding.
        own: The underlying.
        present: Instrument that the leg is held in.
        side: Of the leg: +1 is long, −1 is short.
    """
    carrying = params.funding or FundingParams(0.0)
    told = state.markets.funding.get(present)
    interval = Standing().interval if told is None else told.interval
    standing = Standing(present, interval, state.behaviour.flipped.get(own.name))
    names = own.hedge_buy if side > 0 else own.hedge_sell
    candidates = [
        _candidate(state, params, own, name)
        for name in names
        if name == present or _open(state, params, name)
    ]
    return funding.choose(side, standing, candidates, state.now, carrying.rule)


def _candidate(state: State, params: Params, own: UnderlyingParams, name: str) -> Candidate:
    """Return what it costs to hold an instrument, and to enter or to leave it."""
    instrument, rule = state.instruments[name], (params.funding or FundingParams(0.0)).rule
    told = costs.expected(state, instrument, rule.horizon)
    return Candidate(name, told, costs.of(state, params, own, instrument, 1, 0.0, 0).trading)


def _open(state: State, params: Params, name: str) -> bool:
    instrument = state.instruments[name]
    age = quotes.age(state.markets, Quote, name, state.now)
    young = age is not None and age <= params.staleness.quote
    if not young or shut(state.accounts, instrument.venue, name) is not None:
        return False
    if params.margin is None or not instrument.margined:
        return True
    free = anchors.free(state.margins.cushions, instrument.venue, instrument.settle)
    known = state.margins.known(instrument.venue, params.margin, state.now)
    return known and free is not None and free > 0


def _step(state: State, view: View, old: str, delta: float, target: str) -> Step | None:
    """Return the order that there is more room for inside the band.

    Closing the old leg moves net delta one way, opening the new one the other;
    the new one takes what is left of the old, and what was closed of it before.
    """
    net, left, most = view.exposure.net, abs(delta), view.params.limits.order
    room_up, room_down = view.band.upper - net, net - view.band.lower
    back, forth = (room_up, room_down) if delta < 0 else (room_down, room_up)
    owed = max(net - view.band.aim if delta < 0 else view.band.aim - net, 0.0)
    closes = back >= min(forth, left)
    coins = min(back, left, most) if closes else min(forth, owed + left, most)
    name = old if closes else target
    way = 1 if (delta < 0) == closes else -1
    instrument = state.instruments[name]
    mark = state.prices.mark_price(name, state.now)
    if mark is None:
        return None
    each = delta_per_contract(instrument, mark, view.price, view.params)
    held = abs(state.ledger.position(instrument.venue, old).quantity)
    whole = closes and coins >= left - SLACK
    count = held if whole else sizing.lots(instrument, Decimal(repr(coins / each)))
    return Step(instrument, way * count) if count >= instrument.minimum else None
