"""Settling: what a venue's own mark of an option says of a mean that nobody here heard whole.

The price of an option in the money is what its settlement is expected to be, less
the strike: the venue, which heard all of it, tells the mean every few seconds. One
that is worth nothing says on which side of the strike the settlement lies.
"""

import math
from typing import NamedTuple

from rebalancer.core import fixings, pricing
from rebalancer.core.aging import ROOT_THIRD
from rebalancer.core.events import OptionMark
from rebalancer.core.fixings import AVERAGING, Fixing
from rebalancer.core.instruments import Instrument
from rebalancer.core.volatility import YEAR

FAR = 2.0  # times the index that what was unheard may have been on average; a mark that asks for
#   more is false, or is of another settlement
WIDE = 4.0  # times the strike up to which a settlement is looked for
HALVINGS = 50  # of that way
DEEP, LEAST = 3.0, 1e-3  # deviations, and least of one, that a settlement is taken to lie beyond
#   the strike of an option that is worth nothing: it does not become worth something at once


class _Option(NamedTuple):
    """An option by what its settlement is expected to be."""

    strike: float
    years: float
    vol: float  # of the settlement
    sign: int
    inverse: bool

    def worth(self, settlement: float) -> float:
        """Return the price, settle currency per coin."""
        found = float(pricing.price(settlement, self.strike, self.years, self.vol, self.sign))
        return found / settlement if self.inverse else found


def agrees(fixing: Fixing, event: OptionMark, instrument: Instrument, price: float) -> bool:
    """Bring the unheard part of a mean to where an option's mark is what it is.

    Where the mark is true already, to half a tick, nothing changes.

    Args:
        fixing: Of its settlement, some of it unheard; is written.
        event: The mark.
        instrument: The option.
        price: Index beside the mark, USD per coin.

    Returns:
        False where no mean that may have been makes such a mark: then nobody knows it.
    """
    ts = max(event.ts_local, fixing.ts)
    left = max((instrument.expiry or 0) - ts, 0)
    option = _Option(
        strike=float(instrument.strike or 0),
        years=left / YEAR,
        vol=event.vol * min(left / AVERAGING, 1.0) * ROOT_THIRD,
        sign=instrument.sign,
        inverse=instrument.inverse,
    )
    supposed = fixings.settles(fixing, ts, price)
    gap = _nearest(option, float(event.price), float(instrument.tick), supposed) - supposed
    wanted = fixing.guess + gap * AVERAGING / fixing.unheard
    if not price / FAR <= wanted <= price * FAR:
        return False
    fixing.guess = wanted
    return True


def _nearest(option: _Option, told: float, tick: float, supposed: float) -> float:
    """Return the settlement next to the supposed one at which a told price is true."""
    rounds, worth = tick / 2, option.worth(supposed)
    if abs(worth - told) <= rounds:
        return supposed
    if told <= rounds:
        deviation = max(option.vol * math.sqrt(option.years), LEAST)
        return option.strike * math.exp(-option.sign * DEEP * deviation)
    target = told + math.copysign(rounds, worth - told)
    low, high = -math.log(WIDE), math.log(WIDE)  # of the settlement ÷ strike
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = option.worth(option.strike * math.exp(middle)) > target
        if above is (option.sign > 0):
            high = middle
        else:
            low = middle
    return option.strike * math.exp((low + high) / 2)
