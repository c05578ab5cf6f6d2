"""Bybit's market over a native feed: one socket a category. No socket here.

Every frame is told at once and in the order in which it came. A frame that
cannot be read is counted and the stream goes on; a topic that there is not is
dropped and the others live; a book that lost a change is subscribed anew, and so
is a topic that stands still while others move. If that does not help, or topics are
refused for now, the socket must be rebuilt. A perpetual's ticker moves all the time:
a socket on which no topic says anything is subscribed anew, and then rebuilt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rebalancer.ports import SECOND, Log
from rebalancer.venues.bybit import topics
from rebalancer.venues.bybit.asks import SUBSCRIBE, UNSUBSCRIBE, Asked, Asks, final
from rebalancer.venues.bybit.told import Counts, Deliver, Tap, Topics
from rebalancer.venues.freezing import Asking, FreezeWatch, Thaw
from rebalancer.venues.native import worth_a_line
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.bybit import frames as bybit
from rebalancer.wire.bybit.frames import Answer, Told
from rebalancer.wire.bybit.values import Category, Refused

HOST, TESTNET = "stream.bybit.com", "stream-testnet.bybit.com"
_THERE = "already subscribed"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Bybit may take."""

    answer: int = 10 * SECOND  # ns until an answer is overdue
    frozen: int = 10 * SECOND  # ns that a topic may stand still while others move


PATIENCE = Patience()


class BybitMarket:
    """The protocol over one socket of a category after the other.

    Args:
        category: Of the socket.
        wanted: What the book follows; what belongs to other sockets is passed over.
        log: Where drops and standstills are told.
        depth: Hears the best levels.
        host: Where it is dialled.
        patience: How long the venue may take.
    """

    venue = "bybit"

    def __init__(
        self,
        category: Category,
        wanted: Wanted,
        log: Log,
        depth: Tap | None = None,
        host: str = HOST,
        patience: Patience = PATIENCE,
    ) -> None:
        self.path = f"{host}/v5/public/{category}"
        self.counts = Counts()
        self._category, self._wanted, self._log, self._patience = category, wanted, log, patience
        self._asks = Asks()
        self._watch = FreezeWatch(patience.frozen)
        self._topics = Topics(category, self._watch, self.counts, depth)
        self._topics.follow(wanted)
        self._thaw = Thaw(self._watch, Asking(self.venue, self._ask, SUBSCRIBE, UNSUBSCRIBE), log)
        self._heard = 0  # ns local: when a topic spoke last
        self._roused = False  # whether all were subscribed anew since
        self._broken: str | None = None

    def _public(self, wanted: Wanted) -> tuple[str, ...]:
        return topics.public(topics.here(wanted, self._category))

    # --- the socket's side ------------------------------------------------------

    def opened(self, deliver: Deliver, now: int) -> None:
        """Begin on a new socket: ping, which brings a first frame, and subscribe."""
        self._heard, self._roused, self._broken = now, False, None
        self._asks.reset(now)
        self._thaw.begin()
        self._topics.begin(deliver)
        self._topics.follow(self._wanted)
        self._asks.topics(SUBSCRIBE, self._public(self._wanted), now)

    def received(self, payload: bytes, now: int) -> None:
        """Take a frame in, and deliver what it tells."""
        match bybit.decode(payload):
            case Told() as message:
                self._heard, self._roused = now, False
                if self._topics.take(message, now):
                    self.counts.decoded += 1
                else:
                    self.counts.unknown += 1
                for name in self._topics.broken():
                    self._thaw.renew((name,), now)
            case Answer() as answer:
                self.counts.decoded += 1
                asked = None if answer.op == "ping" else self._asks.answered(answer)
                if asked is not None and asked.op == SUBSCRIBE:
                    self._answered(asked, answer, now)
            case Refused(reason=reason):
                self.counts.refused += 1
                if worth_a_line(self.counts.refused):
                    count = self.counts.refused
                    self._log.warning("feed.malformed", venue=self.venue, why=reason, count=count)
            case _:
                self.counts.unknown += 1

    def judge(self, now: int) -> str | None:
        """Ping, and look for standstills, about once a second; return why to rebuild the socket."""
        if self._broken is not None:
            return self._broken
        self._asks.beat(now)
        overdue = self._asks.overdue(now - self._patience.answer)
        if overdue is not None:
            return f"{overdue.op} was not answered"
        followed = [name for name in self._public(self._wanted) if name in self._topics]
        if followed and now - self._heard >= self._patience.frozen:
            if self._roused:
                return f"no {self._category} topic says anything"
            self._log.warning("feed.stale", venue=self.venue, channel=self._category)
            self._heard, self._roused = now, True
            self._thaw.renew(followed, now)
        return self._thaw.judge(now)

    def needed(self) -> bool:
        """Whether the book follows anything of this category."""
        return bool(self._public(self._wanted))

    def take(self) -> list[bytes]:
        """Return the frames that are to be sent, once."""
        return self._asks.take()

    @property
    def talkative(self) -> bool:
        """Whether something is to be sent."""
        return self._asks.talkative

    @property
    def live(self) -> bool:
        """Whether all topics are subscribed, and those that stood still moved again."""
        return self._broken is None and self._thaw.done and not self._asks.waits(SUBSCRIBE)

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on, on the same socket."""
        before, after = self._public(self._wanted), self._public(wanted)
        self._wanted = wanted
        self._topics.follow(wanted)
        gone = [name for name in before if name not in after]
        for name in gone:
            self._thaw.forget(name)
        new = [name for name in after if name not in before]
        if not before:
            self._heard = now
        self._ask(UNSUBSCRIBE, gone, now)
        self._ask(SUBSCRIBE, new, now)

    # --- answers ----------------------------------------------------------------

    def _answered(self, asked: Asked, answer: Answer, now: int) -> None:
        there = _THERE in answer.message
        if answer.done or (there and len(asked.topics) == 1):
            return
        if not there and not final(answer):
            self._broken = f"{asked.op} was refused for now: {answer.message or 'without a word'}"
        elif len(asked.topics) > 1:  # one of them: which, and what of the others, is not told
            self._asks.halve(asked, now)
        else:
            self._drop(asked.topics[0], answer.message or "refused")

    def _drop(self, name: str, why: str) -> None:
        """Go on without a topic."""
        self._topics.drop(name)
        self._thaw.forget(name)
        self.counts.dropped.append(name)
        self._log.warning("feed.lost", venue=self.venue, channel=name, why=why)

    def _ask(self, op: str, names: Sequence[str], now: int) -> None:
        """Send (un)subscriptions; what is left is forgotten, and told whole when it comes back."""
        if op == UNSUBSCRIBE:
            for name in names:
                self._topics.forget(name)
        self._asks.topics(op, names, now)
