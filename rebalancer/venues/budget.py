"""Budget: how fast a venue may be asked, and who comes first when it is scarce.

One token bucket a class of endpoints, filled all the time: an order after a
silence never waits (ccxt's own limiter starts to fill at the first call). The
last tokens are kept for what matters more: cancels may take all, hedges and
questions after an order leave a part for cancels, and polling leaves a part for
both. An order is never held back, as its decision would grow old: it goes now
or is told that it must not. When the venue complains, everything but cancels
rests until the time that it named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rebalancer.ports import SECOND, Clock

PAUSE = SECOND  # ns of rest when the venue complains and names no time
BAN = 120 * SECOND  # ns that a ban lasts at least, by Binance's rules
BANS: Mapping[int, int] = {418: BAN}  # HTTP status by which a venue shuts us out → ns at least
HEDGE_SHARE = 0.2  # of a bucket that only cancels may take
POLL_SHARE = 0.5  # of a bucket that polling leaves alone


class Lane(StrEnum):
    """What a request is for, the most urgent first."""

    CANCEL = "cancel"
    HEDGE = "hedge"  # an order, or a question after one
    POLL = "poll"  # everything else


KEPT: Mapping[Lane, float] = {Lane.CANCEL: 0.0, Lane.HEDGE: HEDGE_SHARE, Lane.POLL: POLL_SHARE}


@dataclass(frozen=True, slots=True)
class Rate:
    """What a venue allows for a class of endpoints."""

    per_second: float  # requests, or what they weigh, > 0
    burst: float  # … at once after a silence, >= 2


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    filled_at: int  # ns, monotonic

    def fill(self, now: int) -> None:
        grown = (now - self.filled_at) / SECOND * self.rate.per_second
        self.tokens = min(self.tokens + grown, self.rate.burst)
        self.filled_at = now

    def lacks(self, lane: Lane, weight: float) -> float:
        """Return how many tokens must grow before this lane may take so many."""
        return weight + KEPT[lane] * self.rate.burst - self.tokens


class Budget:
    """The right to send to one venue account.

    Args:
        rates: By class of endpoints, as the profile names them.
        clock: Tells the time and lets it pass.
    """

    def __init__(self, rates: Mapping[str, Rate], clock: Clock) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._buckets = {name: _Bucket(rate, rate.burst, now) for name, rate in rates.items()}
        self._rests_until = now
        self.complaints = 0  # times that the venue said: too many
        self.banned = False  # whether it ever said: go away

    def take(self, bucket: str, lane: Lane, weight: float = 1) -> int:
        """Take the right to send one request now.

        Args:
            bucket: Class of endpoints.
            lane: What the request is for.
            weight: What the venue counts it as, at most the half of the burst.

        Returns:
            0 when it may be sent; else nothing was taken, and ns until it may.
        """
        now = self._clock.monotonic()
        own = self._buckets[bucket]
        own.fill(now)
        rest = 0 if lane is Lane.CANCEL else self.rests
        lacks = own.lacks(lane, weight)
        if lacks <= 0 and not rest:
            own.tokens -= weight
            return 0
        return max(rest, 1, int(max(lacks, 0.0) / own.rate.per_second * SECOND))

    async def wait(self, bucket: str, lane: Lane, weight: float = 1) -> None:
        """Return when one request may be sent, having taken the right to it."""
        while pause := self.take(bucket, lane, weight):
            await self._clock.sleep(pause)

    def complained(self, pause: int | None = None, *, banned: bool = False) -> None:
        """Note that the venue said "too many requests".

        Args:
            pause: ns that it asked to wait; None: it did not say.
            banned: Whether it shut us out rather than refusing once.
        """
        self.complaints += 1
        self.banned = self.banned or banned
        least = BAN if banned else PAUSE
        until = self._clock.monotonic() + (least if pause is None else pause)
        self._rests_until = max(self._rests_until, until)

    @property
    def rests(self) -> int:
        """Ns until the venue may be asked again, as it named them; 0: at once."""
        return max(self._rests_until - self._clock.monotonic(), 0)

    def used(self, bucket: str) -> float:
        """Return the share of a bucket that is spent, 0 to 1."""
        own = self._buckets[bucket]
        own.fill(self._clock.monotonic())
        return 1 - own.tokens / own.rate.burst

    def shares(self) -> Mapping[str, float]:
        """Return the share of each bucket that is spent, 0 to 1."""
        return {name: self.used(name) for name in self._buckets}
