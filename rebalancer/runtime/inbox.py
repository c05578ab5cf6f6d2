"""The inbox: events wait here in order; when the engine is behind, old quotes make room.

A market event that is still waiting when a newer one of the same kind and
instrument arrives is dropped, and counted; so is a tick of the clock. Account
events are never dropped and never change places. The words of a venue and of an
operator lose every secret here, before anything remembers them: journal, flight,
alerts, log.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from rebalancer.core.events import (
    Booking,
    Event,
    FundingRate,
    Index,
    InstrumentUnfit,
    Mark,
    Operator,
    OptionMark,
    OrderRejected,
    OrderUnknown,
    Quote,
    ShutOut,
    Tick,
    VenueHeld,
)
from rebalancer.core.figures import OpenInterest
from rebalancer.core.knobs import Tuned

_CONFLATED = (Quote, Mark, OptionMark, FundingRate, Index, OpenInterest, Tick)


class Inbox:
    """A queue with one reader.

    Args:
        hide: Returns words without secrets.
    """

    def __init__(self, hide: Callable[[str], str] = str) -> None:
        self._hide = hide
        self._waiting: deque[list[Event]] = deque()  # an empty list: a newer one took its place
        self._latest: dict[tuple[type, str], list[Event]] = {}
        self._arrived = asyncio.Event()
        self.conflated = 0

    def plain(self, words: str) -> str:
        """Return words as they may be kept: without secrets."""
        return self._hide(words)

    def put(self, event: Event) -> None:
        """Take an event in; of quotes, marks, rates and ticks only the newest waits."""
        place = [_discreet(event, self._hide)]
        if isinstance(event, _CONFLATED):
            slot = (type(event), _subject(event))
            older = self._latest.get(slot)
            if older:
                older.clear()
                self.conflated += 1
            self._latest[slot] = place
        self._waiting.append(place)
        self._arrived.set()

    @property
    def booking(self) -> bool:
        """Whether something waits that an account was booked."""
        return any(isinstance(each, Booking) for place in self._waiting for each in place)

    async def wait(self) -> None:
        """Return once an event waits."""
        await self._arrived.wait()

    def drain(self) -> Iterator[Event]:
        """Yield what waits, and what arrives meanwhile, until nothing does."""
        while self._waiting:
            place = self._waiting.popleft()
            if place:
                event = place.pop()
                if isinstance(event, _CONFLATED):
                    self._latest.pop((type(event), _subject(event)), None)
                yield event
        self._arrived.clear()


def _discreet(event: Event, hide: Callable[[str], str]) -> Event:
    """Return an event whose words are fit to be kept."""
    match event:
        case OrderRejected() | OrderUnknown() | ShutOut() | Operator() | Tuned():
            return replace(event, reason=hide(event.reason))
        case VenueHeld() if event.reason is not None:
            return replace(event, reason=hide(event.reason))
        case InstrumentUnfit():
            return replace(event, what=hide(event.what))
        case _:
            return event


def _subject(
    event: Quote | Mark | OptionMark | FundingRate | Index | OpenInterest | Tick,
) -> str:
    if isinstance(event, Tick):
        return ""
    if isinstance(event, Index):
        return f"{event.venue}:{event.underlying}"
    return event.instrument
