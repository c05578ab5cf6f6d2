"""The vigil: what a messenger sees by itself in what its daemon says, and in what it does not.

    no beat for too long           the engine hangs: `engine.silent`
    outside the band for too long  and no alert of it came: `delta.unhedged`
    halted                         `state.latched`
    cannot begin for too long      and no alert of it came: `venue.unreached`
    an error that is not over      is told again

Time is an argument, s that never jump. Silence is counted in looks: a messenger
that was itself held up for a minute has not waited a minute for its daemon.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.lines import Notice, Orders
from rebalancer.ops.messenger.mailbox import ENDS, Matter
from rebalancer.ops.messenger.wording import lasting
from rebalancer.ops.vocabulary import EVENTS

GRACE = 5.0  # s that the engine is given to tell of a gap itself
STEP = 1.0  # s that one look counts at most
WAITING, UNREACHED = "waiting", "venue.unreached"
HALTED, HEDGES = "halted", ("active", "reducing", "standby")  # trading states
_MOST = 256  # matters that are not over
_SILENT: Matter = ("engine.silent", "engine")
_ENDED = frozenset(event for events in ENDS.values() for event in events)


@dataclass(frozen=True, slots=True)
class Beat:
    """How the book stood when it last said so."""

    state: str
    why: str = ""  # of the state
    outside: Mapping[str, float] | None = None  # s, by underlying
    blind: Mapping[str, float] | None = None  # s that nobody knew its net delta
    halted: Mapping[str, str] | None = None  # underlying → why
    unknown: int = 0  # orders whose outcome is open

    def wrong(self) -> dict[str, float]:
        """Return how long each underlying was outside its band or nobody knew, s."""
        found: dict[str, float] = {}
        for told in (self.outside or {}, self.blind or {}):
            for name, seconds in told.items():
                found[name] = max(found.get(name, 0.0), seconds)
        return found


def beat_of(facts: Mapping[str, Any]) -> Beat:
    """Return the beat of a line; raises `TypeError` where it is none."""
    return Beat(**facts)


@dataclass(slots=True)
class _Standing:
    """An error that is not over."""

    notice: Notice
    since: float
    told_at: float


class Vigil:
    """Watches one daemon.

    Args:
        orders: How long is too long.
        now: When it began, s.
    """

    def __init__(self, orders: Orders, now: float) -> None:
        self.beat: Beat | None = None  # the last
        self._orders = orders
        self._quiet, self._looked = 0.0, now
        self._waits: float | None = None  # since when a book cannot begin
        self._standing: OrderedDict[Matter, _Standing] = OrderedDict()

    def hear(self, notice: Notice, now: float) -> None:
        """Note an alert of the daemon, or one of our own."""
        for event in ENDS.get(notice.event, ()):
            self._standing.pop((event, notice.scope), None)
        key = (notice.event, notice.scope)
        if notice.severity is not Severity.ERROR or notice.event not in _ENDED:
            return
        before = self._standing.get(key)
        self._standing[key] = _Standing(notice, now if before is None else before.since, now)
        if len(self._standing) > _MOST:
            self._standing.popitem(last=False)

    def take(self, beat: Beat, now: float) -> list[Notice]:
        """Note a beat; return what is to be told because of it."""
        self.beat, self._quiet, self._looked = beat, 0.0, now
        since = now if self._waits is None else self._waits
        self._waits = since if beat.state == WAITING else None
        found = list(self._judged(beat, now))
        for each in found:
            self.hear(each, now)
        return found

    def look(self, now: float) -> list[Notice]:
        """Return what is to be told because time has passed."""
        self._quiet += min(max(now - self._looked, 0.0), STEP)
        self._looked = now
        found = list(self._silence())
        for each in found:
            self.hear(each, now)
        return [*found, *self._reminders(now)]

    @property
    def well(self) -> bool:
        """Whether somebody outside may be told that all is well."""
        beat = self.beat
        if beat is None or self._quiet >= self._orders.silence:
            return False
        patience = self._orders.unhedged
        calm = all(seconds < patience for seconds in beat.wrong().values())
        return beat.state in HEDGES and calm and not beat.halted

    def vanished(self) -> Notice:
        """Return what is told of a daemon that went without a word."""
        text = f"the daemon ended without a word; {self._last()}"
        return _notice(Severity.ERROR, "daemon.vanished", self._orders.book, text)

    def _silence(self) -> Iterator[Notice]:
        if self._quiet >= self._orders.silence and _SILENT not in self._standing:
            text = f"no word for {lasting(self._quiet)}: it hangs; {self._last()}"
            yield _notice(Severity.ERROR, *_SILENT, text)

    def _last(self) -> str:
        """Return how the book last stood, in words."""
        if self.beat is None:
            return "it never said how the book stands"
        told = [f"the book was {self.beat.state}"]
        told += [
            f"{name} unhedged or unknown for {lasting(s)}"
            for name, s in self.beat.wrong().items()
            if s
        ]
        if self.beat.unknown:
            told.append(f"{self.beat.unknown} orders of unknown outcome")
        return ", ".join(told)

    def _judged(self, beat: Beat, now: float) -> Iterator[Notice]:
        """Yield what a beat shows and nobody told, and what it shows to be over."""
        if _SILENT in self._standing:
            yield _notice(Severity.INFO, "engine.recovered", _SILENT[1], "it takes steps again")
        yield from self._unbegun(beat, now)
        yield from self._gaps(beat)
        yield from self._halts(beat)

    def _unbegun(self, beat: Beat, now: float) -> Iterator[Notice]:
        out = [scope for event, scope in self._standing if event == UNREACHED]
        book = self._orders.book
        if self._waits is not None and not out and now - self._waits >= self._orders.unhedged:
            text = f"the book cannot begin, nobody hedges: {beat.why}"
            yield _notice(Severity.ERROR, UNREACHED, book, text)
        elif self._waits is None and book in out:
            yield _notice(Severity.INFO, "venue.reached", book, "the book has begun")

    def _gaps(self, beat: Beat) -> Iterator[Notice]:
        for name, seconds in beat.wrong().items():
            told = ("delta.unhedged", name) in self._standing
            if not told and seconds >= self._orders.unhedged + GRACE:
                known = (beat.outside or {}).get(name, 0.0) >= self._orders.unhedged
                what = "net delta is outside its band" if known else "nobody can know the net delta"
                text = f"{what}, for {lasting(seconds)}; the book is {beat.state}"
                yield _notice(Severity.ERROR, "delta.unhedged", name, text)
            elif told and seconds == 0:
                text = "inside the band again, every input known"
                yield _notice(Severity.INFO, "delta.restored", name, text)

    def _halts(self, beat: Beat) -> Iterator[Notice]:
        book = {self._orders.book: beat.why} if beat.state == HALTED else {}
        halts = {**(beat.halted or {}), **book}
        for scope, why in halts.items():
            if ("state.latched", scope) not in self._standing:
                text = f"halted, nothing is hedged: {why}"
                yield _notice(Severity.ERROR, "state.latched", scope, text)
        over = [s for event, s in self._standing if event == "state.latched" and s not in halts]
        for scope in over:
            yield _notice(Severity.INFO, "state.changed", scope, "no longer halted")

    def _reminders(self, now: float) -> Iterator[Notice]:
        for each in self._standing.values():
            if now - each.told_at >= self._orders.remind:
                each.told_at = now
                text = f"still, for {lasting(now - each.since)}: {each.notice.text}"
                yield replace(each.notice, text=text, number=0, more=0)


def _notice(severity: Severity, event: str, scope: str, text: str) -> Notice:
    action = EVENTS[event].action if severity is Severity.ERROR else ""
    return Notice(severity, event, scope, text, action)


def own(severity: Severity, event: str, scope: str, text: str) -> Notice:
    """Return an alert of the messenger's own, with what the vocabulary says to do."""
    return _notice(severity, event, scope, text)


def scopes(notices: Iterable[Notice]) -> list[Matter]:
    """Return the matters of alerts, in their order."""
    return [(each.event, each.scope) for each in notices]
