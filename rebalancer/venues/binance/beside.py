"""Beside the sockets: what their streams need and only REST tells.

Depth begins with a snapshot; how long a funding interval is, and how much of a contract is
held, no stream says; the listen key of an account's stream runs out after an hour unless
it is renewed. A question that is not answered is asked again; only a key that the venue
knows no more ends the socket, for a new one brings a new key.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from rebalancer.core.figures import OpenInterest
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Log
from rebalancer.venues.binance.family import Venue
from rebalancer.venues.binance.stream import MarketStream
from rebalancer.venues.binance.told import EIGHT_HOURS
from rebalancer.venues.binance.user import UserStream
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import decimal, moment, rows, table, text
from rebalancer.wire.binance import frames, market
from rebalancer.wire.binance import values as wire
from rebalancer.wire.binance.market import DepthSnapshot

LEVELS = 100  # of a snapshot, a side
LOOK = SECOND // 2  # ns between two looks at what is needed
INTERVALS, INTEREST = 3_600 * SECOND, 60 * SECOND  # ns between two questions
AGAIN = 10 * SECOND  # ns after one that was not answered
PATIENCE = 2 * SECOND  # ns between two snapshots of one book
RENEWAL = 1_800 * SECOND  # ns: half of the life of a listen key
LIFE = 3_300 * SECOND  # ns without a renewal after which it counts as lost
NO_SUCH_KEY = "-1125"
HOUR = 3_600 * SECOND


async def _ask(connection: Connection, call: str, params: Mapping[str, Any]) -> Any:
    try:
        return await getattr(connection.exchange, call)(dict(params))
    except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
        raise explain(connection.venue, call, error) from None


class MarketBeside:
    """Asks for what a market stream needs.

    Args:
        venue: Of the family.
        connection: The way to ask.
        stream: Says what it needs, and is told.
        log: Hears of an answer that could not be read.
    """

    def __init__(
        self, venue: Venue, connection: Connection, stream: MarketStream, log: Log
    ) -> None:
        self._venue, self._connection, self._stream, self._log = venue, connection, stream, log
        self._due: dict[str, int] = {}  # question → ns local, before which it is not asked again

    async def look(self) -> int:
        """Ask for what is due; return ns until the next look.

        A question that is not answered keeps no other from being asked.
        """
        stream = self._stream
        if stream.marks:
            await self._try("intervals", INTERVALS, AGAIN, self._intervals)
        for symbol in tuple(stream.words.bare) if stream.prices else ():
            await self._try(f"depth {symbol}", PATIENCE, AGAIN, partial(self._snapshot, symbol))
        for symbol in stream.wanted.hedge if stream.marks else ():
            await self._try(
                f"interest {symbol}", INTEREST, INTEREST, partial(self._interest, symbol)
            )
        return LOOK

    async def _try(
        self, name: str, every: int, again: int, asking: Callable[[], Awaitable[None]]
    ) -> None:
        """Ask where it is time to; the next time is `every` or, unanswered, `again` ns from now."""
        now = self._stream.now
        if now < self._due.get(name, 0):
            return
        self._due[name] = now + every
        try:
            await asking()
        except Unavailable as error:
            self._due[name] = now + again
            self._log.debug("feed.malformed", venue=self._venue.name, why=str(error))

    async def _snapshot(self, symbol: str) -> None:
        call = self._venue.ask("Depth")
        told = await _ask(self._connection, call, {"symbol": symbol, "limit": LEVELS})
        read = frames.read(told, DepthSnapshot)
        reason = read.reason if isinstance(read, wire.Refused) else market.fault(read)
        if isinstance(read, wire.Refused) or reason is not None:
            raise Malformed(f"{call}: {reason}")
        self._stream.words.snapshot(symbol, read, self._stream.now)

    async def _intervals(self) -> None:
        """Learn the intervals that are not of eight hours; the venue lists no others."""
        call = self._venue.ask("FundingInfo")
        told = rows(await _ask(self._connection, call, {}), call)
        self._stream.words.intervals = {
            text(each, "symbol", call): _interval(each, call) for each in told
        }

    async def _interest(self, symbol: str) -> None:
        call = self._venue.ask("OpenInterest")
        told = table(await _ask(self._connection, call, {"symbol": symbol}), call)
        held = decimal(told, "openInterest", call)
        if held > 0:
            name, at = f"{self._venue.name}:{symbol}", moment(told, "time", call)
            self._stream.words.open_interest(OpenInterest(self._stream.now, at, name, held))


def _interval(row: Mapping[str, Any], call: str) -> int:
    if row.get("fundingIntervalHours") is None:
        return EIGHT_HOURS
    return int(decimal(row, "fundingIntervalHours", call) * HOUR)


class ListenKey:
    """The listen key of an account's stream: had anew for each socket, renewed while it lasts.

    Args:
        venue: Of the family.
        connection: The way to ask.
        stream: Whose socket it opens.
    """

    def __init__(self, venue: Venue, connection: Connection, stream: UserStream) -> None:
        self._venue, self._connection, self._stream = venue, connection, stream
        self._renewed = 0  # ns local
        self._due = 0

    async def route(self) -> str:
        """Return host and path of the next socket."""
        call = self._venue.call("Post", "ListenKey")
        told = table(await _ask(self._connection, call, {}), call)
        self._renewed = self._due = 0
        return self._venue.user.format(key=text(told, "listenKey", call))

    async def look(self) -> int:
        """Renew the key when it is time; return ns until the next look.

        Raises:
            Unavailable: The venue knows the key no more, or did not renew it for too long.
        """
        now = self._stream.now
        if not self._renewed:
            self._renewed, self._due = self._stream.since, self._stream.since + RENEWAL
        if now < self._due:
            return SECOND
        call = self._venue.call("Put", "ListenKey")
        try:
            await _ask(self._connection, call, {})
        except Unavailable as error:
            lost = isinstance(error, Refused) and error.code == NO_SUCH_KEY
            if lost or now - self._renewed >= LIFE:
                raise
            self._due = now + 60 * SECOND
            return SECOND
        self._renewed, self._due = now, now + RENEWAL
        return SECOND
