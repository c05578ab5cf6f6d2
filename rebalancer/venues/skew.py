"""Skew: how far this machine's clock is from a venue's, asked for as long as a book runs.

Ages of inputs, deadlines of orders and signatures all rest on two clocks that
agree. A quarter of a second apart is told; beyond a second nothing is sent.

A machine whose clock is made to come round gains or loses up to a twelfth of a
second each second, and the steady clock with it. So the clocks are compared
every ten seconds and far oftener once they part: between two looks they part by
less than a second. Whoever stood still compares before anything is sent.

Ours goes on from what the machine's clock showed at the start. That one may have
been wrong then and set right since, or a virtual machine stood still in between:
where it agrees with the venue and ours does not, two say the same and ours is
moved forwards, as soon as they are told apart: by a clock that is a little less
late than it may be, words of now come from the future, and nobody believes those.
It is never moved back: what is old would look young. Where it is too far ahead the
process ends, to be started again with a clock that is right.
"""

import asyncio
from collections.abc import Callable

from rebalancer.core.events import Event
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.settings.profiling import plain
from rebalancer.venues.connection import Connection
from rebalancer.venues.generic.paths import moment
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import MILLISECOND

WARNS, REFUSES = 250 * MILLISECOND, 1_000 * MILLISECOND  # ns
MOST = REFUSES + WARNS  # ns: by as much at most the clocks may be apart where an order leaves
AGREES = 200 * MILLISECOND  # ns within which clocks that had parted are together again
SAMPLES = 3  # of the venue's clock, at most; the quickest counts
QUICK = 50 * MILLISECOND  # ns of uncertainty with which a sample needs no other
EVERY = 10 * SECOND  # ns between two measurements
CLOSE = 2 * SECOND  # ns after one that found the clocks apart, or while nobody knows
AGAIN = 5 * SECOND  # ns after one that failed
BEAT = SECOND  # ns after which time is seen to pass
LATE = 2 * SECOND  # ns by which that may be late; by more, and the process stood still
STEEP = 12  # seconds in which a clock that is made to come round gains or loses one


