"""Restoring: what a book must find that begins with a journal from before.

Since the copy was made orders left, fills came and latches fell that the
journal knows nothing of. Their truth is at the venues; until a person has
compared, nothing is hedged. So it is where a mark says that a journal is damaged.
"""

from collections.abc import Iterable

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ports import Entry, Reading
from rebalancer.runtime.latching import LATCH

REASON = "restored from a backup: compare orders and positions with the venues, then arm"


def halted(
    journal: Reading, ts: int, reason: str = REASON, *, killed: bool = False
) -> Iterable[Entry]:
    """Return the latch that halts a book; what was latched in it before stays.

    Args:
        journal: That is put back, or damaged.
        ts: ns, now.
        reason: Why, in words.
        killed: Whether it stops what protects as well.
    """
    last, book = {}, ""
    for entry in journal.read(LATCH):
        last, book = dict(entry.payload), entry.key
    kept = {"killed": False, "asked": TradingState.ACTIVE, "sealed": False, "halted": {}}
    payload = kept | {"limited": {}} | last | {"mode": TradingState.HALTED, "reason": reason}
    payload["killed"] = killed or payload["killed"]
    return (Entry(0, ts, LATCH, book, payload),)
