"""The facade: one venue, to which the world is told call by call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange import clearing, funding, matching, statements
from rebalancer.exchange.accounts import Account, House, add
from rebalancer.exchange.book import Book, Level, make_book
from rebalancer.exchange.exact import ZERO, exactly, positive
from rebalancer.exchange.fees import FeeSchedule, schedule_of
from rebalancer.exchange.orders import Order
from rebalancer.exchange.records import Filled, OrderRecord, Record
from rebalancer.exchange.state import FundingTerms, State, Working
from rebalancer.exchange.statements import Position


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


class Exchange:
    """One venue with several accounts.

    Every call that changes something takes `ts`, ns since 1970 UTC and never
    earlier than the last, and returns what the venue reports about it, in
    order. All of them raise `DataError` for an instrument or account that is
    not here and for numbers that make no sense, and then change nothing but
    the time.

    Args:
        instruments: All that is listed; cash is listed but not traded.
        fees: Schedule by instrument id or by kind; the id wins.
        accounts: Who trades here, with what.
        unique_client_ids: Reject a client order id that the account used before.

    Raises:
        DataError: Something traded has no fees, or an opening makes no sense.
    """

    @exactly
    def __init__(
        self,
        instruments: Iterable[Instrument],
        fees: Mapping[str, FeeSchedule],
        accounts: Iterable[OpeningAccount],
        *,
        unique_client_ids: bool = False,
    ) -> None:
        listed = {each.id: each for each in instruments}
        traded = [each for each in listed.values() if each.kind is not Kind.CASH]
        schedules = {each.id: schedule_of(fees, each) for each in traded}
        self._state = State(listed, schedules, unique_client_ids)
        for opening in accounts:
            _open(self._state, opening)

    @exactly
    def set_book(
        self, ts: int, instrument: str, bids: Iterable[Level], asks: Iterable[Level]
    ) -> tuple[Record, ...]:
        """Display a book, (price, contracts) best first, in place of what is left of the old."""
        self._traded(ts, instrument)
        self._state.books[instrument] = make_book(instrument, bids, asks)
        return matching.meet_book(self._state, instrument)

    @exactly
    def trade(
        self, ts: int, instrument: str, price: Decimal, quantity: Decimal
    ) -> tuple[Record, ...]:
        """Tell a public print; `quantity` in contracts, + when the taker bought."""
        self._traded(ts, instrument)
        return matching.meet_trade(self._state, instrument, price, quantity)

    @exactly
    def set_mark(self, ts: int, instrument: str, price: Decimal) -> tuple[Record, ...]:
        """Set the mark price, quote currency; that of an option may be 0."""
        contract = self._traded(ts, instrument)
        worthless = contract.kind is Kind.OPTION and price == ZERO
        if not worthless and not positive(price):
            raise DataError(f"{instrument} mark: must be positive, was {price}")
        funding.integrate(self._state, contract)
        self._state.marks[instrument] = price
        return ()

    @exactly
    def set_index(self, ts: int, underlying: str, price: Decimal) -> tuple[Record, ...]:
        """Set the index price of an underlying, USD per coin."""
        self._state.advance(ts)
        if not positive(price):
            raise DataError(f"{underlying} index: must be positive, was {price}")
        self._state.indexes[underlying] = price
        return ()

    @exactly
    def set_funding_rate(
        self, ts: int, instrument: str, rate: Decimal, interval: int, next_ts: int | None = None
    ) -> tuple[Record, ...]:
        """Set the funding rate, fraction per `interval` ns; + means that longs pay.

        With `next_ts` it is charged by `apply_funding` at the stamps, without
        one it flows continuously and `accrue_funding` books it.
        """
        contract = self._traded(ts, instrument)
        funding.set_terms(self._state, contract, FundingTerms(rate, interval, next_ts))
        return ()

    @exactly
    def submit(self, ts: int, order: Order) -> tuple[Record, ...]:
        """Let an order arrive: Rejected; or Accepted, Filled a level, Ended unless it rests."""
        self._state.advance(ts)
        return matching.submit(self._state, order)

    @exactly
    def cancel(self, ts: int, account: str, client_order_id: str) -> tuple[Record, ...]:
        """End the open orders with this client order id: Ended each, or CancelRefused."""
        self._state.advance(ts)
        return matching.cancel(self._state, account, client_order_id)

    def query(self, account: str, client_order_id: str) -> tuple[OrderRecord, ...]:
        """Return all that was reported of accepted orders with this id; () when there is none.

        A rejected order leaves no trace, as on real venues.
        """
        self._state.account(account)
        return tuple(self._state.history.get((account, client_order_id), ()))

    @exactly
    def apply_funding(self, ts: int, instrument: str) -> tuple[Record, ...]:
        """Charge a funding stamp to everybody who holds now, at the mark."""
        return funding.apply_stamp(self._state, self._traded(ts, instrument))

    @exactly
    def accrue_funding(self, ts: int) -> tuple[Record, ...]:
        """Book the continuous funding of every perpetual until now."""
        self._state.advance(ts)
        perpetuals = [self._state.instruments[name] for name in self._state.terms]
        return tuple(each for one in perpetuals for each in funding.accrue(self._state, one))

    @exactly
    def settle_session(self, ts: int, instrument: str, price: Decimal) -> tuple[Record, ...]:
        """Move open profit into cash at `price`, which becomes the entry; funding owed goes first.

        Equity does not change, but by that funding.
        """
        contract = self._traded(ts, instrument)
        settled = clearing.settle(self._state, contract, price)
        return (*funding.accrue(self._state, contract), *settled)

    @exactly
    def deliver(self, ts: int, instrument: str, price: Decimal) -> tuple[Record, ...]:
        """End a future or option at `price`, USD per coin; its open orders expire."""
        delivered = clearing.deliver(self._state, self._traded(ts, instrument), price)
        return (*matching.expire(self._state, instrument), *delivered)

    @exactly
    def deposit(self, ts: int, account: str, currency: str, amount: Decimal) -> tuple[Record, ...]:
        """Bring cash in, + or out, -."""
        self._state.advance(ts)
        return (clearing.deposit(self._state, account, currency, amount),)

    def balance(self, account: str, currency: str) -> Decimal:
        """Return cash, without open profit; realised profit of the session is in it."""
        return self._state.account(account).cash.get(currency, ZERO)

    def balances(self, account: str) -> Mapping[str, Decimal]:
        """Return cash by currency."""
        return dict(self._state.account(account).cash)

    @exactly
    def position(self, account: str, instrument: str) -> Position:
        """Return what is held of an instrument; an empty position where nothing is."""
        return statements.position(self._state, self._state.account(account), instrument)

    def positions(self, account: str) -> tuple[Position, ...]:
        """Return everything that is held."""
        return tuple(self.position(account, each) for each in self._state.account(account).holdings)

    @exactly
    def equity(self, account: str, currency: str) -> Decimal | None:
        """Return cash plus value of what settles in `currency`; None while a mark is missing."""
        return statements.equity(self._state, self._state.account(account), currency)

    def fills(self, account: str) -> tuple[Filled, ...]:
        """Return every execution of an account, oldest first."""
        return tuple(self._state.account(account).fills)

    def open_orders(self, account: str) -> tuple[Working, ...]:
        """Return the orders that rest, each with what is filled and what stands ahead."""
        self._state.account(account)
        return tuple(matching.open_orders(self._state, account))

    def book(self, instrument: str) -> Book | None:
        """Return the displayed depth that nobody took; None before the first book."""
        return self._state.books.get(instrument)

    @property
    def house(self) -> House:
        """The counterparty of every fill, with fees and funding collected; for reading."""
        return self._state.house

    @exactly
    def imbalance(self, currency: str) -> Decimal:
        """Return what all own beyond what was brought in; anything but 0 is a defect here."""
        return statements.imbalance(self._state, currency)

    def _traded(self, ts: int, instrument: str) -> Instrument:
        self._state.advance(ts)
        contract = self._state.instrument(instrument)
        if contract.kind is Kind.CASH:
            raise DataError(f"{instrument}: must be traded here, was cash")
        return contract


def _open(state: State, opening: OpeningAccount) -> None:
    """Give an account what it begins with."""
    if opening.name in state.accounts:
        raise DataError(f"{opening.name}: must be opened once, was opened before")
    account = state.accounts[opening.name] = Account()
    for currency, amount in opening.balances.items():
        add(account.cash, currency, amount)
        add(state.house.brought, currency, amount)
    for each in opening.positions:
        instrument = state.instrument(each.instrument)
        clearing.open_position(state, opening.name, instrument, each.quantity, each.entry)
