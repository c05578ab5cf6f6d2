"""The days of a replay: what the book earned in each, by source, and what that leaves over.

A stand is the book at one sample. What lies between two of them is told by
source and adds up to the change of worth, less what was paid in or out. A day
ends with its last sample, UTC, midnight included: its row is the step from
the day before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rebalancer.core.attribution import Parts
from rebalancer.research.legs import LegSums
from rebalancer.research.worth import Sums

DAY = 86_400_000_000_000  # ns
COSTS = ("fees", "slippage", "funding")
GROUPS = {  # what belongs together in a reader's eye → sources; all of them are in one group
    "direction": ("delta", "spot", "hedge", "collateral"),  # what a hedge makes cancel
    "gamma": ("gamma",),
    "theta": ("theta",),
    "vol": ("vega", "vanna", "volga"),
    "basis": ("basis",),
    "carry": ("own_funding",),
    "costs": COSTS,
    "rest": ("residual", "cash"),
}
LARGE = 0.1  # of what all parts of the options come to: a residual beyond it is looked at
DEVIATIONS = 3.0  # and one that is so many standard deviations of the days' residuals
FEWEST = 11  # days: of fewer none can be three standard deviations off


@dataclass(frozen=True, slots=True)
class Stand:
    """The book at a sample, USD."""

    ts: int  # ns
    worth: float
    unhedged: float
    sums: Sums
    legs: LegSums
    parts: Parts  # of the options since the first sample
    model: float | None = None  # what the exchange models' own books come to

    @property
    def earned(self) -> float:
        """Worth less what was brought and taken."""
        return self.worth - self.sums.flows

    @property
    def costs(self) -> float:
        """What hedging cost until now: fees, slippage, and the funding that hedges paid."""
        return self.sums.fees + self.legs.slippage - self.sums.carried


def between(then: Stand, now: Stand) -> dict[str, float]:
    """Return where the change of worth between two stands came from, USD, deposits left out.

    The option parts are Taylor terms with what they leave as `residual`; `spot`
    and `hedge` are what the coin's own move made of pairs, and of perpetuals
    and futures; `basis` what any price did beside the index; `collateral` what
    cash coins gained; `funding` is of hedges, `own_funding` of what the book
    holds without them. All parts together are the change.
    """
    parts = {name: part - getattr(then.parts, name) for name, part in asdict(now.parts).items()}
    return {
        **parts,
        "basis": parts["basis"] + now.legs.basis - then.legs.basis,
        "spot": now.legs.spot - then.legs.spot,
        "hedge": now.legs.hedge - then.legs.hedge,
        "collateral": now.sums.collateral - then.sums.collateral,
        "funding": now.sums.carried - then.sums.carried,
        "own_funding": _own(now) - _own(then),
        "fees": then.sums.fees - now.sums.fees,
        "slippage": then.legs.slippage - now.legs.slippage,
        "cash": now.sums.cash - then.sums.cash,
    }


def _own(stand: Stand) -> float:
    return stand.sums.funding - stand.sums.carried


def grouped(parts: Mapping[str, float]) -> dict[str, float]:
    """Return USD by group; the groups add up to what the sources do.

    >>> grouped({"delta": 5.0, "hedge": -4.0, "gamma": -2.0, "fees": -1.0})["direction"]
    1.0
    """
    return {group: sum(parts.get(name, 0.0) for name in names) for group, names in GROUPS.items()}


@dataclass(frozen=True, slots=True)
class Day:
    """One row: what happened from the last sample of a day before to the last of this."""

    date: str  # ISO 8601
    start: int  # ns, the sample before
    end: int  # ns, the last sample
    change: float  # of worth, less flows, USD
    flows: float  # brought in, + or out
    parts: Mapping[str, float]  # that add up to `change`
    unhedged: float  # what the book would have earned without hedges and collateral
    accounting: float | None  # change in the models' books less that in the follower's
    alert: bool = False  # whether the residual asks for a look: see `judged`

    @property
    def costs(self) -> float:
        """Fees, slippage and funding, > 0 paid."""
        return -sum(self.parts[name] for name in COSTS)

    def told(self) -> dict[str, Any]:
        """Return the row as JSON tells it."""
        return asdict(self)


class Days:
    """Makes a row of each day; `take` hears of every sample in the order of time."""

    def __init__(self) -> None:
        self._rows: list[Day] = []
        self._opened: Stand | None = None
        self._latest: Stand | None = None

    def take(self, stand: Stand) -> None:
        """Take a sample."""
        latest = self._latest
        if self._opened is None or latest is None:
            self._opened = stand
        elif _day(stand) > _day(latest) and latest is not self._opened:
            self._rows.append(_row(self._opened, latest))
            self._opened = latest
        self._latest = stand

    def rows(self) -> tuple[Day, ...]:
        """Return the rows until now, the last of a day that may go on."""
        opened, latest = self._opened, self._latest
        if opened is None or latest is None or latest is opened:
            return judged(self._rows)
        return judged([*self._rows, _row(opened, latest)])


def judged(rows: Sequence[Day]) -> tuple[Day, ...]:
    """Return the rows with those marked whose residual the model should not leave.

    It is more than a tenth of what the option parts come to, each taken
    without its sign; or three standard deviations of the days' residuals.
    """
    left = np.array([row.parts["residual"] for row in rows])
    far = DEVIATIONS * float(np.std(left, ddof=1)) if len(rows) >= FEWEST else np.inf
    return tuple(
        replace(row, alert=abs(row.parts["residual"]) > min(far, LARGE * _gross(row)))
        for row in rows
    )


def _gross(row: Day) -> float:
    return sum(abs(row.parts[name]) for name in Parts.__slots__)


def _day(stand: Stand) -> int:
    return (stand.ts - 1) // DAY


def _row(then: Stand, now: Stand) -> Day:
    model = None
    if now.model is not None and then.model is not None:
        model = (now.model - then.model) - (now.worth - then.worth)
    return Day(
        date=str(np.datetime64(_day(now), "D")),
        start=then.ts,
        end=now.ts,
        change=now.earned - then.earned,
        flows=now.sums.flows - then.sums.flows,
        parts=between(then, now),
        unhedged=now.unhedged - then.unhedged,
        accounting=model,
    )
