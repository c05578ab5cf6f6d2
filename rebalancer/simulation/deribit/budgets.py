"""Request budgets: three buckets an account, refilled by the second; an empty one refuses.

What goes to the matching engine has a bucket of its own, so has the log of
bookings, and everything else shares the third. The numbers are those of an
account of the lowest tier.

Source:
    https://support.deribit.com/hc/en-us/articles/25944617523357-Rate-Limits
"""

from dataclasses import dataclass

from rebalancer.ports import SECOND


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many requests may come at once, and how many a second in the long run."""

    burst: int
    rate: float


MATCHING = Bucket(20, 5.0)
LOG = Bucket(8, 1.0)
OTHER = Bucket(100, 20.0)


class Budgets:
    """The buckets of every account.

    Args:
        matching: For orders and cancels.
        other: For everything else.
        log: For the transaction log.
    """

    def __init__(
        self, matching: Bucket = MATCHING, other: Bucket = OTHER, log: Bucket = LOG
    ) -> None:
        self.refused = 0
        self._buckets = {"matching": matching, "other": other, "log": log}
        self._left: dict[tuple[str, str], tuple[int, float]] = {}  # ns, requests

    def take(self, account: str, kind: str, now: int) -> bool:
        """Return whether one more request of an account may pass at `now`, ns."""
        bucket = self._buckets[kind]
        since, left = self._left.get((account, kind), (now, float(bucket.burst)))
        left = min(left + (now - since) / SECOND * bucket.rate, float(bucket.burst))
        passes = left >= 1
        self._left[account, kind] = now, left - passes
        self.refused += not passes
        return passes
