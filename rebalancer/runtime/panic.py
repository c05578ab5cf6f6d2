"""Panic: withdraw what rests of a book's own orders, from outside its daemon, and prove it.

It rests on nothing of the daemon: not its loop, not its journal, not what it
thinks is open. What lies open is what the venue lists; ours is what bears an id
that this account's daemon makes, and nothing else is touched. It is proved when
the list shows none of ours, and nothing that cannot be read, at a time when no
request can be on its way any more that left before this began.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rebalancer.core.ids import decode
from rebalancer.errors import RebalancerError, Unavailable
from rebalancer.ports import SECOND, Clock, Tasks

PATIENCE = 30 * SECOND  # ns that an account is given
LATEST = 6 * SECOND  # ns after which the venue takes no request that left before
AGAIN = SECOND  # ns between two looks


class Listed(Protocol):
    """An order that rests."""

    @property
    def label(self) -> str:
        """The client order id, where somebody gave it one."""

    @property
    def instrument(self) -> str:
        """Id of its instrument."""


class List(Protocol):
    """All that rests at an account."""

    @property
    def orders(self) -> Sequence[Listed]:
        """What could be read."""

    @property
    def unread(self) -> Sequence[str]:
        """What could not, one word each."""


class Account(Protocol):
    """An account whose open orders can be seen and withdrawn."""

    @property
    def name(self) -> str:
        """Of its venue, as the settings have it."""

    @property
    def place(self) -> int:
        """Of the account in its book, as its ids have it."""

    async def resting(self) -> List:
        """Return every open order; raises `Unavailable`."""

    async def withdraw(self, label: str, instrument: str) -> int:
        """Withdraw by our id; raises `Unavailable`."""

    async def mistaken(self) -> str | None:
        """Return how it is another account than the settings pin; raises `Unavailable`."""

    async def close(self) -> None:
        """Hang up."""


Open = Callable[[], Coroutine[Any, Any, Account]]


@dataclass(slots=True)
class Swept:
    """What came of one account."""

    name: str
    withdrawn: dict[str, str] = field(default_factory=dict)  # our ids that were there → instrument
    left: tuple[str, ...] = ()  # of them those that the last look still showed
    others: int = 0  # orders that are not ours, and were left alone
    fault: str | None = "it was never looked at"  # why nothing is proved; None: all is

    @property
    def proved(self) -> bool:
        """Whether nothing of ours rests there."""
        return self.fault is None and not self.left


async def sweep(accounts: Mapping[str, Open], clock: Clock, tasks: Tasks) -> Sequence[Swept]:
    """Withdraw what is ours from all accounts at once; return what came of each, in their order.

    Args:
        accounts: By name, what opens each.
        clock: Of the patience.
        tasks: Where they run side by side.
    """
    found = {name: Swept(name) for name in accounts}
    open_, over = list(accounts), asyncio.Event()

    async def one(name: str) -> None:
        try:
            await _swept(found[name], accounts[name], clock)
        except RebalancerError as error:
            found[name].fault = str(error)
        except Exception as error:  # noqa: BLE001 - one account must not keep the others waiting
            found[name].fault = f"{type(error).__name__}: see its venue's own page"
        finally:
            open_.remove(name)
            if not open_:
                over.set()

    for name in accounts:
        tasks.spawn(f"panic {name}", one(name))
    if accounts:
        end = clock.call_at(clock.now() + PATIENCE, over.set)
        await over.wait()
        end.cancel()
    for name in open_:
        told = found[name].fault
        found[name].fault = f"not proved within {PATIENCE // SECOND} s" + (
            f": {told}" if told else ""
        )
    return list(found.values())


async def _swept(told: Swept, opens: Open, clock: Clock) -> None:
    """Withdraw until a look proves that nothing is left; whoever waits ends it."""
    began = clock.now()
    account = await _opened(told, opens, clock)
    try:
        whose: str | None = "nobody knows yet which account it is"
        while True:
            try:
                await _look(told, account)
                if whose is not None:
                    whose = await account.mistaken()
            except Unavailable as error:
                told.fault = str(error)
            else:
                told.fault = told.fault or whose
                if told.proved and clock.now() - began >= LATEST:
                    return
                if whose is not None and clock.now() - began >= LATEST:
                    return
            await clock.sleep(AGAIN)
    finally:
        await account.close()


async def _opened(told: Swept, opens: Open, clock: Clock) -> Account:
    while True:
        try:
            return await opens()
        except Unavailable as error:
            told.fault = str(error)
            await clock.sleep(AGAIN)


async def _look(told: Swept, account: Account) -> None:
    """Look once, and withdraw what is ours; raises `Unavailable`."""
    shelf = await account.resting()
    own = {each.label: each.instrument for each in shelf.orders if _ours(each.label, account)}
    told.others = sum(1 for each in shelf.orders if each.label not in own)
    told.left = tuple(own)
    told.withdrawn |= own
    unread = ", ".join(shelf.unread)
    told.fault = f"what rests there cannot all be read: {unread}" if unread else None
    for label, instrument in own.items():
        await account.withdraw(label, instrument)


def _ours(label: str, account: Account) -> bool:
    parts = decode(label)
    return parts is not None and parts.account == account.place
