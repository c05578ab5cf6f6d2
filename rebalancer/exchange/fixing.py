"""The settlement price: the time-weighted average of the index over the last half hour.

Each index price counts for as long as it stood. Options and dated futures
settle on that average, so what a move of the index still does to them runs out
while it is taken: `open_share` is what is left of their delta.

Source:
    https://support.deribit.com/hc/en-us/articles/31424938981533-Settlement-and-Delivery
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.exchange.exact import ZERO, quotient

WINDOW = 30 * 60 * 1_000_000_000  # ns
DAY = 86_400 * 1_000_000_000  # ns


@dataclass(slots=True)
class Trail:
    """Index prices that may still count: (since when, price), oldest first."""

    told: deque[tuple[int, Decimal]] = field(default_factory=deque)

    def add(self, ts: int, price: Decimal, due: int | None = None) -> None:
        """Let the index be `price` from `ts` on, and forget what no delivery reaches any more.

        Args:
            ts: ns.
            price: USD per coin.
            due: Expiry, ns, of the first contract that is not delivered yet; it
                is waited for at most a day.
        """
        told = self.told
        if told and told[-1][0] == ts:
            told.pop()
        told.append((ts, price))
        since = ts if due is None else max(min(due, ts), ts - DAY)
        while len(told) > 1 and told[1][0] <= since - WINDOW:
            told.popleft()


def average(trail: Trail, expiry: int, now: int) -> Decimal | None:
    """Return the average index of the window before `expiry` as far as it is known.

    Args:
        trail: Of the underlying's index.
        expiry: ns.
        now: ns; a time after `expiry` adds nothing.

    Returns:
        USD per coin to 1e-12; None when no index is known in the window.
    """
    start, end = expiry - WINDOW, min(now, expiry)
    if end <= start:
        return None
    total, covered = ZERO, 0
    ends = [*(ts for ts, _ in trail.told), end][1:]
    for (since, price), until in zip(trail.told, ends, strict=True):
        stood = min(until, end) - max(since, start)
        if stood > 0:
            total += price * stood
            covered += stood
    return quotient(total, Decimal(covered)) if covered else None


def open_share(expiry: int, now: int) -> float:
    """Return the share of the average that is still open: 1 before the window, 0 at expiry."""
    return min(1.0, max(0.0, (expiry - now) / WINDOW))
