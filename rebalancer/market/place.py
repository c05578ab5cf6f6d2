"""One coin on one venue: its index, everything that is traded on it there, and its stamps."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np

from rebalancer.core.events import FundingRate, Index
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.market.fixing import Fixing, expected, watch
from rebalancer.market.funding import FundingWatch, premium_index
from rebalancer.market.linear import LinearMarket, Scene, View
from rebalancer.market.options import OptionDesk
from rebalancer.market.params import (
    DAY,
    HOUR,
    MINUTE,
    YEAR,
    PremiumParams,
    VenueParams,
    WorldParams,
)
from rebalancer.market.premium import PremiumWalk
from rebalancer.market.records import (
    DeliveryDue,
    FundingDue,
    SettlementDue,
    WorldStep,
    quote_of,
)
from rebalancer.market.spot import Spot
from rebalancer.market.surface import Surface

SETTLEMENT_HOUR = 8  # UTC
_CENT = Decimal("0.01")
# No two venues agree on an index: each wanders around the coin's price by itself.
_DISAGREEMENT = PremiumParams(
    slow_sd=0.00004, slow_half_life=5 * MINUTE, fast_sd=0.0, lead=0.0, tilt=0.0
)


class Place:
    """All that one venue lists on one coin.

    Args:
        where: Venue and coin.
        listed: Instruments of both, of any kind but cash, none expired.
        params: Of the world.
        generator_of: Gives the stream of a name.
    """

    def __init__(
        self,
        where: tuple[VenueParams, str],
        listed: Sequence[Instrument],
        params: WorldParams,
        generator_of: Callable[[str], np.random.Generator],
    ) -> None:
        self._venue, self._coin = where
        self._params = params
        name = f"{self._venue.name}:{self._coin}.index"
        self._disagreement = PremiumWalk(name, _DISAGREEMENT, generator_of)
        self._dated = [each for each in listed if each.expiry is not None]
        expiries = sorted({each.expiry for each in self._dated if each.expiry is not None})
        self._fixings = {expiry: Fixing(expiry, params.averaging) for expiry in expiries}
        straight = [each for each in listed if each.kind is not Kind.OPTION]
        self._markets = [LinearMarket(each, self._venue, params, generator_of) for each in straight]
        self._funding = {
            each.id: FundingWatch(each.id, self._venue.funding_interval, params.funding_period)
            for each in straight
            if each.kind is Kind.PERPETUAL
        }
        options = [each for each in listed if each.kind is Kind.OPTION]
        self._desk = OptionDesk(options, params, generator_of)

    def step(self, ts: int, elapsed: int, spot: Spot, surface: Surface, carry: float) -> WorldStep:
        """Advance by `elapsed` ns to `ts`, where the coin is at `spot`."""
        apart = self._disagreement.move(spot, surface.skew, elapsed).quoted
        told = max(1, round(spot.price * (1 + apart) * 100)) * _CENT
        scene = Scene(ts, elapsed, spot, surface.skew, float(told))
        self._fixings = {
            expiry: watch(fixing, ts - elapsed, ts, scene.index)
            for expiry, fixing in self._fixings.items()
        }
        deliveries = self._deliver(scene)
        views = [market.show(scene, self._fair(market, scene, carry)) for market in self._markets]
        option_marks, option_books = self._desk.show(scene, surface, carry, self._fixings)
        rates, due = self._fund(scene, views)
        return WorldStep(
            ts,
            books=(*(view.book for view in views), *option_books),
            quotes=(
                *(view.quote for view in views),
                *(quote_of(book, ts) for book in option_books),
            ),
            trades=tuple(trade for view in views for trade in view.trades),
            marks=tuple(view.mark for view in views),
            indexes=(Index(ts, ts, self._venue.name, self._coin, told),),
            option_marks=option_marks,
            funding_rates=rates,
            funding_due=due,
            settlements=self._settle(scene, views),
            deliveries=deliveries,
            silent=tuple(view.book.instrument for view in views if view.silent),
        )

    def _fair(self, market: LinearMarket, scene: Scene, carry: float) -> float:
        """Return what a forward of an instrument is worth: the index, or the expected delivery."""
        expiry = market.instrument.expiry
        if expiry is None:
            return scene.index
        forward = scene.index * math.exp(carry * (expiry - scene.ts) / YEAR)
        return expected(self._fixings[expiry], scene.ts, forward)

    def _deliver(self, scene: Scene) -> tuple[DeliveryDue, ...]:
        """Take contracts that ended off the list; return their delivery prices."""
        ended = [each for each in self._dated if (each.expiry or 0) <= scene.ts]
        if not ended:
            return ()
        due = []
        for each in ended:
            mean = self._fixings[each.expiry or 0].mean or scene.index
            due.append(DeliveryDue(each.id, max(1, round(mean * 100)) * _CENT))
        self._dated = [each for each in self._dated if (each.expiry or 0) > scene.ts]
        self._markets = [
            market
            for market in self._markets
            if market.instrument.expiry is None or market.instrument.expiry > scene.ts
        ]
        return tuple(due)

    def _fund(
        self, scene: Scene, views: Sequence[View]
    ) -> tuple[tuple[FundingRate, ...], tuple[FundingDue, ...]]:
        """Return rates that are told now, and stamps that passed."""
        rates: list[FundingRate] = []
        due: list[FundingDue] = []
        for view in views:
            watched = self._funding.get(view.book.instrument)
            if watched is None:
                continue
            stamped = self._venue.funding_interval is not None
            premium = (
                premium_index(view.bid, view.ask, scene.index) if stamped else view.mark_premium
            )
            due.extend(watched.charge(scene.ts, premium))
            rates.extend(watched.tell(scene.ts, premium))
        return tuple(rates), tuple(due)

    def _settle(self, scene: Scene, views: Sequence[View]) -> tuple[SettlementDue, ...]:
        """Return the sessions that end now, each at its mark."""
        session = (scene.ts - SETTLEMENT_HOUR * HOUR) // DAY
        before = (scene.ts - scene.elapsed - SETTLEMENT_HOUR * HOUR) // DAY
        if not self._venue.settles_daily or session == before:
            return ()
        return tuple(
            SettlementDue(market.instrument.id, view.mark.price)
            for market, view in zip(self._markets, views, strict=True)
            if market.instrument.margined
        )
