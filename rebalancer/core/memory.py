"""Memory: what is remembered of one underlying from decision to decision."""

from collections import deque
from dataclasses import dataclass, field

from rebalancer.core.band.width import SideCost
from rebalancer.core.commands import Purpose, TimeInForce
from rebalancer.core.decision import Reason
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.orders import Order, OrderState
from rebalancer.core.volatility import Realised

DAY = 24 * 3600 * 1_000_000_000  # ns
MINUTE = 60_000_000_000  # ns
FIRST_WAIT = 1_000_000_000  # ns after an order that came to nothing …
LONGEST_WAIT = 60_000_000_000  # … doubled by each further one in a row, up to this
LONGEST_CUT_WAIT = 8_000_000_000  # the same of one that is to protect


@dataclass(slots=True)
class Episode:
    """A time in which something is not as it must be, and what a person heard of it."""

    since: int | None = None  # ns; None: all is well
    told_at: int | None = None  # ns, the last time
    times: int = 0  # told in a row
    size: float = 0.0  # of the gap that was told last, coins


@dataclass(slots=True)
class Climb:
    """Where a pool stands on the margin ladder, and what was done about it."""

    rung: Rung = Rung.CALM  # that a person was told of last
    relieved: bool = False  # whether its hedge was cut, and it is not calm since
    queued: set[str] = field(default_factory=set)  # who is near the front of a deleveraging queue
    apart: set[str] = field(default_factory=set)  # whose liquidation price differs from the venue's


@dataclass(slots=True)
class Attempt:
    """A hedge that is executed with patience, from its first order until net delta is back."""

    since: int  # ns of its first order, or of the throttle that kept it
    buys: bool
    reason: Reason  # why it is due
    sliced_at: int | None = None  # ns of the last slice
    taken_at: int | None = None  # ns of the last order that takes all that is left

    @property
    def outside(self) -> bool:
        """Whether it is due because net delta is outside its band."""
        return self.reason is Reason.OUTSIDE_BAND


@dataclass(slots=True)
class Memory:
    """What is remembered of one underlying from decision to decision."""

    started_at: int  # ns
    hedged_at: int | None = None  # ns of the last order
    hedge_price: float | None = None  # index then, at first at the start; USD per coin
    outside: Episode = field(default_factory=Episode)  # the band
    blind: Episode = field(default_factory=Episode)  # an input of the delta missing or too old
    restores: bool = False  # whether a person waits to hear that both are over
    failures: int = 0  # orders in a row that were rejected or filled nothing
    unsent: int = 0  # orders in a row that were held back before they left
    barred_until: int = 0  # ns: no new order before, after a failure
    cuts_failed: int = 0  # orders in a row that were to protect and filled nothing
    cut_after: int = 0  # ns: no new one before
    unrested: int = 0  # orders in a row that should rest and came to nothing by themselves
    attempt: Attempt | None = None  # None: nothing is being hedged with patience
    minute: deque[tuple[int, float]] = field(default_factory=deque)  # index of the last minute: ns
    #   and USD per coin, one a second; empty where no hedge is patient
    refused: tuple[Reason, str] | None = None  # last refusal that was told
    refused_at: int = 0  # ns
    refusals: int = 0  # times that it was told again
    settled: float | None = None  # last index that was believed, USD per coin
    suspect: float | None = None  # one that lies a jump away and that no second word confirmed
    greeks_told_at: int | None = None  # ns: that gamma or vega is beyond its limit; None: it is not
    sides: tuple[SideCost, SideCost] | None = None  # what hedging cost at the last tick: of buying,
    #   of selling; None: no tick yet, or nobody asks
    carried_at: int = 0  # ns of the last look at where the leg would cost less to hold
    realised: Realised = field(default_factory=Realised)  # volatility of the index
    highs: deque[tuple[int, float]] = field(default_factory=deque)  # of the filter, falling
    lows: deque[tuple[int, float]] = field(default_factory=deque)  # rising


def lasts(episode: Episode, ts: int, *, wrong: bool) -> None:
    """Note whether something is still, or newly, not as it must be at `ts`."""
    if not wrong:
        episode.since, episode.told_at, episode.times, episode.size = None, None, 0, 0.0
    elif episode.since is None:
        episode.since = ts


