"""Following: a native stream is kept on what its book holds, from trade to trade.

An option that was bought by hand needs its mark before the book's delta is
known; one that was delivered has none any more.
"""

from collections.abc import Iterable, Mapping

from rebalancer.core.instruments import Instrument
from rebalancer.ports import Clock
from rebalancer.settings.models import Settings
from rebalancer.venues.deribit_channels import Wanted, followed
from rebalancer.venues.deribit_stream import DeribitStream
from rebalancer.venues.native import NativeFeed


class Following:
    """What one stream follows.

    Args:
        venue: ccxt id.
        settings: Name the hedge instruments, and what is held outside and marked here.
        stream: Is told what to follow.
        feed: Sends what the stream then asks for.
        clock: For when it was asked.
    """

    def __init__(
        self, venue: str, settings: Settings, stream: DeribitStream, feed: NativeFeed, clock: Clock
    ) -> None:
        self._venue, self._settings = venue, settings
        self._stream, self._feed, self._clock = stream, feed, clock
        self._wanted: Wanted | None = None

    def hold(self, held: Iterable[str], instruments: Mapping[str, Instrument]) -> None:
        """Follow the hedge instruments, and these.

        Args:
            held: Ids of what the book holds.
            instruments: By id.
        """
        outside = (each.instrument for each in self._settings.holdings)
        wanted = followed(self._venue, self._settings, instruments, (*held, *outside))
        if wanted != self._wanted:
            self._wanted = wanted
            self._stream.want(wanted, self._clock.now())
            self._feed.flush()
