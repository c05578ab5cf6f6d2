"""Mischief of feeds: prints that no market stood behind, and streams that freeze."""

import math
from collections.abc import Callable

import numpy as np

from rebalancer.market.params import DAY, FaultParams


class Mischief:
    """The faults of one instrument's feed; its stream is `INSTRUMENT.faults`."""

    def __init__(
        self,
        instrument: str,
        params: FaultParams,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._params = params
        self._chance = generator_of(f"{instrument}.faults")
        self._frozen_until = 0

    def draw(self, ts: int, elapsed: int) -> float | None:
        """Let `elapsed` ns pass until `ts`; return how far off a false print is, if there is one.

        A fraction of the mark, + above; None in all but a few steps a day.
        """
        params, (freeze, false) = self._params, self._chance.random(2).tolist()
        if freeze < -math.expm1(-params.freezes * elapsed / DAY):
            length = self._chance.uniform(params.freeze_least, params.freeze_most)
            self._frozen_until = ts + int(length)
        if false >= -math.expm1(-params.false_prints * elapsed / DAY):
            return None
        side, far = int(self._chance.integers(2)), float(self._chance.random())
        span = params.false_print_most / params.false_print_least
        distance = params.false_print_least * span**far
        return float(distance) if side else -float(distance)

    def silent(self, ts: int) -> bool:
        """Whether the feed tells nothing at `ts`."""
        return ts < self._frozen_until
