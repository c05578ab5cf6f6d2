"""All that the exchange knows; the functions of this package read and write it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange.accounts import Account, House
from rebalancer.exchange.book import Book
from rebalancer.exchange.exact import ZERO
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order
from rebalancer.exchange.records import OrderRecord


@dataclass(frozen=True, slots=True)
class Working:
    """An accepted order and how far it has come."""

    order: Order
    order_id: str
    filled: Decimal = ZERO  # contracts, signed
    ahead: Decimal | None = None  # contracts displayed before it at its price; None: unknown

    @property
    def remaining(self) -> Decimal:
        """Contracts still wanted, signed."""
        return self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """The rate that a perpetual is charged at."""

    rate: Decimal  # fraction of notional per interval; +: longs pay shorts
    interval: int  # ns
    next_ts: int | None  # ns; None: continuous


@dataclass(slots=True)
class State:
    """Instruments, market, orders and accounts of one venue."""

    instruments: Mapping[str, Instrument]
    fees: Mapping[str, FeeSchedule]  # by instrument
    unique_client_ids: bool
    accounts: dict[str, Account] = field(default_factory=dict)
    house: House = field(default_factory=House)
    # market
    books: dict[str, Book] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    indexes: dict[str, Decimal] = field(default_factory=dict)  # underlying → USD per coin
    printed: set[str] = field(default_factory=set)  # instruments whose prints are told
    delivered: dict[str, int] = field(default_factory=dict)  # instrument → ns
    # funding
    terms: dict[str, FundingTerms] = field(default_factory=dict)
    accrued_until: dict[str, int] = field(default_factory=dict)  # continuous instrument → ns
    owed: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # account, instrument
    # orders
    working: dict[str, dict[str, Working]] = field(default_factory=dict)  # instrument, order id
    history: dict[tuple[str, str], list[OrderRecord]] = field(default_factory=dict)
    # time
    now: int = 0  # ns
    sequence: int = 0  # of ids

    def advance(self, ts: int) -> None:
        """Let it be `ts`.

        Raises:
            DataError: Time would run back.
        """
        if ts < self.now:
            raise DataError(f"exchange time: must be {self.now} or later, was {ts}")
        self.now = ts

    def next_id(self) -> str:
        """Return an id that no order, trade or booking had before."""
        self.sequence += 1
        return f"{self.now}-{self.sequence}"

    def instrument(self, name: str) -> Instrument:
        """Return a listed instrument.

        Raises:
            DataError: It is not listed here.
        """
        if name not in self.instruments:
            raise DataError(f"{name}: must be an instrument of this exchange, was unknown")
        return self.instruments[name]

    def account(self, name: str) -> Account:
        """Return an account.

        Raises:
            DataError: Nobody opened it.
        """
        if name not in self.accounts:
            raise DataError(f"{name}: must be an account of this exchange, was unknown")
        return self.accounts[name]

    def ended(self, instrument: Instrument) -> bool:
        """Whether a contract is past its expiry or was delivered."""
        due = instrument.expiry is not None and self.now >= instrument.expiry
        return due or instrument.id in self.delivered
