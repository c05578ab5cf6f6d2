"""Resting: what lies open at an account and is no order of this start.

An order of an earlier start that nobody remembers is withdrawn: it would hedge
what has long been hedged. Somebody else's is left alone and told once; its
fills are booked like any trade that no order of ours made.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from rebalancer.core import ids
from rebalancer.core.commands import Cancel
from rebalancer.core.events import Event
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.accounts import Resting, Shelf
from rebalancer.venues.orders_ccxt import Sent

EVERY = 30 * SECOND  # ns between two looks


class Shelved(Protocol):
    """An account whose open orders can be seen and withdrawn."""

    account: str

    async def resting(self) -> Shelf:
        """Return every open order of the account; raises `Unavailable`."""

    async def cancel(self, order: Cancel) -> None:
        """Withdraw an order by our id; raises `Unavailable`."""


class Shown(Protocol):
    """An account whose open orders can be seen."""

    async def resting(self) -> Shelf:
        """Return every open order of the account; raises `Unavailable`."""


async def left(shelf: Shown, sent: Sent) -> Sequence[str]:
    """Return what names our orders that rest, and rows that may be ours; raises `Unavailable`."""
    found = await shelf.resting()
    ours = [each.label for each in found.orders if sent.ours(each.label)]
    return (*ours, *found.unread)


class RestingWatch:
    """A `ports.Feed` that tells nothing: it looks, withdraws, and says so.

    Args:
        shelf: The account.
        sent: Orders of this start, and of earlier ones that it remembers.
        own: Place of the account and epoch of this start, as its ids have them.
        clock: Of the looks.
        log: Says what was found.
    """

    def __init__(
        self, shelf: Shelved, sent: Sent, own: tuple[int, int], clock: Clock, log: Log
    ) -> None:
        self._shelf, self._sent, self._own = shelf, sent, own
        self._clock, self._log = clock, log
        self._told: set[str] = set()  # order ids of others, and rows, that the log has heard of

    async def run(self, _deliver: Callable[[Event], None]) -> None:
        """Look until canceled."""
        while True:
            await self.look()
            await self._clock.sleep(EVERY)

    async def look(self) -> None:
        """Look once; what is not answered is asked for again next time."""
        try:
            found = await self._shelf.resting()
            for each in found.orders:
                if not self._sent.made(each.label):
                    await self._judge(each)
            for fault in found.unread:
                self._say_unread(fault)
        except Unavailable as error:
            account = self._shelf.account
            self._log.warning("reconcile.unanswered", account=account, error=str(error))

    def _say_unread(self, fault: str) -> None:
        if fault not in self._told:
            self._log.error("order.unread", account=self._shelf.account, error=fault)
        self._told.add(fault)

    async def _judge(self, placed: Resting) -> None:
        parts, (place, epoch) = ids.decode(placed.label), self._own
        ours = parts is not None and parts.account == place and parts.epoch < epoch
        facts = {"order_id": placed.order_id, "label": placed.label, "withdrawn": ours}
        if ours:
            await self._shelf.cancel(Cancel(placed.label, self._shelf.account, placed.instrument))
        elif placed.order_id in self._told:
            return
        self._told.add(placed.order_id)
        self._log.error(
            "order.foreign", instrument=placed.instrument, quantity=placed.left, **facts
        )
