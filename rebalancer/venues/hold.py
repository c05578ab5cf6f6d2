"""Hold: whether a venue takes orders at all just now; while it does not, none leaves.

It is asked again and again, and an answer that says "not now" counts at once.
Its silence, three questions in a row, is no better than a no. It opens when the
venue says so and a span has passed without a no; a venue that shuts again soon
has that span doubled, so that one which cannot make up its mind gets few orders.
"""

import asyncio
from collections.abc import Callable, Iterable

from rebalancer.core.events import Event, VenueHeld
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcomes import Malformed, Refused, explain
from rebalancer.venues.payloads import table
from rebalancer.venues.profiles import Profile

EVERY = 15 * SECOND  # ns between two questions
AGAIN = 2 * SECOND  # ns while it is held, and after one that was not answered
FIRST, LONGEST = 5 * SECOND, 60 * SECOND  # ns without a no until it opens
CALM = 600 * SECOND  # ns open after which a venue counts as steady again
SILENT = 3  # questions in a row without an answer that are taken for a no


class VenueHold:
    """A `ports.Feed` of whether one venue takes orders.

    Args:
        connection: To the venue.
        profile: How it says so.
        coins: Underlyings of the book; a lock of others does not matter.
        clock: Of the questions.
        deliver: Where it is told at once.
    """

    def __init__(
        self,
        connection: Connection,
        profile: Profile,
        coins: Iterable[str],
        clock: Clock,
        deliver: Callable[[Event], None],
    ) -> None:
        self.reason: str | None = None  # why nothing leaves; None: it may
        self._connection, self._opening = connection, profile.opening
        self._coins, self._clock, self._deliver = frozenset(coins), clock, deliver
        self._wake = asyncio.Event()
        self._said = False  # whether the venue itself says so
        self._span = FIRST
        self._until = 0  # ns, monotonic: not opened before
        self._opened: int | None = None  # ns, monotonic: when it opened last
        self._missed = 0  # questions in a row without an answer

    async def run(self, _deliver: Callable[[Event], None]) -> None:
        """Ask until canceled."""
        while True:
            self._wake.clear()
            timer = self._clock.call_at(self._clock.now() + await self.look(), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def heard(self, code: str | None) -> None:
        """Take note of how an order failed; where no code tells why, the venue is asked at once."""
        if code is None:
            self._wake.set()
        elif code in self._opening.codes:
            self.shut(f"it answered {code}")

    def shut(self, reason: str, *, said: bool = True) -> None:
        """Let nothing leave from now on; `said` by the venue itself, or taken from its silence."""
        now = self._clock.monotonic()
        if self.reason is None:
            steady = self._opened is None or now - self._opened >= CALM
            self._span = FIRST if steady else min(2 * self._span, LONGEST)
            self._said = False
            self._wake.set()
        if self.reason is None or (said and not self._said):
            self.reason, self._said = reason, said
            self._deliver(VenueHeld(self._clock.now(), self._connection.venue, reason, said))
        self._until = now + self._span

    def refusal(self) -> str | None:
        """Return why nothing may be sent; None where it may."""
        if self.reason is None:
            return None
        return f"{self._connection.venue} takes no orders: {self.reason}"

    async def look(self) -> int:
        """Ask once; return ns until the next time."""
        if not self._opening.call:
            self._open()
            return EVERY if self.reason is None else AGAIN
        try:
            locked = await self._ask()
        except Unavailable as error:
            self._missed += 1
            if isinstance(error, Refused):
                self.heard(error.code)  # a maintenance may be all that it says
            if self._missed >= SILENT:
                self.shut("it does not answer", said=False)
            return AGAIN
        self._missed = 0
        if locked is not None:
            self.shut(locked)
        else:
            self._open()
        return EVERY if self.reason is None else AGAIN

    def _open(self) -> None:
        now = self._clock.monotonic()
        if self.reason is None or now < self._until:
            return
        self.reason, self._opened = None, now
        self._deliver(VenueHeld(self._clock.now(), self._connection.venue, None))

    async def _ask(self) -> str | None:
        """Return what is locked that this book trades, None when nothing is."""
        opening, call = self._opening, self._opening.call
        try:
            answer = await getattr(self._connection.exchange, call)({})
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
            raise explain(self._connection.venue, call, error) from None
        told = table(table(answer, call).get("result"), call)
        word = str(told.get(opening.locked)).lower()
        if word in opening.open:
            return None
        if told.get(opening.locked) is None:
            raise Malformed(f"{call}: {opening.locked} must be there, was missing")
        if word not in opening.partly:
            return "it is locked"
        names = [str(each) for name in opening.named for each in told.get(name) or ()]
        ours = [each for each in names if each.upper().partition("_")[0] in self._coins]
        return f"{', '.join(ours)} locked" if ours or not names else None
