"""Truth: what the exchanges' books say that is held, what it is worth, and what moves it."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.exchange import black
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.statements import Position
from rebalancer.ports import Clock
from rebalancer.simulation.virtual.book import VOL
from rebalancer.simulation.virtual.market import YEAR
from rebalancer.simulation.virtual.oracle import apart
from rebalancer.venues.paper import holdings

MOVE = 1e-4  # fraction of price by which delta is measured
SMALLEST = Decimal("1e-9")  # of a currency: what division leaves


class Truth:
    """All accounts of a run, read off the exchanges alone.

    Args:
        exchanges: By account.
        clock: For the time that options have.
    """

    def __init__(self, exchanges: Mapping[str, Exchange], clock: Clock) -> None:
        self._exchanges, self._clock = exchanges, clock

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
            assert terms.expiry is not None
            assert terms.strike is not None
            spread = VOL * (max(terms.expiry - self._clock.now(), 1) / YEAR) ** 0.5
            return contracts * black.price(price, float(terms.strike), spread, terms.sign)
        size = contracts * float(terms.size)
        return (basis - size / price) * price if terms.inverse else size * price - basis

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
