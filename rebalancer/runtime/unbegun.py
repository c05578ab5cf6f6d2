"""Unbegun: what a book tells that waits for its venues, and what it can be told meanwhile.

What is held and what is open nobody knows before venues answer, so whoever asks for
it is refused, and not shown a book that looks empty. What stops a book is heard: it is on
disk when it is acknowledged, and the book reads it as it begins.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.standing import Standing, move, operate
from rebalancer.errors import DataError, PermissionRefused, Unavailable
from rebalancer.ports import SECOND, Clock, Condition, Entry, Journal, Log, Measure
from rebalancer.runtime import measures
from rebalancer.runtime.latching import LATCH, latched, restore
from rebalancer.runtime.tasks import tasks_running
from rebalancer.runtime.telling import tell_latch
from rebalancer.runtime.why import why

HEARD = (Verb.KILL, Verb.PAUSE, Verb.REDUCE, Verb.RESUME)  # for the rest venues must answer
HALTED = str(TradingState.HALTED)
_LEFT = "orders of earlier starts may rest until it begins: `panic CONFIG` withdraws them now"
_UNSEEN = ("net_delta", "pending", "aim", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Awaited:
    """A venue that a start waits for."""

    venue: str
    why: str  # its last error; empty: it has not been heard yet
    seconds: int  # since the start
    again: float | None  # s until it is asked again; None: it is being asked

    def __str__(self) -> str:
        text = f"{self.venue}, {self.seconds} s"
        return f"{text}: {self.why}" if self.why else text


def _unheard(_error: DataError) -> None:
    """Nobody ends the start: whoever asked has the error."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose start it is, and what it is put into."""

    book: str
    dress: str  # what the status calls it
    underlyings: Sequence[str]
    clock: Clock
    journal: Journal
    log: Log
    hide: Callable[[str], str] = str  # returns words without secrets
    fail: Callable[[DataError], None] = _unheard  # hears that nothing can be kept any more


