"""Protect: what must be done to stay alive. Its proposals come before any hedge.

The margin ladder: an account that came too near its liquidation has its hedge
bought back until it is clear again, inside the band too and in every state but
a kill. Only what closes is proposed, so two orders can never do more harm than
one, and an order whose outcome is unknown blocks it no further than what both
outcomes leave to close.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rebalancer.core import orders
from rebalancer.core.commands import Alert, Purpose, Severity
from rebalancer.core.decision import Reason
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.instruments import Instrument
from rebalancer.core.margin.pool import Pool, Trial, needed, room
from rebalancer.core.margin.rungs import Ladder, Limit, Reading, Rung, clear_of, clearance
from rebalancer.core.memory import Climb
from rebalancer.core.params import MarginParams, Params, UnderlyingParams
from rebalancer.core.sizing import lots_up
from rebalancer.core.state import State

FRONT = 0.8  # of the way to the front of a deleveraging queue: the last but one of five lights
CALM = 0.8  # of that: below it the next time is news


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a hedge that must be closed."""

    instrument: Instrument
    quantity: Decimal  # contracts, signed; towards no position
    mark: float  # USD per coin
    reason: Reason
    reading: Reading
    whole: bool  # whether even all of it does not make the account clear


def propose(state: State, params: Params, own: UnderlyingParams) -> Cut | None:
    """Return what of an underlying's hedge must be closed now, or None.

    The worst pool first; in it the leg that relieves the most per coin of delta.
    """
    if params.margin is None or state.now < state.memory[own.name].cut_after:
        return None
    best: tuple[float, float, Cut] | None = None
    for pool in _pools(state, own):
        reading = worst(state, pool, params.margin)
        if reading.rung < Rung.REDUCE or _cutting(state, pool):
            continue
        state.ladders.setdefault(pool.name, Climb()).relieved = True
        for found in _cuts(state, params.margin, own, pool, reading):
            if best is None or found[:2] < best[:2]:
                best = found
    return None if best is None else best[2]


def _cutting(state: State, pool: Pool) -> bool:
    """Whether an order that cuts a leg of a pool is open: the next one waits for what it does."""
    legs = {leg.instrument for leg in pool.legs}
    return any(
        order.submit.purpose is Purpose.PROTECT
        and order.submit.account == pool.account
        and order.submit.instrument in legs
        and order.state is not orders.OrderState.UNKNOWN
        for order in state.open_orders()
    )


def _pools(state: State, own: UnderlyingParams) -> Iterable[Pool]:
    """Yield the pools in which an underlying's hedge instruments are held, as far as known."""
    names, accounts = _places(own.hedge_buy, own.hedge_sell)
    for account in accounts:
        for pool in state.margins.pools(account, state.now) or ():
            if any(leg.instrument in names and leg.size for leg in pool.legs):
                yield pool


