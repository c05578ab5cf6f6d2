"""The socket of a Binance account: its fills and orders as they happen. No socket here.

Futures tell them at an address that holds a listen key, and nothing has to be asked for.
Spot's are subscribed on the websocket API with a signature, the secret itself never
travels; where the key is at fault the next login waits, for asking on gets an address
banned. What is told here are hints: positions, cash and funding are read by REST.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.core.events import Event, PositionReport
from rebalancer.ports import SECOND, Log
from rebalancer.venues.binance import channels
from rebalancer.venues.binance.family import Venue
from rebalancer.venues.binance.requests import Requests
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.binance import account as wire
from rebalancer.wire.binance import frames
from rebalancer.wire.binance.account import AccountUpdate, Coins, Expired, OrderUpdate, Report
from rebalancer.wire.binance.frames import Answer, Failure
from rebalancer.wire.binance.values import MILLISECOND, Refused

LOGIN = "userDataStream.subscribe.signature"
WINDOW = 5_000  # ms that a signed request may travel
PATIENCE = 10 * SECOND  # ns until an answer is overdue
LATER = 60 * SECOND  # ns after a login that was refused because of the key, or of too many
# no such key; signature; unauthorized; format; key, address or permission; too many requests
AT_FAULT = frozenset({-2008, -1022, -1002, -2014, -2015, -1003})


@dataclass(frozen=True, slots=True)
class Access:
    """Whose account it is."""

    account: str  # as the configuration names it
    credentials: Callable[[], tuple[str, str]] | None = None  # key and secret; None: by address


class UserStream:
    """The protocol over one socket after the other.

    Args:
        venue: Of the family.
        access: The account.
        log: Where a refused login is told.
    """

    def __init__(self, venue: Venue, access: Access, log: Log) -> None:
        self.venue, self.path = venue.name, venue.user
        self.now = self.since = 0  # ns local: of the newest look, of this socket
        self.refused = self.unknown = 0  # frames
        self._venue, self._access, self._log = venue, access, log
        self._requests = Requests()
        self._broken: str | None = None
        self._due: int | None = None  # ns local: when to log in; None: it was asked
        self._not_before = 0  # ns local: of the next login
        self._deliver: Callable[[Event], None] = _nowhere

    def opened(self, deliver: Callable[[Event], None], now: int) -> None:
        """Begin on a new socket: log in, where the address does not."""
        self._deliver, self._broken = deliver, None
        self.now = self.since = now
        self._requests.reset()
        self._due = None if self._access.credentials is None else max(now, self._not_before)
        self._log_in(now)

    def _log_in(self, now: int) -> None:
        """Ask to hear the account, where it is time to."""
        credentials = self._access.credentials
        if credentials is not None and self._due is not None and now >= self._due:
            self._due = None
            self._requests.ask(LOGIN, signed(*credentials(), now), now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells of fills and orders."""
        frame = frames.decode(payload, self._venue.dialect)
        match frame:
            case OrderUpdate() | Report():
                self._told(frame, now)
            case Expired():
                self._broken = "the venue ended the stream of the account"
            case Answer(id=number):
                self._requests.answered(number)
            case Failure():
                self._failed(frame, now)
            case AccountUpdate() | Coins():
                pass  # read by REST, as of one moment
            case Refused(reason=reason):
                self.refused += 1
                self._log.warning("feed.malformed", venue=self.venue, why=reason)
            case _:
                self.unknown += 1

    def _failed(self, frame: Failure, now: int) -> None:
        """Give the socket up where its login was refused: nothing is told on it."""
        request, why = self._requests.answered(frame.id), f"{frame.code} {frame.message}"
        self._log.warning("feed.lost", venue=self.venue, channel="account", why=why)
        if request is not None and request.method == LOGIN:
            self._broken = f"the login was refused: {why}"
            self._not_before = now + LATER if frame.code in AT_FAULT else 0

    def _told(self, body: OrderUpdate | Report, now: int) -> None:
        told = body.report if isinstance(body, OrderUpdate) else body
        settle = channels.settled(self._venue, told.symbol)
        for event in wire.events(body, self._access.account, settle, now):
            if not isinstance(event, PositionReport):
                self._deliver(event)

    def judge(self, now: int) -> str | None:
        """Return why the socket must be rebuilt, if it must."""
        self.now = now
        if self._broken is not None:
            return self._broken
        self._log_in(now)
        overdue = self._requests.overdue(now - PATIENCE)
        return None if overdue is None else f"{overdue.method} was not answered"

    def take(self) -> list[bytes]:
        """Return the frames that are to be sent, once."""
        return self._requests.take()

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return self._requests.talkative

    @property
    def live(self) -> bool:
        """Whether the login, where there is one, was answered."""
        waits = self._requests.waits or self._due is not None
        return not waits and self._broken is None

    def want(self, wanted: Wanted, now: int) -> None:
        """Go on: an account is followed whole, whatever a book follows of the market."""
        del wanted, now


def signed(key: str, secret: str, now: int) -> dict[str, object]:
    """Return the parameters of a login, signed in the order of their names."""
    told: dict[str, object] = {
        "apiKey": key,
        "recvWindow": WINDOW,
        "timestamp": now // MILLISECOND,
    }
    text = "&".join(f"{name}={told[name]}" for name in sorted(told))
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {**told, "signature": signature}


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
