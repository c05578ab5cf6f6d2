"""Seats: where what a venue's own package builds sits, and what it must build.

A package fills a `VenueParts` (`deribit.build`); `parts` names them all.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from rebalancer.core.instruments import Instrument
from rebalancer.ports import Clock, Log, Tasks
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.accounts import Account
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import Connection
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.dead_man import Guardian, Socket
from rebalancer.venues.findings import Questions, Subject
from rebalancer.venues.following import Follower
from rebalancer.venues.native import PACE, Beside, Pace, Ports, Route, Speaker, Way
from rebalancer.venues.paper import Depth
from rebalancer.venues.wanted import Wanted


@dataclass(frozen=True, slots=True)
class AccountSeat:
    """Where the reader of an account sits."""

    account: str  # as the settings name it
    connection: Connection
    budget: Budget
    clock: Clock
    instruments: Mapping[str, Instrument]  # what the book knows, by id
    ours: Callable[[str], bool]  # whether a label is a client order id of ours


def unheard(_why: str) -> None:
    """Hear why an account is to be read at once, where nobody reads it."""


@dataclass(frozen=True, slots=True)
class StreamSeat:
    """Where the streams of a venue sit."""

    account: str
    wanted: Wanted
    log: Log
    mode: Mode
    keys: Credentials | None = None  # None: the market only
    connection: Connection | None = None  # for what a stream must ask by REST
    depth: Callable[[int, Depth], None] | None = None  # hears the best levels, ns local
    look: Callable[[str], None] = unheard  # why the account is to be read at once


@dataclass(frozen=True, slots=True)
class FeedSeat:
    """Where a feed sits that opens its own way to the market."""

    seat: StreamSeat
    venue: Venue  # its table of the settings
    ports: Ports
    reconcile: Callable[[str], None]  # why the account is to be read at once
    budget: Budget | None = None  # that its questions count to; None: one of its own


@dataclass(frozen=True, slots=True)
class SocketSeat:
    """Where the websocket sits on which orders can be placed, or that watches over them."""

    connection: Connection
    keys: Credentials
    clock: Clock
    tasks: Tasks
    lost: Callable[[], None]  # is called when it ends
    hedges: tuple[Instrument, ...] = ()  # that orders may rest in
    window: int = 0  # ns of silence after which the venue takes away what rests


@dataclass(frozen=True, slots=True)
class Spoken:
    """One socket: what is spoken on it, and where it is dialled."""

    stream: Speaker
    route: Route | None = None  # None: at the stream's own path
    pace: Pace = PACE
    beside: Beside | None = None  # asks by REST what the stream needs, while a socket is open
    needed: Callable[[], bool] | None = None  # whether anything is to be heard; None: always
    vital: bool = True  # whether the venue is lost with it

    @property
    def way(self) -> Way:
        """How a socket is got and when, and what is asked beside it."""
        return Way(self.route, self.beside, self.needed, self.vital)


@dataclass(frozen=True, slots=True)
class VenueParts:
    """What a venue's own package builds."""

    account: Callable[[AccountSeat], Account]
    streams: Callable[[StreamSeat], Sequence[Spoken]]
    questions: Questions  # about key, account and positions
    mark: Callable[[Subject, Instrument], Awaitable[float]]  # USD per coin
    socket: Callable[[SocketSeat], Socket] | None = None  # None: what rests goes by REST too
    guardian: Callable[[SocketSeat], Guardian] | None = None  # where the switch is a service
    feed: Callable[[FeedSeat], Follower] | None = None  # instead of streams over our own sockets
    asks: bool = False  # whether its market streams must ask by REST what nobody tells them
