"""Curves: what the options of a pool come to at other prices of what they are about."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rebalancer.core import pricing
from rebalancer.core.aging import Floats, aged
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument
from rebalancer.core.margin.pool import Curve

FRESH = 60_000_000_000  # ns for which what options come to is not worked out anew …
ENDING = 1_000_000_000  # … and while the settlement of one of them is averaged
GRID = np.geomspace(0.3, 3.0, 41)  # factors of price at which they are worked out
SHORT_OPTION = 0.075  # of the underlying: maintenance of a short option under standard margin
Told = tuple[float, float, float]  # vol, forward ÷ index, mean that is fixed (0: none) of an option


class Held(NamedTuple):
    """An option as it is held."""

    instrument: Instrument
    size: float  # coins, signed
    vol: float  # per year
    carry: float  # forward ÷ index
    fixed: float = 0.0  # mean index of its settlement so far, USD per coin; 0: it has not begun


class _Columns(NamedTuple):
    """What `aged` asks of options."""

    expiry: npt.NDArray[np.int64]
    vol: Floats
    carry: Floats
    fixed: Floats


def lasts(options: Sequence[Instrument], made: int) -> int:
    """Return until when a curve of options holds that was made at `made`; both ns."""
    first = min((each.expiry for each in options if each.expiry is not None), default=None)
    if first is None or made + FRESH < first - AVERAGING:
        return made + FRESH
    return max(made + ENDING, first - AVERAGING - 1)


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
    strike = np.array([float(each.strike or 0) for each in options])
    sign = np.array([each.sign for each in options])
    columns = _Columns(
        np.array([each.expiry or 0 for each in options], dtype=np.int64),
        np.array([each.vol for each in held]),
        np.array([each.carry for each in held]),
        np.array([each.fixed for each in held]),
    )
    then = aged(columns, prices[:, None], now)
    forward = then.carry * prices[:, None]
    dollars = pricing.price(forward, strike, then.years, then.vol, sign)
    coined = np.array([each.inverse for each in options])
    inverse = coined & in_coin
    worth = np.where(inverse, dollars / forward, np.where(coined, dollars / then.carry, dollars))
    unit = np.where(inverse, 1.0, prices[:, None])  # one coin of the underlying, unit of the pool
    if portfolio:
        return Curve(prices, (worth * size).sum(axis=1), np.zeros(len(GRID)))
    share = np.where(
        sign < 0, np.maximum(SHORT_OPTION * unit, SHORT_OPTION * worth), unit * SHORT_OPTION
    )
    short = np.maximum(-size, 0.0)
    return Curve(prices, np.zeros(len(GRID)), ((share + worth) * short).sum(axis=1))
