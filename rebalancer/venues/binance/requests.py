"""Requests on a Binance socket: numbered, awaited, and cut in half until the culprit is found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

BATCH = 100  # channels a request; the venue takes 200 a socket at least, and few requests a second


@dataclass(frozen=True, slots=True)
class Request:
    """A request that waits for its answer."""

    method: str
    channels: tuple[str, ...]
    sent: int  # ns, local


class Requests:
    """What is to be sent, and what was and has no answer yet."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[int, Request] = {}
        self._outbox: list[bytes] = []

    def reset(self) -> None:
        """Forget everything: there is a new socket. Numbers go on."""
        self._waiting.clear()
        self._outbox.clear()

    def ask(self, method: str, params: Any, now: int, channels: Sequence[str] = ()) -> None:
        """Send a request; `params` may hold a signature and is not kept."""
        self._number += 1
        self._waiting[self._number] = Request(method, tuple(channels), now)
        frame = {"method": method, "params": params, "id": self._number}
        self._outbox.append(msgspec.json.encode(frame))

    def channels(self, method: str, channels: Iterable[str], now: int) -> None:
        """Send (un)subscriptions, as few requests as may be."""
        names = list(channels)
        for first in range(0, len(names), BATCH):
            batch = names[first : first + BATCH]
            self.ask(method, batch, now, batch)

    def halve(self, request: Request, now: int) -> None:
        """Send a refused subscription of several channels again, in two halves."""
        middle = len(request.channels) // 2
        for half in (request.channels[:middle], request.channels[middle:]):
            self.ask(request.method, list(half), now, half)

    def answered(self, number: int | None) -> Request | None:
        """Return the request that an answer belongs to; None for one that nobody asked for."""
        return None if number is None else self._waiting.pop(number, None)

    @property
    def waits(self) -> bool:
        """Whether a request has no answer yet."""
        return bool(self._waiting)

    def overdue(self, before: int) -> Request | None:
        """Return a request that was sent before a time and has no answer yet."""
        return next((each for each in self._waiting.values() if each.sent < before), None)

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._outbox)

    def take(self) -> list[bytes]:
        """Return what is to be sent, once."""
        outbox, self._outbox = self._outbox, []
        return outbox
