"""One market socket of Binance: what to ask for, and what each frame means. No socket here.

Every frame is told at once and in order. One that cannot be read is counted, and the
stream goes on; a channel that is refused is dropped and the others live; one that stands
still while others move is subscribed anew, and where that does not help the socket must be
rebuilt. What is asked by REST meanwhile is `beside`'s affair.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.ports import SECOND, Log
from rebalancer.venues.binance import channels
from rebalancer.venues.binance.channels import Socket
from rebalancer.venues.binance.family import Venue
from rebalancer.venues.binance.requests import Request, Requests
from rebalancer.venues.binance.told import Body, Counts, Deliver, Words
from rebalancer.venues.freezing import Asking, FreezeWatch, Thaw
from rebalancer.venues.native import worth_a_line
from rebalancer.venues.paper import Depth
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.binance import frames
from rebalancer.wire.binance.frames import Answer, Failure
from rebalancer.wire.binance.values import Refused, Unknown

SUBSCRIBE, UNSUBSCRIBE = "SUBSCRIBE", "UNSUBSCRIBE"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Binance may take, ns."""

    answer: int = 10 * SECOND  # until an answer is overdue
    frozen: int = 10 * SECOND  # that a channel may stand still while others move


class MarketStream:
    """The protocol over one socket after the other.

    Args:
        venue: Of the family.
        socket: What it is for, and where.
        wanted: What the book follows.
        log: Where drops and standstills are told.
        tap: Hears the best levels, ns local.
        patience: How long the venue may take.
    """

    def __init__(
        self,
        venue: Venue,
        socket: Socket,
        wanted: Wanted,
        log: Log,
        tap: Callable[[int, Depth], None] | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.venue, self.path = venue.name, socket.path
        self.counts = Counts()
        self.now = 0  # ns local, of the newest look
        self._venue, self._socket, self._wanted = venue, socket, wanted
        self._log, self._patience = log, patience
        self._requests = Requests()
        self._watch = FreezeWatch(patience.frozen)
        self.words = Words(venue, socket, self._watch, self.counts, tap)
        asking = Asking(self.venue, self._requests.channels, SUBSCRIBE, UNSUBSCRIBE)
        self._thaw = Thaw(self._watch, asking, log, self._spares)
        self.words.follow(wanted, 0)

    @property
    def wanted(self) -> Wanted:
        """What the book follows."""
        return self._wanted

    @property
    def prices(self) -> bool:
        """Whether it keeps depth."""
        return self._socket.prices

    @property
    def marks(self) -> bool:
        """Whether it tells funding."""
        return self._socket.marks and self._venue.margined

    def opened(self, deliver: Deliver, now: int) -> None:
        """Begin on a new socket: subscribe."""
        self.now = now
        self._requests.reset()
        self._thaw.begin()
        self.words.begin(deliver, now)
        self.words.follow(self._wanted, now)
        self._subscribe(channels.public(self._venue, self._socket, self._wanted), now)

    def _subscribe(self, names: tuple[str, ...], now: int) -> None:
        self._requests.channels(SUBSCRIBE, names, now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells."""
        frame = frames.decode(payload, self._venue.dialect)
        match frame:
            case Refused(reason=reason):
                self.counts.refused += 1
                if worth_a_line(self.counts.refused):
                    count = self.counts.refused
                    self._log.warning("feed.malformed", venue=self.venue, why=reason, count=count)
            case Unknown():
                self.counts.unknown += 1
            case Answer(id=number):
                self.counts.decoded += 1
                self._requests.answered(number)
            case Failure():
                self.counts.decoded += 1
                request = self._requests.answered(frame.id)
                if request is not None:
                    self._failed(request, frame, now)
            case _:
                known = isinstance(frame, Body) and self.words.take(frame, now)
                self.counts.decoded += known
                self.counts.unknown += not known

    def judge(self, now: int) -> str | None:
        """Look for standstills, about once a second; return why the socket must be rebuilt."""
        self.now = now
        overdue = self._requests.overdue(now - self._patience.answer)
        if overdue is not None:
            return f"{overdue.method} was not answered"
        spoke, patience = self.words.spoke, self._patience.frozen
        silent = [name for name, since in spoke.items() if now - since >= patience]
        return self._thaw.judge(now, silent)

    def needed(self) -> bool:
        """Whether the book follows anything on this socket."""
        return bool(channels.public(self._venue, self._socket, self._wanted))

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
        return self._thaw.done and not self._requests.waits

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on, on the same socket."""
        before = channels.public(self._venue, self._socket, self._wanted)
        after = channels.public(self._venue, self._socket, wanted)
        self._wanted = wanted
        self.words.follow(wanted, now)
        gone = [name for name in before if name not in self.words]
        for name in gone:
            self._thaw.forget(name)
        self._requests.channels(UNSUBSCRIBE, gone, now)
        self._subscribe(tuple(name for name in after if name not in frozenset(before)), now)

    def _failed(self, request: Request, failure: Failure, now: int) -> None:
        if request.method != SUBSCRIBE:
            return
        if len(request.channels) > 1:
            self._requests.halve(request, now)
            return
        self._drop(request.channels[0], f"{failure.code} {failure.message}")

    def _drop(self, name: str, why: str) -> None:
        """Go on without a channel."""
        self.words.drop(name)
        self._thaw.forget(name)
        self.counts.dropped.append(name)
        self._log.warning("feed.lost", venue=self.venue, channel=name, why=why)

    def _spares(self, name: str, ts: int) -> bool:
        """Drop a channel of the other market that never spoke: nobody tells it by this name."""
        if ts or not self._socket.borrowed:
            return False
        self._drop(name, "nobody tells an index by this name")
        return True