def due(episode: Episode, ts: int, patience: int, size: float = 0.0) -> bool:
    """Whether a person is to be woken now; if so it is noted as told.

    After `patience` (ns), then ever more rarely, at last daily; as soon again as at
    first where the gap has doubled since.
    """
    if episode.since is None:
        return False
    if episode.told_at is None:
        at = episode.since + patience
    elif episode.size and size >= 2 * episode.size:
        at, episode.times = episode.told_at + patience, 0
    else:
        at = episode.told_at + min(patience << min(2 * episode.times, 20), DAY)
    if ts < at:
        return False
    episode.told_at, episode.times, episode.size = ts, episode.times + 1, size
    return True


def hedged(memory: Memory, ts: int, price: float | None) -> None:
    """Note that a hedge took effect: intervals and price moves are counted from here.

    Args:
        memory: Is written.
        ts: ns.
        price: Index, USD per coin; None: nobody told one.
    """
    memory.hedged_at, memory.failures, memory.unsent, memory.barred_until = ts, 0, 0, 0
    if price is not None:
        memory.hedge_price = price


def failed(memory: Memory, ts: int) -> None:
    """Note an order that came to nothing; the wait doubles with each in a row."""
    memory.barred_until = ts + _wait(memory.failures)
    memory.failures += 1
    memory.unsent = 0


def cut_failed(memory: Memory, ts: int) -> None:
    """Note an order that was to protect and came to nothing; the next comes soon, and pays more."""
    memory.cut_after = ts + min(FIRST_WAIT << min(memory.cuts_failed, 10), LONGEST_CUT_WAIT)
    memory.cuts_failed += 1


def cut_held_back(memory: Memory, ts: int) -> None:
    """Note an order that was to protect and never left: nobody tried its price."""
    memory.cut_after = ts + FIRST_WAIT


def held_back(memory: Memory, ts: int) -> None:
    """Note an order that never left: one goes again at once, the next in a row must wait.

    It says nothing of the venue, so no other one is tried for it.
    """
    if memory.unsent:
        memory.barred_until = ts + _wait(memory.unsent - 1)
    memory.unsent += 1


def came_to_nothing(memory: Memory, order: Order, ts: int, *, sent: bool) -> None:
    """Note an order that ended without a fill at `ts`, ns; `sent`: whether it left at all."""
    resting = order.submit.time_in_force is not TimeInForce.IOC
    if resting and order.withdrawn_at is not None:
        if order.state is OrderState.CANCELED:
            memory.unrested = 0  # it did rest
        return  # as we asked: the venue failed at nothing
    if resting and sent:
        memory.unrested += 1
    if order.submit.purpose is Purpose.PROTECT:
        (cut_failed if sent else cut_held_back)(memory, ts)
    else:
        (failed if sent else held_back)(memory, ts)


def moves(memory: Memory, ts: int, price: float) -> None:
    """Note an index price (USD per coin), one a second and for a minute."""
    if not memory.minute or ts - memory.minute[-1][0] >= FIRST_WAIT:
        memory.minute.append((ts, price))
    while memory.minute[0][0] < ts - MINUTE:
        memory.minute.popleft()


def _wait(times: int) -> int:
    return min(FIRST_WAIT << min(times, 10), LONGEST_WAIT)


def weigh(memory: Memory, price: float, jump: float) -> None:
    """Note whether an index can be believed: a jump needs a second word that confirms it.

    Args:
        memory: Is written.
        price: USD per coin.
        jump: Most that it may move from one word to the next, fraction.
    """
    near = (memory.settled, memory.suspect)
    if memory.settled is None or any(p is not None and abs(price / p - 1) <= jump for p in near):
        memory.settled, memory.suspect = price, None
    else:
        memory.suspect = price


def saw(memory: Memory, ts: int, price: float, window: int | None) -> None:
    """Note an index price; with a window (ns) also what was highest and lowest in it."""
    if memory.hedge_price is None:
        memory.hedge_price = price
    if window is None:
        return
    for kept, beaten in ((memory.highs, price.__ge__), (memory.lows, price.__le__)):
        while kept and beaten(kept[-1][1]):
            kept.pop()
        kept.append((ts, price))
        while kept[0][0] < ts - window:
            kept.popleft()
