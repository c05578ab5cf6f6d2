"""The implied volatility of every strike and expiry, without an arbitrage in it.

At the money the variance to an expiry is what the volatility walk is expected
to add up to: the minute-scale part of today's vol fades first, then the
day-scale part, and far expiries stand near the long-run level. Around it the
smile is an SSVI whose tilt is the correlation of price and vol.

Source:
    Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative
    Finance 14 (2014), section 4, with the power law of eq. 4.5's example.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rebalancer.market.diffusion import revert, survival
from rebalancer.market.params import YEAR, Dynamics, TermParams, UnderlyingParams
from rebalancer.market.spot import Spot

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Surface:
    """What implied vol is made of at one moment, for one underlying."""

    now: float  # expected variance per year: at once …
    soon: float  # … once what happened in the last hour has faded …
    late: float  # … and in the long run
    fast: float  # 1/year at which `now` fades to `soon`
    slow: float  # 1/year at which `soon` fades to `late`, < fast
    skew: float  # in (-1, 1): above 0 calls are dearer
    eta: float  # eta·(1 + |skew|) <= 2
    gamma: float  # in (0, 1/2]


def expected_variance(surface: Surface, years: Floats) -> Floats:
    """Return total variance at the money, shape of `years`; grows with them."""
    fast = -np.expm1(-surface.fast * years) / surface.fast
    slow = -np.expm1(-surface.slow * years) / surface.slow
    return surface.late * (years - slow) + surface.soon * (slow - fast) + surface.now * fast


def ssvi(theta: Floats, log_strike: Floats, surface: Surface) -> Floats:
    """Return total variance of strikes.

    Args:
        theta: Total variance at the money, > 0.
        log_strike: ln(strike ÷ forward), same shape.
        surface: Gives skew, eta and gamma.

    >>> surface = Surface(0, 0, 0, 2, 1, skew=-0.1, eta=1.2, gamma=0.45)
    >>> ssvi(np.array([0.03, 0.03]), np.array([-0.2, 0.2]), surface).round(7).tolist()
    [0.0406112, 0.0349175]
    """
    phi = surface.eta * theta**-surface.gamma * (1 + theta) ** (surface.gamma - 1)
    scaled = phi * log_strike
    root = np.sqrt((scaled + surface.skew) ** 2 + 1 - surface.skew**2)
    return theta / 2 * (1 + surface.skew * scaled + root)


class Term:
    """What lies between the spot of a coin and its expiries: carry, and a surface.

    Args:
        underlying: Gives the long-run vol.
        params: How carry and the price of vol wander, and the shape of smiles.
        dynamics: How fast volatility forgets.
        generator_of: Gives the stream of a name; here `COIN.term`.
    """

    def __init__(
        self,
        underlying: UnderlyingParams,
        params: TermParams,
        dynamics: Dynamics,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._late = underlying.vol**2
        self._params = params
        self._dynamics = dynamics
        self._shocks = generator_of(f"{underlying.name}.term")
        carry, level = self._shocks.standard_normal(2).tolist()
        self.carry = params.carry_mean + params.carry_sd * carry  # log, per year
        self._level = params.level_mean + params.level_sd * level

    def move(self, elapsed: int) -> None:
        """Advance by `elapsed` ns."""
        params = self._params
        carry, level = self._shocks.standard_normal(2).tolist()
        decay = survival(elapsed, params.carry_half_life)
        self.carry = revert(self.carry, params.carry_mean, params.carry_sd, decay, carry)
        decay = survival(elapsed, params.level_half_life)
        self._level = revert(self._level, params.level_mean, params.level_sd, decay, level)

    def surface(self, spot: Spot, skew: float) -> Surface:
        """Return the surface while the coin is at `spot` and the market tilts by `skew`."""
        dynamics, params = self._dynamics, self._params
        dear = math.exp(2 * self._level)
        return Surface(
            now=dear * self._late * spot.stress**2,
            soon=dear * self._late * math.exp(2 * spot.slow - 2 * dynamics.slow_sd**2),
            late=dear * self._late,
            fast=math.log(2) * YEAR / dynamics.fast_half_life,
            slow=math.log(2) * YEAR / dynamics.slow_half_life,
            skew=skew,
            eta=params.eta,
            gamma=params.gamma,
        )
