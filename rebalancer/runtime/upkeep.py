"""Upkeep: a copy of the journal each day, and each week a look at all of it.

Neither stops a hedge when it fails: the journal that is being written is none
the worse for it, and a person hears of it once a day while it is tried again;
only a journal that can be written no more ends the daemon, as it does anywhere.
What stops everything but protection is a journal that is found damaged. The
book in memory is right, but the next start would be made of what is not; so the
halt has to be there before that start is, and a mark beside the journal too: the
halt may not be written in what is damaged. What is marked is looked at each hour
until it is found whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import Event
from rebalancer.core.journal import JournalDamaged
from rebalancer.errors import RebalancerError
from rebalancer.ports import (
    SECOND,
    AlertSink,
    Caretaker,
    Clock,
    Errand,
    Journal,
    LeastRoom,
    Outcome,
    Tasks,
)

HOURLY = "10 * * * *"  # UTC: whatever is due is begun then, never at a funding stamp
CHECKED = "checked"  # meta name of when the journal was last found whole, ns
WEEK = 7 * 86_400 * SECOND  # ns
PATIENCE = 3_000 * SECOND  # ns after which an errand is given up: before the next look


@dataclass(frozen=True, slots=True)
class Care:
    """What is done for a journal on disk while its book runs, and who does it."""

    caretaker: Caretaker
    least: LeastRoom  # that a hedge needs, and that a copy leaves
    copies: int = 0  # that are kept, one a day; 0: none is made
    checks: bool = False  # whether all of it is looked at each week


class Upkeep:
    """Has copies and checks made, one at a time.

    Args:
        care: Which, and who makes them.
        journal: Remembers when it was found whole.
        put: Takes the event of one that is not.
        clock: Tells the day.
        tasks: Where they run.
        alerts: Hears what came of them.
    """

    def __init__(
        self,
        care: Care,
        journal: Journal,
        put: Callable[[Event], None],
        clock: Clock,
        tasks: Tasks,
        alerts: AlertSink,
    ) -> None:
        self._care, self._caretaker = care, care.caretaker
        self._journal, self._put, self._clock = journal, put, clock
        self._tasks, self._alerts = tasks, alerts
        self._busy = False
        self._told: dict[str, str] = {}  # what failed → the day on which somebody heard of it

    def look(self) -> None:
        """Begin what is due, unless something is on its way."""
        copies = self._care.copies > 0 and not self._caretaker.copied(self._day())
        late = self._care.checks and not 0 <= self._clock.now() - self._checked() < WEEK
        checks = late or self._caretaker.marked() is not None
        if (copies or checks) and not self._busy:
            self._busy = True
            self._tasks.spawn("upkeep", self._work(copies=copies, checks=checks))

    async def _work(self, *, copies: bool, checks: bool) -> None:
        try:
            copied = await self._copy() if copies else Outcome.DONE
            if checks or copied is Outcome.DAMAGED:  # the copy, or what it was made of?
                await self._check()
        finally:
            self._busy = False

    async def _copy(self) -> Outcome:
        patience = self._clock.call_at(self._clock.now() + PATIENCE, self._caretaker.give_up)
        try:
            spare = self._care.least.of(self._caretaker.room().total)
            told = await self._caretaker.copy(self._day(), self._care.copies, spare)
        except OSError as error:
            told = Errand(Outcome.FAILED, str(error))
        finally:
            patience.cancel()
        if told.outcome is Outcome.DONE:
            self._alerts.send(Alert(Severity.INFO, "journal.copied", "journal", told.text))
        else:
            self._tell_once("journal.uncopied", told)
        return told.outcome

    async def _check(self) -> None:
        patience = self._clock.call_at(self._clock.now() + PATIENCE, self._caretaker.give_up)
        try:
            told = await self._caretaker.check()
        except OSError as error:
            told = Errand(Outcome.FAILED, str(error))
        finally:
            patience.cancel()
        match told.outcome:
            case Outcome.DONE:
                self._journal.put_meta(CHECKED, str(self._clock.now()))
                self._caretaker.unmark()
                self._alerts.send(Alert(Severity.INFO, "journal.checked", "journal", told.text))
            case Outcome.FAILED:
                self._tell_once("journal.unchecked", told)
            case Outcome.DAMAGED:
                if not self._caretaker.mark(told.text):
                    self._tell_once("journal.unmarked", told)
                self._put(JournalDamaged(self._clock.now(), told.text))

    def _tell_once(self, event: str, told: Errand) -> None:
        """Wake a person, but not each hour of a night."""
        if self._told.get(event) != self._day():
            self._told[event] = self._day()
            self._alerts.send(Alert(Severity.ERROR, event, "journal", told.text))

    def _checked(self) -> int:
        """Return when the journal was last found whole, ns; 0: never, or nobody can tell.

        One from which even that cannot be read is to be looked at now; so is one that
        was found whole at a time to come, by a clock that was wrong.
        """
        try:
            return int(self._journal.get_meta(CHECKED) or 0)
        except (RebalancerError, ValueError):
            return 0

    def _day(self) -> str:
        return datetime.fromtimestamp(self._clock.now() // SECOND, UTC).date().isoformat()
