"""Facts: what the guards of market and book look at, gathered from what is known."""

from decimal import Decimal
from typing import NamedTuple

from rebalancer.core import counters, funding, quotes
from rebalancer.core.budget import Budget
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.events import FundingRate, Index
from rebalancer.core.guards.basis import Basis
from rebalancer.core.guards.counterparty import Share
from rebalancer.core.guards.depth import Depth
from rebalancer.core.guards.leverage import Gross
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import BookLimits, FundingParams, MarketParams, Params
from rebalancer.core.state import State, Worths

STABLE_AGE = 900_000_000_000  # ns that a stable currency's price may be old
SLACK = 1_800_000_000_000  # ns that a rate may be older than its interval


def depth(state: State, own: MarketParams, share: float, intent: HedgeIntent) -> Depth:
    """Return how much there is of the hedge instrument on the side that an order hits."""
    quote = state.markets.quotes.get(intent.instrument)
    shown = None if quote is None else quote.ask_size if intent.quantity > 0 else quote.bid_size
    interest = state.markets.interests.get(intent.instrument)
    told = None if interest is None or own.interest is None else interest.contracts
    return Depth(shown, share, told, own.interest or 1.0)


def basis(state: State, own: MarketParams, instrument: Instrument) -> Basis:
    """Return where a hedge instrument stands against its index; spot pairs are their own."""
    index = state.prices.index_price(instrument.underlying, state.now)
    mark = state.prices.mark_price(instrument.id, state.now)
    usual = state.prices.usual_basis(instrument.id) if instrument.kind is Kind.FUTURE else 0.0
    return Basis(mark, index, usual, own.basis)


def indexes(state: State, params: Params, coin: str) -> tuple[tuple[str, Decimal], ...]:
    """Return the young indexes of a coin, by venue in a fixed order."""
    found = []
    for (venue, name), told in state.markets.indexes.items():
        age = quotes.age(state.markets, Index, f"{venue}:{name}", state.now)
        if name == coin and age is not None and age <= params.staleness.index:
            found.append((venue, told.price))
    return tuple(sorted(found))


def stable_price(state: State, currency: str) -> Decimal | None:
    """Return what a stable currency is worth, USD; None: no index of it is told, or it is none."""
    if currency not in STABLE:
        return None
    told = [
        each
        for (_, name), each in state.markets.indexes.items()
        if name == currency and state.now - each.ts_local <= STABLE_AGE
    ]
    return max(told, key=lambda each: each.ts_local).price if told else None


def dollars(state: State, instrument: Instrument | None) -> float | None:
    """Return the USD notional of one contract; None: it has no mark, or nobody describes it."""
    if instrument is None:
        return None
    size = float(instrument.size)
    if instrument.inverse:
        return size
    mark = state.prices.mark_price(instrument.id, state.now)
    return None if mark is None else size * mark


def waiting(state: State) -> float:
    """Return what orders that are open may still trade, USD; what nobody prices counts 0."""
    found = 0.0
    for order in state.open_orders():
        unit = dollars(state, state.instruments.get(order.submit.instrument))
        found += 0.0 if unit is None else abs(float(order.rest)) * unit
    return found


def gross(told: Worths, own: BookLimits, each: float | None, waits: float) -> Gross:
    """Return how much is held on margin, orders that are open at their worst, and on what."""
    held = None if told.gross is None else told.gross + waits
    return Gross(held, each, told.equity, own.leverage)


def share(told: Worths, limit: float, account: str) -> Share:
    """Return what of the book stands at a venue."""
    return Share(told.accounts.get(account), told.equity, limit)


def turnover(state: State, own: BookLimits, each: float | None, waits: float) -> Budget:
    """Return what was traded in a day, orders that are open among it."""
    spent = float(counters.total(state.behaviour.turnover, state.now))
    return Budget(spent + waits, each, own.turnover_per_day)


def fees(state: State, limit: float) -> Budget:
    """Return what was paid in fees in a day; an order's own is not known before."""
    return Budget(float(counters.total(state.behaviour.fees, state.now)), 0.0, limit)


class Carry(NamedTuple):
    """What holding a perpetual is expected to cost."""

    rate: float | None  # a long pays so much per day, fraction of notional; None: unknown
    reason: Reason | None = None  # why it is


def carry(state: State, own: FundingParams, instrument: Instrument) -> Carry:
    """Return what a long in an instrument is expected to pay; only perpetuals cost anything."""
    if instrument.kind is not Kind.PERPETUAL:
        return Carry(0.0)
    told, track = state.markets.funding.get(instrument.id), state.prices.carries.get(instrument.id)
    age = quotes.age(state.markets, FundingRate, instrument.id, state.now)
    if told is None or track is None or age is None:
        return Carry(None, Reason.FUNDING_UNKNOWN)
    if age > told.interval + SLACK:
        return Carry(None, Reason.FUNDING_STALE)
    found = funding.daily(track, own.horizon)
    return Carry(found, None if found is not None else Reason.FUNDING_UNKNOWN)
