"""Counters: what came together within the last 24 hours, in buckets of five minutes.

The oldest bucket counts whole until all of it is older than a day: a limit
that rests on a counter may bind five minutes too long, never too short.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

BUCKET = 5 * 60 * 1_000_000_000  # ns
SPAN = 24 * 3600 * 1_000_000_000  # ns


@dataclass(slots=True)
class Counter:
    """Amounts of one kind, by when they came; written by `add` only."""

    buckets: dict[int, Decimal] = field(default_factory=dict)  # by first ns; at most 289
    whole: Decimal = Decimal(0)  # sum of them
    oldest: int = 0  # first ns of the oldest; 0: there is none


def add(counter: Counter, ts: int, amount: Decimal) -> None:
    """Count an amount of `ts` (ns), signed; late ones go where they belong."""
    buckets, start = counter.buckets, ts - ts % BUCKET
    buckets[start] = buckets.get(start, Decimal(0)) + amount
    counter.whole += amount
    newest, gone = max(buckets), False
    for old in [each for each in buckets if each + BUCKET <= newest - SPAN]:
        del buckets[old]
        gone = True
    counter.oldest = min(buckets)
    if gone:
        counter.whole = sum(buckets.values(), Decimal(0))


def total(counter: Counter, ts: int) -> Decimal:
    """Return the sum of 24 hours up to `ts` (ns), and of up to five minutes before them."""
    if counter.oldest + BUCKET > ts - SPAN:
        return counter.whole
    fresh = (sum_ for start, sum_ in counter.buckets.items() if start + BUCKET > ts - SPAN)
    return sum(fresh, Decimal(0))


def kept(counter: Counter) -> dict[str, str]:
    """Return a counter as plain values that outlive the process."""
    return {str(start): str(amount) for start, amount in counter.buckets.items()}


def restored(values: Mapping[str, str]) -> Counter:
    """Return the counter of which `values` were kept.

    >>> counter = Counter()
    >>> add(counter, 0, Decimal("0.1"))
    >>> total(restored(kept(counter)), SPAN)
    Decimal('0.1')
    """
    counter = Counter()
    for start, amount in values.items():
        add(counter, int(start), Decimal(amount))
    return counter
