"""Sizing: with what to hedge a holding, how much of it, and what each way costs.

A short perpetual, protective puts and collars are held against one holding
until one horizon, and each is told by what it costs, what risk it leaves, what
margin it takes and where it breaks even. The funding of a perpetual is a rate
on its notional of today. Options end at the horizon; one that is sold is
covered by coins of the holding, which must lie where it was sold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.black import FloatArray
from rebalancer.research.outcomes import DAYS, Outcome, Payoff, Prices, outcome, payoff

FEE_CAP = 0.125  # of an option's premium: no venue asks more for it
_CLOSE = 1e-9  # of the price: two profits that are this near are the same


@dataclass(frozen=True, slots=True)
class Holding:
    """What is to be protected, and until when."""

    coin: str
    quantity: float  # coins, > 0
    price: float  # USD per coin
    days: float  # to the horizon, > 0

    @property
    def years(self) -> float:
        """Years of 365 days to the horizon."""
        return self.days / DAYS

    @property
    def worth(self) -> float:
        """USD now."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Costs:
    """What hedging costs; fees one way, fractions of notional."""

    funding: float = 0.0  # per year of notional; + longs pay shorts
    fee: float = 0.0005  # perpetual: fee, half the spread and impact together
    option_fee: float = 0.0  # of the price of the coin, at most an eighth of the premium


@dataclass(frozen=True, slots=True)
class Quote:
    """An option that ends at the horizon, with what it is bought and sold for."""

    name: str
    strike: float  # USD per coin
    sign: int  # +1 call, -1 put
    bid: float | None  # USD per coin; None: nobody buys
    ask: float | None  # USD per coin; None: nobody sells
    vol: float | None = None  # implied, per year; None: unknown


@dataclass(frozen=True, slots=True)
class Smile:
    """Implied volatility over strikes: a level, a slope, and single strikes of their own."""

    level: float  # per year, at the forward
    skew: float = 0.0  # per 1.00 of ln(strike ÷ forward)
    points: Mapping[float, float] = field(default_factory=dict)  # strike, USD → vol

    def vol(self, strike: float, forward: float) -> float:
        """Return the vol at a strike, per year."""
        for own, vol in self.points.items():
            if abs(own / strike - 1) < _CLOSE:
                return vol
        return self.level + self.skew * float(np.log(strike / forward))


@dataclass(frozen=True, slots=True)
class Hedge:
    """One way to protect a holding; nothing at all is one too."""

    name: str
    perpetual: float = 0.0  # coins, − is short
    options: tuple[tuple[float, Quote], ...] = ()  # (coins, + is bought)


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """What comes of a holding with one hedge, USD at the horizon."""

    hedge: Hedge
    book: Payoff
    outcome: Outcome
    premium: float  # paid for options now, fees included; − is received
    margin: float  # USD that the perpetual needs; see `sizing_margin`
    locked: float  # coins that cover the options sold
    removed: float  # fraction of variance that is gone
    even: tuple[float, ...]  # prices at the horizon at which nothing is gained or lost

    @property
    def cost(self) -> float:
        """What it is expected to cost, USD; − earns."""
        return 0.0 - self.outcome.mean


def priced(
    holding: Holding, multiples: Sequence[float], sign: int, smile: Smile
) -> tuple[Quote, ...]:
    """Return options at the model's price, bid and ask alike.

    Args:
        holding: Whose price and horizon are the options'.
        multiples: Strikes as multiples of the price.
        sign: +1 calls, -1 puts.
        smile: Their implied vols.
    """
    made = []
    for multiple in multiples:
        strike = multiple * holding.price
        vol = smile.vol(strike, holding.price)
        one = float(pricing.price(holding.price, strike, holding.years, vol, sign))
        made.append(Quote(_called(multiple, sign), strike, sign, one, one, vol))
    return tuple(made)


def _called(multiple: float, sign: int) -> str:
    return f"{'call' if sign > 0 else 'put'} {multiple:.4g}"


def fee(price: float, premium: float, costs: Costs) -> float:
    """Return the fee of trading an option, USD per coin."""
    return min(costs.option_fee * price, FEE_CAP * premium)


def paid(holding: Holding, quantity: float, quote: Quote, costs: Costs) -> float:
    """Return what an option costs with its fee, USD for all of it; − is received.

    Raises:
        ValueError: Nobody trades it on that side.
    """
    side = quote.ask if quantity > 0 else quote.bid
    if side is None:
        raise ValueError(f"{quote.name}: must have {'an ask' if quantity > 0 else 'a bid'}")
    return quantity * side + abs(quantity) * fee(holding.price, side, costs)


