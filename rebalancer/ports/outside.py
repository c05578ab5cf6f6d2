"""What lies outside: accounts at venues, feeds, and what their archives tell."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rebalancer.core.commands import Cancel, Query, Submit
from rebalancer.core.events import AccountEvent, Event, OrderEvent, PositionReport
from rebalancer.core.figures import MarginTold
from rebalancer.core.instruments import Instrument

Describe = Callable[[str], Instrument | None]
"""Returns the terms of an instrument by its id, None where nobody knows them."""


def nobody(_name: str) -> Instrument | None:
    """Know no terms."""
    return None


class Venue(Protocol):
    """An account on an exchange, real or modelled.

    What a venue tells later (fills, endings, funding) comes through `deliver`
    of its feed of account events; `submit` only answers for the request.
    """

    account: str

    async def submit(self, order: Submit) -> OrderEvent:
        """Send once, never again; return accepted, rejected or unknown."""

    async def cancel(self, order: Cancel) -> None:
        """Ask to withdraw an order."""

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue knows of the order: fills and state, or not found."""

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and cash balance of the account."""

    async def margin(self) -> MarginTold:
        """Return how the account stands by the venue's own reckoning."""


class Feed(Protocol):
    """A source of events: a market, an account, or both."""

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled or, where the source is finite, until its end."""


class Archives(Protocol):
    """What the venues wrote down of all accounts of a book."""

    def told(self) -> bool:
        """Whether all was told that was booked while nobody listened, or was asked for again."""

    def ask(self) -> None:
        """Have told again what was booked since ledger and venues last agreed."""


class _AllTold:
    """Archives of accounts of which every booking is heard at once."""

    def told(self) -> bool:
        """Return True."""
        return True

    def ask(self) -> None:
        """Do nothing."""


ALL_TOLD: Archives = _AllTold()
