"""Inputs: what one decision rests on, as it was in that moment, so that it can be told later.

Written down beside each decision that acts or is refused. Nothing is decided
here: ages and limits are those that the guards look at, deltas those that the
net delta is the sum of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from rebalancer.core import quotes, surface, watch
from rebalancer.core.decision import Decision, Reason
from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote
from rebalancer.core.exposure import by_holding, in_scope
from rebalancer.core.params import Params
from rebalancer.core.state import State

DAY = 86_400_000_000_000  # ns


class Input(StrEnum):
    """What kind of thing a decision rests on."""

    INDEX = "index"
    QUOTE = "quote"
    MARK = "mark"
    OPTION = "option"
    FUNDING = "funding"
    OUTSIDE = "outside"  # a file that tells holdings
    READING = "reading"  # of an account: found as the ledger has it
    MARGIN = "margin"  # a pool of an account, by the venue's own reckoning
    SMILE = "smile"  # the curve of an expiry; without values its strikes are sticky


VALUES: Mapping[Input, tuple[str, ...]] = {  # what the values of each kind are, in order
    Input.INDEX: ("price",),  # USD per coin
    Input.QUOTE: ("bid", "bid_size", "ask", "ask_size"),  # quote currency, contracts
    Input.MARK: ("price",),
    Input.OPTION: ("price", "vol", "forward"),  # settle currency, per year, USD per coin
    Input.FUNDING: ("rate_per_day",),  # fraction of notional, + is paid by longs
    Input.OUTSIDE: (),
    Input.READING: (),
    Input.MARGIN: ("balance", "maintenance"),  # the pool's currency
    Input.SMILE: ("points", "worst", "slope"),  # number, spreads, per year and ln strike at F
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one decision rests on: columns, because journals are made of them.

    The columns kinds … values have a row an input, held … deltas one a holding,
    waiting and waits one an open order.
    """

    sequence: int
    ts: int  # ns
    underlying: str
    kinds: tuple[Input, ...]
    subjects: tuple[str, ...]  # instrument, venue:coin, account, pool or file
    ages: tuple[int | None, ...]  # ns; None: never told
    limits: tuple[int | None, ...]  # ns; None: no guard looks at its age
    values: tuple[tuple[float | None, ...], ...]  # as `VALUES` names them; empty: never told
    held: tuple[str, ...]  # instruments in scope, accounts summed; cash is VENUE:CURRENCY
    quantities: tuple[float, ...]  # contracts, signed; cash: the balance
    deltas: tuple[float | None, ...]  # coins, in the book's numeraire; None: nobody can know
    waiting: tuple[str, ...] = ()  # ids of the open orders that are the pending delta
    waits: tuple[str, ...] = ()  # their states


class _Row(NamedTuple):
    kind: Input
    subject: str
    age: int | None
    limit: int | None
    values: tuple[float | None, ...] = ()


def of(state: State, params: Params, decision: Decision) -> Inputs:
    """Return what a decision rests on; asked for in the step that made it."""
    rows = tuple(_rows(state, params, decision))
    held, quantities, deltas = _holdings(state, params, decision)
    mine = decision.client_order_id  # is open already, and was not yet when this was decided
    opened = {each.submit.client_order_id: each for each in state.open_orders(decision.underlying)}
    waiting = {name: str(each.state) for name, each in opened.items() if name != mine}
    return Inputs(
        decision.sequence,
        decision.ts,
        decision.underlying,
        tuple([row.kind for row in rows]),
        tuple([row.subject for row in rows]),
        tuple([row.age for row in rows]),
        tuple([row.limit for row in rows]),
        tuple([row.values for row in rows]),
        held,
        quantities,
        deltas,
        tuple(waiting),
        tuple(waiting.values()),
    )


_KINDS: Mapping[Reason, Input] = {
    Reason.INDEX_MISSING: Input.INDEX,
    Reason.HOLDINGS_MISSING: Input.OUTSIDE,
    Reason.OPTION_MISSING: Input.OPTION,
    Reason.MARK_MISSING: Input.MARK,
}


