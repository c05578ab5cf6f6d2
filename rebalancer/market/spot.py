"""The price of a coin: a diffusion whose volatility clusters, with jumps that excite it.

Log volatility is the sum of two mean-reverting walks, one of days and one of
minutes, and of an excitement that every jump adds to and that fades within the
hour. A market factor moves all coins together: most of each diffusion, the
larger jumps, and the correlation between price and vol (`skew`), which falls
with the market and so changes its sign from one day to the next. There is no
drift: the price is a martingale.

Source:
    Merton, "Option pricing when underlying stock returns are discontinuous",
    J. Fin. Econ. 3 (1976), for the jumps; Scott, "Option pricing when the
    variance changes randomly", J. Fin. Quant. Anal. 22 (1987), for log vol.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rebalancer.market.diffusion import revert, survival
from rebalancer.market.params import DAY, YEAR, Dynamics, Jumps, UnderlyingParams

_CALM_START = 0.4  # of the long-run deviation of log vol: a world begins near normal
_VOL_LOADING = 0.8  # on the market factor, of the vol shock that price does not explain
_WILDEST = 8.0  # cap of stress: at 70 % a year, 1 % a minute


@dataclass(frozen=True, slots=True)
class MarketMove:
    """What hits every coin in a step."""

    price: float  # standard normal
    slow: float  # standard normal
    fast: float  # standard normal
    jump: float  # sum of jumps, in daily vols of each coin
    skew: float  # correlation of price and vol from now on


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a coin is."""

    price: float  # USD
    change: float  # log return of the last step
    slow: float  # of log vol
    fast: float  # of log vol
    excitement: float  # of log vol, >= 0
    vol: float  # of the diffusion, per year
    stress: float  # vol over its normal level: 1 is normal


class MarketFactor:
    """The part of chance that all coins share; the same whichever of them exist."""

    def __init__(
        self, dynamics: Dynamics, generator_of: Callable[[str], np.random.Generator]
    ) -> None:
        self._dynamics = dynamics
        self._shocks = generator_of("market.shocks")
        self._jumps = generator_of("market.jumps")
        start = float(self._shocks.standard_normal())
        self._skew = dynamics.skew_mean + dynamics.skew_sd * start

    def draw(self, elapsed: int) -> MarketMove:
        """Return what happens in `elapsed` ns."""
        dynamics = self._dynamics
        price, slow, fast, skew = self._shocks.standard_normal(4).tolist()
        decay = survival(elapsed, dynamics.skew_half_life)
        shock = 0.6 * price + 0.8 * skew
        self._skew = revert(self._skew, dynamics.skew_mean, dynamics.skew_sd, decay, shock)
        jump = sum(_jump(self._jumps, kind, elapsed) for kind in dynamics.market_jumps)
        bounded = min(max(self._skew, -dynamics.skew_most), dynamics.skew_most)
        return MarketMove(price, slow, fast, jump, bounded)


def _jump(generator: np.random.Generator, jumps: Jumps, elapsed: int, more: float = 1.0) -> float:
    """Return the sum of the jumps in `elapsed` ns, in daily vols; `more` lifts their rate."""
    count = generator.poisson(jumps.per_day * more * elapsed / DAY)
    if not count:
        return 0.0
    return count * jumps.mean + math.sqrt(count) * jumps.sd * float(generator.standard_normal())


def _toll(jumps: Jumps, daily: float) -> float:
    """Return the drift per day that jumps add to a price of this daily vol."""
    return jumps.per_day * math.expm1(jumps.mean * daily + (jumps.sd * daily) ** 2 / 2)


def diffusion_vol(vol: float, dynamics: Dynamics) -> float:
    """Return the normal vol of the diffusion alone, so that all of it adds up to `vol`."""
    kinds = (*dynamics.market_jumps, dynamics.own_jumps)
    jumped = sum(kind.per_day * (kind.sd**2 + kind.mean**2) for kind in kinds)
    if jumped >= 1:
        raise ValueError(f"jumps must leave room for a diffusion, were {jumped:.2f} of variance")
    return vol * math.sqrt((1 - jumped) / dynamics.excited)


