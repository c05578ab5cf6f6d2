"""Ending: a start leaves a mark, and only an end in order takes it away.

In order means that nothing broke and that the end of every own order was heard.
What finds the mark is the next start, which says so, and `panic --if-unclean`,
which withdraws what may rest.
"""

import os

from rebalancer.core.commands import Alert, Severity
from rebalancer.ports import Clock
from rebalancer.storage.startmark import StartMark
from rebalancer.wiring.beginning import Running


class Ending:
    """A `ports.Companion`.

    Args:
        mark: Of this start.
        running: The book.
        clock: Dates the mark: the wall's.
    """

    def __init__(self, mark: StartMark, running: Running, clock: Clock) -> None:
        self._mark, self._running, self._clock = mark, running, clock
        self._made = False

    async def start(self) -> None:
        """Say how the start before ended, if that was not in order; leave the mark of this one.

        Raises:
            DataError: The disk refused.
        """
        left = self._mark.left()
        if left is not None:
            text = f"the start before did not end in order ({left}); its orders are being looked up"
            alert = Alert(
                Severity.ERROR, "daemon.recovered", self._running.engine.params.book, text
            )
            self._running.alerts.send(alert)
        epoch, seconds = self._running.engine.params.epoch, self._clock.now() // 1_000_000_000
        self._mark.make(f"process {os.getpid()}, start {epoch}, at {seconds} s since 1970")
        self._made = True

    async def close(self) -> None:
        """Take the mark away where the book ended in order.

        Raises:
            DataError: The disk refused.
        """
        ended = self._running.stop.cause is None and not self._running.engine.state.open_orders()
        if self._made and ended:
            self._mark.clear()