def _rows(state: State, params: Params, decision: Decision) -> Iterable[_Row]:
    own, markets = params.underlyings[decision.underlying], state.markets
    main = state.index(own.name)
    for told in watch.delta_inputs(state, params, own):
        kind = _KINDS[told.missing]
        index = main if kind is Input.INDEX else None
        values = _values(state, kind, told.subject) if index is None else (float(index.price),)
        yield _Row(kind, told.subject, told.age, told.limit, values)
    for (venue, name), other in markets.indexes.items():
        if name == own.name and other is not main:
            subject, limit = f"{venue}:{name}", params.staleness.index
            age = quotes.age(markets, Index, subject, state.now)
            yield _Row(Input.INDEX, subject, age, limit, (float(other.price),))
    yield from _smiles(state, own.name)
    named = (decision.instrument,) if decision.instrument else (*own.hedge_buy, *own.hedge_sell)
    for hedge in dict.fromkeys(named):
        yield from _hedge(state, params, hedge)
    for account in params.accounts:
        read = watch.reading(state, params, account)
        yield _Row(Input.READING, account, read.age, read.limit)
        yield from _pools(state, params, account)


def _smiles(state: State, coin: str) -> Iterable[_Row]:
    """Yield the curve that each expiry's deltas follow, nearest first."""
    for _, told in sorted(state.prices.curves.found.get(coin, {}).items()):
        values: tuple[float | None, ...] = ()
        if told.smile is not None:
            at_forward = float(surface.slope(told.smile, np.zeros(1))[0])
            values = (float(told.smile.points), told.smile.worst, at_forward)
        yield _Row(Input.SMILE, told.name, state.now - told.ts, None, values)


def _hedge(state: State, params: Params, name: str) -> Iterable[_Row]:
    """Yield what an order in a hedge instrument is priced and weighed by."""
    markets, now, limits = state.markets, state.now, params.staleness
    sides = _values(state, Input.QUOTE, name)
    yield _Row(Input.QUOTE, name, quotes.age(markets, Quote, name, now), limits.quote, sides)
    mark = _values(state, Input.MARK, name)
    yield _Row(Input.MARK, name, quotes.age(markets, Mark, name, now), limits.mark, mark)
    rate = _values(state, Input.FUNDING, name)
    if rate:
        yield _Row(Input.FUNDING, name, quotes.age(markets, FundingRate, name, now), None, rate)


def _pools(state: State, params: Params, account: str) -> Iterable[_Row]:
    told = state.margins.cushions.told.get(account)
    if told is None:
        return
    age = state.margins.age(account, state.now)
    limit = None if params.margin is None else params.margin.max_age
    for pool in told.pools:
        name = f"{account} {pool.instrument or pool.currency}"
        values = (float(pool.balance), float(pool.maintenance))
        yield _Row(Input.MARGIN, name, age, limit, values)


def _values(state: State, kind: Input, name: str) -> tuple[float | None, ...]:
    """Return what was told of an instrument; empty: nothing."""
    markets = state.markets
    told: Quote | Mark | OptionMark | FundingRate | None
    match kind:
        case Input.QUOTE if (told := markets.quotes.get(name)) is not None:
            sides = (told.bid, told.bid_size, told.ask, told.ask_size)
            return tuple([None if each is None else float(each) for each in sides])
        case Input.MARK if (told := markets.marks.get(name)) is not None:
            return (float(told.price),)
        case Input.OPTION if (told := markets.options.get(name)) is not None:
            return (float(told.price), told.vol, told.forward)
        case Input.FUNDING if (told := markets.funding.get(name)) is not None:
            return (told.rate * DAY / told.interval,)
        case _:
            return ()


def _holdings(
    state: State, params: Params, decision: Decision
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float | None, ...]]:
    """Return what is held, how much, and the delta of each."""
    own = params.underlyings[decision.underlying]
    quantities: dict[str, float] = {}
    for line in state.holdings(own.name):
        name = line.instrument.id
        if in_scope(own, line.instrument):
            quantities[name] = quantities.get(name, 0.0) + line.quantity
    deltas: Mapping[str, float] = {}
    if decision.price is not None:
        deltas = by_holding(state.book(own.name), decision.price, state.now)
    return (
        tuple(quantities),
        tuple(quantities.values()),
        tuple([deltas.get(name) for name in quantities]),
    )
