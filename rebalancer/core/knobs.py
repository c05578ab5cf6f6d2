"""Knobs: the settings that an operator may change while the book runs, and the event that he did.

Light, as `events` is: who asks a running book loads nothing that a book runs on.
"""

from dataclasses import dataclass
from enum import StrEnum


class Knob(StrEnum):
    """What of an underlying can be tuned, by the name that its setting has."""

    TARGET = "target"  # coins
    COVERAGE = "coverage"  # 0 … 1.5
    LOWER = "band.lower"  # coins, or fraction of gross
    UPPER = "band.upper"  # same
    RESET = "band.reset"  # 0 … 1
    RISK_AVERSION = "band.risk_aversion"  # 1/USD
    SPEND_PER_DAY = "band.spend_per_day"  # USD
    PNL_SD = "band.pnl_sd"  # USD of a day


BUDGETS = (Knob.RISK_AVERSION, Knob.SPEND_PER_DAY, Knob.PNL_SD)


def setting(underlying: str, knob: Knob) -> str:
    """Return a setting's dotted name.

    >>> setting("BTC", Knob.LOWER)
    'underlyings.BTC.band.lower'
    """
    return f"underlyings.{underlying}.{knob}"


@dataclass(frozen=True, slots=True)
class Change:
    """One setting, before and after."""

    underlying: str
    knob: Knob
    before: float
    after: float

    @property
    def name(self) -> str:
        """The setting as its file spells it."""
        return setting(self.underlying, self.knob)


@dataclass(frozen=True, slots=True)
class Tuned:
    """An operator changed settings of the running book: all of these, or the event is not."""

    ts_local: int
    changes: tuple[Change, ...]
    reason: str
    who: str  # user id of the peer
    fingerprint: str  # of the file that it changes; under another it does not hold
