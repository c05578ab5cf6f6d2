"""Following: native streams are kept on what its book holds, from trade to trade.

An option that was bought by hand needs its mark before the book's delta is
known; one that was delivered has none any more.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from rebalancer.core.instruments import Instrument
from rebalancer.ports import Clock, Feed
from rebalancer.settings.models import Settings
from rebalancer.venues.wanted import Wanted, followed


class Told(Protocol):
    """What can be told to follow something else."""

    def want(self, wanted: Wanted, now: int) -> None:
        """Follow something else from now on."""


class Flushed(Protocol):
    """What sends what a stream has to send."""

    def flush(self) -> None:
        """Send it; harmless while nothing is open."""


class Follower(Told, Flushed, Feed, Protocol):
    """A feed that follows what it is told to by itself."""


class Following:
    """What the streams of one venue follow.

    Args:
        venue: ccxt id.
        settings: Name the hedge instruments, and what is held outside and marked here.
        spoken: Streams that are told what to follow, with the feeds that send what they ask for.
        clock: For when it was asked.
    """

    def __init__(
        self,
        venue: str,
        settings: Settings,
        spoken: Iterable[tuple[Told, Flushed]],
        clock: Clock,
    ) -> None:
        self._venue, self._settings = venue, settings
        self._spoken, self._clock = tuple(spoken), clock
        self._wanted: Wanted | None = None

    def hold(self, held: Iterable[str], instruments: Mapping[str, Instrument]) -> None:
        """Follow the hedge instruments, and these.

        Args:
            held: Ids of what the book holds.
            instruments: By id.
        """
        outside = (each.instrument for each in self._settings.holdings)
        names, now = (*held, *outside), self._clock.now()
        wanted = followed(self._venue, self._settings, instruments, names, now)
        if wanted != self._wanted:
            self._wanted = wanted
            for stream, feed in self._spoken:
                stream.want(wanted, self._clock.now())
                feed.flush()
