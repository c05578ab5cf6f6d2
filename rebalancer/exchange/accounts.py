"""Cash and holdings of an account, and the house on the other side of all of them.

A holding's basis is what its contracts cost, in settle currency and signed
like the quantity (`contracts.cost`). It adds up where an average price would
round.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.exact import ZERO, quotient
from rebalancer.exchange.records import Filled
from rebalancer.exchange.terms import AccountTerms, MarginMode


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of one instrument."""

    quantity: Decimal = ZERO  # contracts, signed
    basis: Decimal = ZERO  # settle currency, signed like the quantity


_NOTHING = Holding()


@dataclass(slots=True)
class Account:
    """Cash, holdings and history of one account; written by this package only."""

    cash: dict[str, Decimal] = field(default_factory=dict)  # currency → amount
    holdings: dict[str, Holding] = field(default_factory=dict)  # instrument, never empty
    fills: list[Filled] = field(default_factory=list)
    terms: AccountTerms | None = None  # how it is margined; None: nobody asks whether it can pay
    locked: dict[str, Decimal] = field(default_factory=dict)  # isolated position → its part of cash
    owed: dict[str, Decimal] = field(default_factory=dict)  # continuous funding, + to receive
    volumes: dict[int, Decimal] = field(default_factory=dict)  # UTC day → USD traded

    def holding(self, instrument: str) -> Holding:
        """Return what is held; an empty holding where nothing is."""
        return self.holdings.get(instrument, _NOTHING)

    def keep(self, instrument: str, holding: Holding) -> None:
        """Replace what is held of an instrument."""
        if holding.quantity:
            self.holdings[instrument] = holding
        else:
            self.holdings.pop(instrument, None)

    def lever(self, leverage: Decimal) -> None:
        """Let what is opened from now on be so many times its margin."""
        if self.terms is None:
            raise DataError("leverage: must be of a margined account, was of one that is not")
        self.terms = replace(self.terms, leverage=leverage)

    def isolates(self, instrument: Instrument) -> bool:
        """Whether a position has margin of its own here."""
        isolated = self.terms is not None and self.terms.mode is MarginMode.ISOLATED
        return isolated and instrument.margined


@dataclass(slots=True)
class House:
    """Counterparty of every fill, and where fees and funding come together."""

    account: Account = field(default_factory=Account)  # the opposite of all others together
    fees: dict[str, Decimal] = field(default_factory=dict)  # currency → collected
    funding: dict[str, Decimal] = field(default_factory=dict)  # currency → collected
    interest: dict[str, Decimal] = field(default_factory=dict)  # currency → collected, < 0 paid
    insurance: Account = field(default_factory=Account)  # the fund: it may hold what it took over
    brought: dict[str, Decimal] = field(default_factory=dict)  # currency → openings and deposits


def add(totals: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    """Add `amount` to the total of a currency."""
    totals[currency] = totals.get(currency, ZERO) + amount


def trade(
    instrument: Instrument,
    before: Holding,
    quantity: Decimal,
    price: Decimal,
    worth: Decimal | None = None,
) -> tuple[Holding, Decimal, Decimal]:
    """Return a holding after a trade, the profit it realises, and the trade's worth.

    Args:
        instrument: The contract.
        before: What was held.
        quantity: Contracts traded, signed.
        price: Of the trade, quote currency.
        worth: What the other side booked with its sign turned; None computes
            it, closing and opening part each rounded by itself. Given, so that
            both sides book the same number however they round their parts.

    Returns:
        The new holding; profit in settle currency, + is a gain; the worth of
        the whole trade, settle currency, signed like the quantity.
    """
    turned = before.quantity * quantity < 0
    closed = min(abs(quantity), abs(before.quantity)).copy_sign(quantity) if turned else ZERO
    opened = quantity - closed
    if worth is None:
        worth = cost(instrument, closed, price) + cost(instrument, opened, price)
    closing = cost(instrument, closed, price) if opened else worth
    released = quotient(before.basis * -closed, before.quantity) if closed else ZERO
    if closed == -before.quantity:
        released = before.basis
    after = Holding(before.quantity + quantity, before.basis - released + worth - closing)
    return after, profit(instrument, released, -closing), worth
