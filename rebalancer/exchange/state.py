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
from rebalancer.exchange.fixing import Trail
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.orders import Order
from rebalancer.exchange.records import OrderRecord, Record
from rebalancer.exchange.terms import VenueTerms


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
    venue: VenueTerms
    accounts: dict[str, Account] = field(default_factory=dict)
    house: House = field(default_factory=House)
    # market
    books: dict[str, Book] = field(default_factory=dict)
    shown: dict[str, tuple[int, Book]] = field(default_factory=dict)  # as told last, and when
    marks: dict[str, Decimal] = field(default_factory=dict)
    models: dict[str, OptionModel] = field(default_factory=dict)  # option → what its mark rests on
    indexes: dict[str, Decimal] = field(default_factory=dict)  # underlying → USD per coin
    trails: dict[str, Trail] = field(default_factory=dict)  # underlying → indexes of the last hour
    printed: set[str] = field(default_factory=set)  # instruments whose prints are told
    delivered: dict[str, int] = field(default_factory=dict)  # instrument → ns
    # underlying → (expiry, instrument) of what is not delivered, soonest first
    due: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    # funding
    terms: dict[str, FundingTerms] = field(default_factory=dict)
    accrued_until: dict[str, int] = field(default_factory=dict)  # continuous instrument → ns
    # instrument → its last stamp, and when that was charged, ns
    stamped: dict[str, tuple[int, int]] = field(default_factory=dict)
    # orders
    working: dict[str, dict[str, Working]] = field(default_factory=dict)  # instrument, order id
    history: dict[tuple[str, str], list[OrderRecord]] = field(default_factory=dict)
    # what was booked once and for all: kind, subject, key
    booked: set[tuple[str, str, str]] = field(default_factory=set)
    # risk
    unsound: bool = False  # whether something moved since accounts were last judged
    called: set[tuple[str, object]] = field(default_factory=set)  # (account, pool) being taken down
    unsaid: list[Record] = field(default_factory=list)  # booked, and not returned to anybody yet
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

    def open_orders(self, account: str, client_order_id: str | None = None) -> list[Working]:
        """Return the resting orders of an account, oldest first; all, or those with one id."""
        found = [
            each
            for resting in self.working.values()
            for each in resting.values()
            if each.order.account == account
            and client_order_id in (None, each.order.client_order_id)
        ]
        return sorted(found, key=lambda each: int(each.order_id.rpartition("-")[2] or 0))

    def holders(self) -> list[tuple[str, Account]]:
        """Return everybody who may hold contracts against the house: accounts, then the fund."""
        return [*self.accounts.items(), ("", self.house.insurance)]

    def first_due(self, underlying: str) -> int | None:
        """Return the expiry, ns, of the first contract on a coin that is not delivered yet."""
        if underlying not in self.due:
            dated = (each for each in self.instruments.values() if each.underlying == underlying)
            expiries = ((each.expiry, each.id) for each in dated if each.expiry is not None)
            self.due[underlying] = sorted(expiries)
        due = self.due[underlying]
        while due and due[0][1] in self.delivered:
            due.pop(0)
        return due[0][0] if due else None

    def ended(self, instrument: Instrument) -> bool:
        """Whether a contract is past its expiry or was delivered."""
        due = instrument.expiry is not None and self.now >= instrument.expiry
        return due or instrument.id in self.delivered
