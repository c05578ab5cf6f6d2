"""Rooms: how much of an order an account's margin has room for, worked out before it leaves."""

import math
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from rebalancer.core import anchors, cushions
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.guards.margin import Room
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.margin.pool import Coins, Leg, Pool, Trial, room
from rebalancer.core.margin.rungs import Reading, Rung, clear_of, clearance
from rebalancer.core.params import NO_TERMS, AccountTerms, MarginParams, Params
from rebalancer.core.state import State

HEADROOM = 1.02  # margin that opening is taken to need ÷ what the venue asks


def measure(state: State, params: Params, intent: HedgeIntent) -> Room | None:
    """Return what the account of an intent has room for; None where nobody asks it for margin."""
    own, instrument = params.margin, state.instruments[intent.instrument]
    if own is None or not instrument.margined:
        return None
    if intent.closing == abs(intent.quantity):
        return Room()
    if _awaited(state, params, intent.account, instrument):
        return Room(unknown=Reason.MARGIN_AWAITED, subject=intent.account)
    unknown = _unknown(state, params, own, intent.account)
    if unknown is not None:
        return Room(unknown=unknown, subject=intent.account)
    pools = state.margins.pools(intent.account, state.now)
    found = None if pools is None else _pool(state, params, intent, pools)
    if found is None:
        return Room(unknown=Reason.MARGIN_MISSING, subject=intent.instrument)
    return _room(state, params, own, intent, found)


def _awaited(state: State, params: Params, account: str, instrument: Instrument) -> bool:
    """Whether an open order draws on the same money: it is not in the figures yet.

    Two orders would be given one room. Apart stand only currencies of an account
    which does not count its collateral together.
    """
    waiting = [each.submit for each in state.open_orders() if each.submit.account == account]
    if not waiting:
        return False
    if _whole(state, account) or params.terms.get(account, NO_TERMS).collateral is not None:
        return True
    theirs = [state.instruments.get(each.instrument) for each in waiting]
    return any(each is None or instrument.settle in (each.settle, _sold(each)) for each in theirs)


def _whole(state: State, account: str) -> bool:
    """Whether a venue says that the collateral of an account counts together."""
    told = state.margins.cushions.told.get(account)
    return told is not None and any(pool.together for pool in told.pools)


def _sold(instrument: Instrument) -> str:
    """Return what selling takes beside the settle currency; empty: nothing."""
    return instrument.underlying if instrument.kind is Kind.SPOT else ""


def _unknown(state: State, params: Params, own: MarginParams, account: str) -> Reason | None:
    """Return why nobody knows how an account stands, None where somebody does."""
    if account in state.margins.cushions.faults:
        return Reason.MARGIN_ABSURD
    age = state.margins.age(account, state.now)
    if age is None:
        return Reason.MARGIN_MISSING
    since = state.margins.cushions.booked.get(account)
    before = since is not None and state.now - age < since  # what is free may be spent already
    if before or age > own.max_age:
        return Reason.MARGIN_STALE
    terms, told = params.terms.get(account, NO_TERMS), state.margins.cushions.told[account]
    whole = terms.collateral is not None
    if told.pools and _whole(state, account) != whole:
        return Reason.MARGIN_MODE
    return None if terms.schedule is not None else Reason.TIERS_MISSING


def _pool(
    state: State, params: Params, intent: HedgeIntent, pools: tuple[Pool, ...]
) -> Pool | None:
    """Return the pool that an order would change, with a leg of its instrument in it, or None."""
    instrument = state.instruments[intent.instrument]
    terms = params.terms.get(intent.account, NO_TERMS)
    for pool in pools:
        for held in pool.legs:
            if held.instrument == instrument.id:
                return pool
    leg = _nothing(state, intent, instrument)
    if leg is None:
        return None
    if terms.isolated:
        name = (intent.account, instrument.settle, instrument.id)
        return Pool(*name, balance=0.0, maintenance=0.0, legs=(leg,))
    for pool in pools:
        whole = terms.collateral is not None and not pool.instrument
        if whole or (not pool.instrument and pool.currency == instrument.settle):
            coins = _coins(state, terms, instrument, pool) if whole else ()
            legs = (*pool.legs, leg)
            return None if coins is None else replace(pool, legs=legs, coins=coins)
    return None


def _coins(
    state: State, terms: AccountTerms, instrument: Instrument, pool: Pool
) -> tuple[Coins, ...] | None:
    """Return the coins of a pool in USD, with those that an instrument settles in.

    None while nobody tells what they are worth.
    """
    name = instrument.underlying
    if not instrument.inverse or any(each.underlying == name for each in pool.coins):
        return pool.coins
    price = state.prices.index_price(name, state.now)
    share = (terms.collateral or {}).get(name, 0.0)
    return None if price is None else (*pool.coins, Coins(name, 0.0, share, price))


