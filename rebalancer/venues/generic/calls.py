"""Calls: one question of a profile's table, filled in and asked, page after page to its end.

A call of ccxt's unified API takes its arguments by name and an implicit one the
parameters of the venue. What went wrong is told by class, code and the venue's
short word; ccxt's own texts carry signed addresses and stay here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Any

import ccxt

from rebalancer.errors import Defect
from rebalancer.ports import SECOND, Clock
from rebalancer.settings.profiling import UNIFIED_CALLS, ProfileTable, ReadingTable, plain
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.generic.paths import moment, rows_at
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import MILLISECOND, Row, as_iso
from rebalancer.venues.profile import LOG, MATCHING, OTHER

PAGES = 1_000  # of one look, after which something goes in circles
AHEAD = 60 * SECOND  # ns that the venue's clock may be before ours
_WHOLE = re.compile(r"\{([a-z_]+)\}")
_OLDER = ("{until}", "{until_iso}")

Values = Mapping[str, object]


def filled(told: Any, values: Values) -> Any:
    """Return parameters with their placeholders filled in; a lone one keeps its type.

    >>> filled({"oid": "{label}", "n": ["{since}"], "t": "a {label}"}, {"label": "x", "since": 5})
    {'oid': 'x', 'n': [5], 't': 'a x'}
    """
    if isinstance(told, Mapping):
        return {name: filled(each, values) for name, each in told.items()}
    if isinstance(told, list | tuple):
        return [filled(each, values) for each in told]
    if not isinstance(told, str):
        return told
    alone = _WHOLE.fullmatch(told)
    if alone is not None:
        return _of(values, alone[1])
    return _WHOLE.sub(lambda each: str(_of(values, each[1])), told)


def _of(values: Values, name: str) -> object:
    if name not in values:
        raise Defect(f"a profile asks for {name} where there is none")
    return values[name]


@dataclass(frozen=True, slots=True)
class GenericCalls:
    """The way to ask an account."""

    connection: Connection
    budget: Budget
    clock: Clock
    _signer: list[str] = field(default_factory=list)  # once it is known

    @property
    def table(self) -> ProfileTable:
        """What is asked how."""
        profile = self.connection.profile
        if profile is None or profile.table is None:
            raise Defect(f"{self.connection.venue}: must have a profile table, had none")
        return profile.table

    def reading(self, name: str) -> ReadingTable:
        """Return a question; raises Malformed where the profile has none."""
        found = self.table.readings.get(name)
        if found is None or not found.call:
            raise Malformed(f"{self.connection.venue}: its profile does not say how {name} is read")
        return found

    def own(self) -> dict[str, object]:
        """Return what every question may name: whose account it is."""
        exchange = self.connection.exchange
        values: dict[str, object] = {"wallet": str(exchange.walletAddress or "")}
        if exchange.privateKey:
            if not self._signer:
                self._signer.append(
                    str(exchange.eth_get_address_from_private_key(exchange.privateKey))
                )
            values["signer"] = self._signer[0]
        return values

    async def ask(
        self, reading: ReadingTable, values: Values, lane: Lane, bucket: str = OTHER
    ) -> Any:
        """Return the answer to a question; raises `Unavailable` and says no secret."""
        await self.budget.wait(LOG if reading.bucket == "log" else bucket, lane)
        exchange, venue = self.connection.exchange, self.connection.venue
        known = {**self.own(), **values}
        params = filled(plain(reading.params), known)
        try:
            call = getattr(exchange, reading.call)
            with localcontext():  # ccxt rounds its own way, for whoever comes after it too
                if reading.call.startswith(UNIFIED_CALLS):
                    return await call(**filled(plain(reading.given), known), params=params)
                return await call(params)
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            profile = self.connection.profile
            codes = None if profile is None else profile.codes
            told = heed(self.budget, venue, reading.call, error, codes)
            if isinstance(error, ccxt.OrderNotFound) and not isinstance(told, Refused):
                told = Refused(f"{venue} refused {reading.call}: OrderNotFound", ABSENT)
            raise told from None

    async def rows(
        self, reading: ReadingTable, values: Values, lane: Lane, bucket: str = OTHER
    ) -> list[Row]:
        """Return the rows of an answer that is whole."""
        return rows_at(await self.ask(reading, values, lane, bucket), reading.rows, reading.call)

    async def pages(self, reading: ReadingTable, since: int, lane: Lane) -> list[Row]:
        """Return the rows since a time, of as many answers as it takes; some may come twice.

        The oldest first: of one moment the lists' own order is all that is known.

        Raises:
            Malformed: It does not come to an end.
        """
        if reading.backwards:
            return (await self._back(reading, since, lane))[::-1]
        start, found = max(since, 0), list[Row]()
        for _ in range(PAGES):
            stamp = start // MILLISECOND
            values = {"since": stamp, "since_iso": as_iso(start)}
            page = await self.rows(reading, values, lane)
            found += page
            if not reading.page or len(page) < reading.page:
                return found
            last = max(moment(row, reading.fields["ts"], reading.call) for row in page)
            if last // MILLISECOND <= stamp:
                raise Malformed(f"{reading.call}: must go on after {stamp} ms")
            start = last
        raise Malformed(f"{reading.call}: must end within {PAGES} pages")

    async def _back(self, reading: ReadingTable, since: int, lane: Lane) -> list[Row]:
        """Return the rows since a time, the newest first; the first page names no end."""
        params = {name: each for name, each in reading.params.items() if str(each) not in _OLDER}
        first = reading.model_copy(update={"params": params})
        found = list[Row]()
        end = self.clock.now() + AHEAD
        for number in range(PAGES):
            values = {"until": end // MILLISECOND, "until_iso": as_iso(end)}
            page = await self.rows(reading if number else first, values, lane)
            found += page
            if not reading.page or len(page) < reading.page:
                return found
            oldest = min(moment(row, reading.fields["ts"], reading.call) for row in page)
            if oldest < since:
                return found
            if oldest >= end:
                raise Malformed(f"{reading.call}: must go on before {end // MILLISECOND} ms")
            end = oldest
        raise Malformed(f"{reading.call}: must end within {PAGES} pages")


ABSENT = "OrderNotFound"
"""The code of an answer that ccxt takes for "there is no such order", where it names no other."""


def denies(error: Refused, table: ProfileTable) -> bool:
    """Whether an answer says that there is no such order."""
    return error.code == ABSENT or error.code in table.codes.absent


def to_matching(reading: ReadingTable) -> str:
    """Return the bucket of what changes orders."""
    return LOG if reading.bucket == "log" else MATCHING
