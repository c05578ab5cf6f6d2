"""The options of one coin on one venue: marks and books, each told at moments of its own."""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from rebalancer.core import pricing
from rebalancer.core.events import OptionMark
from rebalancer.core.instruments import Instrument
from rebalancer.market.depth import Shape, Touch, book_sides, least_lots
from rebalancer.market.fixing import Fixing, expected, random_time
from rebalancer.market.linear import Scene
from rebalancer.market.params import YEAR, WorldParams
from rebalancer.market.records import Book
from rebalancer.market.surface import Surface, expected_variance, ssvi

Floats = npt.NDArray[np.float64]

# Deribit's options step by 0.0001 coin below 0.005 and by 0.0005 above:
# tick_size_steps of https://docs.deribit.com/api-reference/market-data/public-get_instruments.
# The instrument record has room for the finer only; orders at either are on a tick of it.
_COARSE_FROM = 50  # ticks
_COARSE = 5  # ticks
_GAP = 1.5  # steps between levels, beyond one


class OptionDesk:
    """All options of one coin on one venue.

    Args:
        options: None of them expired.
        params: Of the world: period, spread and depth.
        generator_of: Gives the stream of a name; here `OPTION.book`.
    """

    def __init__(
        self,
        options: Sequence[Instrument],
        params: WorldParams,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._options = tuple(options)
        self._params = params
        self._depth = [generator_of(f"{each.id}.book") for each in self._options]
        self._strike = np.array([float(each.strike or 0) for each in self._options])
        self._sign = np.array([float(each.sign) for each in self._options])
        self._expiry = np.array([each.expiry or 0 for each in self._options], dtype=np.int64)
        self._due = np.full(len(self._options), params.start, dtype=np.int64)
        phases = [int(each.integers(params.option_period)) for each in self._depth]
        self._phase = np.array(phases, dtype=np.int64)

    def show(
        self, scene: Scene, surface: Surface, carry: float, fixings: Mapping[int, Fixing]
    ) -> tuple[tuple[OptionMark, ...], tuple[Book, ...]]:
        """Return what is told at a scene: mark and book of every option whose turn it is.

        Args:
            scene: The coin on the venue.
            surface: Its implied vols.
            carry: Log forward premium per year.
            fixings: Expiry, ns → its delivery price as far as it is known.
        """
        turn = np.flatnonzero((self._due <= scene.ts) & (self._expiry > scene.ts))
        if not turn.size:
            return (), ()
        period = self._params.option_period
        self._due[turn] = scene.ts + period - (scene.ts - self._phase[turn]) % period
        left = self._expiry[turn] - scene.ts
        forward = self._forwards(turn, scene, carry, fixings)
        window = np.full(turn.size, self._params.averaging, dtype=np.int64)
        theta = expected_variance(surface, random_time(left, window) / YEAR)
        total = ssvi(theta, np.log(self._strike[turn] / forward), surface)
        years = left / YEAR
        vol = np.sqrt(total / years)
        price = pricing.inverse_price(forward, self._strike[turn], years, vol, self._sign[turn])
        vega = _coin_vega(forward / self._strike[turn], total, years)
        columns = (each.tolist() for each in (turn, forward, vol, price, vega))
        told = [self._tell(scene, *row) for row in zip(*columns, strict=True)]
        return tuple(mark for mark, _ in told), tuple(book for _, book in told)

    def _forwards(
        self,
        turn: npt.NDArray[np.intp],
        scene: Scene,
        carry: float,
        fixings: Mapping[int, Fixing],
    ) -> Floats:
        """Return the expected delivery price of each option in turn."""
        known: dict[int, float] = {}
        for expiry in self._expiry[turn].tolist():
            if expiry not in known:
                forward = scene.index * math.exp(carry * (expiry - scene.ts) / YEAR)
                known[expiry] = expected(fixings[expiry], scene.ts, forward)
        return np.array([known[expiry] for expiry in self._expiry[turn].tolist()])

    def _tell(
        self, scene: Scene, place: int, forward: float, vol: float, price: float, vega: float
    ) -> tuple[OptionMark, Book]:
        """Return mark and book of one option; price and vega in coin."""
        option, params, stress = self._options[place], self._params, scene.spot.stress
        value = 1.0 if option.inverse else forward
        tick = float(option.tick)
        ticks = price * value / tick
        mark = OptionMark(scene.ts, scene.ts, option.id, round(ticks) * option.tick, vol, forward)
        step = _COARSE if option.inverse and ticks >= _COARSE_FROM else 1
        half = max(params.option_spread * max(1.0, stress) * vega * value / tick, step / 2)
        bid = max(0, math.floor((ticks - half) / step))
        ask = max(bid + 1, math.ceil((ticks + half) / step))
        lots = params.option_depth / (forward * float(option.size * option.lot))
        shape = Shape(1.0, _GAP, lots, least_lots(option), params.option_levels)
        shocks = self._depth[place].standard_normal(4 * params.option_levels)
        units = Decimal(step) * option.tick, option.lot
        bids, asks = book_sides(Touch(bid, ask), shape, stress, shocks, units)
        return mark, Book(option.id, bids, asks)


def _coin_vega(moneyness: Floats, total: Floats, years: Floats) -> Floats:
    """Return coin per 1.00 of vol; moneyness is forward over strike, total is vol² x years."""
    root = np.sqrt(total)
    d1 = np.log(moneyness) / root + root / 2
    return np.asarray(np.exp(-d1 * d1 / 2) * np.sqrt(years / (2 * math.pi)))
