"""Places: the exchanges of a run, and the market that they all see."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.params import Params
from rebalancer.exchange.exchange import Exchange
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.market import Market
from rebalancer.simulation.virtual.truth import Truth
from rebalancer.venues.modelled import open_exchange
from rebalancer.venues.paper import Deliver, PaperMarket, Witness

BEFORE = 3_600 * SECOND  # ns for which the index stood when a run begins: settlements average it
PAST = 0.02  # of the price: how far from it the index may have stood


class Places:
    """Where the book trades.

    Args:
        dice: Of the market.
        clock: True time.
        params: Limits of the book.
        witness: Hears what an exchange books by itself.
        past: Says where the index stood before.
    """

    def __init__(
        self, dice: Dice, clock: MarketClock, params: Params, witness: Witness, past: Dice
    ) -> None:
        own, listed = book.settings(), book.instruments()
        self.exchanges: Mapping[str, Exchange] = {
            name: open_exchange(own, listed, book.entries(), name, others)
            for name, others in (("deribit", (book.stranger(),)), ("binanceusdm", ()))
        }
        self.market = Market(dice, clock.now(), self.exchanges["deribit"].delivery_price)
        self.truth = Truth(self.exchanges, clock, params)
        self._clock, self._last = clock, clock.now()
        self._model = PaperMarket(self.exchanges, _Quiet(), witness)
        stood = self.market.price * (1 + PAST * (2 * past.share() - 1))
        for exchange in self.exchanges.values():
            exchange.set_index(clock.now() - BEFORE, book.COIN, Decimal(str(round(stood, 1))))

    @property
    def net(self) -> float:
        """Delta of everything by the exchanges' books, at the price of now, coins."""
        return self.truth.delta(self.market.price)

    def step(self, show: Deliver) -> None:
        """Let the market go on until now, and be told."""
        ts = self._clock.now()
        self.market.move(ts)
        for item in (*self.market.told(ts), *self.market.due(self._last, ts)):
            self._model.move(ts, item, show)
        self._model.judge(ts, show)
        self._last = ts

    def rates(self, show: Deliver) -> None:
        """Let the funding rates be told."""
        ts = self._clock.now()
        for rate in self.market.rates(ts):
            self._model.move(ts, rate, show)


class _Quiet:
    """A log that keeps nothing."""

    def _say(self, event: str, **facts: object) -> None:
        pass

    debug = info = warning = error = _say
