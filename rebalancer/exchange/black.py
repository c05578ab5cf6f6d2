"""The exchange's own option model: Black-76, for margin grids and for what an expiry does.

Written from the formula and sharing nothing with the core, whose prices it
judges. Scalars, no arrays: a margin grid values a handful of contracts.

Source:
    Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976).
"""

import math


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def price(forward: float, strike: float, deviation: float, sign: int) -> float:
    """Return the undiscounted value of a European option, USD per coin, >= 0.

    Args:
        forward: Of what it settles on, USD per coin, > 0.
        strike: USD per coin, > 0.
        deviation: Volatility x square root of the years left; at 0 the payoff.
        sign: +1 call, -1 put.

    >>> round(price(49 * math.exp(0.05 * 0.3846), 50, 0.2 * 0.3846**0.5, +1), 3)
    2.447
    """
    if deviation <= 0:
        return max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    worth = forward * _normal(sign * d1) - strike * _normal(sign * (d1 - deviation))
    return max(sign * worth, 0.0)


def delta(forward: float, strike: float, deviation: float, sign: int) -> float:
    """Return dV/dF of the same option, coins per coin, signed like `sign`.

    >>> round(delta(49 * math.exp(0.05 * 0.3846), 50, 0.2 * 0.3846**0.5, +1), 3)
    0.522
    """
    if deviation <= 0:
        return float(sign) if sign * (forward - strike) > 0 else 0.0
    return sign * _normal(sign * (math.log(forward / strike) / deviation + deviation / 2))