async def skew(connection: Connection, clock: Clock, enough: int = 0) -> tuple[int, int]:
    """Return the venue's clock less ours, ns, and half of the round trip it is uncertain by.

    The venue's time is held against the middle of the question; of several the
    quickest counts.

    Args:
        connection: To the venue.
        clock: Ours.
        enough: ns of uncertainty with which a sample is taken for the quickest.

    Raises:
        Unavailable: It does not tell.
    """
    best: tuple[int, int] | None = None
    for _ in range(SAMPLES):
        asked, began = clock.now(), clock.monotonic()
        try:
            told = await _told(connection)
        except Unavailable:
            if best is None:
                raise
            break  # what it told before is as good as it was
        took = clock.monotonic() - began
        if best is None or took // 2 < best[1]:
            best = told - (asked + took // 2), took // 2
        if best[1] <= enough:
            break
    return best if best is not None else (0, 0)


async def _told(connection: Connection) -> int:
    """Return the venue's clock, ns: as its profile reads it, where ccxt has no call for it."""
    profile = getattr(connection, "profile", None)  # what stands in for a connection has none
    table = None if profile is None else profile.table
    reading = None if table is None else table.readings.get("clock")
    call = "fetch_time" if reading is None else reading.call
    try:
        own = getattr(connection.exchange, call)
        told = await (own() if reading is None else own(plain(reading.params)))
    except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
        raise explain(connection.venue, call, error) from None
    if reading is not None:
        return moment(told, reading.fields["time"], f"{connection.venue} {call}")
    if isinstance(told, bool) or not isinstance(told, int):
        raise Malformed(f"{connection.venue} time must be ms, was {type(told).__name__}")
    return told * MILLISECOND


def surely(apart: int, uncertain: int) -> int:
    """Return by how much two clocks differ at least, ns; the venue tells whole milliseconds."""
    return max(abs(apart) - uncertain - MILLISECOND, 0)


class SkewWatch:
    """A `ports.Feed` that tells nothing: it measures, and says when it is too much.

    What was measured last holds while a venue does not answer, for seconds where the
    clocks had parted by then, and no more once time passed that nobody saw: where the
    process stood still, the machine's clock was set, or the venue wanted rest. An
    answer that took long may prove that the clocks are apart, but not that they agree.

    Args:
        connection: To the venue.
        clock: Ours.
        log: Hears when the clocks part, once an episode, and when they are together again.
        rests: Tells for how many ns the venue wants to be asked nothing.
    """

    def __init__(
        self, connection: Connection, clock: Clock, log: Log, rests: Callable[[], int] = lambda: 0
    ) -> None:
        self._connection, self._clock, self._log, self._rests = connection, clock, log, rests
        self.apart = 0  # ns by which the clocks differed at least, when it was measured last
        self._measured = False  # whether it ever was
        self._most = 0  # ns by which they differed at most
        self._compared = 0  # steady ns of that comparison
        self._vague = False  # whether it was answered since, and that proved nothing
        self._off = 0  # ns that the machine's clock was ahead of ours then
        self._told = 0  # ns: the limit that the log has heard of in this episode
        self._beat: int | None = None  # steady ns at which time was seen to pass; None: never
        self._doubts, self._settled = 0, 0  # times that nobody knew; of them, compared since
        self._wake = asyncio.Event()

    async def run(self, _deliver: Callable[[Event], None]) -> None:
        """Measure until canceled."""
        beating = _Beating(self._clock, self._see)
        try:
            while True:
                self._wake.clear()
                wait = await self.look()
                timer = self._clock.call_at(self._clock.now() + wait, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    timer.cancel()
        finally:
            self._beat = None
            beating.cancel()

    def _see(self) -> None:
        """See that time passes, and whether more did than anybody saw."""
        self._doubt()
        self._beat = self._clock.monotonic()

    def _doubt(self) -> None:
        """Note, once, that nobody knows any more how the clocks stand, and look at once."""
        now, off = self._clock.monotonic(), self._clock.wall() - self._clock.now()
        stood = self._beat is not None and now - self._beat > BEAT + LATE
        if stood or (self._measured and abs(off - self._off) > REFUSES):
            self._beat, self._off = None if self._beat is None else now, off
            self._lose()
            self._wake.set()

    def _lose(self) -> None:
        if not self._doubted:
            self._log.warning("clock.doubted", venue=self._connection.venue)
        self._doubts += 1

    @property
    def _doubted(self) -> bool:
        return self._settled != self._doubts

    async def look(self) -> int:
        """Measure once; return ns until the next time."""
        rest = self._rests()
        if not rest:
            return await self._measure()
        if rest > CLOSE:
            self._lose()
        return rest

    async def _measure(self) -> int:
        venue, doubts = self._connection.venue, self._doubts
        try:
            apart, uncertain = await skew(self._connection, self._clock, QUICK)
        except Unavailable as error:  # what was measured last still holds
            self._log.debug("clock.unmeasured", venue=venue, error=str(error))
            return self._again(AGAIN)
        self._doubt()  # whether time passed unseen while it was asked
        apart -= self._anchored(apart, uncertain)
        least, most = surely(apart, uncertain), abs(apart) + uncertain
        if not (least > REFUSES or most <= MOST):  # it proves neither the one nor the other
            self._log.debug("clock.unmeasured", venue=venue, error="it took too long to answer")
            self.apart, self._vague = max(self.apart, least), True
            return self._again(AGAIN)
        ended = self._doubted and doubts == self._doubts
        self.apart, self._most, self._vague, self._measured = least, most, False, True
        self._settled, self._compared = doubts, self._clock.monotonic()
        self._off = self._clock.wall() - self._clock.now()
        self._tell(apart, ended=ended)
        return self._again(min((MOST - most) * STEEP - 2 * SAMPLES * uncertain, EVERY))

    def _tell(self, apart: int, *, ended: bool) -> None:
        """Tell the log when the clocks part, and when they, or a doubt, are over."""
        crossed = REFUSES if self.apart > REFUSES else WARNS if self.apart > WARNS else 0
        facts = {"venue": self._connection.venue, "milliseconds": apart // MILLISECOND}
        if crossed > self._told:
            say = self._log.error if crossed == REFUSES else self._log.warning
            say("clock.skewed", **facts)
            self._told = crossed
        elif (self._told or ended) and self.apart <= AGREES:
            self._log.info("clock.agreed", **facts)
            self._told = 0
        elif not crossed:
            self._told = min(self._told, WARNS)

    def _again(self, wait: int) -> int:
        """Return ns until the next look: `wait`, or soon where much depends on it."""
        soon = self._doubted or not self._measured or self.apart > WARNS
        return CLOSE if soon else max(wait, CLOSE)

    def _anchored(self, apart: int, uncertain: int) -> int:
        """Move our clock to the machine's where that is the venue's; return by how much, ns.

        Raises:
            Unavailable: Ours is ahead of both.
        """
        off = self._clock.wall() - self._clock.now()
        agreed = abs(apart - off) <= WARNS and uncertain <= REFUSES - WARNS  # proved, not possible
        most = WARNS if off > 0 else REFUSES  # to be moved forwards is no harm
        if surely(apart, uncertain) <= most or not agreed:
            return 0
        facts = {"venue": self._connection.venue, "milliseconds": off // MILLISECOND}
        if off < 0:
            self._log.error("clock.skewed", **facts)
            was = f"{-off / SECOND:.1f} s ahead of this machine's clock, which was set back since"
            raise Unavailable(f"time must not run back, ours is {was}: start again")
        self._clock.anchor()
        self._log.warning("clock.anchored", **facts)
        return off

    @property
    def measured(self) -> int | None:
        """Ns by which the clocks differed at least when it was measured last; None: never."""
        return self.apart if self._measured else None

    def refusal(self) -> str | None:
        """Return why nothing may be sent by this clock; None where it may."""
        if not self._measured:
            return f"nobody knows how far the clock is from {self._connection.venue}'s"
        venue = self._connection.venue
        if self.apart > REFUSES:
            return f"the clock is {self.apart / SECOND:.2f} s from {venue}'s"
        self._doubt()
        if self._doubted:
            return f"the clock was not compared with {venue}'s since nobody watched it"
        may = self._most + (self._clock.monotonic() - self._compared) // STEEP
        if may > MOST and (self._vague or self.apart > WARNS):
            return f"the clock may be {may / SECOND:.2f} s from {venue}'s by now"
        return None


class _Beating:
    """Calls again and again, at once and each BEAT."""

    def __init__(self, clock: Clock, call: Callable[[], None]) -> None:
        self._clock, self._call = clock, call
        self._beat()

    def _beat(self) -> None:
        self._call()
        self._timer = self._clock.call_at(self._clock.now() + BEAT, self._beat)

    def cancel(self) -> None:
        """Call no more."""
        self._timer.cancel()
