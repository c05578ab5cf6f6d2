"""A recorded answer put where the venue would give it: under an unmodified ccxt class.

The connection is the daemon's own; only its last step, that of sending, is replaced by
the recorded text, so that signing, the reading of JSON, ccxt's errors and our codes are all
passed through. What asks for an answer that was not recorded is a fault and no refusal.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import Unavailable
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues import orders_ccxt
from rebalancer.venues.accounts import Placed
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.findings import Subject
from rebalancer.venues.listings import ListingWatch, Seat
from rebalancer.venues.outcome import KeyRefused, Malformed, Refused
from rebalancer.venues.profiles import PROFILES
from tests.recorded.lines import Line, Told, decoded, refused
from tests.runtime.stage import Lines

NOW = 1_783_000_000_000_000_000  # ns; July 2026
KEY = Credentials(*(Secret(each) for each in ("key", "c2VjcmV0", "word")))
CLOCK = SimpleNamespace(now=lambda: NOW, monotonic=lambda: NOW, wall=lambda: NOW)
FILLED = Decimal(1)


class Freely:
    """A budget that is never short."""

    async def wait(self, *_: object) -> None:
        """Let everybody ask at once."""

    def complained(self) -> None:
        """Hear that the venue was asked too often, and go on."""


@dataclass
class Host:
    """The venue as far as it was recorded: text by a part of the address that asks for it."""

    usual: Mapping[str, str]  # what is answered besides, again and again
    told: dict[str, list[str]] = field(default_factory=dict)  # each answer is given once
    strays: list[str] = field(default_factory=list)  # asked for, and neither

    def tell(self, part: str, *texts: str) -> None:
        """Answer the next questions whose address has a part, in turn; forget the others."""
        self.told, self.strays = {part: list(texts)}, []

    def answer(self, url: str) -> str:
        """Return the text that a question is answered with."""
        for part, texts in self.told.items():
            if part in url and texts:
                return texts.pop(0)
        for part, text in self.usual.items():
            if part in url:
                return text
        self.strays.append(url.partition("?")[0])
        raise LookupError(url)


@dataclass(frozen=True)
class Desk:
    """One venue as the daemon sits before it."""

    connection: Connection
    host: Host
    account: Any  # the account's reader; see `rebalancer.venues.accounts`

    @property
    def subject(self) -> Subject:
        """What an examination examines."""
        venue = self.connection.venue
        settings = Venue(account="1")
        return Subject(self.connection, PROFILES[venue], settings, CLOCK, (), {})


@asynccontextmanager
async def sitting(
    venue: str, usual: Mapping[str, str], account: Callable[[Connection], Any]
) -> AsyncIterator[Desk]:
    """Yield a desk before a venue.

    Args:
        venue: ccxt id.
        usual: What is answered besides what was recorded.
        account: Makes the account's reader.
    """
    connection = connect(venue, Venue(), Mode.LIVE, KEY)
    host, exchange = Host(usual), connection.exchange

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        text = host.answer(url)
        told = exchange.parse_json(text)
        exchange.handle_errors(200, "OK", url, method, {}, text, told, headers, body)
        return told

    exchange.fetch = fetch
    try:
        yield Desk(connection, host, account(connection))
    finally:
        await connection.close()


async def judged(desk: Desk, kind: str, read: Callable[[], Any]) -> Told:
    """Return what became of an answer that a reader asks for.

    An error of the venue's that was read as one is decoded: class and code are known.

    Raises:
        LookupError: The reader asked for what was not recorded.
    """
    try:
        await read()
    except (Refused, KeyRefused):
        told = decoded(kind)
    except Unavailable as error:
        told = refused(kind, str(error))
    else:
        told = decoded(kind)
    if desk.host.strays:
        raise LookupError(f"{kind} made somebody ask {', '.join(desk.host.strays)}")
    return told


# --- readers ------------------------------------------------------------------------------


def parsed(line: Line) -> Any:
    """Return a message as the daemon's connection would hand it on: fractions as texts."""
    return json.loads(line.text, parse_float=str)


def rows_of(line: Line, *path: str) -> list[Any]:
    """Return the rows in a message, below the fields of a path."""
    found = parsed(line)
    for name in path:
        found = found[name]
    return found


def wrapped(line: Line, around: str) -> str:
    """Return a message inside what the recording left out; `@` stands for it."""
    return around.replace("@", bytes(line.msg).decode())


async def holdings(desk: Desk, part: str, *texts: str) -> None:
    """Read an answer in all ways in which the daemon reads an account's."""
    for ask in (desk.account.standing, desk.account.figures, desk.account.positions):
        desk.host.tell(part, *texts)
        await ask()


async def shelf(desk: Desk, part: str, text: str, count: int) -> None:
    """Read a list of open orders, of which none may be passed over."""
    desk.host.tell(part, text)
    told = await desk.account.resting()
    if told.unread:
        raise Malformed("; ".join(told.unread))
    if len(told.orders) != count:
        raise LookupError(f"{part}: {len(told.orders)} of {count} open orders were told")


async def by_id(desk: Desk, part: str, text: str, names: list[tuple[str, str]]) -> None:
    """Read orders by their numbers, of (number, instrument)."""
    for number, instrument in names:
        desk.host.tell(part, text)
        if await desk.account.by_id(number, instrument) is None:
            raise LookupError(f"{part}: nobody found order {number}")


async def fills(desk: Desk, part: str, text: str, instrument: str) -> None:
    """Read an order's fills."""
    desk.host.tell(part, text)
    order = Placed("1", "rb01", instrument, FILLED, FILLED, NOW)
    if not await desk.account.fills_of(order):
        raise Malformed(f"{part}: must have a fill, had none")


async def markets(desk: Desk, part: str, text: str, count: int) -> None:
    """Load a venue's markets as a start of the daemon does; each row must make one."""
    exchange = desk.connection.exchange
    exchange.markets = exchange.markets_by_id = exchange.markets_loading = None
    desk.host.tell(part, text)
    found = await orders_ccxt.load(desk.connection)
    if len(found) != count:
        raise Malformed(f"{count - len(found)} of {count} rows made no market")


async def listed(desk: Desk, part: str, name: str, text: str) -> None:
    """Look once after the listing of one instrument, as the daemon does hourly."""
    venue = desk.connection.venue
    instrument = Instrument(f"{venue}:{name}", Kind.PERPETUAL, "BTC", "BTC")
    log, hold = Lines(), SimpleNamespace(refusal=lambda: None, heard=str, bar=lambda *_: None)
    profile = PROFILES[venue]
    seat = Seat(desk.connection, profile, Freely(), CLOCK, log, hold)
    watch = ListingWatch(seat, [instrument.id], {instrument.id: instrument}, {})
    desk.host.tell(part, text)
    await watch.look(lambda _: None)
    for _, event, facts in log.said:
        if event == "instrument.unread":
            raise Malformed(str(facts["error"]))
