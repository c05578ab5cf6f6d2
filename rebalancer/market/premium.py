"""How far a quoted price stands from the index: it wanders, leads, takes fright and comes home."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rebalancer.market.diffusion import revert, survival
from rebalancer.market.params import SECOND, PremiumParams
from rebalancer.market.spot import Spot

_SMOOTHING = 20 * SECOND  # half-life of the mark's mean of the premium, about Deribit's 30 s
_FARTHEST = 0.01  # no book strays farther, fraction of the index


@dataclass(frozen=True, slots=True)
class Premium:
    """Distances from the index, as fractions of it."""

    slow: float
    fast: float
    smooth: float  # mean of the last half minute: what a mark is made of

    @property
    def quoted(self) -> float:
        """Where the book stands now."""
        return min(max(self.slow + self.fast, -_FARTHEST), _FARTHEST)


class PremiumWalk:
    """The premium of one instrument; its stream is `INSTRUMENT.premium`."""

    def __init__(
        self,
        instrument: str,
        params: PremiumParams,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._params = params
        self._shocks = generator_of(f"{instrument}.premium")
        slow = params.mean + params.slow_sd * float(self._shocks.standard_normal())
        self.premium = Premium(slow, 0.0, slow)

    def move(self, spot: Spot, skew: float, elapsed: int) -> Premium:
        """Advance by `elapsed` ns, in which the coin came to `spot`."""
        params, before = self._params, self.premium
        slow, fast = self._shocks.standard_normal(2).tolist()
        mean = params.mean + params.tilt * skew
        slow_decay = survival(elapsed, params.slow_half_life)
        fast_decay = survival(elapsed, params.fast_half_life)
        slow = revert(before.slow, mean, params.slow_sd, slow_decay, slow)
        fast = revert(before.fast, 0.0, params.fast_sd * spot.stress, fast_decay, fast)
        fast += params.lead * spot.change * fast_decay
        smooth = slow + fast + (before.smooth - slow - fast) * survival(elapsed, _SMOOTHING)
        self.premium = Premium(slow, fast, min(max(smooth, -params.most), params.most))
        return self.premium
