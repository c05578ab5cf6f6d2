"""The facade: one venue, to which the world is told call by call."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange import (
    amending,
    cash,
    clearing,
    fixing,
    funding,
    liquidation,
    matching,
    scan,
    statements,
)
from rebalancer.exchange.accounts import Holding, House
from rebalancer.exchange.book import Book, Level, make_book
from rebalancer.exchange.exact import ZERO, exactly, positive
from rebalancer.exchange.fees import FeeSchedule, schedule_of
from rebalancer.exchange.fixing import Trail
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.opening import OpeningAccount, OpeningPosition, open_account, open_fund
from rebalancer.exchange.orders import CashRequest, Order
from rebalancer.exchange.pools import Pool, Standing, pools, prices_of, stand
from rebalancer.exchange.records import CashKind, Filled, OrderRecord, Record
from rebalancer.exchange.requirements import maintenance
from rebalancer.exchange.state import FundingTerms, State, Working
from rebalancer.exchange.statements import Position
from rebalancer.exchange.terms import AccountTerms, VenueTerms

__all__ = ["Exchange", "OpeningAccount", "OpeningPosition"]


class Exchange:  # long: one venue, one door; what is behind each call is elsewhere
    """One venue with several accounts.

    Every call that changes something takes `ts`, ns since 1970 UTC and never
    earlier than the last, and returns what the venue reports about it, in
    order; before that, what came of judging all accounts by the last moment
    (`judge` asks for it). All of them raise `DataError` for an instrument or
    account that is not here and for numbers that make no sense, and then change
    nothing but the time.

    Args:
        instruments: All that is listed; cash is listed but not traded.
        fees: Schedule by instrument id or by kind; the id wins.
        accounts: Who trades here, with what.
        terms: What the venue demands; None: nothing beyond lot, minimum and tick.

    Raises:
        DataError: Something traded has no fees, or an opening makes no sense.
    """

    @exactly
    def __init__(
        self,
        instruments: Iterable[Instrument],
        fees: Mapping[str, FeeSchedule],
        accounts: Iterable[OpeningAccount],
        terms: VenueTerms | None = None,
    ) -> None:
        listed = {each.id: each for each in instruments}
        traded = [each for each in listed.values() if each.kind is not Kind.CASH]
        schedules = {each.id: schedule_of(fees, each) for each in traded}
        self._state = State(listed, schedules, VenueTerms() if terms is None else terms)
        open_fund(self._state)
        for opening in accounts:
            open_account(self._state, opening)
        if any(each.terms is not None for each in self._state.accounts.values()):
            for each in traded:
                if each.margined:
                    self._state.venue.maintenance_of(each)

    # --- market ---------------------------------------------------------------

    @exactly
    def set_book(
        self, ts: int, instrument: str, bids: Iterable[Level], asks: Iterable[Level]
    ) -> tuple[Record, ...]:
        """Display a book, (price, contracts) best first, in place of what is left of the old.

        The same book told again at the same time is the old one, with what was taken of it.
        """
        contract, state = self._traded(ts, instrument), self._state
        book = make_book(instrument, bids, asks)
        if state.shown.get(instrument) == (ts, book):
            return self._say()
        state.shown[instrument] = ts, book
        state.books[instrument] = book
        filled = matching.meet_book(state, instrument)
        liquidation.work_off(state, contract)
        return self._say(filled)

    @exactly
    def trade(
        self, ts: int, instrument: str, price: Decimal, quantity: Decimal, key: str = ""
    ) -> tuple[Record, ...]:
        """Tell a public print; `quantity` in contracts, + when the taker bought.

        A print whose `key` was told before is not told again.
        """
        self._traded(ts, instrument)
        told = ("print", instrument, key)
        if key and told in self._state.booked:
            return self._say()
        filled = matching.meet_trade(self._state, instrument, price, quantity)
        if key:
            self._state.booked.add(told)
        return self._say(filled)

    @exactly
    def set_mark(
        self, ts: int, instrument: str, price: Decimal, model: OptionModel | None = None
    ) -> tuple[Record, ...]:
        """Set the mark price, quote currency; that of an option may be 0, and has a model."""
        contract = self._traded(ts, instrument)
        worthless = contract.kind is Kind.OPTION and price == ZERO
        if not worthless and not positive(price):
            raise DataError(f"{instrument} mark: must be positive, was {price}")
        if model is not None and not (
            isfinite(model.vol) and isfinite(model.forward) and model.vol >= 0 < model.forward
        ):
            raise DataError(f"{instrument} model: must have a vol and a forward, was {model}")
        funding.integrate(self._state, contract)
        self._state.marks[instrument] = price
        if model is not None:
            self._state.models[instrument] = model
        self._state.unsound = True
        return self._say()

    @exactly
    def set_index(self, ts: int, underlying: str, price: Decimal) -> tuple[Record, ...]:
        """Set the index price of an underlying, USD per coin."""
        self._begin(ts)
        if not positive(price):
            raise DataError(f"{underlying} index: must be positive, was {price}")
        self._state.indexes[underlying] = price
        self._state.trails.setdefault(underlying, Trail()).add(
            ts, price, self._state.first_due(underlying)
        )
        self._state.unsound = True
        return self._say()

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
        return self._say()

    # --- orders ---------------------------------------------------------------

    @exactly
    def submit(self, ts: int, order: Order) -> tuple[Record, ...]:
        """Let an order arrive: Rejected; or Accepted, Filled a level, Ended unless it rests."""
        self._begin(ts)
        return self._say(matching.submit(self._state, order))

    @exactly
    def amend(
        self,
        ts: int,
        account: str,
        client_order_id: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> tuple[Record, ...]:
        """Change an open order: Amended and what follows, or AmendRefused."""
        self._begin(ts)
        return self._say(amending.amend(self._state, account, client_order_id, quantity, price))

    @exactly
    def cancel(self, ts: int, account: str, client_order_id: str) -> tuple[Record, ...]:
        """End the open orders with this client order id: Ended each, or CancelRefused."""
        self._begin(ts)
        return self._say(matching.cancel(self._state, account, client_order_id))

    def query(self, account: str, client_order_id: str) -> tuple[OrderRecord, ...]:
        """Return all that was reported of accepted orders with this id; () when there is none.

        A rejected order leaves no trace, as on real venues.
        """
        self._state.account(account)
        return tuple(self._state.history.get((account, client_order_id), ()))

    # --- what time brings -----------------------------------------------------

    @exactly
    def judge(self, ts: int) -> tuple[Record, ...]:
        """Let the risk engine look at everybody now: liquidations and what they bring."""
        self._begin(ts)
        self._judge()
        return self._say()

    @exactly
    def apply_funding(self, ts: int, instrument: str) -> tuple[Record, ...]:
        """Charge a funding stamp to everybody who holds now, at the mark."""
        contract = self._traded(ts, instrument)
        return self._say(funding.apply_stamp(self._state, contract))

    @exactly
    def accrue_funding(self, ts: int) -> tuple[Record, ...]:
        """Book the continuous funding of every perpetual until now."""
        self._begin(ts)
        perpetuals = [self._state.instruments[name] for name in self._state.terms]
        booked = [each for one in perpetuals for each in funding.accrue(self._state, one)]
        return self._say(booked)

    @exactly
    def settle_session(self, ts: int, instrument: str, price: Decimal) -> tuple[Record, ...]:
        """Move open profit into cash at `price`, which becomes the entry; funding owed goes first.

        Equity does not change, but by that funding.
        """
        contract = self._traded(ts, instrument)
        settled = clearing.settle(self._state, contract, price)
        return self._say((*funding.accrue(self._state, contract), *settled))

    @exactly
    def deliver(self, ts: int, instrument: str, price: Decimal | None = None) -> tuple[Record, ...]:
        """End a future or option, USD per coin; its open orders expire.

        Without a price at the average of the index over its last half hour.
        """
        contract = self._traded(ts, instrument)
        at = self.delivery_price(instrument) if price is None else price
        if at is None:
            raise DataError(f"{instrument} delivery: must have an index in its last half hour")
        delivered = clearing.deliver(self._state, contract, at)
        return self._say((*matching.expire(self._state, instrument), *delivered))

    # --- cash -----------------------------------------------------------------

    @exactly
    def move_cash(self, ts: int, request: CashRequest) -> tuple[Record, ...]:
        """Move cash: CashMoved for each side, CashRefused, or nothing for a key used before."""
        self._begin(ts)
        return self._say(cash.move(self._state, request))

    def deposit(self, ts: int, account: str, currency: str, amount: Decimal) -> tuple[Record, ...]:
        """Bring cash in, + or out, -; what goes out must be free."""
        kind = CashKind.WITHDRAWAL if amount.is_signed() else CashKind.DEPOSIT
        return self.move_cash(ts, CashRequest(account, kind, currency, amount))

    @exactly
    def add_margin(
        self, ts: int, account: str, instrument: str, amount: Decimal, key: str = ""
    ) -> tuple[Record, ...]:
        """Lock cash for an isolated position, or free some (-); once a key; () or CashRefused."""
        contract = self._traded(ts, instrument)
        told = ("margin", account, key)
        if key and told in self._state.booked:
            return self._say()
        refused = cash.add_margin(self._state, account, contract, amount)
        if key and not refused:
            self._state.booked.add(told)
        return self._say(refused)

    def set_leverage(self, account: str, leverage: Decimal) -> None:
        """Let an account open so many times its margin; DataError where it has no terms."""
        self._state.account(account).lever(leverage)

    # --- reading --------------------------------------------------------------

    def balance(self, account: str, currency: str) -> Decimal:
        """Return cash, without open profit; realised profit of the session is in it."""
        return self._state.account(account).cash.get(currency, ZERO)

    def contract(self, instrument: str) -> Instrument:
        """Return the terms of what is listed."""
        return self._state.instrument(instrument)

    def balances(self, account: str) -> Mapping[str, Decimal]:
        """Return cash by currency."""
        return dict(self._state.account(account).cash)

    @exactly
    def unbooked_funding(self, account: str) -> Mapping[str, Decimal]:
        """Return the continuous funding that flowed and is not in cash yet, by instrument."""
        state, held = self._state, self._state.account(account)
        flowing = (state.instruments[name] for name in state.terms)
        return {each.id: funding.unbooked(state, held, each) for each in flowing}

    @exactly
    def position(self, account: str, instrument: str) -> Position:
        """Return what is held of an instrument; an empty position where nothing is."""
        return statements.position(self._state, self._state.account(account), instrument)

    def holdings(self, account: str) -> Mapping[str, Holding]:
        """Return quantity and basis of everything that is held, by instrument."""
        return dict(self._state.account(account).holdings)

    def positions(self, account: str) -> tuple[Position, ...]:
        """Return everything that is held."""
        return tuple(self.position(account, each) for each in self._state.account(account).holdings)

    @exactly
    def equity(self, account: str, currency: str) -> Decimal | None:
        """Return cash plus value of what settles in `currency`; None while a mark is missing."""
        return statements.equity(self._state, self._state.account(account), currency)

    @exactly
    def standings(self, account: str) -> Mapping[Pool, Standing | None]:
        """Return how each pool of a margined account stands; None while a price is missing."""
        held, orders = self._state.account(account), self._state.open_orders(account)
        return {
            each: stand(self._state, held, each, orders=orders) for each in pools(self._state, held)
        }

    @exactly
    def liquidation_price(self, account: str, instrument: str) -> Decimal | None:
        """Return the tick nearest to the mark at which a position would be taken down."""
        return scan.liquidation_price(self._state, account, self._state.instrument(instrument))

    @exactly
    def requirement(self, account: str, instrument: str) -> Decimal | None:
        """Return the maintenance of one position, settle currency; None without a price."""
        quantity = self._state.account(account).holding(instrument).quantity
        terms, contract = self._state.venue, self._state.instrument(instrument)
        return maintenance(terms, contract, quantity, prices_of(self._state))

    def terms(self, account: str) -> tuple[VenueTerms, AccountTerms | None]:
        """Return what the venue demands, and how an account is margined; None: not at all."""
        return self._state.venue, self._state.account(account).terms

    @exactly
    def delivery_price(self, instrument: str) -> Decimal | None:
        """Return what a dated contract would be delivered at as far as it is known, USD per coin.

        The average over the last half hour; before that the index; None without one.
        """
        contract = self._state.instrument(instrument)
        trail, expiry = self._state.trails.get(contract.underlying), contract.expiry
        known = None
        if trail is not None and expiry is not None:
            known = fixing.average(trail, expiry, self._state.now)
        if known is None and not self._state.ended(contract):
            return self._state.indexes.get(contract.underlying)
        return known

    def fills(self, account: str) -> tuple[Filled, ...]:
        """Return every execution of an account's orders, oldest first."""
        return tuple(self._state.account(account).fills)

    def open_orders(self, account: str) -> tuple[Working, ...]:
        """Return the orders that rest, each with what is filled and what stands ahead."""
        self._state.account(account)
        return tuple(self._state.open_orders(account))

    def book(self, instrument: str) -> Book | None:
        """Return the displayed depth that nobody took; None before the first book."""
        return self._state.books.get(instrument)

    @property
    def house(self) -> House:
        """The counterparty of every fill, with what it collected and the fund; for reading."""
        return self._state.house

    @exactly
    def imbalance(self, currency: str) -> Decimal:
        """Return what all own beyond what was brought in; anything but 0 is a defect here."""
        return statements.imbalance(self._state, currency)

    # --- inside ---------------------------------------------------------------

    def _traded(self, ts: int, instrument: str) -> Instrument:
        self._begin(ts)
        contract = self._state.instrument(instrument)
        if contract.kind is Kind.CASH:
            raise DataError(f"{instrument}: must be traded here, was cash")
        return contract

    def _begin(self, ts: int) -> None:
        """Let it be `ts`; what was told at an earlier time is judged as of then first."""
        if ts > self._state.now:
            self._judge()
            self._state.unsound = bool(
                self._state.called
            )  # who waits for a book is looked at again
        self._state.advance(ts)

    def _judge(self) -> None:
        while self._state.unsound:  # who was cut for another may be short of margin now
            self._state.unsaid.extend(liquidation.judge(self._state))

    def _say(self, records: Iterable[Record] = ()) -> tuple[Record, ...]:
        """Return what was not said yet, these records, and what their fills left without aim."""
        said = (*self._state.unsaid, *records, *matching.sweep(self._state))
        self._state.unsaid.clear()
        return said
