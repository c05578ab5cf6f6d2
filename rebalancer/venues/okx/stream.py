"""OKX's side of a native feed: what to ask for, and what each frame means. No socket here.

The market and the account are told on sockets of their own; one class speaks on
either, and what is followed there (`told`) makes the difference. A frame that
cannot be read is counted and the stream goes on; a channel that is refused is
dropped and the others live; a book that lost a change is subscribed anew, and so
is a channel that stands still while others move. If that does not help, the
socket must be rebuilt.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.ports import SECOND, Log
from rebalancer.venues.freezing import Asking, Thaw
from rebalancer.venues.native import worth_a_line
from rebalancer.venues.okx.requests import LOGIN, SUBSCRIBE, UNSUBSCRIBE, Request, Requests
from rebalancer.venues.okx.told import Account, Counts, Deliver, Market, Sayings
from rebalancer.venues.seats import unheard
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.okx import frames as okx
from rebalancer.wire.okx.frames import Failure, LoggedIn, Message, Notice, Pong, Subscribed, Told
from rebalancer.wire.okx.values import Refused, Unknown

HOST, TESTNET = "ws.okx.com:8443", "wspap.okx.com:8443"
PUBLIC, PRIVATE = "ws/v5/public", "ws/v5/private"
_VERIFIED = "GET/users/self/verify"  # what a login signs beside its time
_LEAVING = "64008"  # a notice: the socket will be closed for an upgrade
# Refused for now and not for good: signed too late, too often, busy, an error of the venue.
_TRANSIENT = frozenset({"50001", "50011", "50026", "60006", "60014", "60016", "60023", "63999"})


@dataclass(frozen=True, slots=True)
class Access:
    """An account whose orders are told."""

    account: str  # as the configuration names it
    credentials: Callable[[], tuple[str, str, str]]  # key, secret, passphrase, anew at each login
    pairs: frozenset[str] = frozenset()  # ids of pairs whose coin is a position


@dataclass(frozen=True, slots=True)
class Patience:
    """How long OKX may take."""

    ping: int = 12 * SECOND  # ns between signs of life; the venue hangs up after 30 s of silence
    answer: int = 10 * SECOND  # ns until an answer is overdue
    frozen: int = 10 * SECOND  # ns that a channel may stand still while others move
    silent: int = 30 * SECOND  # ns without any word of the market; a mark is told each 10 s


class OkxStream:
    """The protocol over one socket after the other.

    Args:
        path: Host and path of its socket.
        sayings: What is followed there.
        log: Where drops and standstills are told.
        access: The account to log in to, where it is the account's socket.
        counts: Of frames; shared with what is followed.
        patience: How long the venue may take.
    """

    venue = "okx"

    def __init__(
        self,
        path: str,
        sayings: Sayings,
        log: Log,
        access: Access | None = None,
        counts: Counts | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.path = path
        self.counts = Counts() if counts is None else counts
        self._sayings, self._log, self._access = sayings, log, access
        self._patience = patience
        self._requests = Requests()
        asking = Asking(self.venue, self._requests.channels, SUBSCRIBE, UNSUBSCRIBE)
        self._thaw = Thaw(sayings.watch, asking, log)
        self._broken: str | None = None
        self._heard = 0  # ns local: when a channel spoke last
        self._pinged = 0  # ns local: the last sign of life that was asked for
        self._owed: int | None = None  # ns local: since when a pong is due

    # --- the socket's side ------------------------------------------------------

    def opened(self, deliver: Deliver, now: int) -> None:
        """Begin on a new socket: log in, where that is needed, and subscribe."""
        self._broken, self._owed = None, None
        self._heard = self._pinged = now
        self._requests.reset()
        self._thaw.begin()
        self._sayings.begin(deliver)
        if self._access is None:
            self._requests.channels(SUBSCRIBE, self._sayings.names(), now)
        else:
            self._requests.ask(LOGIN, [_login(self._access, now)], now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells."""
        message = okx.decode(payload)
        if not isinstance(message, Told):
            self._control(message, now)
            return
        self._heard = now
        self._leave_out(message)
        if self._sayings.take(message, now):
            self.counts.decoded += 1
        else:
            self.counts.unknown += 1
        for name in self._sayings.broken():
            self._thaw.renew((name,), now)

    def judge(self, now: int) -> str | None:
        """Look for standstills, about once a second; return why the socket must be rebuilt."""
        if self._broken is not None:
            return self._broken
        overdue = self._requests.overdue(now - self._patience.answer)
        if overdue is not None:
            return f"{overdue.op} was not answered"
        if self._owed is not None and now - self._owed >= self._patience.answer:
            return "ping was not answered"
        if now - self._pinged >= self._patience.ping:
            self._requests.say(okx.PING)
            self._pinged = now
            self._owed = now if self._owed is None else self._owed
        followed = self._access is None and bool(self._sayings.names())
        if followed and now - self._heard >= self._patience.silent:
            return "the market is silent"
        return self._thaw.judge(now)

    def needed(self) -> bool:
        """Whether the book follows anything there."""
        return bool(self._sayings.names())

    def take(self) -> list[bytes]:
        """Return the frames that are to be sent, once."""
        return self._requests.take()

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return self._requests.talkative

    @property
    def live(self) -> bool:
        """Whether all channels are subscribed, and those that stood still moved again."""
        return self._thaw.done and not self._requests.waits(SUBSCRIBE, LOGIN)

    def want(self, told: Wanted, now: int) -> None:
        """Follow something else from now on, on the same socket."""
        before = self._sayings.names()
        self._sayings.follow(told)
        after = self._sayings.names()
        kept = frozenset(after)
        gone = [name for name in before if name not in kept]
        for name in gone:
            self._thaw.forget(name)
        self._requests.channels(UNSUBSCRIBE, gone, now)
        had = frozenset(before)
        self._requests.channels(SUBSCRIBE, [name for name in after if name not in had], now)

    # --- answers ----------------------------------------------------------------

    def _control(self, message: Message, now: int) -> None:
        match message:
            case Refused(reason=reason):
                self.counts.refused += 1
                if worth_a_line(self.counts.refused):
                    count = self.counts.refused
                    self._log.warning("feed.malformed", venue=self.venue, why=reason, count=count)
                return
            case Unknown():
                self.counts.unknown += 1
                return
            case Pong():
                self._owed = None
            case LoggedIn():
                self._requests.answered(LOGIN)
                self._requests.channels(SUBSCRIBE, self._sayings.names(), now)
            case Subscribed():
                op = SUBSCRIBE if message.on else UNSUBSCRIBE
                self._requests.answered(op, message.channel)
            case Notice():
                if message.code == _LEAVING:
                    self._broken = f"the venue says {message.code} {message.message}"
            case Failure():
                request = self._requests.failed(message.id, message.channel)
                if request is not None:
                    self._failed(request, message, now)
        self.counts.decoded += 1

    def _leave_out(self, told: Told) -> None:
        """Count the rows that cannot be read; the first is told, and none of the many after it."""
        if told.spoiled and not self.counts.spoiled:
            why = f"{told.channel}: a row was left out: {told.spoiled[0]}"
            self._log.warning("feed.malformed", venue=self.venue, why=why, count=1)
        self.counts.spoiled += len(told.spoiled)

    def _failed(self, request: Request, failure: Failure, now: int) -> None:
        why = f"{failure.code} {failure.message}"
        if failure.code in _TRANSIENT:
            self._broken = f"{request.op} was refused for now: {why}"
        elif request.op == LOGIN:
            for name in self._sayings.names():
                self._drop(name, f"login was refused: {why}")
        elif request.op == SUBSCRIBE:
            if len(request.channels) > 1:
                self._requests.halve(request, now)
            else:
                for name in request.channels:
                    self._drop(name, why)

    def _drop(self, name: str, why: str) -> None:
        """Go on without a channel."""
        self._sayings.drop(name)
        self._thaw.forget(name)
        self.counts.dropped.append(name)
        self._log.warning("feed.lost", venue=self.venue, channel=name, why=why)


def market(
    host: str,
    wanted: Wanted,
    log: Log,
    depth: Callable[..., None] | None = None,
    patience: Patience = Patience(),
) -> OkxStream:
    """Return the stream of the market."""
    counts = Counts()
    sayings = Market(patience.frozen, counts, depth)
    sayings.follow(wanted)
    return OkxStream(f"{host}/{PUBLIC}", sayings, log, counts=counts, patience=patience)


def account(
    host: str,
    access: Access,
    log: Log,
    patience: Patience = Patience(),
    look: Callable[[str], None] = unheard,
) -> OkxStream:
    """Return the stream of an account; `look` is told why that is to be read at once."""
    sayings = Account(access.account, access.pairs, look)
    return OkxStream(f"{host}/{PRIVATE}", sayings, log, access, patience=patience)


def _login(access: Access, now: int) -> dict[str, str]:
    """Return a signed login, so that the secret itself never travels."""
    key, secret, passphrase = access.credentials()
    stamp = str(now // SECOND)
    signed = hmac.new(secret.encode(), f"{stamp}{_VERIFIED}".encode(), hashlib.sha256).digest()
    sign = base64.b64encode(signed).decode()
    return {"apiKey": key, "passphrase": passphrase, "timestamp": stamp, "sign": sign}
