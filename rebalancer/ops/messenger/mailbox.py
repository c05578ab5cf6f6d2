"""The mailbox of one channel: what it is told, and when.

A matter is an event and its scope. It is told at once, and within a minute
again only when it got louder; what was held back is counted, and the last of it
told when the minute is over. That a matter is over is told to whoever heard of
it. A channel takes so many messages a minute: what comes faster waits, and
leaves as one. Time is an argument, s that never jump.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.lines import Notice

MINUTE = 60.0  # s
BURST, REFILL = 10, 3.0  # messages at once, and s after which there may be one more
BUNDLE, SIZE = 20, 3_000  # alerts in one message, and characters of them
_AROUND = 100  # characters that a message puts around one
MOST = 500  # that wait
_REMEMBERED = 1024  # matters; a scope may be a client order id, and there is no end of those
_LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}

ENDS: Mapping[str, tuple[str, ...]] = {
    "delta.restored": ("delta.unhedged",),
    "delta.agreed": ("delta.disagreed",),
    "engine.recovered": ("engine.silent",),
    "margin.recovered": ("margin.warned", "margin.critical"),
    "journal.eased": ("journal.cramped",),
    "journal.copied": ("journal.uncopied",),
    "journal.checked": ("journal.unchecked",),
    "feed.recovered": ("feed.lost",),
    "venue.released": ("venue.held",),
    "venue.reached": ("venue.unreached",),
    "smile.found": ("smile.lost",),
    "clock.agreed": ("clock.skewed", "clock.doubted"),
    "state.changed": ("state.latched",),
    "alert.resumed": ("alert.failed",),
}
"""What is over → what was wrong until then, of the same scope."""

Matter = tuple[str, str]  # event, scope


@dataclass(slots=True)
class _Told:
    """When a matter was last told, how loudly, and what was held back since."""

    at: float
    severity: Severity
    held: int = 0
    last: Notice | None = None  # of those held back
    open: bool = True  # whether nobody said yet that it is over


class Mailbox:
    """What waits for one channel.

    Args:
        least: Severity below which nothing is told.
    """

    def __init__(self, least: Severity) -> None:
        self.lost = 0  # alerts that found no room
        self._least = least
        self._told: OrderedDict[Matter, _Told] = OrderedDict()
        self._waiting: list[Notice] = []
        self._tokens, self._filled = float(BURST), 0.0

    def put(self, notice: Notice, now: float) -> bool:
        """Take an alert; return whether it leaves now, or with what waits."""
        ended = self._ended(notice)
        if ended:
            for each in ended:
                each.open, each.held, each.last = False, 0, None
        elif _LOUDNESS[notice.severity] < _LOUDNESS[self._least]:
            return False
        key = (notice.event, notice.scope)
        self._begins_again(key)
        before = self._told.get(key)
        if before is not None and not _due(before, notice, now):
            before.held, before.last, before.open = before.held + 1, notice, True
            return False
        self._tell(key, notice, 0 if before is None else before.held, now)
        return True

    def look(self, now: float) -> None:
        """Let what was held back for a minute leave."""
        for key, told in list(self._told.items()):
            if told.last is not None and now - told.at >= MINUTE:
                self._tell(key, told.last, told.held - 1, now)

    def take(self, now: float) -> Sequence[Notice]:
        """Return what leaves now in one message, the loudest first; nothing while it must wait."""
        self.look(now)
        self._tokens = min(self._tokens + (now - self._filled) / REFILL, BURST)
        self._filled = now
        if not self._waiting or self._tokens < 1:
            return ()
        self._tokens -= 1
        self._waiting.sort(key=lambda each: -_LOUDNESS[each.severity])  # else as they came
        count = _fitting(self._waiting)
        leaves, self._waiting = self._waiting[:count], self._waiting[count:]
        return leaves

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def _ended(self, notice: Notice) -> list[_Told]:
        """Return the matters that were told and that this says are over."""
        keys = ((event, notice.scope) for event in ENDS.get(notice.event, ()))
        return [told for key in keys if (told := self._told.get(key)) is not None and told.open]

    def _begins_again(self, key: Matter) -> None:
        """Forget what waits to say that a matter is over, now that it is not."""
        for ending, ended in ENDS.items():
            told = self._told.get((ending, key[1])) if key[0] in ended else None
            if told is not None:
                told.held, told.last = 0, None

    def _tell(self, key: Matter, notice: Notice, more: int, now: float) -> None:
        self._told[key] = _Told(now, notice.severity)
        self._told.move_to_end(key)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        self._waiting.append(replace(notice, more=more))
        if len(self._waiting) > MOST:
            mildest = min(_LOUDNESS[each.severity] for each in self._waiting)
            oldest = next(
                n for n, w in enumerate(self._waiting) if _LOUDNESS[w.severity] == mildest
            )
            del self._waiting[oldest]
            self.lost += 1


def _fitting(waiting: Sequence[Notice]) -> int:
    """Return how many of those that wait go into one message; at least one."""
    size = 0
    for count, each in enumerate(waiting[:BUNDLE]):
        size += len(each.scope) + len(each.text) + len(each.action) + _AROUND
        if count and size > SIZE:
            return count
    return min(len(waiting), BUNDLE)


def _due(before: _Told, notice: Notice, now: float) -> bool:
    """Tell whether a matter may be told again."""
    louder = _LOUDNESS[notice.severity] > _LOUDNESS[before.severity]
    return louder or now - before.at >= MINUTE
