"""Withdrawing: an account opened to see what rests there and to take away orders, for nothing else.

It is opened by whoever stops a book from a process of its own: no market is
followed, no position read, and nothing could be sent that opens one. What is
not needed for that is not asked, since every answer that is waited for may fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.ids import decode
from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.ports import Clock
from rebalancer.settings import Settings
from rebalancer.venues.accounts import Account, Shelf
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.findings import Grade, Subject
from rebalancer.venues.orders_ccxt import load
from rebalancer.venues.parts import PARTS, parts_of
from rebalancer.venues.profiles import profile_of
from rebalancer.venues.seats import AccountSeat

_WHOSE = ("account", "facts")  # questions of which one answer says which account it is


@dataclass(frozen=True, slots=True)
class BareAccount:
    """One account, as far as its open orders go."""

    name: str
    place: int  # of the account in the book, as its ids have it
    _account: Account
    _connection: Connection
    _subject: Subject

    async def resting(self) -> Shelf:
        """Return every open order of the account; raises `Unavailable`."""
        return await self._account.resting()

    async def withdraw(self, label: str, instrument: str) -> int:
        """Withdraw the open orders of ours that bear a label; raises `Unavailable`."""
        return await self._account.cancel(label, instrument)

    async def mistaken(self) -> str | None:
        """Return how the account is another than the settings pin; None: it is that one.

        Raises:
            Unavailable: The venue did not tell.
            DataError: The settings pin none, as those of a testnet may, or no answer says it.
        """
        if self._subject.settings.account is None:
            raise DataError(f"venues.{self.name}.account: must be pinned, was missing")
        told = False
        for name, question in parts_of(self.name).questions:
            found = await question(self._subject) if name in _WHOSE else ()
            for each in (each for each in found if each.name == "account"):
                if not each.ok:
                    return f"account must be {each.must}, was {each.measured}"
                told = told or each.grade is Grade.PASSED
        if not told:  # what is only warned of proves nothing
            raise DataError(f"venues.{self.name}: nobody tells whose account it is")
        return None

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()


async def open_bare(
    name: str,
    settings: Settings,
    keys: Credentials,
    instruments: Mapping[str, Instrument],
    clock: Clock,
) -> BareAccount:
    """Return an account of a book, to withdraw from.

    Args:
        name: ccxt id of its venue.
        settings: Without faults, mode live or testnet.
        keys: Sign for it.
        instruments: Of the book, by id.
        clock: Dates what is signed.

    Raises:
        ConfigError: The venue is none that a book may trade at.
        Unavailable: It did not tell its markets, where they are needed.
    """
    own, mode = settings.venues[name], settings.book.mode
    profile = profile_of(name, mode, own.profile)
    connection = connect(name, own, mode, keys)
    try:
        budget = Budget(profile.rates, clock)
        seat = AccountSeat(name, connection, budget, clock, instruments, ours)
        account = parts_of(name).account(seat)
        if name not in PARTS:  # what is read by ccxt's own words needs its markets
            await load(connection)
        there = [each for each in instruments.values() if each.venue == name]
        subject = Subject(connection, profile, own, clock, there, settings.underlyings)
    except BaseException:
        await connection.close()
        raise
    return BareAccount(name, list(settings.venues).index(name), account, connection, subject)


def ours(label: str) -> bool:
    """Whether a label is a client order id of ours, of whatever start."""
    return decode(label) is not None
