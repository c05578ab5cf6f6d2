"""Bounds: what an account may hold by its own orders, judged by the exchange's books."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rebalancer.core.instruments import STABLE
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.params import Params
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Filled
from rebalancer.simulation.virtual.book import COIN

NEAR = 0.95  # of a limit, from which on it binds: lots and orders leave a little
SLACK = 1.05  # times a limit: the price goes on between a decision and its fill


class Turns(NamedTuple):
    """What came before a fill."""

    traded: float  # USD that own orders traded so far
    jumped: bool  # whether the price did, so that the book's worth is not known to anybody


class Bounds:
    """Limits of a book against what the exchanges hold.

    Args:
        exchanges: By account.
        params: The limits.
    """

    def __init__(self, exchanges: Mapping[str, Exchange], params: Params) -> None:
        self._exchanges, self._params = exchanges, params

    def broken(self, fill: Filled, price: float, net: float, turns: Turns) -> Iterable[str]:
        """Yield what a fill of an own hedge broke, in words; one that closed breaks nothing.

        Args:
            fill: As it was booked.
            price: Of the coin, USD.
            net: Net delta before it, coins.
            turns: What came before it.
        """
        exchange = self._exchanges[fill.account]
        held = exchange.position(fill.account, fill.instrument).quantity
        if abs(held) <= abs(held - fill.quantity):
            return
        own, name = self._params.underlyings[COIN].limits, fill.instrument
        coins = abs(self._coins(exchange, name, float(held), price))
        if coins > own.position * SLACK:
            yield f"{name} is {coins:.3f} coins, limit {own.position}"
        book = self._params.limits
        if book is not None:
            if turns.traded > book.turnover_per_day * SLACK:
                yield f"{turns.traded:,.0f} USD were traded, limit {book.turnover_per_day:,.0f}"
            gross, equity = self._gross(price), self._equity(price)
            if not turns.jumped and gross > book.leverage * SLACK * equity:
                yield f"gross is {gross:,.0f} USD on {equity:,.0f} USD, limit {book.leverage} times"
        if abs(net) <= own.net_delta:  # beyond, what brings it back is let through
            yield from self._endangered(fill)

    def binding(self, price: float, turned: float) -> Iterable[str]:
        """Yield what a guard may rightly refuse by, as the exchanges' books stand."""
        own, book = self._params.underlyings[COIN].limits, self._params.limits
        legs = [abs(coins) for coins in self._legs(price)]
        if max(legs, default=0.0) > own.position * NEAR:
            yield "position_too_large"
        if book is not None and sum(legs) * price > book.leverage * NEAR * self._equity(price):
            yield "leverage_too_high"
        if book is not None and turned > book.turnover_per_day * NEAR:
            yield "turnover_spent"

    def _endangered(self, fill: Filled) -> Iterable[str]:
        """Yield pools in which nothing was to grow any more, and did."""
        margin, exchange = self._params.margin, self._exchanges[fill.account]
        settle = exchange.contract(fill.instrument).settle
        for pool, standing in exchange.standings(fill.account).items():
            if margin is None or standing is None or pool.currency != settle:
                continue
            most = margin.ladder.ratio[Rung.WIDEN - 1] * SLACK
            if float(standing.maintenance) > most * float(standing.balance):
                told = f"{standing.maintenance} is asked and {standing.balance} there"
                yield f"{fill.instrument} grew where {told}"

    def _coins(self, exchange: Exchange, name: str, contracts: float, price: float) -> float:
        terms = exchange.contract(name)
        size = contracts * float(terms.size)
        return size / price if terms.inverse else size

    def _gross(self, price: float) -> float:
        """Return the notional of all perpetuals and futures, USD."""
        return sum(abs(coins) * price for coins in self._legs(price))

    def _legs(self, price: float) -> Iterable[float]:
        """Yield the coins of each perpetual or future that is held, signed."""
        for account, exchange in self._exchanges.items():
            for each in exchange.positions(account):
                if exchange.contract(each.instrument).margined:
                    yield self._coins(exchange, each.instrument, float(each.quantity), price)

    def _equity(self, price: float) -> float:
        """Return what all accounts are worth, USD."""
        total = 0.0
        for account, exchange in self._exchanges.items():
            for currency in exchange.balances(account):
                told = exchange.equity(account, currency)
                total += float(told or 0) * (1.0 if currency in STABLE else price)
        return total
