"""What can be read of an account, and the proof that no money came or went unseen."""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.exchange.accounts import Account, Holding
from rebalancer.exchange.contracts import cost, entry_price, profit, reciprocal
from rebalancer.exchange.exact import ZERO
from rebalancer.exchange.state import State


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of an instrument, seen at the mark."""

    instrument: str
    quantity: Decimal  # contracts, signed
    basis: Decimal  # settle currency, signed: USD cost if linear, coins bought if inverse
    entry: Decimal | None  # price that the basis stands for, to 1e-12; None: nothing held
    mark: Decimal | None  # quote currency; None: not told yet
    unrealised: Decimal | None  # settle currency; None without a mark
    value: Decimal | None  # what it adds to equity: unrealised if margined, else worth at mark


def position(state: State, account: Account, instrument: str) -> Position:
    """Return a position; an empty one where nothing is held."""
    contract, holding = state.instrument(instrument), account.holding(instrument)
    mark = state.marks.get(instrument)
    entry = entry_price(contract, holding.quantity, holding.basis)
    unrealised = value = None if mark is None and holding.quantity else ZERO
    if mark is not None and holding.quantity:
        now = cost(contract, holding.quantity, mark)
        unrealised = profit(contract, holding.basis, now)
        value = unrealised if contract.margined else now
    return Position(instrument, holding.quantity, holding.basis, entry, mark, unrealised, value)


def equity(state: State, account: Account, currency: str) -> Decimal | None:
    """Return cash plus the value of everything that settles in `currency`.

    None while the mark of something held is not known.
    """
    total = account.cash.get(currency, ZERO)
    for name in account.holdings:
        if state.instruments[name].settle == currency:
            value = position(state, account, name).value
            if value is None:
                return None
            total += value
    return total


def imbalance(state: State, currency: str) -> Decimal:
    """Return what all parties together own beyond what was brought in: always 0.

    Cash of the accounts, the fund and the house, fees, funding, interest, and
    the bases of open margined positions (profit that is on its way into cash); whatever is paid
    in full is held against the house and cancels.
    """
    house = state.house
    collected = (house.fees, house.funding, house.interest)
    total = sum((each.get(currency, ZERO) for each in collected), ZERO)
    for account in (*state.accounts.values(), house.insurance, house.account):
        total += account.cash.get(currency, ZERO)
        total += sum((_pledged(state, currency, *item) for item in account.holdings.items()), ZERO)
    return total - house.brought.get(currency, ZERO)


def _pledged(state: State, currency: str, name: str, holding: Holding) -> Decimal:
    instrument = state.instruments[name]
    if instrument.settle != currency or not instrument.margined:
        return ZERO
    return holding.basis if reciprocal(instrument) else -holding.basis
