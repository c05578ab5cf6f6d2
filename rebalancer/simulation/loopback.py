"""The loopback: a venue, its protocol, its server and its market, put together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Self

import numpy as np

from rebalancer.core.events import Mark, OptionMark
from rebalancer.core.instruments import Instrument
from rebalancer.exchange.exchange import Exchange, OpeningAccount
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import VenueTerms
from rebalancer.market.params import WorldParams, standard_params
from rebalancer.market.records import WorldStep
from rebalancer.market.world import World
from rebalancer.ports import Clock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings
from rebalancer.simulation.driver import Driver
from rebalancer.simulation.faults import Script
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place, Setup
from rebalancer.simulation.played import PLAYED
from rebalancer.simulation.server import Server
from rebalancer.venues.modelled import open_exchange

Advance = Callable[[int], WorldStep]  # advances a world to a time, ns


def open_setup(
    venue: str,
    instruments: Sequence[Instrument],
    accounts: Iterable[OpeningAccount],
    fees: Mapping[str, FeeSchedule] | None = None,
    terms: VenueTerms | None = None,
) -> Setup:
    """Return what a place needs: a new exchange model with these accounts.

    Args:
        venue: What stands before the colon of its instruments.
        instruments: Those of other venues are passed over.
        accounts: Who trades here, with what.
        fees: By instrument id or kind; None: the venue's own.
        terms: What the venue demands; None: its own.
    """
    played, opened = PLAYED[venue], list(accounts)
    listed = [each for each in instruments if each.venue == venue]
    fees = played.fees if fees is None else fees
    if terms is None:
        terms = VenueTerms(rules=played.rules(listed), maintenance=played.maintenance)
    exchange = Exchange(listed, fees, opened, terms)
    names = [each.name for each in opened]
    return Setup(venue, exchange, listed, names, fees, terms.rules, played.sessions)


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
        played = PLAYED[setup.venue]
        self.host = played.speak(self.place, list(keys))
        self.server = Server(dict.fromkeys(played.hosts, self.host), clock, self.script)
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


class Loopbacks:
    """Venues that answer on 127.0.0.1 and stand in one market.

    Args:
        venues: By name; each account there is called as the venue.
        advance: Advances the world that all of them show.
        clock: The wall's.
        period: ns between two steps of the world.
    """

    def __init__(
        self, venues: Mapping[str, Loopback], advance: Advance, clock: Clock, period: int
    ) -> None:
        self.venues, self.advance = venues, advance
        self._failures: list[BaseException] = []
        self._tasks = TaskRegistry(self._failures.append)
        self._driver = Driver(advance, [each.place for each in venues.values()], clock, period)

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each of them is."""
        return {name: each.address for name, each in self.venues.items()}

    def pace(self, period: int) -> None:
        """Let so many ns pass between two steps of the world from now on."""
        self._driver.pace(period)

    async def start(self) -> None:
        """Begin to answer, and let the market go on by itself."""
        self._driver.step()
        self._tasks.spawn("driver", self._driver.run())
        for each in self.venues.values():
            await each.start()

    async def stop(self) -> None:
        """End in order; raise what broke meanwhile."""
        await self._tasks.close()
        for each in self.venues.values():
            await each.stop()
        for failure in self._failures:
            raise failure


def seeded_world(
    instruments: Sequence[Instrument], params: WorldParams, seed: int
) -> tuple[Advance, WorldStep]:
    """Return a seeded world and its first step, at `params.start`."""
    world = World(params, instruments, SeededRandomness(seed).generator)
    return world.step, world.step(params.start)


def seeded_loopbacks(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Mapping[str, Sequence[Key]],
    clock: Clock,
    seed: int,
    option_period: int | None = None,
) -> Loopbacks:
    """Return the venues of a configuration in its seeded world, which begins now.

    Args:
        settings: Without faults; `[market]` gives prices, vols and the step.
        instruments: Every instrument that may be met, by id.
        keys: By venue, all of the account that is called as the venue, the only one there.
        clock: The wall's, or one that shows the time at which the world shall begin.
        seed: Same seed and same times of steps, same world.
        option_period: ns in which each option is told once; None: as the world has it.
    """
    told = settings.market
    listed = [each for each in instruments.values() if each.venue in keys]
    params = standard_params(clock.now(), told.prices, told.vols, told.step)
    if option_period is not None:
        params = replace(params, option_period=option_period)
    advance, first = seeded_world(listed, params, seed)
    marks: tuple[Mark | OptionMark, ...] = (*first.marks, *first.option_marks)
    prices = {each.instrument: each.price or instruments[each.instrument].tick for each in marks}
    prices |= {
        each.instrument: Decimal(str(each.entry)) for each in settings.holdings if each.entry
    }
    chance, found = SeededRandomness(seed), dict[str, Loopback]()
    for venue, given in keys.items():
        played, own = PLAYED[venue], [each for each in listed if each.venue == venue]
        exchange = open_exchange(settings, instruments, prices, venue)
        rules = played.rules(own)
        setup = Setup(venue, exchange, own, [venue], played.fees, rules, played.sessions)
        generator = chance.generator(f"loopback.faults/{venue}")
        found[venue] = Loopback(setup, given, clock, generator)
        found[venue].place.tell(first)
    return Loopbacks(found, advance, clock, told.step)


def seeded_loopback(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    keys: Iterable[Key],
    clock: Clock,
    seed: int,
    venue: str = "deribit",
) -> Loopback:
    """Return one venue of a configuration in a seeded world, which goes on by itself.

    Arguments as for `seeded_loopbacks`, but for the keys, which are all of this venue.
    """
    all_of = seeded_loopbacks(settings, instruments, {venue: list(keys)}, clock, seed)
    loopback = all_of.venues[venue]
    loopback.run(all_of.advance, settings.market.step)
    return loopback
