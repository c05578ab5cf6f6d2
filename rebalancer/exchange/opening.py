"""What accounts hold when the exchange opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange import clearing
from rebalancer.exchange.accounts import Account, add
from rebalancer.exchange.exact import ZERO
from rebalancer.exchange.state import State
from rebalancer.exchange.terms import AccountTerms


@dataclass(frozen=True, slots=True)
class OpeningPosition:
    """What an account holds when the exchange opens."""

    instrument: str
    quantity: Decimal  # contracts, signed
    entry: Decimal  # price it was bought at, quote currency, > 0


@dataclass(frozen=True, slots=True)
class OpeningAccount:
    """An account when the exchange opens."""

    name: str
    balances: Mapping[str, Decimal] = field(default_factory=dict)  # currency → amount
    positions: tuple[OpeningPosition, ...] = ()
    terms: AccountTerms | None = None  # how it is margined; None: nobody asks whether it can pay


def open_account(state: State, opening: OpeningAccount) -> None:
    """Give an account what it begins with; margin of isolated positions comes out of its cash.

    Raises:
        DataError: It was opened before, or a position makes no sense.
    """
    if opening.name in state.accounts:
        raise DataError(f"{opening.name}: must be opened once, was opened before")
    account = state.accounts[opening.name] = Account(terms=opening.terms)
    for currency, amount in opening.balances.items():
        add(account.cash, currency, amount)
        add(state.house.brought, currency, amount)
    for each in opening.positions:
        instrument = state.instrument(each.instrument)
        if opening.terms is not None and instrument.margined:
            state.venue.maintenance_of(instrument)
        clearing.open_position(state, opening.name, instrument, each.quantity, each.entry)
        _lock_what_is_there(state, account, instrument)


def _lock_what_is_there(state: State, account: Account, instrument: Instrument) -> None:
    """Give an isolated position no more margin than the account has cash for."""
    locked = sum(
        (
            held
            for name, held in account.locked.items()
            if state.instruments[name].settle == instrument.settle
        ),
        ZERO,
    )
    missing = locked - account.cash.get(instrument.settle, ZERO)
    if instrument.id in account.locked and missing > 0:
        account.locked[instrument.id] = max(account.locked[instrument.id] - missing, ZERO)


def open_fund(state: State) -> None:
    """Give the insurance fund what it begins with."""
    for currency, amount in state.venue.insurance.items():
        add(state.house.insurance.cash, currency, amount)
        add(state.house.brought, currency, amount)
