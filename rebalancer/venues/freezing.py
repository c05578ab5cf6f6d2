"""Frozen or quiet: whether a channel stands still while others show that the market moved.

A quiet market is no alarm. A channel is *doubted* when a witness tells the
same fact (an index price, the best prices of an instrument) later and
otherwise; it is *frozen* when the doubt stood for a limit of venue time. It is
frozen, too, when it goes on talking for the limit under one and the same venue
time. Any later venue time of its own clears it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from rebalancer.core.quotes import SKEW

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
