"""Silence: whether a person hears in time that net delta stays outside its band.

Judged by what the exchanges hold, at the true price, as long as a process runs:
one that is down is somebody else's to tell of.
"""

from rebalancer.core.commands import Alert
from rebalancer.ports import SECOND

LONGEST = 60 * SECOND  # ns outside until a person must have heard of it
GAP, WHOLE = "delta.unhedged", "delta.restored"
# What names a reason why nothing is hedged, beside the gap itself.
NAMED = (
    *(GAP, "order.unproven", "order.rejected_often", "hedge.missed", "hedge.alternated"),
    *("limit.reached", "protect.refused", "position.liquidated", "reconcile.differed"),
)


class Silence:
    """Watches one run.

    Args:
        longest: ns outside until a person must have heard of it.
        excuses: Whether one that a person heard of is none of the daemon's; where
            nothing goes wrong, nothing excuses it.
    """

    def __init__(self, longest: int = LONGEST, *, excuses: bool = True) -> None:
        self._longest, self._excuses = longest, excuses
        self.since: int | None = None  # ns since when net delta is outside in a row
        self.inside = False  # whether net delta was, when somebody looked last
        self._lasting = False  # whether the last word of a gap was that there is one
        self._heard = -1  # ns of the last alert that names a reason

    def hear(self, ts: int, alert: Alert) -> None:
        """Take down what a person is told."""
        if alert.event in (GAP, WHOLE):
            self._lasting = alert.event == GAP
        if alert.event == WHOLE:  # where that is not so, there is as long a time again to see it
            self._heard, self.since = -1, None if self.since is None else ts
        elif alert.event in NAMED:
            self._heard = ts

    def broken(self, since: int) -> bool:
        """Whether a person heard since then (ns) why nothing is hedged, or of a gap that lasts."""
        return self._excuses and (self._lasting or self._heard >= since)

    def hidden(self, ts: int) -> None:
        """Note a trade that nothing tells of: there is as long a time again to see it."""
        self.since = None if self.since is None else ts

    def began(self) -> None:
        """Note that another process begins: it has told nothing yet."""
        self.since, self.inside, self._lasting = None, False, False

    def look(self, ts: int, *, outside: bool, lives: bool) -> str | None:
        """Return what is wrong now, in words.

        Args:
            ts: ns.
            outside: Whether net delta is outside its band, in truth.
            lives: Whether a process runs.
        """
        self.inside = lives and not outside
        if not outside or not lives:
            self.since = None
            return None
        if self.since is None:
            self.since = ts
        if ts - self.since <= self._longest or self.broken(self.since):
            return None
        since, self.since = self.since, ts  # once a minute is enough
        how = "nobody was told" if self._excuses else "nothing goes wrong"
        return f"outside for {(ts - since) // SECOND} s, and {how}"
