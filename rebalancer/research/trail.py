"""The trail of the held options: where their profit came from, look by look.

Between two recorded marks an option is valued by its model at the vol last
told; at a mark it takes the recorded value. Each look is one interval of
`core.attribution`, so that the intervals are as short as the bars are.
"""

from dataclasses import dataclass

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.attribution import Parts, Point, attribute
from rebalancer.core.events import OptionMark
from rebalancer.core.exposure import YEAR
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.records import ContractDelivered
from rebalancer.research.worth import Worth


@dataclass(frozen=True, slots=True)
class _Look:
    """What an option was last valued at."""

    ts: int
    vol: float
    carry: float  # forward ÷ index
    forward: float  # USD per coin
    value: float  # USD per coin of contract


class Trail:
    """Follows the options of a book; `parts` is their profit by source so far.

    Args:
        worth: The books; recorded marks are written into them.
        attributes: Whether `parts` is worked out; else it stays at nothing.
    """

    def __init__(self, worth: Worth, *, attributes: bool = True) -> None:
        self.parts = Parts()
        self._attributes = attributes
        self._worth = worth
        self._looks: dict[str, _Look] = {}

    def mark(self, ts: int, item: OptionMark) -> bool:
        """Take a recorded mark (coin price x forward is the USD value); False if not held."""
        line = self._worth.lines.get(item.instrument)
        if line is None:
            return False
        instrument = line.instrument
        value = float(item.price) * (item.forward if instrument.inverse else 1.0)
        index = self._worth.indexes.get(instrument.underlying, item.forward)
        look = _Look(ts, item.vol, item.forward / index, item.forward, value)
        if self._attributes:
            self._step(instrument, line.quantity, look)
        line.mark = value
        return True

    def value(self, name: str) -> float | None:
        """Return what an option counts as until now, USD per coin of contract; None: unknown."""
        look, line = self._looks.get(name), self._worth.lines.get(name)
        if look is not None:
            return look.value
        return None if line is None else line.mark

    def age(self, ts: int, underlying: str, index: float) -> None:
        """Move the options of an underlying along with its index, USD per coin."""
        for name, last in list(self._looks.items()):
            line = self._worth.lines[name]
            instrument = line.instrument
            if instrument.underlying != underlying or line.ended:
                continue
            forward, strike = last.carry * index, float(instrument.strike or 0)
            years = _years(instrument, ts)
            value = float(pricing.price(forward, strike, years, last.vol, instrument.sign))
            look = _Look(ts, last.vol, last.carry, forward, value)
            self._step(instrument, line.quantity, look)

    def end(self, ended: ContractDelivered) -> None:
        """Take the last step of an option to what it paid."""
        line, last = self._worth.lines.get(ended.instrument), self._looks.get(ended.instrument)
        if line is None or last is None or line.instrument.kind is not Kind.OPTION:
            return
        instrument, price = line.instrument, float(ended.price)
        inside = max(instrument.sign * (price - float(instrument.strike or 0)), 0.0)
        self._step(instrument, line.quantity, _Look(ended.ts, last.vol, 1.0, price, inside))

    def _step(self, instrument: Instrument, quantity: float, now: _Look) -> None:
        before = self._looks.get(instrument.id)
        self._looks[instrument.id] = now
        if before is None or not quantity:
            return
        coins = np.array([quantity * float(instrument.size)])
        strike = np.array([float(instrument.strike or 0)])
        sign = np.array([float(instrument.sign)])
        start, end = _point(instrument, before), _point(instrument, now)
        self.parts = self.parts + attribute(coins, strike, sign, start, end)


def _years(instrument: Instrument, ts: int) -> float:
    return max((instrument.expiry or ts) - ts, 0) / YEAR


def _point(instrument: Instrument, look: _Look) -> Point:
    return Point(
        forward=np.array([look.forward]),
        years=np.array([_years(instrument, look.ts)]),
        vol=np.array([look.vol]),
        value=np.array([look.value]),
        index=np.array([look.forward / look.carry]),
    )
