"""What longs and shorts of a perpetual owe one another, by the venues' own formulas.

Rates are fractions of notional; above 0 longs pay shorts. The premium is the
distance of the perpetual from its index, as a fraction of the index.

Source:
    https://support.deribit.com/hc/en-us/articles/31424939178397-Funding-Specifications;
    https://www.binance.com/en/futures/funding-history/0, for stamps.
"""

from dataclasses import dataclass

from rebalancer.core.events import FundingRate
from rebalancer.market.params import HOUR
from rebalancer.market.records import FundingDue

EIGHT_HOURS = 8 * HOUR
_DEAD_ZONE = 0.00025
_INTEREST = 0.0001  # per 8 h
_CLAMP = 0.0005
_CAP = 0.003  # of a stamp
_CONTINUOUS_CAP = 0.005  # per 8 h


@dataclass(frozen=True, slots=True)
class PremiumAverage:
    """The running mean of the premium over an interval; later moments weigh more."""

    opened: int  # ns, start of the interval
    until: int  # ns
    weighted: float  # sum of premium x weight
    weight: float


def continuous_rate(premium: float) -> float:
    """Return Deribit's rate per 8 h: nothing within 2.5 bp, beyond it the excess.

    >>> [round(1e4 * continuous_rate(bp / 1e4), 3) for bp in (12, 3, -8, 0)]
    [9.5, 0.5, -5.5, 0.0]
    """
    rate = max(_DEAD_ZONE, premium) + min(-_DEAD_ZONE, premium)
    return min(max(rate, -_CONTINUOUS_CAP), _CONTINUOUS_CAP)


def stamped_rate(premium: float, interval: int = EIGHT_HOURS) -> float:
    """Return the rate of a stamp: the premium drawn towards interest by up to 5 bp.

    Args:
        premium: Mean over the interval.
        interval: ns between two stamps; shorter ones charge a share.

    >>> [round(1e4 * stamped_rate(bp / 1e4), 3) for bp in (12, 3, -8, 0)]
    [7.0, 1.0, -3.0, 1.0]
    """
    drawn = premium + min(max(_INTEREST - premium, -_CLAMP), _CLAMP)
    return min(max(drawn * interval / EIGHT_HOURS, -_CAP), _CAP)


def premium_index(bid: float, ask: float, index: float) -> float:
    """Return how far a book lies wholly above (+) or below (-) the index.

    >>> premium_index(101.0, 102.0, 100.0), premium_index(99.0, 101.0, 100.0)
    (0.01, 0.0)
    """
    return (max(0.0, bid - index) - max(0.0, index - ask)) / index


def next_stamp(ts: int, interval: int) -> int:
    """Return the first stamp after `ts`; stamps stand at multiples of the interval, UTC."""
    return (ts // interval + 1) * interval


def open_average(ts: int, interval: int, premium: float) -> PremiumAverage:
    """Return the mean of an interval that is under way, taking `premium` for what was missed."""
    opened = ts - ts % interval
    weight = (ts - opened) ** 2 / 2
    return PremiumAverage(opened, ts, premium * weight, weight)


def observe(average: PremiumAverage, ts: int, premium: float) -> PremiumAverage:
    """Return the mean after the premium was this until `ts`; the weight grows linearly."""
    weight = ((ts - average.opened) ** 2 - (average.until - average.opened) ** 2) / 2
    return PremiumAverage(
        average.opened, ts, average.weighted + premium * weight, average.weight + weight
    )


def mean_premium(average: PremiumAverage) -> float | None:
    """Return the mean; None before any time has passed."""
    return average.weighted / average.weight if average.weight else None


class FundingWatch:
    """The funding of one perpetual: what is charged, and when the rate is told.

    Args:
        instrument: Its id.
        interval: ns between stamps; None where funding is continuous.
        period: ns between two words about the rate.
    """

    def __init__(self, instrument: str, interval: int | None, period: int) -> None:
        self._instrument = instrument
        self._interval = interval
        self._period = period
        self._average: PremiumAverage | None = None
        self._tell_at = 0

    def charge(self, ts: int, premium: float) -> tuple[FundingDue, ...]:
        """Take down that the premium was this until `ts`; return the stamps that passed."""
        if self._interval is None:
            return ()
        average = self._average or open_average(ts, self._interval, premium)
        due: list[FundingDue] = []
        while (stamp := next_stamp(average.opened, self._interval)) <= ts:
            whole = observe(average, stamp, premium)
            rate = stamped_rate(whole.weighted / whole.weight, self._interval)
            due.append(FundingDue(self._instrument, rate))
            average = PremiumAverage(stamp, stamp, 0.0, 0.0)
        self._average = observe(average, ts, premium)
        return tuple(due)

    def tell(self, ts: int, premium: float) -> tuple[FundingRate, ...]:
        """Return the rate that holds (or is to be expected at the stamp), once a period."""
        if ts < self._tell_at:
            return ()
        self._tell_at = next_stamp(ts, self._period)
        if self._interval is None:
            rate, interval, stamp = continuous_rate(premium), EIGHT_HOURS, None
        else:
            mean = mean_premium(self._average) if self._average else None
            rate = stamped_rate(premium if mean is None else mean, self._interval)
            interval, stamp = self._interval, next_stamp(ts, self._interval)
        return (FundingRate(ts, ts, self._instrument, rate, interval, stamp),)
