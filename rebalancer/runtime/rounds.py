"""Rounds: when the accounts are compared with the ledger, and when they are adopted.

Every second until a start is complete, from then on as the reconciler says; at
once when a stream or a venue is back, and when an operator asks, arms or
adopts. A halt changes nothing of it: without a look that agrees no arm would
ever let the book go on.
"""

from collections.abc import Sequence

from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, FeedStatus, Operator, VenueHeld, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.state import State
from rebalancer.ports import SECOND, Clock, Tasks
from rebalancer.runtime.adoption import AT_START, LATER, Adoption
from rebalancer.runtime.reconcile import AGAIN, Reconciler

_BEGINNING = (TradingState.STARTING, TradingState.RECONCILING)
_AT_ONCE = (Verb.RECONCILE, Verb.ARM)


class Rounds:
    """Runs the looks of a reconciler and the adoptions.

    Args:
        reconciler: Compares.
        adoption: Adopts.
        state: The book.
        clock: Of the waits.
        tasks: Where looks run.
        adopts: Whether the start takes what the venues hold as the book's; until
            it has, nothing is compared.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        adoption: Adoption,
        state: State,
        clock: Clock,
        tasks: Tasks,
        *,
        adopts: bool,
    ) -> None:
        self._reconciler, self._adoption = reconciler, adoption
        self._state, self._clock, self._tasks = state, clock, tasks
        self._adopting = adopts
        self._begun = False  # whether the looks of the start are over
        self._turned = clock.now()  # ns, when a look or an attempt to adopt last came to its end

    @property
    def silence(self) -> int:
        """Return ns since a look last came to its end, whatever it found."""
        return self._clock.now() - self._turned

    async def begin(self) -> None:
        """Adopt where that is asked for, then look until the ledger agrees or the book halts."""
        if self._adopting:
            await self._adopt(AT_START)
        while self._state.standing.phase in _BEGINNING and not self._state.standing.latched:
            await self._looked()  # one that fell into bookings proves nothing: again
            await self._clock.sleep(SECOND)
        self._begun = True

    def look_if_due(self) -> None:
        """Look when the reconciler says that it is time."""
        if self._begun and not self._adopting and self._reconciler.due:
            self._look()

    def heed(self, event: Event, _decisions: Sequence[Decision]) -> None:
        """Look or adopt at once after what unsettles the accounts, or asks for it."""
        if self._adopting:
            return
        if isinstance(event, Operator) and event.verb is Verb.ADOPT:
            self._adopting = True
            self._tasks.spawn("adopt", self._adopt(LATER))
        elif _unsettles(event):
            self._look()

    def _look(self) -> None:
        self._tasks.spawn("reconcile", self._looked())

    async def _looked(self) -> None:
        await self._reconciler.look()
        self._turned = self._clock.now()

    async def _adopt(self, apart: int) -> None:
        """Adopt, however long it takes until that is sure; then look."""
        while not (self._reconciler.ready and await self._adoption.adopt(apart)):
            self._turned = self._clock.now()
            await self._clock.sleep(SECOND if apart == AT_START else AGAIN)
        self._adopting = False
        if self._begun:  # else the looks of the start follow
            self._look()


def _unsettles(event: Event) -> bool:
    """Whether the accounts are to be read at once: somebody asks, a stream or a venue is back."""
    asked = isinstance(event, Operator) and event.verb in _AT_ONCE
    opened = isinstance(event, VenueHeld) and event.reason is None
    return asked or opened or (isinstance(event, FeedStatus) and event.alive)
