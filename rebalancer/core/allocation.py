"""Allocation: which hedge instrument an order goes to."""

from collections.abc import Sequence

from rebalancer.core import facts, legs, quotes
from rebalancer.core.decision import Weighed
from rebalancer.core.events import Quote
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.figures import TOGETHER
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument
from rebalancer.core.lines import hedges
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.params import NO_TERMS, Placement, UnderlyingParams
from rebalancer.core.state import State

TURN = 3  # failures in a row until another hedge instrument is tried


def choose(state: State, own: UnderlyingParams, *, buys: bool) -> Instrument | None:
    """Return the first of `ranked`; None where nothing is left for that side."""
    told = weighed(state, own, buys=buys, coins=0.0)
    return next(iter(ranked(state, own, told, buys=buys)), None)


def weighed(
    state: State, own: UnderlyingParams, *, buys: bool, coins: float
) -> tuple[Weighed, ...]:
    """Return what a hedge of so many coins costs in each instrument; nothing where none asks."""
    if own.placement is Placement.ORDER:
        return ()
    names, most = own.hedge_buy if buys else own.hedge_sell, own.limits.order
    return legs.weigh(state, own, names, buys=buys, coins=min(coins, most))


def ranked(
    state: State, own: UnderlyingParams, told: Sequence[Weighed] = (), *, buys: bool
) -> Sequence[Instrument]:
    """Return the hedge instruments of a side that can be traded, best first; else the first one.

    One that has no young quote, no room left under the position limit, or a venue
    that takes no orders, is passed over. After every third failure in a row it is
    the next one's turn. A dated future whose settlement average has begun hedges less with each
    second, so it is none. What is too dear to hold, or stands where margin is
    thin, comes last, and where the leg was moved to comes first. Equals stay as
    they were weighed (`told`), or as the settings list them.
    """
    named = _in_order(state, own, [each.instrument for each in told], buys=buys)
    listed = [name for name in named if not _ending(state, name)]
    usable = [name for name in listed if _usable(state, own, name, buys=buys)] or [*listed[:1]]
    turn = state.memory[own.name].failures // TURN % max(len(usable), 1)
    return [state.instruments[name] for name in (*usable[turn:], *usable[:turn])]


def _in_order(
    state: State, own: UnderlyingParams, names: Sequence[str], *, buys: bool
) -> list[str]:
    """Return the hedge instruments of a side, best first."""
    placed = state.behaviour.placed.get(own.name)

    def worse(name: str) -> tuple[bool, bool, bool]:
        instrument = state.instruments[name]
        held = state.ledger.position(instrument.venue, name).quantity
        closes = held != 0 and (held > 0) != buys
        strains = not closes and strained(state, instrument, buys=buys)
        return strains, placed is not None and not closes, name != placed

    return sorted(names or (own.hedge_buy if buys else own.hedge_sell), key=worse)


def strained(state: State, instrument: Instrument, *, buys: bool) -> bool:
    """Whether growing there is what a guard would cut: thin margin, or funding above its cap."""
    venue, settle = instrument.venue, instrument.settle
    for pool in (instrument.id, f"{venue}:{settle}", f"{venue}:{TOGETHER}"):
        climb = state.ladders.get(pool)
        if climb is not None and (climb.relieved or climb.rung >= Rung.WIDEN):
            return True
    own = state.params.margin
    if own is not None and instrument.margined:
        terms = state.params.terms.get(venue, NO_TERMS)
        if terms.schedule is None or not state.margins.known(venue, own, state.now):
            return True
    carrying = state.params.funding
    if carrying is None:
        return False
    rate = facts.carry(state, carrying, instrument).rate
    return rate is None or (rate if buys else -rate) > carrying.cap_per_day


def _ending(state: State, name: str) -> bool:
    expiry = state.instruments[name].expiry
    return expiry is not None and expiry - state.now < AVERAGING


def _usable(state: State, own: UnderlyingParams, name: str, *, buys: bool) -> bool:
    instrument, quote = state.instruments[name], state.markets.quotes.get(name)
    age = quotes.age(state.markets, Quote, name, state.now)
    if instrument.venue in state.accounts.held:
        return False
    if age is None or age > state.params.staleness.quote or quote is None:
        return False
    held = state.ledger.position(instrument.venue, name).quantity
    price = quote.ask or quote.bid
    if price is None or (held > 0) != buys or not held:
        return price is not None
    least = abs(float(held)) + float(instrument.minimum)
    coins = least * delta_per_contract(instrument, float(price), float(price), own)
    return coins <= own.limits.position * hedges(own, name)
