"""Overview: each guard with its limit, its reading now, and what lies between the two.

The guards of orders are asked about the smallest hedge that would be next; the
ladder is read pool by pool.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core import allocation, gate, intents, protect
from rebalancer.core.decision import Reason
from rebalancer.core.margin.pool import Pool
from rebalancer.core.margin.rungs import Reading, Rung
from rebalancer.core.params import MarginParams, Params, UnderlyingParams
from rebalancer.core.sizing import lots_up
from rebalancer.core.state import State
from rebalancer.core.view import view_of

FLOORS = frozenset({"margin", "margin_distance", "margin_sigmas"})  # whose limit is the least


@dataclass(frozen=True, slots=True)
class Line:
    """One guard, one scope."""

    name: str
    scope: str  # underlying, or what stands together for losses
    limit: float | None
    measured: float | None
    allows: Decimal | None  # of the order that was asked about, contracts; None: not about orders
    reason: Reason | str | None = None  # why not all of it; the rung of a ladder
    subject: str = ""

    @property
    def headroom(self) -> float | None:
        """How far the reading is inside its limit, unit of both; below 0 beyond it."""
        if self.limit is None or self.measured is None:
            return None
        if self.name in FLOORS:
            return self.measured - self.limit
        return self.limit - abs(self.measured)


def lines(state: State, params: Params) -> Iterable[Line]:
    """Return every guard as it stands now; whoever asks changes nothing that is decided."""
    known = state.worths  # what the book is worth is worked out once a second: not by a question
    found = [line for own in params.underlyings.values() for line in _orders(state, params, own)]
    if params.margin is not None:
        found += _ladder(state, params, params.margin)
    state.worths = known
    return found


def _orders(state: State, params: Params, own: UnderlyingParams) -> Iterable[Line]:
    view = view_of(state, own)
    if view is None:
        yield Line("index", own.name, None, None, Decimal(0), Reason.INDEX_MISSING)
        return
    buys = view.exposure.net < view.band.aim
    instrument = allocation.choose(state, own, buys=buys)
    if instrument is None:
        yield Line("instrument", own.name, None, None, Decimal(0), Reason.NO_HEDGE_INSTRUMENT)
        return
    least = lots_up(instrument, instrument.minimum)
    intent = intents.to_hedge(state, params, view, instrument, least if buys else -least)
    for told in gate.judge(state, params, view, intent):
        yield Line(
            told.guard,
            own.name,
            told.limit,
            told.measured,
            told.allows,
            told.reason,
            told.subject,
        )


def _ladder(state: State, params: Params, own: MarginParams) -> Iterable[Line]:
    for account in params.accounts:
        for pool in state.margins.pools(account, state.now) or ():
            yield from _queues(state, pool)
            if not pool.maintenance:
                continue
            for reading in state.margins.readings(pool, own):
                yield from _rungs(reading, own)
            missing = protect.shortfall(pool, own)
            if missing > 0:
                yield Line("collateral", pool.name, 0.0, missing, None, pool.currency)


def _queues(state: State, pool: Pool) -> Iterable[Line]:
    """Yield how near each position is to being closed for somebody else's loss, where told."""
    told = state.margins.cushions.told[pool.account]
    held = [leg.instrument for leg in pool.legs if leg.size]
    for leg in told.legs:
        if leg.place is not None and leg.instrument in held:
            yield Line("deleveraging", leg.instrument, protect.FRONT, leg.place, None)


def _rungs(told: Reading, own: MarginParams) -> Iterable[Line]:
    ladder, scope = own.ladder, f"{told.pool} {told.among}".strip()
    place, word = Rung.REDUCE - 1, told.rung.word
    yield Line("margin_ratio", scope, ladder.ratio[place], told.ratio, None, word)
    yield Line("margin_distance", scope, ladder.distance[place], told.distance, None, word)
    yield Line("margin_sigmas", scope, ladder.min_sigmas, told.sigmas, None, word)