class Coin:
    """The walk of one underlying.

    Args:
        underlying: Where it starts and how far it moves.
        dynamics: How.
        generator_of: Gives the stream of a name; here `COIN.spot` and `COIN.jumps`.
    """

    def __init__(
        self,
        underlying: UnderlyingParams,
        dynamics: Dynamics,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._underlying = underlying
        self._dynamics = dynamics
        self._shocks = generator_of(f"{underlying.name}.spot")
        self._jumps = generator_of(f"{underlying.name}.jumps")
        self._normal = diffusion_vol(underlying.vol, dynamics)
        slow, fast = (_CALM_START * self._shocks.standard_normal(2)).tolist()
        self.spot = self._at(
            underlying.price,
            0.0,
            dynamics.slow_sd**2 + dynamics.slow_sd * slow,
            dynamics.fast_sd * fast,
            0.0,
        )

    def move(self, market: MarketMove, elapsed: int) -> Spot:
        """Advance by `elapsed` ns and return where the coin is then."""
        dynamics, spot = self._dynamics, self.spot
        own, slow, fast = self._shocks.standard_normal(3).tolist()
        shock = _mix(market.price, own, self._underlying.loading)
        jump = self._jump(market, elapsed)
        years = elapsed / YEAR
        change = spot.vol * math.sqrt(years) * shock - spot.vol**2 * years / 2
        change += jump - self._drift(elapsed)
        slow = _mix(market.slow, slow, _VOL_LOADING)
        fast = _mix(shock, _mix(market.fast, fast, _VOL_LOADING), market.skew)
        self.spot = self._at(
            spot.price * math.exp(change),
            change,
            revert(
                spot.slow, 0, dynamics.slow_sd, survival(elapsed, dynamics.slow_half_life), slow
            ),
            revert(
                spot.fast, 0, dynamics.fast_sd, survival(elapsed, dynamics.fast_half_life), fast
            ),
            self._excite(jump, elapsed),
        )
        return self.spot

    def _jump(self, market: MarketMove, elapsed: int) -> float:
        """Return the log return of the jumps in a step."""
        more = 1 + 2 * self.spot.excitement
        own = _jump(self._jumps, self._dynamics.own_jumps, elapsed, more)
        return (market.jump + own) * self._daily

    def _drift(self, elapsed: int) -> float:
        """Return what jumps are expected to add in a step, to be taken off again."""
        dynamics = self._dynamics
        market = sum(_toll(kind, self._daily) for kind in dynamics.market_jumps)
        own = _toll(dynamics.own_jumps, self._daily) * (1 + 2 * self.spot.excitement)
        return (market + own) * elapsed / DAY

    def _excite(self, jump: float, elapsed: int) -> float:
        """Return what is left of excitement after a step in which prices jumped by this."""
        dynamics = self._dynamics
        left = survival(elapsed, dynamics.excitement_half_life)
        added = min(dynamics.excitement * abs(jump) / self._daily, dynamics.excitement_step)
        # In a long step the jump came somewhere in the middle: part of it has faded by the end.
        faded = (left - 1) / math.log(left) if left < 1 else 1.0
        return min(self.spot.excitement * left + added * faded, dynamics.excitement_most)

    @property
    def _daily(self) -> float:
        return self._underlying.vol * math.sqrt(DAY / YEAR)

    def _at(self, price: float, change: float, slow: float, fast: float, excitement: float) -> Spot:
        stress = min(math.exp(slow + fast + excitement - _mean_square(self._dynamics)), _WILDEST)
        return Spot(price, change, slow, fast, excitement, self._normal * stress, stress)


def _mean_square(dynamics: Dynamics) -> float:
    """Return what log vol must be lowered by for the mean of vol² to be normal²."""
    return dynamics.slow_sd**2 + dynamics.fast_sd**2


def _mix(one: float, other: float, weight: float) -> float:
    """Return a standard normal that correlates with `one` by `weight`."""
    return weight * one + math.sqrt(1 - weight * weight) * other
