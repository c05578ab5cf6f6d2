"""Streams: the market data of one venue on their way here, which may freeze.

What is said during a freeze is not heard. When it ends, the newest word of
each kind comes, as a stream that reconnects begins with how things stand; what
it replaced is gone, and so are the trades, which no snapshot repeats.
"""

from collections.abc import Callable
from dataclasses import replace

from rebalancer.core.events import Event, Index, MarketEvent, Trade
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.mischance import Mischance, Mishap, between

MINUTE = 60 * SECOND
FREEZE = (SECOND, 10 * SECOND)  # ns: least and most


class Stream:
    """The market data stream of one venue.

    Args:
        mischance: Says in which minutes the stream freezes, when, for how long.
        clock: Market time; the first minute begins now.
    """

    def __init__(self, mischance: Mischance, clock: Clock) -> None:
        self._mischance = mischance
        self._clock = clock
        self._foreseen = clock.now()  # ns: up to here it is drawn when the stream freezes
        self._freezes: list[tuple[int, int]] = []  # (begins, ends), ns, of those not over
        self._missed: dict[tuple[type, str], MarketEvent] = {}  # newest words, oldest first
        self._frozen = False  # whether something was missed since the last thaw

    def carry(self, ts: int, event: MarketEvent, deliver: Callable[[Event], None]) -> None:
        """Deliver what a venue says at `ts`, unless its stream is frozen."""
        until = self._until(ts)
        if until is None:
            self._thaw(deliver)
            deliver(event)
            return
        if not self._frozen:
            self._frozen = True
            self._mischance.count(Mishap.STALE_STREAM)
            self._clock.call_at(until, lambda: self._wake(deliver))
        if not isinstance(event, Trade):
            slot = _slot(event)
            self._missed.pop(slot, None)  # so that words keep the order in which they came
            self._missed[slot] = event

    def _until(self, ts: int) -> int | None:
        """Return when the freeze that holds at `ts` ends, ns; None where the stream flows."""
        while self._foreseen <= ts:
            stroke = self._mischance.draw(Mishap.STALE_STREAM)
            if stroke is not None:
                begins = self._foreseen + between(stroke.when, (0, MINUTE))
                self._freezes.append((begins, begins + between(stroke.hard, FREEZE)))
            self._foreseen += MINUTE
        self._freezes = [each for each in self._freezes if ts < each[1]]
        return max((ends for begins, ends in self._freezes if begins <= ts), default=None)

    def _wake(self, deliver: Callable[[Event], None]) -> None:
        """Let the stream flow again, unless another freeze began before this one ended."""
        until = self._until(self._clock.now())
        if until is None:
            self._thaw(deliver)
        else:
            self._clock.call_at(until, lambda: self._wake(deliver))

    def _thaw(self, deliver: Callable[[Event], None]) -> None:
        missed, self._missed, self._frozen = self._missed, {}, False
        for event in missed.values():
            deliver(replace(event, ts_local=self._clock.now()))


def _slot(event: MarketEvent) -> tuple[type, str]:
    """Return what a newer word of the same would take the place of."""
    if isinstance(event, Index):
        return Index, f"{event.venue}:{event.underlying}"
    return type(event), event.instrument
