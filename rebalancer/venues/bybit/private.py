"""Bybit's account over a native feed: log in, then executions and orders. No socket here.

What it tells are hints, which come early; the account's own lists are the truth.
A login that is refused for good leaves the socket open and silent: reading the lists
says loudly that the key is not taken. One that is refused for now ends the socket.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.core.events import Event
from rebalancer.ports import SECOND, Log
from rebalancer.venues.bybit.asks import AUTH, SUBSCRIBE, Asks, final
from rebalancer.venues.bybit.stream import HOST, PATIENCE, Patience
from rebalancer.venues.bybit.told import Counts, Deliver
from rebalancer.venues.bybit.topics import PRIVATE
from rebalancer.venues.payloads import MILLISECOND
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.bybit import account as told
from rebalancer.wire.bybit import frames as bybit
from rebalancer.wire.bybit.account import AccountBody
from rebalancer.wire.bybit.frames import Answer, Booked
from rebalancer.wire.bybit.values import Refused

VALID = 10 * SECOND  # ns that a login may take to arrive


@dataclass(frozen=True, slots=True)
class Access:
    """An account whose orders and executions are told."""

    account: str  # as the configuration names it
    credentials: Callable[[], tuple[str, str]]  # key and secret, read anew at each login
    pairs: frozenset[str] = frozenset()  # ids of pairs whose coin is a position


class BybitPrivate:
    """The protocol over one private socket after the other.

    Args:
        access: The account.
        log: Where what is refused is told.
        host: Where it is dialled.
        patience: How long the venue may take.
    """

    venue = "bybit"

    def __init__(
        self, access: Access, log: Log, host: str = HOST, patience: Patience = PATIENCE
    ) -> None:
        self.path = f"{host}/v5/private"
        self.counts = Counts()
        self._access, self._log, self._patience = access, log, patience
        self._asks = Asks()
        self._deliver: Deliver = _nowhere
        self._broken: str | None = None

    def opened(self, deliver: Deliver, now: int) -> None:
        """Begin on a new socket: log in."""
        self._deliver, self._broken = deliver, None
        self._asks.reset(now)
        key, secret = self._access.credentials()
        expires = (now + VALID) // MILLISECOND
        signed = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256)
        self._asks.ask(AUTH, (key, expires, signed.hexdigest()), now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells."""
        match bybit.decode(payload):
            case Booked(records=records):
                self.counts.decoded += 1
                self._booked(records, now)
            case Answer() as answer:
                self.counts.decoded += 1
                self._answered(answer, now)
            case Refused(reason=reason):
                self.counts.refused += 1
                self._log.warning("feed.malformed", venue=self.venue, why=reason)
            case _:
                self.counts.unknown += 1

    def _booked(self, records: AccountBody, now: int) -> None:
        access = self._access
        for record in records:
            for event in told.events(record, access.account, now, access.pairs):
                self._deliver(event)

    def _answered(self, answer: Answer, now: int) -> None:
        asked = None if answer.op == "ping" else self._asks.answered(answer)
        if asked is None:
            return
        if asked.op == AUTH and answer.done:
            for topic in PRIVATE:
                self._asks.ask(SUBSCRIBE, (topic,), now, (topic,))
        elif not answer.done and not final(answer):
            said = f"{answer.code or ''} {answer.message}".strip()
            self._broken = f"{asked.op} was refused for now: {said}"
        elif not answer.done:
            login = asked.op == AUTH
            why = f"login was refused: {answer.message}" if login else answer.message
            for topic in PRIVATE if login else asked.topics:
                self.counts.dropped.append(topic)
                self._log.warning("feed.lost", venue=self.venue, channel=topic, why=why)

    def judge(self, now: int) -> str | None:
        """Ping, about once a second; return why to rebuild the socket."""
        if self._broken is not None:
            return self._broken
        self._asks.beat(now)
        overdue = self._asks.overdue(now - self._patience.answer)
        return None if overdue is None else f"{overdue.op} was not answered"

    def take(self) -> list[bytes]:
        """Return the frames that are to be sent, once."""
        return self._asks.take()

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return self._asks.talkative

    @property
    def live(self) -> bool:
        """Whether the account is followed, or cannot be."""
        return self._broken is None and not self._asks.waits(AUTH, SUBSCRIBE)

    def want(self, _wanted: Wanted, _now: int) -> None:
        """Follow something else: an account is followed whole."""


def _nowhere(event: Event) -> None:
    """Hear an event while no socket is open."""
