"""Bounds: what an account may hold by its own orders, judged by the exchange's books."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from rebalancer.core.instruments import STABLE
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.params import BookLimits, Params
from rebalancer.exchange import fixing
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Filled
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual.book import COIN
from rebalancer.simulation.virtual.hearing import Where
from rebalancer.simulation.virtual.market import EXPIRY

SHORT = 20  # coins of each option
PAID = 0.01  # coins a coin that a false mark says an option pays
UNHEARD = 90 * SECOND  # ns of an average that nobody need have heard
CRUMB = 0.1  # coins that a position may be short of its limit, and be full
NEAR = 0.95  # of another limit, from which on it binds: lots and orders leave a little
DEAR = ("funding_too_dear", "funding_budget_spent")
SLACK = 1.05  # times a limit: the price goes on between a decision and its fill


def untold(since: int, ts: int) -> float:
    """Return coins by which delta is unknown to a process that began amid an average, ns.

    What it did not hear of the mean an option's mark tells to a tick, which near a
    strike is more than the settlement may still move; and a false one, what it pays.
    """
    missed = since - (EXPIRY - fixing.WINDOW)
    if missed <= UNHEARD or ts >= EXPIRY:
        return 0.0
    return SHORT * (fixing.open_share(EXPIRY, ts) + PAID)


class Turns(NamedTuple):
    """What came before a fill."""

    traded: float  # USD that own orders traded so far
    jumped: bool  # whether the price did, so that the book's worth is not known to anybody
    moved: Collection[Where] = ()  # where others changed what is held since the order left


class Standing(NamedTuple):
    """How a book stands in the end."""

    price: float  # of the coin, USD
    net: float  # coins
    turned: float  # USD that own orders traded
    dear: bool  # whether what hedges ever paid a wild funding: its forecast is a mean of hours


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
        book = self._params.limits
        if book is not None and turns.traded > book.turnover_per_day * SLACK:
            yield f"{turns.traded:,.0f} USD were traded, limit {book.turnover_per_day:,.0f}"
        coins = abs(self._coins(exchange, name, float(held), price))
        if coins > own.position * SLACK and (fill.account, name) not in turns.moved:
            yield f"{name} is {coins:.3f} coins, limit {own.position}"
        if book is not None and not turns.jumped and not turns.moved:
            gross, equity = self._gross(price), self._equity(price)
            if gross > book.leverage * SLACK * equity:
                yield f"gross is {gross:,.0f} USD on {equity:,.0f} USD, limit {book.leverage} times"
        beside = any(account == fill.account for account, _ in turns.moved)
        known = not beside and not turns.jumped
        if abs(net) <= own.net_delta and known:  # beyond, what brings it back is let through
            yield from self._endangered(fill)

    def binding(self, now: Standing) -> Iterable[str]:
        """Yield what a guard may rightly refuse by, as the exchanges' books stand.

        Of one leg that is full it is right only where no other may grow: each is
        full too, its pool is thin, its funding dear, or the book is at a limit.
        """
        own, book = self._params.underlyings[COIN], self._params.limits
        held, way = dict(self._legs(now.price)), -1 if now.net > 0 else 1
        legs = own.hedge_sell if way < 0 else own.hedge_buy
        whole = [] if book is None else list(self._of_book(book, now))
        yield from whole
        if now.dear:
            yield from DEAR
        most = own.limits.position - CRUMB
        full = [leg for leg in legs if held.get(leg, 0.0) * way > most]
        other = all(leg in full or self._thin(leg, NEAR) for leg in legs)
        if full and (whole or now.dear or other):
            yield "position_too_large"
        if full and other:
            yield "margin_too_thin"

    def _of_book(self, limits: BookLimits, now: Standing) -> Iterable[str]:
        """Yield what lets no leg of the book grow."""
        if self._gross(now.price) > limits.leverage * NEAR * self._equity(now.price):
            yield "leverage_too_high"
        if now.turned > limits.turnover_per_day * NEAR:
            yield "turnover_spent"

    def _endangered(self, fill: Filled) -> Iterable[str]:
        """Yield pools in which nothing was to grow any more, and did."""
        for told in self._thin(fill.instrument, SLACK):
            yield f"{fill.instrument} grew where {told}"

    def _thin(self, instrument: str, times: float) -> Sequence[str]:
        """Return which pools of an instrument ask for so many times what widens a band, or more."""
        account, found = instrument.partition(":")[0], list[str]()
        margin, exchange = self._params.margin, self._exchanges[account]
        settle = exchange.contract(instrument).settle
        for pool, standing in exchange.standings(account).items():
            if margin is None or standing is None or pool.currency != settle:
                continue
            most = margin.ladder.ratio[Rung.WIDEN - 1] * times
            if float(standing.maintenance) > most * float(standing.balance):
                found.append(f"{standing.maintenance} is asked and {standing.balance} there")
        return found

    def _coins(self, exchange: Exchange, name: str, contracts: float, price: float) -> float:
        terms = exchange.contract(name)
        size = contracts * float(terms.size)
        return size / price if terms.inverse else size

    def _gross(self, price: float) -> float:
        """Return the notional of all perpetuals and futures, USD."""
        return sum(abs(coins) * price for _, coins in self._legs(price))

    def _legs(self, price: float) -> Iterable[tuple[str, float]]:
        """Yield each perpetual or future that is held, and how many coins of it, signed."""
        for account, exchange in self._exchanges.items():
            for each in exchange.positions(account):
                if exchange.contract(each.instrument).margined:
                    held = float(each.quantity)
                    yield each.instrument, self._coins(exchange, each.instrument, held, price)

    def _equity(self, price: float) -> float:
        """Return what all accounts are worth, USD."""
        total = 0.0
        for account, exchange in self._exchanges.items():
            for currency in exchange.balances(account):
                told = exchange.equity(account, currency)
                total += float(told or 0) * (1.0 if currency in STABLE else price)
        return total
