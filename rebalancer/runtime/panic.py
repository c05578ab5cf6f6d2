"""Panic: withdraw what rests of a book's own orders, from outside its daemon, and prove it.

It rests on nothing of the daemon: not its loop, not its journal, not what it
thinks is open. What lies open is what the venue lists; ours is what bears an id
that this account's daemon makes, and nothing else is touched. An id of ours for
another place is most likely this book's from before its file was reordered, and
may be another book's: it stays, and nothing is proved. Nor is anything withdrawn
from another account than the settings pin; one whose venue does not tell whose it
is counts as theirs until it does. It is proved when the list shows none of ours,
and nothing that cannot be read, at a time when no request can be on its way any
more that left before this began.
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
ASKED = 5 * SECOND  # ns that the first look waits for whose account it is


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
            await _swept(found[name], accounts[name], clock, tasks)
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


@dataclass(slots=True)
class _Whose:
    """What is known of whose an account is."""

    fault: str | None = "nobody knows yet which account it is"  # None: the one that is pinned
    mistaken: bool = False  # it is another
    over: bool = False  # nothing more will be known
    told: asyncio.Event = field(default_factory=asyncio.Event)  # the first question came back


async def _swept(told: Swept, opens: Open, clock: Clock, tasks: Tasks) -> None:
    """Withdraw until a look proves that nothing is left; whoever waits ends it."""
    began = clock.now()
    account = await _opened(told, opens, clock)
    whose = _Whose()
    try:
        tasks.spawn(f"panic {told.name} whose", _ask(whose, account, clock))
        late = clock.call_at(clock.now() + ASKED, whose.told.set)
        await whose.told.wait()
        late.cancel()
        while True:
            spared = whose.mistaken  # before the look: it may be told in the midst of one
            try:
                seen = await _look(told, account, whose)
            except Unavailable as error:
                told.fault, seen = str(error), False
            else:
                told.fault = _joined(told.fault, whose.fault)
            if spared:
                told.fault = whose.fault
                return
            if seen and whose.over and clock.now() - began >= LATEST:
                return
            await clock.sleep(AGAIN)
    finally:
        whose.over = True
        await account.close()


async def _ask(whose: _Whose, account: Account, clock: Clock) -> None:
    """Ask whose account it is until that is told; no failure here keeps an order on the book."""
    while not whose.over:
        try:
            whose.fault = await account.mistaken()
            whose.mistaken, whose.over = whose.fault is not None, True
        except Unavailable as error:
            whose.fault = f"whose account it is: {error}"
        except RebalancerError as error:
            whose.fault, whose.over = f"whose account it is: {error}", True
        except Exception as error:  # noqa: BLE001 - a bug there proves nothing, and stops nothing
            whose.fault, whose.over = f"whose account it is: {type(error).__name__}", True
        whose.told.set()
        if not whose.over:
            await clock.sleep(AGAIN)


async def _opened(told: Swept, opens: Open, clock: Clock) -> Account:
    while True:
        try:
            return await opens()
        except Unavailable as error:
            told.fault = str(error)
            await clock.sleep(AGAIN)


async def _look(told: Swept, account: Account, whose: _Whose) -> bool:
    """Look once, and withdraw what is ours.

    Returns:
        Whether all could be read and none was ours: nothing is left to wait for.

    Raises:
        Unavailable: The venue did not tell, or withdrew not all; it was asked for each.
    """
    shelf = await account.resting()
    ids = {each.label: decode(each.label) for each in shelf.orders}
    bears = {label: parts.account for label, parts in ids.items() if parts is not None}
    there = {} if whose.mistaken else {each.label: each.instrument for each in shelf.orders}
    own = {label: name for label, name in there.items() if bears.get(label) == account.place}
    astray = sum(bears.get(each.label, account.place) != account.place for each in shelf.orders)
    told.others = sum(1 for each in shelf.orders if each.label not in own)
    told.left = tuple(own)
    told.withdrawn |= own
    if whose.mistaken:  # what still rests was not withdrawn
        told.withdrawn = {each: told.withdrawn[each] for each in told.withdrawn if each not in ids}
    unread = ", ".join(shelf.unread)
    told.fault = _joined(
        f"what rests there cannot all be read: {unread}" if unread else None,
        f"{astray} bear an id of ours for another place; was the file reordered?"
        if astray
        else None,
    )
    await _withdraw(own, account, whose)
    return not own and not unread


async def _withdraw(own: Mapping[str, str], account: Account, whose: _Whose) -> None:
    """Withdraw each order, also after one that is refused; raises the gravest error at the end."""
    errors: list[Exception] = []
    for label, instrument in own.items():
        if whose.mistaken:
            break
        try:
            await account.withdraw(label, instrument)
        except Exception as error:  # noqa: BLE001 - one order must not keep the others on the book
            errors.append(error)
    for each in errors:
        if not isinstance(each, Unavailable):
            raise each
    if errors:
        raise Unavailable(f"{len(errors)} of {len(own)} not withdrawn: {errors[0]}") from errors[0]


def _joined(*faults: str | None) -> str | None:
    return "; ".join(each for each in faults if each) or None
