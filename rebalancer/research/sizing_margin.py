"""Margin of a short perpetual: what it needs, where it is liquidated, and how likely that is.

The same short stands in four accounts: dollars put down for a linear contract,
the coins themselves as collateral of a linear one, a part of the coins for an
inverse one, and all of them for it. Only the price moves: what funding brings
or takes and what is added on the way are left out.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rebalancer.core.margin import liquidation_price
from rebalancer.research.outcomes import DAYS, Prices
from rebalancer.research.sizing import Holding


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """How the perpetual is margined, and for which move there must be enough."""

    leverage: float = 3.0  # notional ÷ initial margin, >= 1
    maintenance: float = 0.005  # rate of the notional, in [0, 1)
    haircut: float = 0.95  # share of coins that counts in a linear account, in (0, 1]
    sigmas: float = 3.0  # of the rise that must be survived, > 0
    reaction_days: float = 1.0  # until margin can be added, > 0

    def rise(self, vol: float) -> float:
        """Return the factor of price after the rise, > 1."""
        return float(np.exp(self.sigmas * vol * np.sqrt(self.reaction_days / DAYS)))


@dataclass(frozen=True, slots=True)
class Account:
    """How one short stands in one kind of account."""

    name: str
    currency: str  # of the next two: USD, or the coin
    collateral: float
    extra: float  # what is missing to outlast the rise
    liquidation: float | None  # USD per coin; None: no price takes it down
    sigmas: float | None  # distance to it over the horizon, standard deviations of the log price
    touch: float  # probability that the price gets there by the horizon


def buffer(vol: float, terms: MarginTerms) -> float:
    """Return the margin with which a linear short outlasts the rise, fraction of notional.

    It is the loss at that price and the maintenance of the notional there.

    >>> round(buffer(0.6, MarginTerms(sigmas=3, reaction_days=1)), 4)
    0.1043
    """
    return terms.rise(vol) * (1 + terms.maintenance) - 1


def inverse_buffer(vol: float, terms: MarginTerms) -> float:
    """Return the same for an inverse short, coins per coin's worth of contracts.

    >>> round(inverse_buffer(0.6, MarginTerms(sigmas=3, reaction_days=1)), 5)
    0.09446
    """
    return 1 - (1 - terms.maintenance) / terms.rise(vol)


def needed(price: float, vol: float, terms: MarginTerms) -> float:
    """Return the margin of a short of one coin, USD: the venue's, or the rise's if that is more."""
    return price * max(1 / terms.leverage, buffer(vol, terms))


def touched(prices: Prices, level: float) -> float:
    """Return the probability that the price reaches a level above it by the horizon.

    It is exact for a lognormal price that is watched at every moment. With jumps
    it is a bound: twice the probability to end there without the drift, which is
    downward, because what is left is symmetric.

    Args:
        prices: At the horizon.
        level: USD per coin.

    Source:
        Harrison, "Brownian Motion and Stochastic Flow Systems" (1985): the reflection principle,
        with the drift of the log that keeps the mean of the price where it is.
    """
    if level <= prices.now:
        return 1.0
    height, totals = np.log(level / prices.now), prices.totals
    if len(totals) == 1:
        far, near = height / totals + totals / 2, height / totals - totals / 2
        return float((ndtr(-far) + ndtr(-near) * prices.now / level)[0])
    return float(min(1.0, (prices.weights * 2 * ndtr(-height / totals)).sum()))


def accounts(
    holding: Holding, short: float, vol: float, terms: MarginTerms, prices: Prices
) -> tuple[Account, ...]:
    """Return how a short stands in each kind of account.

    Args:
        holding: Its price, its horizon, and the coins that can be collateral.
        short: Size of the short, coins, > 0.
        vol: Of the price, per year.
        terms: Of margin.
        prices: At the horizon.
    """
    price, owned, part = holding.price, holding.quantity, f"at {terms.leverage:g}x"
    counted, tiers = terms.haircut * owned, [(0.0, terms.maintenance)]
    dollars, coins = short * price / terms.leverage, short / terms.leverage
    top = price * terms.rise(vol) * terms.haircut  # what a coin of collateral counts there, USD
    lost = short * price * buffer(vol, terms)  # with maintenance, USD
    gone = short * inverse_buffer(vol, terms)  # the same in an inverse account, coins
    linear, inverse, total = -short, -short * price, vol * np.sqrt(holding.years)
    found = (
        (f"linear, USD {part}", "USD", dollars, lost - dollars),
        (f"linear, coins that count {terms.haircut:.0%}", holding.coin, owned, lost / top - owned),
        (f"inverse, coins {part}", holding.coin, coins, gone - coins),
        ("inverse, all the coins", holding.coin, owned, gone - owned),
    )
    roots = (
        liquidation_price(linear, price, dollars, tiers),
        liquidation_price(linear, price, 0.0, tiers, coins=counted),
        liquidation_price(inverse, price, coins, tiers, inverse=True),
        liquidation_price(inverse, price, owned, tiers, inverse=True),
    )
    return tuple(
        Account(
            *each[:3],
            max(each[3], 0.0),
            root,
            None if root is None else float(np.log(root / price) / total),
            0.0 if root is None else touched(prices, root),
        )
        for each, root in zip(found, roots, strict=True)
    )
