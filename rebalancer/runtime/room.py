"""Room: the disk of the journal is looked at, and the book hears when it is nearly full.

A disk that is full ends the daemon, since nothing may be sent that is not
written down. So hedges stop long before, while what protects, what withdraws
and what comes back from the venues still has its room; a copy that is being made
ends, and is made when there is room again.
"""

from collections.abc import Callable

from rebalancer.core.events import Event
from rebalancer.core.journal import RoomTold
from rebalancer.ports import Caretaker, Clock, LeastRoom, Log

CLEAR = 1.25  # times the least that must be free for the book to go on


class RoomWatch:
    """Tells a book of the room for its journal, when there is too little and when it is over.

    Args:
        caretaker: Knows how much there is.
        least: How much must be.
        put: Takes the event.
        clock: Dates it.
        log: Hears when no reserve could be set aside.
    """

    def __init__(
        self,
        caretaker: Caretaker,
        least: LeastRoom,
        put: Callable[[Event], None],
        clock: Clock,
        log: Log,
    ) -> None:
        self._caretaker, self._least = caretaker, least
        self._put, self._clock, self._log = put, clock, log
        self._short = False

    def begin(self) -> None:
        """Look for the first time, before anything is hedged."""
        self.look()
        if not self._short:
            self._reserve()

    def look(self) -> None:
        """Tell the book if it changed whether there is enough."""
        room = self._caretaker.room()
        least = self._least.of(room.total)
        short = room.free < (least * CLEAR if self._short else least)
        if short == self._short:
            return
        self._short = short
        if short:
            self._caretaker.give_up()  # a copy that grows would take the rest
        else:
            self._reserve()
        self._put(RoomTold(self._clock.now(), room.free, least, short))

    def _reserve(self) -> None:
        if not self._caretaker.reserve():
            self._log.warning("journal.unreserved")
