"""Faults: what goes wrong now on the wires of a run, and what all of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rebalancer.core.events import Event
from rebalancer.ports import Clock
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.weather import Weather

Hear = Callable[[str, Event], bool]


@dataclass(slots=True)
class Faults:
    """What goes wrong now; off in the second half of a run."""

    weather: Weather
    on: bool = True
    dead: set[str] = field(default_factory=set)  # accounts whose stream says nothing
    shut: set[str] = field(default_factory=set)  # accounts that take no orders, and do not say so
    held: set[str] = field(default_factory=set)  # accounts and contracts that say that they do not
    barred: set[str] = field(default_factory=set)  # accounts whose key is not taken
    banned: dict[str, bool] = field(default_factory=dict)  # accounts that answer nothing, and
    #   whether the process has noticed
    closed: set[str] = field(default_factory=set)  # contracts that are not traded any more

    def strikes(self, fault: str, dice: Dice) -> bool:
        """Whether a fault strikes on this occasion."""
        return self.on and dice.chance(self.weather.rate(fault))

    def close(self, account: str, duration: int, clock: Clock) -> None:
        """Let an account's venue take no orders for a while, ns, and not say so."""
        self.shut.add(account)
        clock.call_at(clock.now() + duration, lambda: self.shut.discard(account))

    def refuses(self, account: str, instrument: str) -> bool:
        """Whether an order does not get through to the book."""
        ways = (self.shut, self.held, self.barred, self.banned)
        return any(account in each for each in ways) or instrument in {*self.held, *self.closed}

    def clear(self) -> None:
        """Let every way be open, and every venue take orders."""
        for each in (self.dead, self.shut, self.held, self.barred, self.closed):
            each.clear()
        self.banned.clear()

    def bar(self, account: str, duration: int, clock: Clock) -> None:
        """Let an account's key not be taken for a while, ns."""
        self.barred.add(account)
        clock.call_at(clock.now() + duration, lambda: self.barred.discard(account))


@dataclass(frozen=True, slots=True)
class Around:
    """What all wires share."""

    clock: Clock
    faults: Faults
    oracle: Oracle
    hear: Hear  # takes what a stream carries to whichever process lives; whether one does


class Feed:
    """The way of the market's words to a process: whole, silent, or late.

    Args:
        clock: True time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._silent = 0  # ns until when nothing is said
        self._late, self._until = 0, 0  # ns by which words are late, and until when

    def freeze(self, duration: int) -> None:
        """Carry nothing for a while, ns."""
        self._silent = self._clock.now() + duration

    def delay(self, late: int, duration: int) -> None:
        """Carry everything `late` ns late, for a while, ns."""
        self._late, self._until = late, self._clock.now() + duration

    def clear(self) -> None:
        """Carry everything at once."""
        self._silent = self._until = 0

    def carry(self, event: Event, tell: Callable[[Event], None]) -> None:
        """Carry a word, if any is carried now."""
        now = self._clock.now()
        if now < self._silent:
            return
        if now < self._until:
            self._clock.call_at(now + self._late, lambda: tell(event))
        else:
            tell(event)
