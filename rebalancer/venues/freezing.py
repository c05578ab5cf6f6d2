"""Frozen or quiet: whether a channel stands still while others show that the market moved.

A quiet market is no alarm. A channel is *doubted* when a witness tells the
same fact (an index price, the best prices of an instrument) later and
otherwise; it is *frozen* when the doubt stood for a limit of venue time. It is
frozen, too, when it goes on talking for the limit under one and the same venue
time. Any later venue time of its own clears it.

What is frozen is subscribed anew, once; if it stands where it stood a limit later, its
socket must be rebuilt. If that does not move it either and others of the socket moved on,
it is given up alone, for its instrument may be at its end: what it told grows old, the
others live, and it is asked for again now and then (`Thaw`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from rebalancer.core.quotes import SKEW
from rebalancer.ports import SECOND, Log

Fact: TypeAlias = Literal["index", "touch"]
Touch: TypeAlias = tuple[Decimal | None, Decimal | None]  # best bid and ask
REPEATS = 3  # words under one venue time that make a standstill; fewer may be a new subscription
REBUILT = 600 * SECOND  # ns in which a socket is rebuilt once for one channel, and not again
AGAIN = 60 * SECOND  # ns between two subscriptions of a channel that was given up


@dataclass(slots=True)
class Pulse:
    """What a channel told last."""

    ts: int = 0  # venue time of its newest word, ns; 0: none yet
    index: Decimal | None = None
    touch: Touch | None = None
    repeats: int = 0  # words since, under the same venue time
    since: int = 0  # ns, local: when the first of them came
    doubted: int | None = None  # venue time of the first word against it, ns
    doubted_at: int = 0  # its own venue time then

    def beat(self, ts: int, ts_local: int) -> bool:
        """Take note of a word; return False when it is older than the newest, or of a time to come.

        One word from the future would make all that follow look old.
        """
        if ts > ts_local + SKEW:
            return False
        if ts > self.ts:
            self.ts = ts
            self.repeats = 0
            return True
        if ts < self.ts:
            return False
        self.repeats += 1
        if self.repeats == 1:
            self.since = ts_local
        return True


@dataclass(slots=True)
class FreezeWatch:
    """The pulses of one stream and who may speak against whom."""

    limit: int  # ns that a standstill must last
    pulses: dict[str, Pulse] = field(default_factory=dict)  # by channel
    witnesses: dict[str, tuple[tuple[Fact, str], ...]] = field(default_factory=dict)

    def follow(self, witnesses: Mapping[str, Iterable[tuple[Fact, str]]]) -> None:
        """Watch these channels from now on; what is known of them stays known."""
        self.witnesses = {name: tuple(each) for name, each in witnesses.items()}
        self.pulses = {name: self.pulses.get(name) or Pulse() for name in self.witnesses}

    def frozen(self, now: int) -> list[str]:
        """Return the channels that are frozen at `now`, ns of the local clock."""
        return [name for name, pulse in self.pulses.items() if pulse.ts and self._still(name, now)]

    def _still(self, name: str, now: int) -> bool:
        pulse = self.pulses[name]
        if pulse.repeats >= REPEATS and now - pulse.since >= self.limit:
            return True
        against = self._against(name, pulse)
        if against is None:
            pulse.doubted = None
            return False
        if pulse.doubted is None or pulse.doubted_at != pulse.ts:
            pulse.doubted, pulse.doubted_at = against, pulse.ts
        return against - pulse.doubted >= self.limit

    def _against(self, name: str, pulse: Pulse) -> int | None:
        """Return the venue time of the newest word that contradicts a channel."""
        newest: int | None = None
        for fact, other in self.witnesses[name]:
            witness = self.pulses.get(other)
            if witness is None or witness.ts <= pulse.ts:
                continue
            told, own = (
                (witness.index, pulse.index) if fact == "index" else (witness.touch, pulse.touch)
            )
            if told is not None and told != own:
                newest = witness.ts if newest is None else max(newest, witness.ts)
        return newest


def past(pulse: Pulse | None, ts: int) -> bool:
    """Tell whether a channel has moved beyond a time, ns of the venue."""
    return pulse is not None and pulse.ts > ts


@dataclass(frozen=True, slots=True)
class Asking:
    """How a stream asks its venue for channels."""

    venue: str  # ccxt id
    send: Callable[[str, Sequence[str], int], None]  # word, channels, ns local
    subscribe: str  # the venue's words
    unsubscribe: str
    asked: str = ""  # what moves by questions of ours, and says nothing of the socket's channels


@dataclass(frozen=True, slots=True)
class _Renewal:
    """That a channel was subscribed anew."""

    ts: int  # its venue time then
    at: int  # ns local
    newest: int  # venue time of the newest word of any channel then


class Thaw:
    """Subscribes anew what is frozen, and knows what must move before its stream is live.

    Args:
        watch: The pulses; its limit is how long what was subscribed anew may stand still.
        asking: How to subscribe anew.
        log: Where standstills are told.
        spares: Drops a channel that stood still, by name and venue time in ns, and returns
            True where the stream can do without it.
    """

    def __init__(
        self,
        watch: FreezeWatch,
        asking: Asking,
        log: Log,
        spares: Callable[[str, int], bool] = lambda _name, _ts: False,
    ) -> None:
        self._watch, self._asking, self._log, self._spares = watch, asking, log, spares
        self._renewed: dict[str, _Renewal] = {}
        self._stale: dict[str, int] = {}  # channel that stood still → venue time to get past, ns
        self._causes: dict[str, None] = {}  # channels that must move before the stream is live
        self._rebuilt: dict[str, int] = {}  # channel → ns local of the newest rebuild for it
        self._missing: dict[str, int] = {}  # channel that was given up → ns local: asked for last
        self._began: int | None = None  # ns local: the first look at this socket

    def begin(self) -> None:
        """Begin on a new socket; what stood still on the last one must move all the same."""
        self._renewed.clear()
        self._began = None

    def forget(self, name: str) -> None:
        """Wait for a channel no longer: nobody follows it."""
        for known in (self._stale, self._renewed, self._rebuilt, self._missing):
            known.pop(name, None)
        self._causes.pop(name, None)

    @property
    def done(self) -> bool:
        """Whether all that a socket was rebuilt for moved again, or was given up."""
        self._heard()
        return all(name in self._missing for name in self._causes)

    def _heard(self) -> None:
        """Wait no longer for what moved."""
        pulses = self._watch.pulses
        for name in [each for each, ts in self._stale.items() if past(pulses.get(each), ts)]:
            del self._stale[name]
            self._causes.pop(name, None)
            if self._missing.pop(name, None) is not None:
                self._log.info("feed.recovered", venue=self._asking.venue, channel=name)

    @property
    def missing(self) -> tuple[str, ...]:
        """The channels that were given up and have not moved since."""
        return tuple(self._missing)

    def judge(self, now: int, silent: Iterable[str] = ()) -> str | None:
        """Subscribe anew what is frozen; return why the socket must be rebuilt, if it must.

        Args:
            now: ns local.
            silent: Channels that stand still for another reason than the watch's.
        """
        self._began = now if self._began is None else self._began
        self._heard()
        mute: list[str] = []  # what stood still on the last socket and says nothing on this one
        if now - self._began >= self._watch.limit:
            mute = list(self._stale)
        still: list[str] = []
        for name in dict.fromkeys((*self._watch.frozen(now), *silent, *mute)):
            pulse = self._watch.pulses.get(name)
            if pulse is None or name in self._missing:
                continue
            before = self._renewed.get(name)
            if before is None or before.ts != pulse.ts:
                self._renewed[name] = _Renewal(pulse.ts, now, self._newest())
                venue = self._asking.venue
                self._log.warning("feed.stale", venue=venue, channel=name, told=pulse.ts)
                self.renew((name,), now)
            elif now - before.at >= self._watch.limit and not self._spares(name, pulse.ts):
                still.append(name)
        self._ask_again(now)
        return self._stood(still, now)

    def renew(self, names: Sequence[str], now: int) -> None:
        """Subscribe channels anew, which brings their state whole."""
        self._asking.send(self._asking.unsubscribe, names, now)
        self._asking.send(self._asking.subscribe, names, now)

    def _newest(self, besides: Iterable[str] = ()) -> int:
        """Return the venue time of the newest word that a channel told by itself."""
        left_out = (*besides, *self._missing, self._asking.asked)
        pulses = self._watch.pulses.items()
        return max((pulse.ts for name, pulse in pulses if name not in left_out), default=0)

    def _stood(self, still: Sequence[str], now: int) -> str | None:
        """Give up what no rebuild has moved; return why the socket must be rebuilt, if it must."""
        moved = self._newest(still)
        doubted: list[str] = []
        for name in still:
            rebuilt = self._rebuilt.get(name)
            self._stale[name] = max(self._watch.pulses[name].ts, self._stale.get(name, 0))
            if rebuilt is None or now - rebuilt >= REBUILT or moved <= self._renewed[name].newest:
                doubted.append(name)
                continue
            self._missing[name] = now
            why = "stands still on a new socket too"
            self._log.warning("feed.lost", venue=self._asking.venue, channel=name, why=why)
        if not doubted:
            return None
        self._rebuilt |= dict.fromkeys(doubted, now)
        self._causes[doubted[0]] = None
        return f"{doubted[0]} is frozen"

    def _ask_again(self, now: int) -> None:
        """Subscribe anew what was given up, all that is due at once."""
        due = [name for name, asked in self._missing.items() if now - asked >= AGAIN]
        if due:
            self._missing |= dict.fromkeys(due, now)
            self.renew(due, now)
