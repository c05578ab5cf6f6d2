"""Chorus: several sockets of one venue, heard as one feed.

A venue is lost as soon as one of its sockets is, and back when all of them are:
a book that hears half of a venue knows half of what it stands on. A socket that the venue
can do without (`Way.vital`) says nothing of that, and is no part of it.
"""

from collections.abc import Callable, Sequence
from functools import partial

from rebalancer.core.events import Event, FeedStatus
from rebalancer.ports import Feed, Tasks


def together(venue: str, feeds: Sequence[Feed], tasks: Tasks) -> Feed:
    """Return several feeds of a venue as one; where there is but one, itself."""
    return feeds[0] if len(feeds) == 1 else Chorus(venue, feeds, tasks)


def beside(feeds: Sequence[Feed], tasks: Tasks) -> Feed:
    """Return feeds of several venues as one; each speaks for itself."""
    return feeds[0] if len(feeds) == 1 else Beside(feeds, tasks)


class Beside:
    """A `ports.Feed` of several venues.

    Args:
        feeds: One a venue, at least one.
        tasks: Run all but the first.
    """

    def __init__(self, feeds: Sequence[Feed], tasks: Tasks) -> None:
        self._feeds, self._tasks = tuple(feeds), tasks

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver what all of them tell until canceled."""
        for number, feed in enumerate(self._feeds[1:], 1):
            self._tasks.spawn(f"venue/{number}", feed.run(deliver))
        await self._feeds[0].run(deliver)


class Chorus:
    """A `ports.Feed` of several, each of which says for itself whether it is alive.

    Args:
        venue: ccxt id.
        feeds: One a socket, at least one.
        tasks: Run all but the first.
    """

    def __init__(self, venue: str, feeds: Sequence[Feed], tasks: Tasks) -> None:
        self._venue, self._feeds, self._tasks = venue, tuple(feeds), tasks
        self._lost: dict[int, None] = {}  # numbers of the feeds that are

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver what all of them tell until canceled."""
        for number, feed in enumerate(self._feeds[1:], 1):
            heard = partial(self._hear, number, deliver)
            self._tasks.spawn(f"feed/{self._venue}/{number}", feed.run(heard))
        await self._feeds[0].run(partial(self._hear, 0, deliver))

    def _hear(self, number: int, deliver: Callable[[Event], None], event: Event) -> None:
        if not isinstance(event, FeedStatus):
            deliver(event)
            return
        before = bool(self._lost)
        if event.alive:
            self._lost.pop(number, None)
        else:
            self._lost[number] = None
        if before is not bool(self._lost):
            deliver(event)
