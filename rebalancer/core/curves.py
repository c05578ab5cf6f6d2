"""Curves: what the options of a pool come to at other prices of what they are about."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.instruments import Instrument
from rebalancer.core.margin.pool import Curve
from rebalancer.core.volatility import YEAR

GRID = np.geomspace(0.3, 3.0, 41)  # factors of price at which they are worked out
SHORT_OPTION = 0.075  # of the underlying: maintenance of a short option under standard margin


class Held(NamedTuple):
    """An option as it is held."""

    instrument: Instrument
    size: float  # coins, signed
    vol: float  # per year
    carry: float  # forward ÷ index


def curve(held: Sequence[Held], index: float, now: int, *, in_coin: bool, portfolio: bool) -> Curve:
    """Return the curve of options of one underlying.

    Under standard margin a short option is asked for its mark and a share of
    the underlying, and none adds to the balance. Under a portfolio margin all
    add to the balance; what is asked stays as the venue told it.

    Args:
        held: At least one.
        index: Of the underlying, USD per coin.
        now: ns.
        in_coin: Whether an inverse option counts in its coin; else all count in USD.
        portfolio: Whether the account has a portfolio margin.

    Source:
        https://support.deribit.com/hc/en-us/articles/25944777844125-Standard-Margin-SM
    """
    prices = index * GRID
    size = np.array([each.size for each in held])
    options = [each.instrument for each in held]
    years = np.array([max((each.expiry or 0) - now, 0) / YEAR for each in options])
    strike = np.array([float(each.strike or 0) for each in options])
    sign = np.array([each.sign for each in options])
    forward = np.multiply.outer(prices, np.array([each.carry for each in held]))
    vol = np.array([each.vol for each in held])
    dollars = pricing.price(forward, strike, years, vol, sign)
    inverse = np.array([each.inverse and in_coin for each in options])
    worth = np.where(inverse, dollars / forward, dollars)
    unit = np.where(inverse, 1.0, prices[:, None])  # one coin of the underlying, unit of the pool
    if portfolio:
        return Curve(prices, (worth * size).sum(axis=1), np.zeros(len(GRID)))
    share = np.where(
        sign < 0, np.maximum(SHORT_OPTION * unit, SHORT_OPTION * worth), unit * SHORT_OPTION
    )
    short = np.maximum(-size, 0.0)
    return Curve(prices, np.zeros(len(GRID)), ((share + worth) * short).sum(axis=1))
