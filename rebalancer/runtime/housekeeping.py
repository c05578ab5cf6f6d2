"""Housekeeping: what of the journal goes, and when.

Decisions are most of a journal, and nothing after a restart rests on them.
Bookings, orders, latches and starts stay: the ledger of the next start is made
of all of them.
"""

from collections.abc import Callable

from rebalancer.ports import Clock, Journal, Log, Retention

FORGOTTEN = ("decision", "inputs", "query")  # journal kinds that may go
HOUR = "* 3-5 * * *"  # UTC, each minute: between the funding stamps of 00:00 and 08:00
MOST = 200  # entries at a time: some 30 ms, in which nothing is heard; 36,000 a night
_DAY = 86_400_000_000_000  # ns


class Housekeeping:
    """Prunes a journal while nothing is on its way.

    Args:
        journal: Of the book.
        retention: What may go.
        busy: Whether something is on its way.
        clock: Tells the day.
        log: Hears what went.
    """

    def __init__(
        self,
        journal: Journal,
        retention: Retention,
        busy: Callable[[], bool],
        clock: Clock,
        log: Log,
    ) -> None:
        self._journal, self._retention = journal, retention
        self._busy, self._clock, self._log = busy, clock, log
        self._done = -1  # day on which nothing more was to go

    def look(self) -> None:
        """Let some of what is due go; at most once more on a day when nothing is left to.

        Raises:
            DataError: The journal failed; nothing may be traded any more.
        """
        now = self._clock.now()
        if now // _DAY == self._done or self._busy():
            return
        gone = self._journal.prune(self._retention, now, MOST)
        if gone:
            self._log.info("journal.pruned", entries=gone)
            return
        self._done = now // _DAY
        if self._journal.crowded(self._retention):
            self._log.warning("journal.outgrown", limit=self._retention.size)
