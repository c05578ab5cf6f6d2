"""Truth: what the exchanges' books say that is held, what it is worth, and what moves it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.params import Params
from rebalancer.exchange import black, fixing
from rebalancer.exchange.accounts import Holding
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Filled
from rebalancer.ports import Clock
from rebalancer.simulation.virtual.book import VOL
from rebalancer.simulation.virtual.bounds import Bounds, Standing, Turns
from rebalancer.simulation.virtual.market import YEAR
from rebalancer.venues.paper import holdings

_Pair = tuple[float, float]
MOVE = 1e-4  # fraction of price by which delta is measured
SMALLEST = Decimal("1e-9")  # of a currency: what division leaves
ADOPTED = Decimal("1e-6")  # of a coin: what an adopted account may differ by and be the same


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

    def binding(self, now: Standing) -> Iterable[str]:
        """Yield what a guard may rightly refuse by."""
        return self._bounds.binding(now)

    def broken(self, fill: Filled, price: float, net: float, turns: Turns) -> Iterable[str]:
        """Yield the limits that an own fill broke, in words; arguments as for `Bounds.broken`."""
        return self._bounds.broken(fill, price, net, turns)

    def delta(self, price: float) -> float:
        """Return the delta of everything at a price of the coin, coins."""
        prices = price * (1 - MOVE), price * (1 + MOVE)
        low, high = self._worths(prices)
        return (high - low) / (2 * MOVE * price)

    def _worths(self, prices: _Pair) -> _Pair:
        """Return what all accounts are worth at each of two prices of the coin, USD."""
        low, high = 0.0, 0.0
        for name, exchange in self._exchanges.items():
            for currency, amount in exchange.balances(name).items():
                cash, coin = float(amount), currency not in STABLE
                low += cash * (prices[0] if coin else 1.0)
                high += cash * (prices[1] if coin else 1.0)
            for instrument, held in exchange.holdings(name).items():
                down, up = self._values(exchange, exchange.contract(instrument), held, prices)
                low += down
                high += up
        return low, high

    def _values(self, exchange: Exchange, terms: Instrument, held: Holding, prices: _Pair) -> _Pair:
        contracts, basis = float(held.quantity), float(held.basis)
        if terms.kind is Kind.OPTION:
            down, up = self._options(exchange, terms, prices)
            return contracts * down, contracts * up
        size = contracts * float(terms.size)
        if terms.inverse:
            down, up = ((basis - size / price) * price for price in prices)
        else:
            down, up = (size * price - basis for price in prices)
        return down, up

    def _options(self, exchange: Exchange, terms: Instrument, prices: _Pair) -> _Pair:
        """Return the worth of an inverse option, USD a coin; its settlement is averaged at last."""
        assert terms.expiry is not None
        assert terms.strike is not None
        now = self._clock.now()
        share, told = fixing.open_share(terms.expiry, now), exchange.delivery_price(terms.id)
        spread = VOL * (max(terms.expiry - now, 1) / YEAR) ** 0.5
        if share < 1:  # the rest of a mean has a third of the variance of its end
            spread *= max(share, 1e-6) / 3**0.5
        worth = []
        for price in prices:
            fixed = price if told is None else float(told)
            settles = share * price + (1 - share) * fixed
            theirs = black.price(settles, float(terms.strike), spread, terms.sign)
            worth.append(theirs / settles * price)
        return worth[0], worth[1]

    def gaps(self, ledger: Ledger, least: Decimal = SMALLEST) -> dict[str, Decimal]:
        """Return where a ledger and the exchanges' books differ, ledger less exchange.

        Args:
            ledger: Of a process.
            least: Of a currency, above which it counts; of contracts anything does.
        """
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
            found |= {what: gap for what, gap in apart(own, truth).items() if abs(gap) > least}
        return found


def apart(ledger: Mapping[str, Decimal], truth: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return where two books differ, first less second, by what is held."""
    names = dict.fromkeys((*ledger, *truth))
    gaps = {name: ledger.get(name, Decimal(0)) - truth.get(name, Decimal(0)) for name in names}
    return {name: gap for name, gap in gaps.items() if gap}
