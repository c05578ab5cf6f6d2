"""Requests on an OKX socket: numbered, answered channel by channel, halved where one is refused.

A subscription of several channels is answered for each of them, and refused as a
whole, by its number; then it is asked for again in halves, down to the one that
cannot be had.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from rebalancer.venues.okx.channels import argument

BATCH = 100  # channels a request; the venue takes 64 KB
SUBSCRIBE, UNSUBSCRIBE, LOGIN = "subscribe", "unsubscribe", "login"


@dataclass(slots=True)
class Request:
    """A request that waits for its answers."""

    op: str
    channels: dict[str, None]  # that were not answered yet
    sent: int  # ns, local


class Requests:
    """What is to be sent, and what was and is not answered yet."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[str, Request] = {}
        self._outbox: list[bytes] = []

    def reset(self) -> None:
        """Forget everything: there is a new socket. Numbers go on."""
        self._waiting.clear()
        self._outbox.clear()

    def ask(
        self, op: str, args: Sequence[Mapping[str, Any]], now: int, channels: Iterable[str] = ()
    ) -> None:
        """Send a request; `args` may hold a secret and is not kept."""
        self._number += 1
        self._waiting[str(self._number)] = Request(op, dict.fromkeys(channels), now)
        frame = {"id": str(self._number), "op": op, "args": list(args)}
        self._outbox.append(msgspec.json.encode(frame))

    def channels(self, op: str, names: Iterable[str], now: int) -> None:
        """Send (un)subscriptions, as few requests as may be."""
        listed = list(names)
        for first in range(0, len(listed), BATCH):
            batch = listed[first : first + BATCH]
            self.ask(op, [argument(each) for each in batch], now, batch)

    def say(self, word: bytes) -> None:
        """Send a bare word."""
        self._outbox.append(word)

    def answered(self, op: str, channel: str | None = None) -> None:
        """Note that a channel was (un)subscribed, or that a request without channels was done."""
        for number, request in list(self._waiting.items()):
            if request.op != op or (channel is not None and channel not in request.channels):
                continue
            if channel is not None:
                del request.channels[channel]
            if not request.channels:
                del self._waiting[number]
            return

    def failed(self, number: str | None, channel: str | None) -> Request | None:
        """Return the request that was refused, which waits no more; None: nobody knows which."""
        if number is None:
            number = next(
                (key for key, each in self._waiting.items() if self._is(each, channel)), ""
            )
        return self._waiting.pop(number, None)

    @staticmethod
    def _is(request: Request, channel: str | None) -> bool:
        return request.op == LOGIN if channel is None else channel in request.channels

    def halve(self, request: Request, now: int) -> None:
        """Send what was refused of several channels again, in two halves."""
        names = list(request.channels)
        middle = len(names) // 2
        for half in (names[:middle], names[middle:]):
            self.ask(request.op, [argument(each) for each in half], now, half)

    def waits(self, *ops: str) -> bool:
        """Tell whether a request of these kinds is not answered yet."""
        return any(each.op in ops for each in self._waiting.values())

    def overdue(self, before: int) -> Request | None:
        """Return a request that was sent before a time and is not answered yet."""
        return next((each for each in self._waiting.values() if each.sent < before), None)

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._outbox)

    def take(self) -> list[bytes]:
        """Return what is to be sent, once."""
        outbox, self._outbox = self._outbox, []
        return outbox
