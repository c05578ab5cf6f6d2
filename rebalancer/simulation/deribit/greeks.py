"""Greeks as Deribit tells them: vega per vol point, theta per day, rho per percent; USD.

Source:
    Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.black import delta, price

YEAR = 365 * 86_400 * 10**9  # ns


@dataclass(frozen=True, slots=True)
class Terms:
    """One option at one moment."""

    forward: float  # USD per coin
    strike: float  # USD per coin
    years: float
    sign: int  # +1 call, -1 put


def terms_of(instrument: Instrument, forward: float, now: int) -> Terms:
    """Return the terms of an option at `now`, ns; at its end a second is left."""
    left = max((instrument.expiry or 0) - now, 10**9) / YEAR
    return Terms(forward, float(instrument.strike or 0), left, instrument.sign)


def greeks(terms: Terms, vol: float) -> Mapping[str, float]:
    """Return delta, gamma, vega, theta and rho of an option with a vol per year.

    >>> told = greeks(Terms(2003.61, 2800.0, 0.020239, +1), 1.2074)  # recorded, 2021-07-22
    >>> {name: round(each, 2) for name, each in told.items()}
    {'delta': 0.03, 'gamma': 0.0, 'vega': 0.2, 'theta': -1.64, 'rho': 0.01}
    """
    root = vol * math.sqrt(terms.years)
    d1 = math.log(terms.forward / terms.strike) / root + root / 2
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    inside = 0.5 * math.erfc(-terms.sign * (d1 - root) / math.sqrt(2))
    return {
        "delta": round(delta(terms.forward, terms.strike, root, terms.sign), 5),
        "gamma": round(density / (terms.forward * root), 5),
        "vega": round(terms.forward * density * math.sqrt(terms.years) / 100, 5),
        "theta": round(-terms.forward * density * vol / (2 * math.sqrt(terms.years)) / 365, 5),
        "rho": round(terms.sign * terms.strike * terms.years * inside / 100, 5),
    }


def implied(terms: Terms, usd: float) -> float:
    """Return the vol per year at which an option costs `usd` a coin; 0 where none does."""
    low, high = 0.0, 5.0
    for _ in range(24):
        middle = (low + high) / 2
        worth = price(terms.forward, terms.strike, middle * math.sqrt(terms.years), terms.sign)
        low, high = (middle, high) if worth < usd else (low, middle)
    return 0.0 if low == 0.0 else high
