"""Hold: whether a venue takes orders at all just now; while it does not, none leaves.

It is asked again and again, and an answer that says "not now" counts at once.
Its silence, three questions in a row, is no better than a no. It opens when the
venue says so and a span has passed without a no; a venue that shuts again soon
has that span doubled, so that one which cannot make up its mind gets few orders.
A lock of a part, or of one book, bars what it touches and nothing else.
"""

import asyncio
from collections.abc import Callable, Iterable

from rebalancer.core.events import Event, VenueHeld
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import table
from rebalancer.venues.profile import Profile

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
        hedges: What orders may go to; a lock of anything else does not matter.
        clock: Of the questions.
        deliver: Where it is told at once.
    """

    def __init__(
        self,
        connection: Connection,
        profile: Profile,
        hedges: Iterable[Instrument],
        clock: Clock,
        deliver: Callable[[Event], None],
    ) -> None:
        self.reason: str | None = None  # why nothing leaves; None: it may
        self._connection, self._opening = connection, profile.opening
        host = profile.opening.host
        self._asks = bool(profile.opening.call) and (
            not host or bool(connection.exchange.urls["api"].get(host))
        )
        self._hedges = {each.id: _names(each) for each in hedges}
        self._barred: dict[str, dict[str, str]] = {}  # instrument → who bars it → why
        self._clock, self._deliver = clock, deliver
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
            pause = max(await self.look(), self._opening.least)
            timer = self._clock.call_at(self._clock.now() + pause, self._wake.set)
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

    def bar(self, instrument: str, who: str, reason: str | None) -> None:
        """Let nothing go to one instrument for a reason of somebody's; None: it is over."""
        own = self._barred.setdefault(instrument, {})
        before = next(iter(own.values()), None)
        own.pop(who, None)
        if reason is not None:
            own[who] = reason
        after = next(iter(own.values()), None)
        if after != before:
            venue, now = self._connection.venue, self._clock.now()
            self._deliver(VenueHeld(now, venue, after, instrument=instrument))

    def refusal(self, instrument: str = "") -> str | None:
        """Return why nothing may be sent, or not to an instrument; None where it may."""
        if self.reason is not None:
            return f"{self._connection.venue} takes no orders: {self.reason}"
        for reason in self._barred.get(instrument, {}).values():
            return f"{instrument} takes no orders: {reason}"
        return None

    async def look(self) -> int:
        """Ask once; return ns until the next time."""
        if not self._asks:
            self._open()
            return self._rest()
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
        return self._rest()

    def _rest(self) -> int:
        """Return ns until the next question: few where anything is waiting for an answer."""
        waits = self.reason is not None or any(self._barred.values())
        return AGAIN if waits else EVERY

    def _open(self) -> None:
        now = self._clock.monotonic()
        if self.reason is None or now < self._until:
            return
        self.reason, self._opened = None, now
        self._deliver(VenueHeld(self._clock.now(), self._connection.venue, None))

    async def _ask(self) -> str | None:
        """Return why the whole venue is locked, None when it is not; bar what else is."""
        opening, call = self._opening, self._opening.call
        try:
            answer = await getattr(self._connection.exchange, call)({})
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
            raise explain(self._connection.venue, call, error) from None
        told = table(opening.read(table(answer, call)), call)
        word = str(told.get(opening.locked)).lower()
        names = [str(each) for name in opening.named for each in told.get(name) or ()]
        partly = word in opening.partly
        if word not in opening.open and told.get(opening.locked) is None:
            raise Malformed(f"{call}: {opening.locked} must be there, was missing")
        for instrument, own in self._hedges.items():
            locked = [each for each in names if partly and each.lower() in own]
            self.bar(instrument, call, f"{', '.join(locked)} locked" if locked else None)
        if word in opening.open or (partly and names):
            return None
        return "a part of it is locked, and it does not say which" if partly else "it is locked"


def _names(instrument: Instrument) -> frozenset[str]:
    """Return what a venue may call the lock of an instrument: its currencies, or its index."""
    coin, settle = instrument.underlying.lower(), instrument.settle.lower()
    quote = "usd" if instrument.inverse else settle
    return frozenset({coin, settle, f"{coin}_{quote}"})
