"""Requests on a Bybit socket: numbered, awaited, and cut in half until the culprit is found.

A subscription that is refused takes its whole batch with it. Sockets of options
answer without a number, in the order in which they were asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from rebalancer.ports import SECOND
from rebalancer.venues.bybit.codes import CODES
from rebalancer.wire.bybit.frames import Answer

BATCH = 10  # topics a request; a socket of pairs takes no more
PING = 18 * SECOND  # ns between two pings; the venue asks for one every 20 s
SUBSCRIBE, UNSUBSCRIBE, AUTH = "subscribe", "unsubscribe", "auth"
_NONE_SUCH = ("invalid symbol", "invalid topic", "handler not found")  # words for "no such topic"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for its answer."""

    op: str
    topics: tuple[str, ...]
    sent: int  # ns, local


def final(answer: Answer) -> bool:
    """Tell whether a refusal stays one: there is no such topic, or the key may not.

    Whatever else a venue says may pass, as when it restarts or is too busy.
    """
    words = answer.message.lower()
    told = bool(answer.failed) or any(each in words for each in _NONE_SUCH)
    return told or str(answer.code) in CODES.key


class Asks:
    """What is to be sent, and what was and has no answer yet."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[str, Asked] = {}
        self._outbox: list[bytes] = []
        self._pinged = 0  # ns, local

    def reset(self, now: int) -> None:
        """Forget everything: there is a new socket, and it is pinged. Numbers go on."""
        self._waiting.clear()
        self._outbox.clear()
        self._ping(now)

    def beat(self, now: int) -> None:
        """Ping where it is time to."""
        if now - self._pinged >= PING:
            self._ping(now)

    def _ping(self, now: int) -> None:
        self._pinged = now
        self._number += 1
        self._outbox.append(msgspec.json.encode({"req_id": str(self._number), "op": "ping"}))

    def ask(self, op: str, args: Sequence[object], now: int, topics: Sequence[str] = ()) -> None:
        """Send a request; `args` may hold a signature and are not kept."""
        self._number += 1
        name = str(self._number)
        self._waiting[name] = Asked(op, tuple(topics), now)
        self._outbox.append(msgspec.json.encode({"req_id": name, "op": op, "args": list(args)}))

    def topics(self, op: str, topics: Iterable[str], now: int) -> None:
        """Send (un)subscriptions, as few requests as may be."""
        names = list(topics)
        for first in range(0, len(names), BATCH):
            batch = names[first : first + BATCH]
            self.ask(op, batch, now, batch)

    def halve(self, asked: Asked, now: int) -> None:
        """Send a refused subscription of several topics again, in two halves."""
        middle = len(asked.topics) // 2
        for half in (asked.topics[:middle], asked.topics[middle:]):
            self.ask(asked.op, half, now, half)

    def answered(self, answer: Answer) -> Asked | None:
        """Return the request that an answer belongs to; None for one that nobody asked for."""
        if answer.request:
            return self._waiting.pop(answer.request, None)
        first = next((n for n, each in self._waiting.items() if answer.op in ("", each.op)), None)
        return None if first is None else self._waiting.pop(first)

    def waits(self, *ops: str) -> bool:
        """Tell whether a request of these kinds has no answer yet."""
        return any(each.op in ops for each in self._waiting.values())

    def overdue(self, before: int) -> Asked | None:
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
