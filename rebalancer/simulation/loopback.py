"""The loopback: a venue, its protocol, its server and its market, put together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Self

import numpy as np

from rebalancer.core.events import Mark, OptionMark
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule, TradingRules, VenueTerms
from rebalancer.market.params import WorldParams, standard_params
from rebalancer.market.records import WorldStep
from rebalancer.market.world import World
from rebalancer.ports import Clock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings
from rebalancer.simulation.deribit.desk import Desk
from rebalancer.simulation.deribit.keys import Key, Keyring
from rebalancer.simulation.deribit.protocol import Deribit
from rebalancer.simulation.driver import Driver
from rebalancer.simulation.faults import Script
from rebalancer.simulation.place import Place, Setup
from rebalancer.simulation.server import Server
from rebalancer.venues.modelled import (
    DERIBIT_COIN_OPTIONS,
    DERIBIT_DELIVERY,
    DERIBIT_OPTIONS,
    open_exchange,
)

HOSTS = ("www.deribit.com", "test.deribit.com")
TAKER = Decimal("0.0005")
FEES: Mapping[str, FeeSchedule] = {
    Kind.SPOT: FeeSchedule(Decimal(0), Decimal(0)),
    Kind.PERPETUAL: FeeSchedule(Decimal(0), TAKER),
    Kind.FUTURE: FeeSchedule(Decimal(0), TAKER, delivery=DERIBIT_DELIVERY),
    Kind.OPTION: DERIBIT_OPTIONS,
}
FLAT = Schedule(((Decimal(0), Decimal("0.01")),))
MAINTENANCE: Mapping[str, Schedule] = {Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT}

Advance = Callable[[int], WorldStep]  # advances a world to a time, ns


def open_setup(
    venue: str,
    instruments: Sequence[Instrument],
    accounts: Iterable[OpeningAccount],
    fees: Mapping[str, FeeSchedule] = FEES,
    terms: VenueTerms | None = None,
) -> Setup:
    """Return what a place needs: a new exchange model with these accounts.

    Args:
        venue: What stands before the colon of its instruments.
        instruments: Those of other venues are passed over.
        accounts: Who trades here, with what.
        fees: By instrument id or kind.
        terms: What the venue demands; None: option ticks as Deribit has them and a flat margin.
    """
    listed = [each for each in instruments if each.venue == venue]
    terms = VenueTerms(rules=_rules(listed), maintenance=MAINTENANCE) if terms is None else terms
    opened = list(accounts)
    exchange = Exchange(listed, fees, opened, terms)
    names = [each.name for each in opened]
    return Setup(venue, exchange, listed, names, fees, terms.rules)


def _rules(listed: Iterable[Instrument]) -> dict[str, TradingRules]:
    coin = (each for each in listed if each.kind is Kind.OPTION and each.inverse)
    return {each.id: DERIBIT_COIN_OPTIONS for each in coin}


class Loopback:
    """A venue that answers on 127.0.0.1.

    Args:
        setup: Its exchange model and accounts.
        keys: Who may log in.
        clock: Its time: the wall's.
        generator: Chance of faults; needed where a plan has one.
    """

    def __init__(
        self,
        setup: Setup,
        keys: Iterable[Key],
        clock: Clock,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.place = Place(setup, clock)
        self.script = Script(clock, generator)
        self.desk = Desk(self.place, Keyring(keys))
        self.host = Deribit(self.desk)
        self.server = Server(dict.fromkeys(HOSTS, self.host), clock, self.script)
        self._clock = clock
        self._failures: list[BaseException] = []
        self._tasks = TaskRegistry(self._failures.append)

    @property
    def address(self) -> str:
        """Where it is: `http://127.0.0.1:PORT`; a venue's host is the first part of a path."""
        return self.server.address

    @property
    def failures(self) -> Sequence[BaseException]:
        """What broke in the loopback itself; must be empty."""
        return (*self._failures, *self.server.failures)

    def run(self, advance: Advance, period: int) -> None:
        """Let a market go on by itself, a step each `period` ns, from now until `stop`."""
        driver = Driver(advance, [self.place], self._clock, period)
        driver.step()
        self._tasks.spawn("driver", driver.run())

    async def start(self, port: int = 0) -> None:
        """Begin to answer; port 0 takes any that is free."""
        await self.server.start(port)

    async def stop(self) -> None:
        """End in order; raise what broke meanwhile."""
        await self._tasks.close()
        await self.server.stop()
        for failure in self.failures:
            raise failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def seeded_world(
    instruments: Sequence[Instrument], params: WorldParams, seed: int
) -> tuple[Advance, WorldStep]:
    """Return a seeded world and its first step, at `params.start`."""
    world = World(params, instruments, SeededRandomness(seed).generator)
    return world.step, world.step(params.start)


def seeded_loopback(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Iterable[Key],
    clock: Clock,
    seed: int,
) -> Loopback:
    """Return the Deribit of a configuration in its seeded world, which begins now.

    Args:
        settings: Without faults; `[market]` gives prices, vols and the step.
        instruments: Every instrument that may be met, by id.
        keys: Of the account `deribit`, the only one.
        clock: The wall's, or one that shows the time at which the world shall begin.
        seed: Same seed and same times of steps, same world.
    """
    venue, told = "deribit", settings.market
    listed = [each for each in instruments.values() if each.venue == venue]
    params = standard_params(clock.now(), told.prices, told.vols, told.step)
    advance, first = seeded_world(listed, params, seed)
    marks: tuple[Mark | OptionMark, ...] = (*first.marks, *first.option_marks)
    prices = {each.instrument: each.price or instruments[each.instrument].tick for each in marks}
    prices |= {
        each.instrument: Decimal(str(each.entry)) for each in settings.holdings if each.entry
    }
    exchange = open_exchange(settings, instruments, prices, venue)
    setup = Setup(venue, exchange, listed, [venue], FEES, _rules(listed))
    loopback = Loopback(setup, keys, clock, SeededRandomness(seed).generator("loopback.faults"))
    loopback.place.tell(first)
    loopback.run(advance, told.step)
    return loopback