class Unbegun:
    """A `ports.StatusSource` and `ports.Tunable` for as long as there is no book.

    Args:
        place: Whose it is.
        awaited: Returns what is waited for.
        measured: Returns what can be measured of the process.
    """

    def __init__(
        self,
        place: Place,
        awaited: Callable[[], Sequence[Awaited]],
        measured: Callable[[], Iterable[Measure]],
    ) -> None:
        self._place, self._awaited, self._measured = place, awaited, measured
        self._started, self._turned = place.clock.now(), place.clock.monotonic()
        self._standing = Standing()
        restore(self._standing, place.journal)

    # --- what befalls it ----------------------------------------------------------

    def turn(self) -> None:
        """Note that whoever waits is alive."""
        self._turned = self._place.clock.monotonic()

    def brake(self, reason: str) -> None:
        """Kill the book that will begin: somebody pulled its brake.

        Raises:
            DataError: The disk refused.
        """
        self._command(Verb.KILL, reason, "brake", everything=False)

    def halt(self, reason: str) -> None:
        """Halt the book that will begin; one that is halted stays so for its own reason.

        Raises:
            DataError: The disk refused.
        """
        if not self._standing.latched:
            move(self._standing, TradingState.HALTED, reason)
            self._keep("", killed=self._standing.killed)

    def operate(self, verb: Verb, reason: str, who: str, everything: bool) -> Mapping[str, Any]:
        """Carry out what stops the book, or takes that back; the rest is for one that has begun.

        Raises:
            PermissionRefused: A halted book must be armed.
            Unavailable: The verb is for a book that has begun.
            DataError: The disk refused; the start is over, for nothing that stops it is kept.
        """
        if verb not in HEARD:
            self._refuse(verb)
        if self._standing.latched and verb in (Verb.RESUME, Verb.REDUCE):
            must = f"{verb}: the book is halted ({self._standing.reason}); arm it once it has begun"
            raise PermissionRefused(must)
        before, reason = self._state, self._place.hide(reason)
        self._place.log.info("operator.commanded", verb=verb, reason=reason, who=who)
        try:
            self._command(verb, reason, who, everything=everything)
        except DataError as error:
            self._place.fail(error)
            raise
        told = {"verb": str(verb), "before": before, "state": self._state}
        return told | {"left": _LEFT} if verb is Verb.KILL else told

    def _command(self, verb: Verb, reason: str, who: str, *, everything: bool) -> None:
        killed = self._standing.killed
        operate(self._standing, Operator(self._place.clock.now(), verb, reason, who, everything))
        self._keep(who, killed=killed)

    def _keep(self, who: str, *, killed: bool) -> None:
        """Write down where the book stands, durably; `killed`: whether it was before."""
        own, place = self._standing, self._place
        told = latched(own) | {"who": who}
        place.journal.append(Entry(0, place.clock.now(), LATCH, place.book, told))
        place.journal.flush()
        tell_latch(place.log, own, killed=killed)

    # --- what it tells ------------------------------------------------------------

    def status(self) -> Mapping[str, Any]:
        """Return where the book stands, and what it waits for."""
        own, place = self._standing, self._place
        latches = [f"{name}: {reason}" for name, reason in own.halted.items()]
        if own.latched:
            latches.insert(0, f"book: {own.reason}")
        coin = {"outside_seconds": 0} | dict.fromkeys(_UNSEEN)
        return {
            "book": place.book,
            "mode": place.dress,
            "state": self._state,
            "state_reason": self._reason(),
            "seq": 0,
            "ts": place.clock.now(),
            "started": self._started,
            "underlyings": {
                name: coin | {"state": HALTED if name in own.halted else self._state}
                for name in place.underlyings
            },
            "latches": latches,
            "awaited": {
                each.venue: {"why": each.why, "seconds": each.seconds, "again_in": each.again}
                for each in self._awaited()
            },
            "tuned": [],
            "held": {},
            "feeds": {},
            "positions": None,
            "open_orders": None,
            "decisions": [],
            "counters": {},
            "tasks": tasks_running(),
        }

    def beat(self) -> Mapping[str, Any]:
        """Return how the book stands, in the few words that are said each second."""
        own = self._standing
        told = {"state": self._state, "why": self._reason(), "halted": dict(own.halted)}
        return told | {"outside": {}, "blind": {}, "unknown": 0}

    def why(self, key: str) -> Mapping[str, Any] | None:
        """Return a decision of an earlier start, from the journal."""
        return why(self._place.journal, key)

    def measures(self) -> Sequence[Measure]:
        """Return what is known of the process, and where the book stands."""
        return [*self._measured(), *measures.standing(self._standing)]

    def health(self) -> Condition:
        """Return that it is not ready, and what it waits for."""
        turned = self._place.clock.monotonic() - self._turned
        out = tuple((each.venue, float(each.seconds)) for each in self._awaited())
        return Condition(turned / SECOND, self._state, None, (), (), True, out)

    @property
    def _state(self) -> str:
        """In which state it waits: what was asked is seen, though it has not begun."""
        own = self._standing
        asks = not own.latched and own.asked is not TradingState.ACTIVE
        return str(own.asked if asks else own.mode)

    def _reason(self) -> str:
        plain = self._state == TradingState.STARTING
        return self._waits() if plain else f"{self._standing.reason}; it {self._waits()}"

    def _waits(self) -> str:
        return f"waits for {'; '.join(map(str, self._awaited())) or 'its venues'}"

    # --- what only a book knows -----------------------------------------------------

    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("positions")

    def accounts(self) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("accounts")

    def history(self, underlying: str, since: int = 0) -> Mapping[str, Any] | None:
        """Refuse."""
        self._refuse("history", underlying, since)

    def orders(self, last: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("orders", last)

    def guards(self) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("guards")

    def bands(self) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("band")

    def stress(self) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        self._refuse("stress")

    def preview(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """Refuse."""
        self._refuse("set", asked)

    def tune(
        self, asked: Mapping[str, str], again: Mapping[str, str], expect: str, said: tuple[str, str]
    ) -> Mapping[str, Any]:
        """Refuse."""
        self._refuse("set", asked, again, expect, said)

    def _refuse(self, what: str, *_asked: object) -> NoReturn:
        """Say that there is no book yet, whatever was asked of it.

        Raises:
            Unavailable: Always.
        """
        heard = ", ".join(HEARD)
        must = f"{what}: the book has not begun, it {self._waits()}; {heard} are heard meanwhile"
        raise Unavailable(must)
