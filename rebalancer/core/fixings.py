"""Fixings: the mean index of a settlement that is being taken, as far as it was heard.

Options and dated futures end on the mean index of their last half hour. What of
it is over moves no more, wherever the index goes then: after a jump in the last
minutes an option is still worth what the half hour before the jump made it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

AVERAGING = 30 * 60 * 1_000_000_000  # ns before expiry over which a settlement price is taken


@dataclass(slots=True)
class Fixing:
    """The index over one window so far; written by `take` only."""

    since: int  # ns: when the window began
    ts: int  # ns: of the last price
    price: float  # then, USD per coin
    total: float  # USD per coin times ns, up to `ts`

    def mean(self) -> float:
        """Return the mean up to the last price, USD per coin."""
        span = self.ts - self.since
        return self.total / span if span > 0 else self.price


def take(fixings: dict[int, Fixing], expiries: Iterable[int], ts: int, price: float) -> bool:
    """Note an index price for every settlement that is being averaged; False where none is.

    The first price that is heard in a window counts as if it had stood since
    the window began: nobody here knows better.

    Args:
        fixings: By expiry, ns; is written.
        expiries: ns, of what is held.
        ts: ns.
        price: USD per coin.
    """
    counts = False
    for expiry in expiries:
        start, now = expiry - AVERAGING, min(ts, expiry)
        if ts < start:
            continue
        counts, known = True, fixings.get(expiry)
        if known is None:
            fixings[expiry] = Fixing(start, now, price, price * (now - start))
        elif now >= known.ts:
            known.total += known.price * (now - known.ts)
            known.ts, known.price = now, price
    return counts
