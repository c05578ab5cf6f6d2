"""Findings: answers to questions about an account, with what was measured and what must hold."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.ports import Clock
from rebalancer.settings.models import Underlying, Venue
from rebalancer.venues.connection import Connection
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import Row
from rebalancer.venues.profile import Profile


class Grade(StrEnum):
    """How a finding ends."""

    PASSED = "passed"
    WARNED = "warned"  # may be traded, a person should look
    FAILED = "failed"  # must not be traded


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question."""

    name: str  # e.g. instrument.deribit:BTC-PERPETUAL
    grade: Grade
    measured: str
    must: str

    @property
    def ok(self) -> bool:
        """Whether it does not stand in the way."""
        return self.grade is not Grade.FAILED


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined, and what the settings say of it."""

    connection: Connection
    profile: Profile
    settings: Venue
    clock: Clock
    instruments: Sequence[Instrument]  # that the book names on this venue
    underlyings: Mapping[str, Underlying]
    dead_man: DeadManSwitch | None = None  # None: nothing of this book rests


Question = Callable[[Subject], Awaitable[Sequence[Finding]]]
Questions = Sequence[tuple[str, Question]]


def finding(name: str, passes: bool, measured: object, must: str) -> Finding:
    """Return a finding that passes or fails."""
    return Finding(name, Grade.PASSED if passes else Grade.FAILED, str(measured), must)


def pairs(instruments: Sequence[Instrument]) -> Sequence[Finding]:
    """Refuse a book that holds a coin as a pair twice, or beside what settles in it.

    The account has one balance of the coin, which is told as the pair's position:
    profit and fees of the others, which are booked as cash, would show there.
    """
    found: list[Finding] = []
    spots = [each for each in instruments if each.kind is Kind.SPOT]
    others = [each for each in instruments if each.kind is not Kind.CASH]
    for coin in dict.fromkeys(each.underlying for each in spots):
        named = [each.name for each in spots if each.underlying == coin]
        settled = [each.name for each in others if each.settle == coin]
        must = "one pair, and nothing that settles in it: the account has one balance of it"
        told = ", ".join((*named, *settled))
        found.append(finding(f"spot.{coin}", len(named) == 1 and not settled, told, must))
    return found


async def ask(connection: Connection, call: str, params: Row | None = None) -> Any:
    """Return ccxt's answer to a call; raises `Unavailable` and says no secret."""
    try:
        own = getattr(connection.exchange, call)
        return await (own() if params is None else own(dict(params)))
    except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
        raise explain(connection.venue, call, error) from None
