"""Reckoning: how the exchange model sees an account's margin, told as a venue tells it."""

from decimal import Decimal

from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.instruments import Instrument
from rebalancer.exchange.exchange import Exchange
from rebalancer.ports import SECOND

HOUR = 3_600 * SECOND
_Key = tuple[object, ...]


class Reckoning:
    """Tells an account's figures.

    A liquidation price is found by trying, which takes long, and moves only
    when something is booked, or slowly as options age: it is kept for an hour.

    Args:
        account: Its name.
        exchange: The model that it is in.
    """

    def __init__(self, account: str, exchange: Exchange) -> None:
        self._account, self._exchange = account, exchange
        self._prices: dict[str, tuple[_Key, int, Decimal | None]] = {}

    def figures(self, asked: int) -> MarginTold | None:
        """Return the figures as of `asked`, ns; None while the model misses a price."""
        pools = []
        for pool, standing in self._exchange.standings(self._account).items():
            if standing is None:
                return None
            pools.append(
                PoolFigures(
                    currency=pool.currency,
                    equity=standing.equity,
                    balance=standing.balance,
                    maintenance=standing.maintenance,
                    initial=standing.initial,
                    instrument=pool.position or "",
                    together=pool.together,
                )
            )
        held = [each for each in self._exchange.positions(self._account) if each.quantity]
        margined = [self._exchange.contract(each.instrument) for each in held]
        legs = [self._leg(each, asked) for each in margined if each.margined]
        return MarginTold(asked, asked, self._account, tuple(pools), tuple(legs))

    def _leg(self, contract: Instrument, asked: int) -> LegFigures:
        required = self._exchange.requirement(self._account, contract.id)
        return LegFigures(contract.id, required, self._liquidation(contract, asked))

    def _liquidation(self, contract: Instrument, asked: int) -> Decimal | None:
        held = self._exchange.positions(self._account)
        cash = self._exchange.balances(self._account)
        key: _Key = (*((each.instrument, each.quantity) for each in held), *cash.items())
        known = self._prices.get(contract.id)
        if known is None or known[0] != key or asked - known[1] >= HOUR:
            price = self._exchange.liquidation_price(self._account, contract.id)
            known = self._prices[contract.id] = (key, asked, price)
        return known[2]