@lru_cache(maxsize=256)
def _places(buy: tuple[str, ...], sell: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return what an underlying is hedged with, and the accounts of that in order."""
    names = dict.fromkeys((*buy, *sell))
    return frozenset(names), tuple(dict.fromkeys(name.partition(":")[0] for name in names))


def worst(state: State, pool: Pool, own: MarginParams) -> Reading:
    """Return the worst reading of a pool."""
    readings = state.margins.readings(pool, own)
    return readings[0] if len(readings) == 1 else max(readings, key=_badness)


def _badness(reading: Reading) -> tuple[Rung, float]:
    return reading.rung, -math.inf if reading.distance is None else -reading.distance


def _cuts(
    state: State, margin: MarginParams, own: UnderlyingParams, pool: Pool, reading: Reading
) -> Iterable[tuple[float, float, Cut]]:
    """Yield (−rung, delta given up, cut) for each leg that could be closed."""
    names = (*own.hedge_buy, *own.hedge_sell)
    limit = clear_of(Rung.WIDEN, margin.ladder, state.margins.wildest(pool, margin))
    for leg in pool.legs:
        if leg.instrument not in names or not leg.size:
            continue
        instrument = state.instruments[leg.instrument]
        most = closable(state, pool.account, instrument)
        if not most:
            continue
        share, whole = _share(pool, limit, instrument, most)
        if not share:
            continue
        quantity = min(lots_up(instrument, most.copy_abs() * Decimal(repr(share))), abs(most))
        delta = abs(float(quantity) * delta_per_contract(instrument, leg.mark, leg.mark, own))
        why = _why(reading, margin.ladder)
        cut = Cut(instrument, quantity.copy_sign(most), leg.mark, why, reading, whole)
        yield -float(reading.rung) + (0.5 if whole else 0.0), delta, cut


def closable(state: State, account: str, instrument: Instrument) -> Decimal:
    """Return what an order may buy or sell of a position and only close it, contracts, signed.

    Whatever becomes of orders whose outcome is open: 0 while one of them is
    on its way and will soon be known, or could turn the position over. One that
    rests is withdrawn before anything is cut, and nobody waits for its end.
    """
    held = state.ledger.position(account, instrument.id).quantity
    outcomes = [held]
    for order in state.open_orders():
        told = order.submit
        if told.account != account or told.instrument != instrument.id:
            continue
        leaves = order.withdrawn_at is not None or order.state is not orders.OrderState.SENDING
        if order.state is not orders.OrderState.UNKNOWN and not (order.rests and leaves):
            return Decimal(0)
        outcomes += [each + order.rest for each in outcomes]
    least = min(outcomes, key=abs)
    if any(each * held <= 0 for each in outcomes):
        return Decimal(0)
    return -least


def _share(pool: Pool, limit: Limit, instrument: Instrument, most: Decimal) -> tuple[float, bool]:
    """Return (share of `most` to close, whether all of it is too little).

    Closing a part of an isolated position frees its margin with it, and brings
    the rest not a step away from liquidation: all of it goes. 0 where closing
    would not help, or bring the account near on the other side.
    """
    trial, shares, short, cap = closing(pool, instrument, most), [0.0], False, 1.0
    for among in (*pool.underlyings, ""):
        before, after = clearance(pool, among, limit), clearance(pool, among, limit, trial)
        pairs = list(zip(before, after, strict=True))
        if any(old < 0 and new <= old for old, new in pairs):
            return 0.0, True
        sound = [each for each in pairs if each[0] >= 0]
        cap = min(cap, room([old for old, _ in sound], [new for _, new in sound]))
        share = needed(before, after)
        short = short or share is None
        shares.append(0.0 if share is None else share)
    share = 1.0 if short else max(shares)
    return min(share, cap), short or share > cap


def closing(pool: Pool, instrument: Instrument, quantity: Decimal) -> Trial:
    """Return a trial of closing contracts at the mark; an isolated pool gives its margin back."""
    leg = next(each for each in pool.legs if each.instrument == instrument.id)
    size = float(quantity * instrument.size)
    freed = -pool.balance * abs(size / leg.size) if pool.instrument else 0.0
    return Trial(instrument.id, size, leg.mark, freed)


def _why(reading: Reading, ladder: Ladder) -> Reason:
    """Return which of the measures asks for the cut; the ratio's word is last."""
    if reading.distance is not None and reading.distance <= ladder.distance[Rung.REDUCE - 1]:
        return Reason.LIQUIDATION_NEAR
    least = ladder.min_sigmas
    if least is not None and reading.sigmas is not None and reading.sigmas < least:
        return Reason.LIQUIDATION_LIKELY
    return Reason.MARGIN_RATIO


# --- watching -----------------------------------------------------------------


def climb(state: State, params: Params) -> Iterable[Alert]:
    """Yield what a person must hear of the ladder: rungs gained, and calm regained.

    HALT stops the hedging of what is held there until a person arms; the
    account goes on being protected.
    """
    margin = params.margin
    if margin is None:
        return
    for account in params.accounts:
        pools = state.margins.pools(account, state.now)
        if pools is not None:
            yield from _gone(state, account, [pool.name for pool in pools])
        for pool in pools or ():
            if not pool.maintenance and pool.name not in state.ladders:
                continue
            memory = state.ladders.setdefault(pool.name, Climb())
            reading = worst(state, pool, margin)
            yield from _climbed(state, params, pool, reading, memory)
            yield from _compared(state, pool, margin, memory)
            yield from _queued(state, pool, memory)


def _gone(state: State, account: str, names: Sequence[str]) -> Iterable[Alert]:
    """Yield calm of what stood apart and is told no more: its position was closed."""
    lost = [each for each in state.ladders if each.startswith(f"{account}:") and each not in names]
    for name in lost:
        if state.ladders.pop(name).rung:
            yield Alert(Severity.INFO, "margin.recovered", name, f"{name}: nothing is left there")


def _climbed(
    state: State, params: Params, pool: Pool, reading: Reading, memory: Climb
) -> Iterable[Alert]:
    if reading.rung >= Rung.REDUCE:
        memory.relieved = True
    if reading.rung > memory.rung:
        memory.rung = reading.rung
        loud = reading.rung >= Rung.DERISK
        severity = Severity.ERROR if loud else Severity.WARNING
        event = "margin.critical" if loud else "margin.warned"
        text = f"{pool.name} is at {reading.rung.word}: {_told(reading)}; {_advice(pool, params)}"
        yield Alert(severity, event, pool.name, text)
        if reading.rung is Rung.HALT:
            for name in dict.fromkeys(leg.underlying for leg in pool.legs):
                if name in params.underlyings:
                    state.halt(name, f"{pool.name} came near liquidation")
        return
    while memory.rung and _clear(state, pool, params, memory.rung):
        memory.rung = Rung(memory.rung - 1)
        if not memory.rung:
            memory.relieved = False
            text = f"{pool.name}: {_told(reading)}"
            yield Alert(Severity.INFO, "margin.recovered", pool.name, text)
    if not memory.rung and memory.relieved:
        memory.relieved = not _clear(state, pool, params, Rung.WARN)


def _clear(state: State, pool: Pool, params: Params, rung: Rung) -> bool:
    """Whether a pool is clear of a rung, with the ladder's margin; an empty one owes nothing."""
    if params.margin is None:
        return True
    if not pool.maintenance:
        return pool.balance >= 0
    limit = clear_of(rung, params.margin.ladder, state.margins.wildest(pool, params.margin))
    among = (*pool.underlyings, "")
    return all(gap >= 0 for name in among for gap in clearance(pool, name, limit))


def _told(reading: Reading) -> str:
    parts = [f"margin ratio {reading.ratio:.1%}"]
    if reading.distance is not None and reading.sigmas is not None:
        parts.append(f"liquidation {reading.distance:.1%} away ({reading.sigmas:.1f} sigmas)")
    return ", ".join(parts)


def _advice(pool: Pool, params: Params) -> str:
    """Return how much collateral would make a pool calm, in words; nothing is moved by itself."""
    if params.margin is None:
        return ""
    missing = shortfall(pool, params.margin)
    if missing <= 0:
        return "no collateral is missing"
    return f"{missing:.6g} {pool.currency} more there would make it calm"


def shortfall(pool: Pool, own: MarginParams, vol: float = 0.0) -> float:
    """Return the collateral by which a pool falls short of calm, its unit; <= 0: none is missing.

    Args:
        pool: As it is now.
        own: The ladder.
        vol: Of what moves it, per year; 0 leaves sigmas aside.
    """
    limit = clear_of(Rung.WARN, own.ladder, vol)
    gaps = [clearance(pool, among, limit) for among in (*pool.underlyings, "")]
    ratio = float(limit.ratios[0])
    return max(max(-each[0] / ratio, -min(each[1:])) for each in gaps)


def _compared(state: State, pool: Pool, own: MarginParams, memory: Climb) -> Iterable[Alert]:
    """Yield an alarm where our liquidation price and the venue's own lie apart.

    Beside options they cannot agree: a venue leaves them where they are. Nor can
    they after a booking, until the venue tells of what is held since.
    """
    memory.apart.intersection_update(_held(pool))
    if pool.curves or state.margins.overtaken(pool.account):
        return
    told = state.margins.cushions.told[pool.account]
    theirs = {each.instrument: each.liquidation for each in told.legs}
    for leg in pool.legs:
        venue = theirs.get(leg.instrument)
        ours = next(
            (each for each in state.margins.readings(pool, own) if each.among == leg.underlying),
            None,
        )
        if not venue or ours is None or ours.liquidation is None:
            continue
        price = ours.liquidation * leg.mark
        apart = abs(price / float(venue) - 1.0)
        if apart > own.disagreement and leg.instrument not in memory.apart:
            memory.apart.add(leg.instrument)
            text = (
                f"{leg.instrument}: liquidation at {price:,.1f} by our sums, {venue} by the venue's"
            )
            yield Alert(Severity.ERROR, "margin.disagreed", leg.instrument, text)
        elif apart <= own.disagreement / 2:
            memory.apart.discard(leg.instrument)


def _queued(state: State, pool: Pool, memory: Climb) -> Iterable[Alert]:
    """Yield a warning where a venue may soon close a hedge of ours to pay somebody's loss."""
    held = _held(pool)
    memory.queued.intersection_update(held)
    for leg in state.margins.cushions.told[pool.account].legs:
        name, place = leg.instrument, leg.place
        if place is None or name not in held:
            continue
        if place >= FRONT and name not in memory.queued:
            memory.queued.add(name)
            text = f"{name}: {place:.0%} of the way to the front of the queue"
            yield Alert(Severity.WARNING, "margin.queued", name, text)
        elif place < FRONT * CALM:
            memory.queued.discard(name)


def _held(pool: Pool) -> Sequence[str]:
    return [leg.instrument for leg in pool.legs if leg.size]
