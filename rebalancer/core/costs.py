"""Costs: what it takes to trade a hedge instrument and to hold it, term by term.

Fee, half the spread and impact are paid once, for what is traded; funding is
paid for what is held, for as long as it is. All are fractions of notional, so
that they add up, and each is told by itself, so that a decision can say which
of them it was.

Impact is the square-root law: an order of Q coins in a market that trades V
coins and moves by σ in a day moves the price by Y·σ·√(Q/V) by its end, and pays
two thirds of that on average. Y is near 0.7.

Source:
    Tóth et al., "Anomalous price impact and the critical nature of liquidity in
    financial markets", Phys. Rev. X 1 (2011); for bitcoin Donier and Bonart, "A
    million metaorder analysis of market impact on the Bitcoin" (2014).
"""

import math
from dataclasses import dataclass

from rebalancer.core import funding, quotes
from rebalancer.core.events import FundingRate
from rebalancer.core.funding import Expected
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import NO_TERMS, ImpactParams, Params, UnderlyingParams
from rebalancer.core.state import State

AVERAGE = 2 / 3  # of the last price's distance: what an order pays that moved it by a root
DAYS = 365  # in a year


@dataclass(frozen=True, slots=True)
class Cost:
    """What trading and holding an instrument costs, fractions of notional; None: unknown."""

    fee: float  # below 0 the venue pays
    half_spread: float | None  # None: the book has an empty side, or nobody told it
    impact: float | None  # average over the order; 0 where the settings tell no volume
    funding: float | None  # over the horizon, + is paid

    @property
    def trading(self) -> float:
        """Fee, half the spread and impact; what is unknown adds nothing."""
        return self.fee + (self.half_spread or 0.0) + (self.impact or 0.0)


def of(  # noqa: PLR0913, PLR0917  # long: what is known, what is traded, and for how long it is held
    state: State,
    params: Params,
    own: UnderlyingParams,
    instrument: Instrument,
    side: int,
    coins: float,
    horizon: int,
) -> Cost:
    """Return what it costs to trade an instrument and to hold what was traded.

    Args:
        state: Quotes, rates and volatility as they were told last, however old.
        params: Fees of the accounts, and volumes.
        own: The underlying.
        instrument: To trade.
        side: +1 buys and is long after it, −1 sells and is short.
        coins: That one order trades, >= 0; impact grows with their root.
        horizon: ns for which it is held; 0: not at all.
    """
    return Cost(
        fee=params.terms.get(instrument.venue, NO_TERMS).taker,
        half_spread=half_spread(state, instrument.id),
        impact=_impact(state, params, own, instrument, coins),
        funding=_funding(state, instrument, side, horizon),
    )


def half_spread(state: State, name: str) -> float | None:
    """Return half of what lies between bid and ask, fraction of mid; None: unknown."""
    quote = state.markets.quotes.get(name)
    if quote is None or quote.bid is None or quote.ask is None:
        return None
    return float((quote.ask - quote.bid) / (quote.ask + quote.bid))


def impact(coins: float, vol: float, market: ImpactParams) -> float:
    """Return how far an order moves the price by its end, fraction; it pays AVERAGE of it.

    Args:
        coins: That it trades, >= 0.
        vol: Of the underlying, per year, > 0.
        market: Of the instrument.

    >>> round(1e4 * impact(10.0, 0.6, ImpactParams(200_000.0, 0.7)), 2)  # bp
    1.55
    """
    return market.factor * vol / math.sqrt(DAYS) * math.sqrt(coins / market.volume)


def _impact(
    state: State, params: Params, own: UnderlyingParams, instrument: Instrument, coins: float
) -> float | None:
    market = params.impacts.get(instrument.id)
    if market is None or not coins:
        return 0.0
    vol = state.prices.vol(own.name)
    return None if vol is None else AVERAGE * impact(coins, vol, market)


def expected(state: State, instrument: Instrument, horizon: int) -> Expected | None:
    """Return what a long pays over a horizon (ns, > 0); None: nobody knows, or not any more.

    A perpetual's funding, or the part of a dated future's basis that melts away.
    """
    if instrument.kind is Kind.FUTURE:
        mark = state.prices.mark_price(instrument.id, state.now)
        index = state.prices.index_price(instrument.underlying, state.now)
        if mark is None or index is None or instrument.expiry is None:
            return None
        return funding.dated(mark, index, instrument.expiry - state.now, horizon)
    told, track = state.markets.funding.get(instrument.id), state.prices.carries.get(instrument.id)
    age = quotes.age(state.markets, FundingRate, instrument.id, state.now)
    if told is None or track is None or age is None or age > 2 * told.interval:
        return None
    return funding.expected(track, horizon)


def _funding(state: State, instrument: Instrument, side: int, horizon: int) -> float | None:
    if not horizon or not instrument.margined:
        return 0.0  # what is paid in full pays nobody
    told = expected(state, instrument, horizon)
    return None if told is None else side * told.mean
