"""The facade: a world that advances when it is told the time."""

from collections.abc import Callable, Sequence

import numpy as np

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.market.params import WorldParams
from rebalancer.market.place import Place
from rebalancer.market.records import WorldStep, join
from rebalancer.market.spot import Coin, MarketFactor
from rebalancer.market.surface import Term


class World:
    """A seeded market; the same seed, parameters and times give the same steps.

    Each walk draws from a stream of its own name, so that the path of an
    instrument does not depend on which others are listed.

    Args:
        params: Everything about the world but its instruments.
        instruments: What is traded. Cash, and what has expired by the start,
            is passed over.
        generator_of: Gives a stream of random numbers, at its beginning, for a name.

    Raises:
        ValueError: An instrument is of a coin or a venue that `params` does
            not know; all such are named.
    """

    def __init__(
        self,
        params: WorldParams,
        instruments: Sequence[Instrument],
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        listed = [each for each in instruments if _traded(each, params.start)]
        _refuse_strangers(params, listed)
        self._now = params.start
        self._begun = False
        self._factor = MarketFactor(params.dynamics, generator_of)
        self._coins = {
            each.name: Coin(each, params.dynamics, generator_of) for each in params.underlyings
        }
        self._terms = {
            each.name: Term(each, params.term, params.dynamics, generator_of)
            for each in params.underlyings
        }
        self._places: list[tuple[str, Place]] = []
        for venue in params.venues:
            for coin in self._coins:
                here = [e for e in listed if (e.venue, e.underlying) == (venue.name, coin)]
                if here:
                    place = Place((venue, coin), here, params, generator_of)
                    self._places.append((coin, place))

    def step(self, ts: int) -> WorldStep:
        """Advance to `ts` and return all that is told there.

        Args:
            ts: ns since 1970 UTC, after the last step; the first may be at the
                start. Steps may differ in length, but of the book and the vol
                within a step nothing is seen: seconds are meant, hours work.

        Raises:
            ValueError: Time did not advance.
        """
        if ts < self._now or (self._begun and ts == self._now):
            raise ValueError(f"a step must lead beyond {self._now}, was to {ts}")
        elapsed, self._now, self._begun = ts - self._now, ts, True
        market = self._factor.draw(elapsed)
        for coin in self._coins.values():
            coin.move(market, elapsed)
        for term in self._terms.values():
            term.move(elapsed)
        parts = []
        for name, place in self._places:
            spot, term = self._coins[name].spot, self._terms[name]
            surface = term.surface(spot, market.skew)
            parts.append(place.step(ts, elapsed, spot, surface, term.carry))
        return join(ts, parts)


def _traded(instrument: Instrument, start: int) -> bool:
    ended = instrument.expiry is not None and instrument.expiry <= start
    return instrument.kind is not Kind.CASH and not ended


def _refuse_strangers(params: WorldParams, listed: Sequence[Instrument]) -> None:
    """Raise ValueError when a coin or venue is not known."""
    coins = [each.name for each in params.underlyings]
    venues = [each.name for each in params.venues]
    strangers = [e.id for e in listed if e.underlying not in coins or e.venue not in venues]
    if strangers:
        known = f"{', '.join(venues)} and {', '.join(coins)}"
        raise ValueError(f"instruments must be of {known}, were {', '.join(strangers)}")
