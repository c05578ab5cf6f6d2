"""A spot pair, perpetual or dated future on a venue: mark, book and public trades."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rebalancer.core.events import Mark, Quote, Trade
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.market.depth import Shape, Touch, book_sides, least_lots, touch_around
from rebalancer.market.faults import Mischief
from rebalancer.market.params import SECOND, YEAR, PremiumParams, VenueParams, WorldParams
from rebalancer.market.premium import PremiumWalk
from rebalancer.market.records import Book, quote_of
from rebalancer.market.spot import Spot

_MOST_PRINTS = 5  # public trades a step: more would only cost time
_UNEVEN = 1.2  # deviation of log size of a print
_SPOT_PREMIUM = PremiumParams(
    slow_sd=0.00003, fast_sd=0.00001, lead=0.0, tilt=0.0, slow_half_life=300 * SECOND
)
_FUTURE_PREMIUM = PremiumParams(slow_sd=0.0002, fast_sd=0.00006)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one coin on one venue looks like at a moment."""

    ts: int  # ns
    elapsed: int  # ns since the last step
    spot: Spot
    skew: float
    index: float  # of the venue, USD


@dataclass(frozen=True, slots=True)
class View:
    """What an instrument shows of itself."""

    book: Book
    quote: Quote
    mark: Mark
    trades: tuple[Trade, ...]
    mark_premium: float  # mark over fair price, fraction
    bid: float  # USD
    ask: float  # USD
    silent: bool


class LinearMarket:
    """One instrument without optionality.

    Args:
        instrument: Spot pair, perpetual or dated future.
        venue: Its habits.
        params: Of the world: levels and mischief.
        generator_of: Gives the stream of a name; here `INSTRUMENT.premium`,
            `.book`, `.prints` and `.faults`.
    """

    def __init__(
        self,
        instrument: Instrument,
        venue: VenueParams,
        params: WorldParams,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        kinds = {Kind.SPOT: _SPOT_PREMIUM, Kind.FUTURE: _FUTURE_PREMIUM}
        self.instrument = instrument
        self._venue = venue
        self._levels = params.levels
        self._premium = PremiumWalk(
            instrument.id, kinds.get(instrument.kind, venue.premium), generator_of
        )
        self._depth = generator_of(f"{instrument.id}.book")
        self._flow = generator_of(f"{instrument.id}.prints")
        self._mischief = Mischief(instrument.id, params.faults, generator_of)
        self._tick = float(instrument.tick)
        self._lot = float(instrument.lot)
        self._least = least_lots(instrument)

    def show(self, scene: Scene, fair: float) -> View:
        """Advance to a scene in which a forward of this instrument is worth `fair` USD."""
        premium = self._premium.move(scene.spot, scene.skew, scene.elapsed)
        middle = fair * (1 + premium.quoted)
        mark = self._ticks(fair * (1 + premium.smooth)) * self.instrument.tick
        book, touch = self._book(middle, scene.spot.stress)
        false = self._mischief.draw(scene.ts, scene.elapsed)
        trades = self._prints(scene, book)
        if false is not None:
            trades = (*trades, self._false_print(scene.ts, fair * (1 + false), false))
        return View(
            book,
            quote_of(book, scene.ts),
            Mark(scene.ts, scene.ts, self.instrument.id, mark),
            trades,
            premium.smooth,
            touch.bid * self._tick,
            touch.ask * self._tick,
            self._mischief.silent(scene.ts),
        )

    def _ticks(self, price: float) -> int:
        return max(1, round(price / self._tick))

    def _lots(self, value: float, price: float) -> float:
        """Return the lots that are worth `value` USD."""
        contract = float(self.instrument.size) * (1 if self.instrument.inverse else price)
        return value / (contract * self._lot)

    def _book(self, middle: float, stress: float) -> tuple[Book, Touch]:
        venue, instrument = self._venue, self.instrument
        shape = Shape(
            spread=venue.spread * middle / self._tick,
            gap=venue.gap * middle / self._tick,
            depth=self._lots(venue.depth, middle),
            least=self._least,
            levels=self._levels,
        )
        shocks = self._depth.standard_normal(4 * self._levels + 1)
        touch = touch_around(middle / self._tick, shape, stress, float(shocks[-1]))
        units = instrument.tick, instrument.lot
        bids, asks = book_sides(touch, shape, stress, shocks[:-1], units)
        return Book(instrument.id, bids, asks), touch

    def _prints(self, scene: Scene, book: Book) -> tuple[Trade, ...]:
        """Return public trades at the touch, mostly in the direction of the last move."""
        spot = scene.spot
        expected = self._venue.prints * spot.stress * scene.elapsed / SECOND
        count = min(int(self._flow.poisson(expected)), _MOST_PRINTS)
        if not count:
            return ()
        sigmas = spot.change / (spot.vol * math.sqrt(scene.elapsed / YEAR))
        lean = 0.5 + 0.3 * math.tanh(sigmas)
        chances, sizes = self._flow.random(count), self._flow.standard_normal(count)
        touch = float(book.asks[0][0])
        median = self._lots(self._venue.print_value, touch)
        trades = []
        for chance, size in zip(chances.tolist(), sizes.tolist(), strict=True):
            bought = chance < lean
            price = (book.asks if bought else book.bids)[0][0]
            lots = max(self._least, int(median * math.exp(_UNEVEN * size)))
            quantity = (lots if bought else -lots) * self.instrument.lot
            trades.append(Trade(scene.ts, scene.ts, self.instrument.id, price, quantity))
        return tuple(trades)

    def _false_print(self, ts: int, price: float, side: float) -> Trade:
        """Return a print of the smallest size at a price that no market stood behind."""
        quantity = (self._least if side > 0 else -self._least) * self.instrument.lot
        told = self._ticks(price) * self.instrument.tick
        return Trade(ts, ts, self.instrument.id, told, quantity)
