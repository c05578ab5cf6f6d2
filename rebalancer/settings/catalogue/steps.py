"""Steps: the granularity of a contract, and the record made of it."""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind


@dataclass(frozen=True, slots=True)
class Steps:
    """The granularity of a contract."""

    lot: str  # contracts, also the smallest order
    tick: str
    size: str = "1"  # coins, or USD where inverse


def make(
    name: str, kind: Kind, where: tuple[str, str, str], steps: Steps | None
) -> Instrument | None:
    """Return an instrument without an end; `where` is venue, underlying and settle currency."""
    if steps is None:
        return None
    venue, underlying, settle = where
    return Instrument(
        id=f"{venue}:{name}",
        kind=kind,
        underlying=underlying,
        settle=settle,
        size=Decimal(steps.size),
        lot=Decimal(steps.lot),
        minimum=Decimal(steps.lot),
        tick=Decimal(steps.tick),
    )
