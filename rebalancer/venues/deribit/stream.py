"""Deribit's side of a native feed: what to ask for, and what each frame means. No socket here.

Every frame is told at once and in the order in which it came: nothing is
coalesced, nothing withheld. A frame that cannot be read is counted and the
stream goes on; a channel that is refused is dropped and the others live; a
book that lost a change is subscribed anew, and so is a channel that stands
still while others move. If that does not help, the socket must be rebuilt.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from rebalancer.ports import SECOND, Log
from rebalancer.venues import wanted as anywhere
from rebalancer.venues.deribit import channels
from rebalancer.venues.deribit.channels import PRIVATE, PROBE, Wanted
from rebalancer.venues.deribit.requests import Request, Requests
from rebalancer.venues.deribit.told import Channels, Counts, Deliver, Taps
from rebalancer.venues.freezing import Asking, FreezeWatch, Thaw
from rebalancer.venues.native import worth_a_line
from rebalancer.wire.deribit import frames as deribit
from rebalancer.wire.deribit.frames import Answer, Failure, Heartbeat, Told
from rebalancer.wire.deribit.market import Ticker
from rebalancer.wire.deribit.values import Refused, Unknown, ns

TESTNET = "test.deribit.com/ws/api/v2"  # its keys are of no use elsewhere, and stay there
SUBSCRIBE, UNSUBSCRIBE = "public/subscribe", "public/unsubscribe"
SUBSCRIBE_PRIVATE, AUTH = "private/subscribe", "public/auth"
# Refused for now and not for good: too many requests, locked, maintenance, timed out.
_TRANSIENT = frozenset({10028, 10040, 10041, 10047, 10066, 11094, 13028, 13888})


@dataclass(frozen=True, slots=True)
class Access:
    """An account whose fills, orders and balances are told too."""

    account: str  # as the configuration names it
    credentials: Callable[[], tuple[str, str]]  # client id and secret, read anew at each login


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Deribit may take."""

    heartbeat: int = 10  # s between signs of life; Deribit takes no less than 10
    answer: int = 10 * SECOND  # ns until an answer is overdue
    frozen: int = 10 * SECOND  # ns that a channel may stand still while others move


