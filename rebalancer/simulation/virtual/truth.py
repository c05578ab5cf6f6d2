"""Truth: what the exchanges' books say that is held, what it is worth, and what moves it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.params import Params
from rebalancer.exchange import black, fixing
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Filled
from rebalancer.exchange.statements import Position
from rebalancer.ports import Clock
from rebalancer.simulation.virtual.book import VOL
from rebalancer.simulation.virtual.bounds import Bounds, Turns
from rebalancer.simulation.virtual.market import YEAR
from rebalancer.venues.paper import holdings

MOVE = 1e-4  # fraction of price by which delta is measured
SMALLEST = Decimal("1e-9")  # of a currency: what division leaves


class Truth:
    """All accounts of a run, read off the exchanges alone.

    Args:
        exchanges: By account.
        clock: For the time that options have.
        params: Limits of the book.
    """

    def __init__(self, exchanges: Mapping[str, Exchange], clock: Clock, params: Params) -> None:
        self._exchanges, self._clock = exchanges, clock
        self._bounds = Bounds(exchanges, params)

    def held(self, account: str, instrument: str) -> Decimal:
        """Return a position, contracts, signed."""
        return self._exchanges[account].position(account, instrument).quantity

    def binding(self, price: float, turned: float) -> Iterable[str]:
        """Yield what a guard may rightly refuse by, as the exchanges' books stand."""
        return self._bounds.binding(price, turned)

    def broken(self, fill: Filled, price: float, net: float, turns: Turns) -> Iterable[str]:
        """Yield the limits that an own fill broke, in words; arguments as for `Bounds.broken`."""
        return self._bounds.broken(fill, price, net, turns)

    def delta(self, price: float) -> float:
        """Return the delta of everything at a price of the coin, coins."""
        low, high = (self._worth(price * (1 + move)) for move in (-MOVE, MOVE))
        return (high - low) / (2 * MOVE * price)

    def _worth(self, price: float) -> float:
        """Return what all accounts are worth at a price of the coin, USD."""
        total = 0.0
        for name, exchange in self._exchanges.items():
            for currency, amount in exchange.balances(name).items():
                total += float(amount) * (1.0 if currency in STABLE else price)
            for held in exchange.positions(name):
                total += self._value(exchange, held, price)
        return total

    def _value(self, exchange: Exchange, held: Position, price: float) -> float:
        terms = exchange.contract(held.instrument)
        contracts, basis = float(held.quantity), float(held.basis)
        if terms.kind is Kind.OPTION:
            return contracts * self._option(exchange, terms, price)
        size = contracts * float(terms.size)
        return (basis - size / price) * price if terms.inverse else size * price - basis

    def _option(self, exchange: Exchange, terms: Instrument, price: float) -> float:
        """Return the worth of an inverse option, USD a coin; its settlement is averaged at last."""
        assert terms.expiry is not None
        assert terms.strike is not None
        now = self._clock.now()
        share, told = fixing.open_share(terms.expiry, now), exchange.delivery_price(terms.id)
        fixed = price if told is None else float(told)
        settles = share * price + (1 - share) * fixed
        spread = VOL * (max(terms.expiry - now, 1) / YEAR) ** 0.5
        if share < 1:  # the rest of a mean has a third of the variance of its end
            spread *= max(share, 1e-6) / 3**0.5
        return black.price(settles, float(terms.strike), spread, terms.sign) / settles * price

    def gaps(self, ledger: Ledger) -> dict[str, Decimal]:
        """Return where a ledger and the exchanges' books differ, ledger less exchange."""
        found: dict[str, Decimal] = {}
        for name, exchange in self._exchanges.items():
            truth = {
                key if ":" in key else f"{name}:{key}": amount
                for key, amount in holdings(exchange, name)
                if amount
            }
            own = {
                instrument: each.quantity
                for (account, instrument), each in ledger.positions.items()
                if account == name and each.quantity
            }
            own |= {
                f"{name}:{currency}": amount
                for (account, currency), amount in ledger.cash.items()
                if account == name and amount
            }
            found |= {what: gap for what, gap in apart(own, truth).items() if abs(gap) > SMALLEST}
        return found


def apart(ledger: Mapping[str, Decimal], truth: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return where two books differ, first less second, by what is held."""
    names = dict.fromkeys((*ledger, *truth))
    gaps = {name: ledger.get(name, Decimal(0)) - truth.get(name, Decimal(0)) for name in names}
    return {name: gap for name, gap in gaps.items() if gap}
