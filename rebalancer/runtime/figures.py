"""Figures: when each venue is asked how our account stands there.

Every few seconds, and at once after something was booked on an account:
figures from before that say nothing of after. A venue that does not answer
leaves its figures to grow old, and the guards hold what rests on them.
"""

from collections.abc import Mapping, Sequence

from rebalancer.core.decision import Decision
from rebalancer.core.events import Booking, Event
from rebalancer.errors import Unavailable
from rebalancer.ports import Clock, Log, Tasks, Venue
from rebalancer.runtime.inbox import Inbox


class Figures:
    """Asks the venues for the margin of our accounts.

    Args:
        venues: By account.
        inbox: Gets what they tell.
        clock: Of the schedule.
        log: For venues that do not answer.
        tasks: Where questions run.
        every: ns between two readings of an account.
    """

    def __init__(
        self,
        venues: Mapping[str, Venue],
        inbox: Inbox,
        clock: Clock,
        log: Log,
        tasks: Tasks,
        every: int,
    ) -> None:
        self._venues, self._inbox = venues, inbox
        self._clock, self._log, self._tasks, self._every = clock, log, tasks, every
        self._due = {name: clock.now() for name in venues}  # ns of the next reading
        self._asking: set[str] = set()
        self._silent: set[str] = set()  # accounts that did not answer the last time

    def look(self) -> None:
        """Ask every venue whose turn it is and that answered the last question."""
        for name, due in self._due.items():
            if due <= self._clock.now() and name not in self._asking:
                self._ask(name)

    def heed(self, event: Event, _decisions: Sequence[Decision]) -> None:
        """Ask at once after a booking."""
        if not isinstance(event, Booking) or event.account not in self._venues:
            return
        self._due[event.account] = self._clock.now()
        if event.account not in self._asking:
            self._ask(event.account)

    def _ask(self, name: str) -> None:
        self._asking.add(name)
        self._due[name] = self._clock.now() + self._every
        self._tasks.spawn(f"margin {name}", self._read(name))

    async def _read(self, name: str) -> None:
        try:
            told = await self._venues[name].margin()
        except Unavailable as error:
            say = self._log.debug if name in self._silent else self._log.warning
            say("margin.unread", account=name, error=str(error))
            self._silent.add(name)
            return
        finally:
            self._asking.discard(name)
        self._silent.discard(name)
        self._inbox.put(told)
