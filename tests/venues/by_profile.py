"""A venue that is known by its profile alone, at its stand-in: who it is, and what it streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rebalancer.core.events import Event
from rebalancer.core.instruments import Instrument
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.connection import Connection, connect
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.examination import examine
from rebalancer.venues.findings import Finding, Subject
from rebalancer.venues.generic.build import feed
from rebalancer.venues.native import Ports
from rebalancer.venues.profiles import row_of
from rebalancer.venues.seats import FeedSeat, StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.venues import standin
from tests.venues.deribit_frames import Lines


@asynccontextmanager
async def connected(
    name: str, venue: Any, keys: Credentials, **table: Any
) -> AsyncIterator[tuple[Connection, Venue]]:
    """Yield the daemon's own connection to a stand-in, and its settings.

    Args:
        name: ccxt id.
        venue: The stand-in.
        keys: Of the account.
        table: Of its settings, beside where it is.
    """
    async with standin.serving(venue.handle) as (_, address):
        settings = Venue(loopback=address, **table)
        connection = connect(name, settings, Mode.LIVE, keys)
        try:
            yield connection, settings
        finally:
            await connection.close()


async def examined(
    venue: Any, account: str, keys: Credentials, instrument: Instrument
) -> dict[str, Finding]:
    """Return the findings on an account, by name.

    Args:
        venue: The stand-in.
        account: As the settings pin it.
        keys: Of the account.
        instrument: The one that the book names there.
    """
    name, table = instrument.venue, {"account": account, "leverage": 5.0}
    async with connected(name, venue, keys, **table) as (connection, settings):
        subject = Subject(connection, row_of(name), settings, WallClock(), [instrument], {})
        return {each.name: each for each in await examine(subject)}


@dataclass(frozen=True)
class Heard:
    """What a feed told."""

    feed: Any
    events: list[Event] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # to read the account at once

    @property
    def newest(self) -> dict[type[Event], Event]:
        """The newest event of each type."""
        return {type(each): each for each in self.events}


@asynccontextmanager
async def hearing(opened: Any, keys: Credentials, native: str) -> AsyncIterator[Heard]:
    """Yield what the feed of an open desk's venue tells; no task of it may fail.

    Args:
        opened: The desk.
        keys: Of its account.
        native: Name of the instrument to follow.
    """
    failures: list[BaseException] = []
    reasons: list[str] = []
    log, tasks, connection = Lines(), TaskRegistry(failures.append), opened.line.connection
    ports = Ports(WallClock(), tasks, SeededRandomness(7), log)
    seat = StreamSeat(connection.venue, Wanted((native,)), log, Mode.LIVE, keys, connection)
    settings = Venue(loopback=opened.address)
    heard = Heard(feed(FeedSeat(seat, settings, ports, reasons.append)), reasons=reasons)
    tasks.spawn("feed", heard.feed.run(heard.events.append))
    try:
        yield heard
    finally:
        await tasks.close()
    assert [] == failures


async def until(condition: Callable[[], Any], within: float = 5.0) -> None:
    """Wait for something to become true, some seconds at most."""
    for _ in range(int(within / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")
