"""Pace: how often a venue is asked, and how often a book hedges."""

from collections import deque
from collections.abc import Callable

from rebalancer.core.commands import Purpose, Submit
from rebalancer.core.ids import decode
from rebalancer.core.params import Params
from rebalancer.ports import SECOND

MOST_ORDERS, MOST_REQUESTS = 40, 150  # within ten seconds, on one account
SKEWED = 1_200 * 1_000_000  # ns that the clock of a process may be off: what it measures is near
CALM = 750 * 1_000_000  # ns that it may have been off when nothing was told any more, and a look's
STEEPEST = 80 * 1_000_000  # ns that a clock may gain or lose in a second
MINUTE = 60 * SECOND


class Pace:
    """Judges how often things happen.

    Args:
        params: Limits of the book.
        accuse: Hears of what is too often: invariant, ns and words.
    """

    def __init__(self, params: Params, accuse: Callable[[str, int, str], None]) -> None:
        self._params, self._accuse = params, accuse
        # account → ns at which it told its time last, and at which it was asked for it last
        self._timed: dict[str, tuple[int, int]] = {}
        self._sent: deque[tuple[int, str]] = deque()  # ns and account of orders
        self._asked: deque[tuple[int, str]] = deque()  # of all requests
        self._hedged: list[tuple[int, int]] = []  # ns and epoch of the hedges of a minute

    def left(self, order: Submit, ts: int) -> None:
        """Judge that orders do not leave too often."""
        self.asked(order.account, ts)
        self._often(self._sent, MOST_ORDERS, order.account, ts)
        self._throttled(order, ts)

    def _throttled(self, order: Submit, ts: int) -> None:
        behaves, parts = self._params.behaviour, decode(order.client_order_id)
        if behaves is None or parts is None or order.purpose is not Purpose.HEDGE:
            return
        most = MINUTE - self._params.orders.max_decision_age - SKEWED
        self._hedged = [(at, epoch) for at, epoch in self._hedged if at > ts - most]
        self._hedged.append((ts, parts.epoch))
        many = sum(epoch == parts.epoch for _, epoch in self._hedged)
        if many > behaves.hedges_per_minute:
            self._accuse("I2", ts, f"{order.client_order_id} is hedge {many} of one minute")

    def asked(self, account: str, ts: int) -> None:
        """Judge that an account is not asked too often."""
        self._often(self._asked, MOST_REQUESTS, account, ts)

    def timed(self, account: str, ts: int, *, told: bool) -> None:
        """Note that an account was asked for its time at `ts`, ns, or that it told."""
        before, _ = self._timed.get(account, (ts, ts))
        self._timed[account] = (ts if told else before), ts

    def skewed(self, account: str) -> int:
        """Return ns that a process's clock may be off an account's: more where that is not told."""
        told, asked = self._timed.get(account, (0, 0))
        return max(SKEWED, CALM + STEEPEST * (asked - told) // SECOND)

    def _often(self, asked: deque[tuple[int, str]], most: int, account: str, ts: int) -> None:
        asked.append((ts, account))
        while asked[0][0] <= ts - 10 * SECOND:
            asked.popleft()
        if len(asked) <= most:
            return
        many = sum(each == account for _, each in asked)
        if many > most:
            self._accuse("I12", ts, f"{account}: {many} requests within ten seconds")
