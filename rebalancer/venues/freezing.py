"""Frozen or quiet: whether a channel stands still while others show that the market moved.

A quiet market is no alarm. A channel is *doubted* when a witness tells the
same fact (an index price, the best prices of an instrument) later and
otherwise; it is *frozen* when the doubt stood for a limit of venue time. It is
frozen, too, when it goes on talking for the limit under one and the same venue
time. Any later venue time of its own clears it.

What is frozen is subscribed anew, once; if it stands where it stood a limit later, its
socket must be rebuilt (`Thaw`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from rebalancer.core.quotes import SKEW
from rebalancer.ports import Log

Fact: TypeAlias = Literal["index", "touch"]
Touch: TypeAlias = tuple[Decimal | None, Decimal | None]  # best bid and ask
REPEATS = 3  # words under one venue time that make a standstill; fewer may be a new subscription


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
        self._renewed: dict[str, tuple[int, int]] = {}  # channel → its venue time, when, ns
        self._stale: dict[str, int] = {}  # channel that stood still → venue time to get past, ns

    def begin(self) -> None:
        """Begin on a new socket; what stood still on the last one must move all the same."""
        self._renewed.clear()

    def forget(self, name: str) -> None:
        """Wait for a channel no longer: nobody follows it."""
        self._stale.pop(name, None)
        self._renewed.pop(name, None)

    @property
    def done(self) -> bool:
        """Whether all that stood still moved again."""
        pulses = self._watch.pulses
        for name in [each for each, ts in self._stale.items() if past(pulses.get(each), ts)]:
            del self._stale[name]
        return not self._stale

    def judge(self, now: int, silent: Iterable[str] = ()) -> str | None:
        """Subscribe anew what is frozen; return why the socket must be rebuilt, if it must.

        Args:
            now: ns local.
            silent: Channels that stand still for another reason than the watch's.
        """
        for name in dict.fromkeys((*self._watch.frozen(now), *silent)):
            ts = self._watch.pulses[name].ts
            before = self._renewed.get(name)
            if before is None or before[0] != ts:
                self._renewed[name] = (ts, now)
                self._log.warning("feed.stale", venue=self._asking.venue, channel=name, told=ts)
                self.renew((name,), now)
            elif now - before[1] >= self._watch.limit and not self._spares(name, ts):
                self._stale[name] = ts
                return f"{name} is frozen"
        return None

    def renew(self, names: Sequence[str], now: int) -> None:
        """Subscribe channels anew, which brings their state whole."""
        self._asking.send(self._asking.unsubscribe, names, now)
        self._asking.send(self._asking.subscribe, names, now)
