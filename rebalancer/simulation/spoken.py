"""Spoken: what a venue's package must give so that this machine can play the venue."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule, TradingRules
from rebalancer.simulation.host import Host
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place


@dataclass(frozen=True, slots=True)
class Names:
    """By which names the fault script knows a venue's calls and channels; * and ? are anything."""

    order: str  # places an order
    query: str  # tells what became of one
    reads: str  # every private question
    trades: str  # channel of the account
    touch: str  # channel of best prices
    market: str  # every channel of the market


@dataclass(frozen=True, slots=True)
class Played:
    """One venue that can be played."""

    hosts: Sequence[str]  # as in its own addresses: the first segments of paths
    speak: Callable[[Place, Sequence[Key]], Host]
    fees: Mapping[str, FeeSchedule]  # by instrument id or kind
    maintenance: Mapping[str, Schedule]
    names: Names
    rules: Callable[[Iterable[Instrument]], Mapping[str, TradingRules]] = field(
        default=lambda _listed: {}
    )
    desk: str = ""  # configuration that trades there; empty: demo-VENUE.toml
    sessions: bool = False  # whether profit and funding wait for the end of a session
