"""The day: what a digest tells of it. Counters of the daemon are those since its start."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.messenger.vigil import Beat
from rebalancer.ops.messenger.wording import lasting, stamp

_SHOWN = 12  # kinds of anything in one line


@dataclass(slots=True)
class Day:
    """What happened since the digest before.

    Args:
        since: s since 1970 UTC.
        hour: When it is told, s of the day UTC; None: never.
    """

    since: float
    hour: int | None
    start: Mapping[str, Any] = field(default_factory=dict)  # counters when it began
    last: Mapping[str, Any] = field(default_factory=dict)
    alerts: Counter[str] = field(default_factory=Counter)  # by event
    errors: int = 0
    worst: dict[str, float] = field(default_factory=dict)  # s outside the band, by underlying

    def note(self, notice: Notice) -> None:
        """Count an alert."""
        self.alerts[notice.event] += 1
        self.errors += notice.severity is Severity.ERROR

    def beat(self, beat: Beat) -> None:
        """Remember for how long each underlying was outside at worst."""
        for name, seconds in beat.wrong().items():
            self.worst[name] = max(self.worst.get(name, 0.0), seconds)

    def summary(self, facts: Mapping[str, Any]) -> None:
        """Take the daemon's counters."""
        self.last = facts
        self.start = self.start or facts

    def due(self, at: float) -> bool:
        """Whether the hour has come since this day began; `at` is s since 1970 UTC."""
        if self.hour is None:
            return False
        return (at - self.hour) // 86_400 > (self.since - self.hour) // 86_400

    def next(self, at: float) -> "Day":
        """Return the day that begins now."""
        return Day(at, self.hour, self.last, self.last)

    def text(self, book: str, at: float, beat: Beat | None, lost: int) -> str:
        """Return the digest.

        Args:
            book: Its id.
            at: Now, s since 1970 UTC.
            beat: How the book stands; None: it never said so.
            lost: Alerts that found no room in a channel, since the start.
        """
        state = "unknown" if beat is None else beat.state
        lines = [
            f"[{book}] {state}; digest of {lasting(at - self.since)} since {stamp(self.since)}"
        ]
        lines += self._numbers()
        worst = [f"{name} {lasting(s)}" for name, s in self.worst.items() if s]
        lines.append(f"longest outside the band: {', '.join(worst) or 'never'}")
        told = [f"{event} {count}" for event, count in self.alerts.most_common(_SHOWN)]
        lines.append(f"alerts: {', '.join(told) or 'none'} ({self.errors} errors)")
        if lost:
            lines.append(f"alerts that found no room: {lost}")
        return "\n".join(lines)

    def _numbers(self) -> Iterator[str]:
        if not self.last:
            yield "counters: the book has not told any"
            return
        yield f"hedges {self._grown('hedges')}, refusals {self._grown('refusals')}"
        reasons = _grown(self.start.get("reasons", {}), self.last.get("reasons", {}))
        if reasons:
            yield f"refused: {_listed(reasons)}"
        earned, before = self.last.get("pnl"), self.start.get("pnl")
        if earned is not None:
            yield f"profit {earned - (before or 0.0):+,.2f} USD"
        for name in ("fees", "funding"):
            paid = _grown(self.start.get(name, {}), self.last.get(name, {}))
            yield f"{name}: {_listed(paid) or 'none'}"

    def _grown(self, name: str) -> Any:
        return self.last.get(name, 0) - self.start.get(name, 0)


def _grown(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return by how much each grew, of those that did."""
    found = {}
    for name, value in now.items():
        try:
            grown = Decimal(str(value)) - Decimal(str(before.get(name, 0)))
        except InvalidOperation:
            continue
        if grown:
            found[name] = grown
    return found


def _listed(grown: Mapping[str, Decimal]) -> str:
    most = sorted(grown.items(), key=lambda each: (-abs(each[1]), each[0]))[:_SHOWN]
    return ", ".join(f"{name} {amount.normalize():f}" for name, amount in most)