def _nothing(state: State, intent: HedgeIntent, instrument: Instrument) -> Leg | None:
    """Return the leg of an instrument that is not held; None: its mark or tiers are unknown."""
    around = state.margins.around(state.now)
    mark = around.prices.mark(instrument.id)
    if mark is None:
        return None
    held = (0.0, mark)
    asked = cushions.schedule_of(state.margins.cushions, intent.account, instrument, held, around)
    if asked is None:
        return None
    return Leg(instrument.id, instrument.underlying, 0.0, instrument.inverse, mark, asked)


def _room(state: State, params: Params, own: MarginParams, intent: HedgeIntent, pool: Pool) -> Room:
    instrument = state.instruments[intent.instrument]
    terms = params.terms.get(intent.account, NO_TERMS)
    growth = abs(intent.quantity) - intent.closing
    mark = next(leg.mark for leg in pool.legs if leg.instrument == instrument.id)
    limit = float(intent.price)
    needs = _initial(instrument, growth, (limit, mark), terms)
    locks, before = 0.0, intent.closing
    if terms.isolated:
        if before:  # what it turns over from is gone, and its margin with it
            pool, before = _emptied(pool, instrument), Decimal(0)
        locks = _notional(instrument, growth, limit) / (terms.leverage or 1.0)
    trial = _trial(instrument, intent, before + growth, locks)
    closed = _trial(instrument, intent, before, 0.0) if before else None
    vols = state.margins.vols(pool, own)
    vol = max(vols, default=own.least_vol)
    far = wide = _share(pool, own, Rung.WIDEN, vol, (closed, trial))
    if wide < 1 and intent.required and not _relieved(state, pool):
        far = max(wide, _share(pool, own, Rung.REDUCE, vol, (closed, trial)))
    free = anchors.free(state.margins.cushions, intent.account, instrument.settle)
    payable = 1.0
    if needs:
        payable = 0.0 if free is None else min(max(free, 0.0) / needs, 1.0)
    return Room(
        wide,
        far,
        payable,
        None,
        pool.name,
        _distance(state.margins.readings(pool, own, vols)),
        own.ladder.distance[Rung.WIDEN - 1],
    )


def _relieved(state: State, pool: Pool) -> bool:
    climb = state.ladders.get(pool.name)
    return climb is not None and climb.relieved


def _distance(told: Iterable[Reading]) -> float | None:
    """Return the distance to liquidation before the order, for the record."""
    return min((each.distance for each in told if each.distance is not None), default=None)


def _trial(instrument: Instrument, intent: HedgeIntent, contracts: Decimal, locks: float) -> Trial:
    size = math.copysign(float(contracts * instrument.size), intent.quantity)
    return Trial(instrument.id, size, float(intent.price), locks)


def _share(
    pool: Pool, own: MarginParams, rung: Rung, vol: float, trials: tuple[Trial | None, Trial]
) -> float:
    """Return the share of what grows that leaves a pool clear of a rung."""
    limit, (closed, whole) = clear_of(rung, own.ladder, vol), trials
    names = pool.underlyings
    least = 1.0
    for among in (*names, "") if len(names) > 1 else names:
        after = clearance(pool, among, limit, whole)
        if not all(gap >= 0 for gap in after):
            least = min(least, room(clearance(pool, among, limit, closed), after))
    return least


def _emptied(pool: Pool, instrument: Instrument) -> Pool:
    leg = next(each for each in pool.legs if each.instrument == instrument.id)
    return replace(pool, balance=0.0, maintenance=0.0, legs=(replace(leg, size=0.0),))


def _initial(
    instrument: Instrument, contracts: Decimal, prices: tuple[float, float], terms: AccountTerms
) -> float | None:
    """Return what must be free to open contracts, settle currency; None: not known.

    The margin at the dearer of limit and mark, with some more for fees and
    what the mark does on the way, and the loss from one to the other.
    """
    if terms.leverage is None:
        return None
    size, (limit, mark) = float(contracts * instrument.size), prices
    one, other = (size / limit, size / mark) if instrument.inverse else (size * limit, size * mark)
    return max(one, other) / terms.leverage * HEADROOM + abs(one - other)


def _notional(instrument: Instrument, contracts: Decimal, price: float) -> float:
    size = float(contracts * instrument.size)
    return size / price if instrument.inverse else size * price
