"""Request budgets: two buckets an account, refilled by the second; an empty one refuses.

What goes to the matching engine has a bucket of its own, everything else
shares the other. The numbers are those of an account of the lowest tier.

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
OTHER = Bucket(100, 20.0)


class Budgets:
    """The buckets of every account.

    Args:
        matching: For orders and cancels.
        other: For everything else.
    """

    def __init__(self, matching: Bucket = MATCHING, other: Bucket = OTHER) -> None:
        self.refused = 0
        self._buckets = {True: matching, False: other}
        self._left: dict[tuple[str, bool], tuple[int, float]] = {}  # ns, requests

    def take(self, account: str, matching: bool, now: int) -> bool:
        """Return whether one more request of an account may pass at `now`, ns."""
        bucket = self._buckets[matching]
        since, left = self._left.get((account, matching), (now, float(bucket.burst)))
        left = min(left + (now - since) / SECOND * bucket.rate, float(bucket.burst))
        passes = left >= 1
        self._left[account, matching] = now, left - passes
        self.refused += not passes
        return passes