class DeribitStream:
    """The protocol over one socket after the other.

    Args:
        wanted: What the book follows.
        log: Where drops and standstills are told.
        access: The account to follow too, if any.
        taps: Who hears levels and margins.
        patience: How long the venue may take.
    """

    venue = "deribit"
    path = "www.deribit.com/ws/api/v2"

    def __init__(
        self,
        wanted: Wanted,
        log: Log,
        access: Access | None = None,
        taps: Taps | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.counts = Counts()
        self._wanted, self._log, self._access = wanted, log, access
        self._patience = patience
        self._requests = Requests()
        self._watch = FreezeWatch(patience.frozen)
        account = None if access is None else access.account
        self._channels = Channels(self._watch, self.counts, taps or Taps(), account)
        asking = Asking(self.venue, self._requests.channels, SUBSCRIBE, UNSUBSCRIBE, PROBE)
        self._thaw = Thaw(self._watch, asking, log)
        self._broken: str | None = None
        self._heard = 0  # ns local: when a channel spoke last
        self._channels.follow(wanted)

    # --- the socket's side ------------------------------------------------------

    def opened(self, deliver: Deliver, now: int) -> None:
        """Begin on a new socket: log in, subscribe, ask for signs of life."""
        self._broken, self._heard = None, now
        self._requests.reset()
        self._thaw.begin()
        self._channels.begin(deliver)
        self._channels.follow(self._wanted)
        self._requests.ask("public/set_heartbeat", {"interval": self._patience.heartbeat}, now)
        if self._access is None:
            self._requests.channels(SUBSCRIBE, channels.public(self._wanted), now)
            return
        key, secret = self._access.credentials()
        login = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
        self._requests.ask(AUTH, login, now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells."""
        message = deribit.decode(payload)
        if isinstance(message, Told):
            if not message.channel.startswith("user."):  # an account may speak in a dead market
                self._heard = now
            if self._channels.take(message, now):
                self.counts.decoded += 1
            else:
                self.counts.unknown += 1
            for name in self._channels.broken():
                self._thaw.renew((name,), now)
        else:
            self._control(message, now)

    def judge(self, now: int) -> str | None:
        """Look for standstills, about once a second; return why the socket must be rebuilt."""
        if self._broken is not None:
            return self._broken
        overdue = self._requests.overdue(now - self._patience.answer)
        if overdue is not None:
            return f"{overdue.method} was not answered"
        told = channels.probed(self._wanted)
        if told and now - self._heard >= self._patience.frozen and not self._requests.waits(PROBE):
            self._requests.ask(PROBE, {"instrument_name": told}, now)
            self._heard = now  # and again, should nobody speak until then
        return self._thaw.judge(now)

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
        return self._thaw.done and not self._requests.waits(SUBSCRIBE, SUBSCRIBE_PRIVATE, AUTH)

    def want(self, told: anywhere.Wanted, now: int) -> None:
        """Follow something else from now on, on the same socket, as closely as before."""
        wanted = replace(self._wanted, hedge=told.hedge, options=told.options)
        before, after = channels.public(self._wanted), channels.public(wanted)
        self._wanted = wanted
        self._channels.follow(wanted)
        gone = [name for name in before if name not in self._channels]
        for name in gone:
            self._thaw.forget(name)
        new = [name for name in after if name not in frozenset(before)]
        self._requests.channels(UNSUBSCRIBE, gone, now)
        self._requests.channels(SUBSCRIBE, new, now)

    # --- answers ----------------------------------------------------------------

    def _control(self, message: Heartbeat | Answer | Failure | Unknown | Refused, now: int) -> None:
        match message:
            case Refused(reason=reason):
                self.counts.refused += 1
                if worth_a_line(self.counts.refused):
                    count = self.counts.refused
                    self._log.warning("feed.malformed", venue=self.venue, why=reason, count=count)
            case Unknown():
                self.counts.unknown += 1
            case Heartbeat():
                self.counts.decoded += 1
                if message.test:
                    self._requests.ask("public/test", {}, now)
            case Answer():
                self.counts.decoded += 1
                request = self._requests.answered(message.id)
                if request is not None:
                    self._answered(request, message.result, now)
            case Failure():
                self.counts.decoded += 1
                request = self._requests.answered(message.id)
                if request is not None:
                    self._failed(request, message, now)

    def _answered(self, request: Request, result: msgspec.Raw, now: int) -> None:
        if request.method == AUTH:
            self._requests.channels(SUBSCRIBE_PRIVATE, PRIVATE, now)
            self._requests.channels(SUBSCRIBE, channels.public(self._wanted), now)
        elif request.method in (SUBSCRIBE, SUBSCRIBE_PRIVATE):
            had = deribit.read(result, tuple[str, ...])
            taken = () if isinstance(had, Refused) else had
            for name in request.channels:
                if name not in frozenset(taken):
                    self._drop(name, "not among the subscribed")
        elif request.method == PROBE:
            told = deribit.read(result, Ticker)
            pulse = self._watch.pulses.get(PROBE)
            if pulse is not None and isinstance(told, Ticker) and ns(told.timestamp) > pulse.ts:
                pulse.beat(ns(told.timestamp), now)
                pulse.index, pulse.touch = told.index, (told.bid or None, told.ask or None)

    def _failed(self, request: Request, failure: Failure, now: int) -> None:
        why = f"{failure.code} {failure.message}"
        if failure.code in _TRANSIENT:
            if request.method != PROBE:
                self._broken = f"{request.method} was refused for now: {why}"
        elif request.method == AUTH:
            for name in PRIVATE:
                self._drop(name, f"login was refused: {why}")
            self._requests.channels(SUBSCRIBE, channels.public(self._wanted), now)
        elif request.method in (SUBSCRIBE, SUBSCRIBE_PRIVATE):
            if len(request.channels) > 1:
                self._requests.halve(request, now)
            else:
                self._drop(request.channels[0], why)

    def _drop(self, name: str, why: str) -> None:
        """Go on without a channel."""
        self._channels.drop(name)
        self._thaw.forget(name)
        self.counts.dropped.append(name)
        self._log.warning("feed.lost", venue=self.venue, channel=name, why=why)
