"""Anchors: what venues reckon of margin, and what is remembered beside their figures.

Figures that were asked for before the account's last booking are not taken: they
may or may not hold it already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebalancer.core import figures
from rebalancer.core.figures import MarginTold
from rebalancer.core.instruments import Instrument
from rebalancer.core.margin.pool import Curve, Pool
from rebalancer.core.margin.schedule import Schedule

Key = tuple[str, str, str]  # account, currency, isolated instrument


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the venue's figures are above our own sums; constant until it tells again."""

    balance: float
    maintenance: float


@dataclass(frozen=True, slots=True)
class Options:
    """Curves of one pool, and what they were made for."""

    version: int  # of the ledger
    until: int  # ns: then they are made anew
    curves: tuple[tuple[str, Curve], ...]


@dataclass(frozen=True, slots=True)
class Members:
    """What is held in one pool, and what that was found for."""

    version: int  # of the ledger
    told: MarginTold
    margined: tuple[Instrument, ...]
    sizes: tuple[float, ...]  # of each of them: coins, or USD if inverse, signed
    options: tuple[Instrument, ...]
    cash: Mapping[str, float]  # by currency


@dataclass(slots=True)
class Cushions:
    """Figures of all accounts; written by `take` only."""

    told: dict[str, MarginTold] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # account → why its last word was refused
    booked: dict[str, int] = field(default_factory=dict)  # account → ns of its last booking
    anchors: dict[Key, Anchor] = field(default_factory=dict)
    options: dict[Key, Options] = field(default_factory=dict)
    members: dict[Key, Members] = field(default_factory=dict)
    worked: dict[Key, tuple[Members, Pool]] = field(default_factory=dict)  # pools worked out last
    rates: dict[tuple[str, str], Schedule] = field(default_factory=dict)  # as figures imply them,
    #   by account and instrument: of the moment when they were told


def note_booking(cushions: Cushions, account: str, ts: int) -> None:
    """Note that something was booked on an account: figures asked for before prove nothing."""
    cushions.booked[account] = ts
    told = cushions.told.get(account)
    keys = () if told is None else ((account, p.currency, p.instrument) for p in told.pools)
    if any(key not in cushions.anchors for key in keys):
        del cushions.told[account]  # never anchored: what is booked now would be taken for theirs


def forget(cushions: Cushions, account: str) -> None:
    """Drop an account's figures: somebody declared what it holds, and they held it before."""
    cushions.told.pop(account, None)


def take(cushions: Cushions, event: MarginTold) -> bool:
    """Take a venue's figures down; False where they prove nothing, or cannot be true."""
    known, wrong = cushions.told.get(event.account), figures.fault(event)
    if known is not None and event.asked < known.asked:
        return False
    if wrong is not None:
        cushions.faults[event.account] = wrong
        cushions.told.pop(event.account, None)
        return False
    if event.asked < cushions.booked.get(event.account, event.asked):
        return False
    cushions.told[event.account] = event
    cushions.faults.pop(event.account, None)
    for own in [each for each in cushions.rates if each[0] == event.account]:
        del cushions.rates[own]
    for pool in event.pools:
        key = (event.account, pool.currency, pool.instrument)
        cushions.anchors.pop(key, None)  # made when it is first needed: prices may come later
        cushions.worked.pop(key, None)  # it rests on the anchor
    return True


def age(cushions: Cushions, account: str, now: int) -> int | None:
    """Return ns since the figures were asked for that count; None: there are none."""
    told = cushions.told.get(account)
    return None if told is None else now - told.asked


def free(cushions: Cushions, account: str, currency: str) -> float | None:
    """Return what new orders may use of a currency: balance less initial margin; None: not told."""
    told = cushions.told.get(account)
    for pool in () if told is None else told.pools:
        if pool.together or (not pool.instrument and pool.currency == currency):
            return float(pool.balance - pool.initial)
    return None