def book(holding: Holding, hedge: Hedge, costs: Costs) -> Payoff:
    """Return what the holding and its hedge gain by the horizon, USD.

    The perpetual pays its fee twice, in and out, and funding on its notional of now.
    """
    coins = holding.quantity + hedge.perpetual
    notional = hedge.perpetual * holding.price
    constant = -coins * holding.price
    constant -= 2 * costs.fee * abs(notional) + costs.funding * notional * holding.years
    constant -= sum(paid(holding, quantity, quote, costs) for quantity, quote in hedge.options)
    options = [(quantity, quote.strike, quote.sign) for quantity, quote in hedge.options]
    return payoff(constant, coins, options)


def size(
    holding: Holding, hedge: Hedge, costs: Costs, prices: Prices, margin: float = 0.0
) -> Sized:
    """Return what comes of one hedge.

    Args:
        holding: What is protected.
        hedge: How.
        costs: Of hedging.
        prices: What the coin may cost at the horizon.
        margin: What one coin of perpetual needs, USD.

    Raises:
        ValueError: An option is not traded on the side that the hedge needs.
    """
    whole = book(holding, hedge, costs)
    found = outcome(prices, whole)
    bare = outcome(prices, book(holding, Hedge("none"), costs)).sd
    return Sized(
        hedge,
        whole,
        found,
        premium=sum((paid(holding, n, quote, costs) for n, quote in hedge.options), 0.0),
        margin=abs(hedge.perpetual) * margin,
        locked=sum((-n for n, quote in hedge.options if n < 0 and quote.sign > 0), 0.0),
        removed=1 - (found.sd / bare) ** 2,
        even=crossings(whole, payoff(0.0, 0.0)),
    )


def ways(
    holding: Holding, ratios: Sequence[float], puts: Sequence[Quote], calls: Sequence[Quote]
) -> tuple[Hedge, ...]:
    """Return the hedges that are held against each other.

    Args:
        holding: What is protected, all of it by options.
        ratios: Fractions of it to sell as a perpetual.
        puts: To buy, one hedge each.
        calls: To sell; each makes a collar with the first put.
    """
    quantity = holding.quantity
    short = [Hedge(f"short perp {ratio:.4g}", -ratio * quantity) for ratio in ratios]
    floors = [Hedge(quote.name, options=((quantity, quote),)) for quote in puts]
    collars = [
        Hedge(
            f"collar {puts[0].name.removeprefix('put ')}/{quote.name.removeprefix('call ')}",
            options=((quantity, puts[0]), (-quantity, quote)),
        )
        for quote in calls
        if puts
    ]
    return (Hedge("none"), *short, *floors, *collars)


def even_funding(holding: Holding, option: Sized, costs: Costs) -> float:
    """Return the funding rate per year at which a whole short perpetual costs what `option` does.

    Above it the perpetual is the cheaper one; with − the shorts pay.
    """
    return (2 * costs.fee - option.cost / holding.worth) / holding.years


def expected_funding(now: float, mean: float, reverts: float, days: float) -> float:
    """Return the mean of funding over a horizon if its excess over a mean dies away.

    Args:
        now: Rate now, per year.
        mean: Where it returns to, same unit.
        reverts: Days in which the excess falls to 1/e, > 0.
        days: The horizon, > 0.

    >>> round(expected_funding(0.40, 0.08, 2, 30) * 30 / 365, 8)  # fraction of notional paid
    0.00832877
    """
    return mean + (now - mean) * -float(np.expm1(-days / reverts)) * reverts / days


def better(one: Payoff, other: Payoff) -> tuple[tuple[float, float], ...]:
    """Return the stretches of price where `one` gains more than `other`, USD per coin.

    The first may begin at 0 and the last end at infinity.
    """
    edges = (0.0, *crossings(one, other), np.inf)
    found: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        middle = (low + high) / 2 if np.isfinite(high) else 2 * low + 1
        if one.at(middle) - other.at(middle) <= _CLOSE * max(abs(middle), 1.0):
            continue
        if found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


def crossings(one: Payoff, other: Payoff) -> tuple[float, ...]:
    """Return the prices at which two profits are the same and part, rising, USD per coin."""
    knots = np.union1d(one.knots, other.knots)
    low, high = np.concatenate([[0.0], knots]), np.concatenate([knots, [np.inf]])
    inside = np.where(np.isfinite(high), (low + high) / 2, 2 * low + 1)
    slope = _pieces(one.knots, one.slopes, inside) - _pieces(other.knots, other.slopes, inside)
    offset = _pieces(one.knots, one.constants, inside)
    offset = offset - _pieces(other.knots, other.constants, inside)
    bent = slope != 0
    found = -offset[bent] / slope[bent]
    slack = _CLOSE * np.where(np.isfinite(high[bent]), high[bent], found)
    kept = (found > 0) & (found >= low[bent] - slack) & (found <= high[bent] + slack)
    rising = np.sort(found[kept])
    apart = np.diff(rising, prepend=-np.inf) > _CLOSE * rising
    return tuple(rising[apart].tolist())


def _pieces(knots: FloatArray, values: FloatArray, inside: FloatArray) -> FloatArray:
    return np.asarray(values[np.searchsorted(knots, inside)])
