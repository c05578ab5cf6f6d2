"""A place: one venue with its market, its accounts and its time. The books are the truth.

Whoever speaks for the venue (a protocol of this package) asks here; whoever
tests it compares with `exchange`, the model that keeps the money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from rebalancer.core.events import Mark, OptionMark
from rebalancer.core.instruments import Instrument
from rebalancer.exchange.book import Book
from rebalancer.exchange.exact import exactly
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.orders import CashRequest, Order
from rebalancer.exchange.pools import Pool, Standing
from rebalancer.exchange.records import (
    AmendRefused,
    Ended,
    Filled,
    Record,
    Rejected,
    RejectReason,
)
from rebalancer.exchange.terms import TradingRules
from rebalancer.market.records import WorldStep
from rebalancer.ports import SECOND, Clock
from rebalancer.simulation.accounts import Asked, Booked, Outcome, PlacedOrder
from rebalancer.simulation.statement import Statement
from rebalancer.simulation.tape import Tape


class Listener(Protocol):
    """Who hears what happens at a place, at once and in order."""

    def moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        """Take note that public data of instruments (ids) and underlyings changed."""

    def booked(self, booked: Booked) -> None:
        """Take note of what happened to an account."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a place is made of."""

    venue: str  # what stands before the colon of its instruments
    exchange: Exchange
    instruments: Sequence[Instrument]
    accounts: Sequence[str]  # names, as the exchange model knows them
    fees: Mapping[str, FeeSchedule] = field(default_factory=dict)  # by id or kind; to be shown
    rules: Mapping[str, TradingRules] = field(default_factory=dict)  # the same
    sessions: bool = True  # whether profit and funding wait for the end of a session


class Place:  # long: one venue, one door
    """One venue.

    Args:
        setup: What it is made of.
        clock: Its time.
    """

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self.setup = setup
        self.exchange = setup.exchange
        self.clock = clock
        self.opened = clock.now()
        listed = [each for each in setup.instruments if each.venue == setup.venue]
        self.tape = Tape(listed)
        self.active = dict.fromkeys(self.tape.seen)  # ids of what is not delivered yet
        self._asked: dict[str, Asked] = {}
        told = (setup.exchange, self.tape, self._asked)
        self.statements = {
            name: Statement(name, *told, sessions=setup.sessions) for name in setup.accounts
        }
        self._listeners: list[Listener] = []
        self._ts = 0
        self._orders = 0

    def now(self) -> int:
        """Return ns since 1970 UTC; never runs back."""
        self._ts = max(self._ts, self.clock.now())
        return self._ts

    def listen(self, listener: Listener) -> None:
        """Tell `listener` what happens from now on."""
        self._listeners.append(listener)

    # --- the truth, for whoever tests -----------------------------------------

    @exactly
    def balances(self, account: str) -> Mapping[str, Decimal]:
        """Return cash by currency as the model keeps it, without the funding of the session."""
        told = self.statements[account].booked_funding
        return {name: each - told(name) for name, each in self.exchange.balances(account).items()}

    def positions(self, account: str) -> Mapping[str, Decimal]:
        """Return contracts by instrument id."""
        return {each.instrument: each.quantity for each in self.exchange.positions(account)}

    def fills(self, account: str) -> Sequence[Filled]:
        """Return every execution of the account's orders as the model booked it."""
        return self.exchange.fills(account)

    def orders(self, account: str, label: str | None = None) -> list[PlacedOrder]:
        """Return every accepted order, oldest first; all, or those with a label."""
        listed = self.statements[account].listed()
        return [each for each in listed if label in (None, each.asked.label)]

    @exactly
    def differences(self, account: str) -> Mapping[str, Decimal]:
        """Return what the statement says beyond the model's books; {} when both agree."""
        statement, found = self.statements[account], dict[str, Decimal]()
        owed = self.exchange.unbooked_funding(account)
        for currency, cash in self.exchange.balances(account).items():
            told = statement.balance(currency) + statement.realised(currency)
            here = (name for name in owed if self.tape.instruments[name].settle == currency)
            apart = told - cash - sum((owed[name] for name in here), Decimal(0))
            if apart:
                found[currency] = apart
        held, truth = statement.positions(), self.positions(account)
        for each in held:
            apart = each.quantity - truth.get(each.instrument.id, Decimal(0))
            if apart:
                found[each.instrument.id] = apart
        return found

    def book(self, instrument: str) -> Book:
        """Return the displayed depth that nobody took."""
        return self.exchange.book(instrument) or Book((), ())

    def standing(self, account: str, currency: str) -> Standing | None:
        """Return how the pool of a currency stands; None where nobody asks for margin."""
        return self.exchange.standings(account).get(Pool(currency))

    # --- orders ---------------------------------------------------------------

    def submit(self, asked: Asked) -> Outcome:
        """Let an order arrive now."""
        self._orders += 1
        contract = self.tape.seen[asked.instrument].instrument
        name = f"{contract.settle}-{self._orders + 10_000}"
        self._asked[name] = asked
        order = Order(
            client_order_id=name,
            account=asked.account,
            instrument=asked.instrument,
            quantity=asked.quantity,
            price=asked.price,
            time_in_force=asked.time_in_force,
            reduce_only=asked.reduce_only,
        )
        first = len(self.statements[asked.account].executions)
        records = self.exchange.submit(self.now(), order)
        self._take(records)
        return self._outcome(asked.account, name, first, records)

    def amend(
        self, account: str, order_id: str, quantity: Decimal | None, price: Decimal | None
    ) -> Outcome:
        """Change an open order now."""
        first = len(self.statements[account].executions)
        records = self.exchange.amend(self.now(), account, order_id, quantity, price)
        self._take(records)
        return self._outcome(account, order_id, first, records)

    def cancel(self, account: str, order_id: str, reason: str = "user_request") -> Outcome:
        """Withdraw an open order now; without an order in the outcome there was none."""
        records = self.exchange.cancel(self.now(), account, order_id)
        self._take(records, reason)
        ended = any(
            isinstance(each, Ended) and each.client_order_id == order_id for each in records
        )
        line = self.statements[account].orders.get(order_id)
        return Outcome(line.at() if line and ended else None)

    def _outcome(self, account: str, name: str, first: int, records: Sequence[Record]) -> Outcome:
        """Return what came of order `name`; executions of others in the same moment are not."""
        rejected: RejectReason | None = None
        for record in records:
            if isinstance(record, Rejected | AmendRefused) and record.client_order_id == name:
                rejected = record.reason
        statement = self.statements[account]
        line = statement.orders.get(name)
        own = [each for each in statement.executions[first:] if each.order.order_id == name]
        return Outcome(line.at() if line else None, own, rejected)

    def move_cash(self, request: CashRequest) -> Sequence[Record]:
        """Bring cash in or out, or from one account to another, now."""
        records = self.exchange.move_cash(self.now(), request)
        self._take(records)
        return records

    # --- the market -----------------------------------------------------------

    def tell(self, step: WorldStep) -> None:  # long: everything that a step can hold
        """Let a step of the world happen here now."""
        ts, mine, model = self.now(), self.tape.seen, self.exchange
        changed: dict[str, None] = {}
        indexes: dict[str, None] = {}
        records: list[Record] = []
        for book in step.books:
            if book.instrument in self.active:
                records += model.set_book(ts, book.instrument, book.bids, book.asks)
                self.tape.book_changed(book.instrument, ts)
                changed[book.instrument] = None
        marks: tuple[Mark | OptionMark, ...] = (*step.marks, *step.option_marks)
        for mark in marks:
            if mark.instrument in self.active:
                records += self._mark(ts, mark)
                changed[mark.instrument] = None
        for index in step.indexes:
            if index.venue == self.setup.venue:
                records += model.set_index(ts, index.underlying, index.price)
                self.tape.indexes[index.underlying] = index.price
                indexes[index.underlying] = None
        for told in step.funding_rates:
            if told.instrument in self.active:
                seen, rate = mine[told.instrument], Decimal(repr(told.rate))
                records += model.set_funding_rate(
                    ts, told.instrument, rate, told.interval, told.next_ts
                )
                seen.rate, seen.interval = told.rate, told.interval
                changed[told.instrument] = None
        for printed in step.trades:
            if printed.instrument in self.active:
                records += model.trade(ts, printed.instrument, printed.price, printed.quantity)
                self.tape.print(printed.instrument, ts, printed.price, printed.quantity)
                changed[printed.instrument] = None
        records += self._due(ts, step)
        records += model.judge(ts)
        self._take(records)
        shown = [name for name in changed if name not in step.silent]
        self._moved(shown, list(indexes))

    def _mark(self, ts: int, told: Mark | OptionMark) -> Sequence[Record]:
        seen = self.tape.seen[told.instrument]
        seen.mark, seen.ts, model = told.price, ts, None
        if isinstance(told, OptionMark):
            seen.vol, seen.forward = told.vol, told.forward
            model = OptionModel(told.vol, told.forward)
        return self.exchange.set_mark(ts, told.instrument, told.price, model)

    def _due(self, ts: int, step: WorldStep) -> list[Record]:
        """Let stamps, sessions and contracts end."""
        records: list[Record] = []
        for due in step.funding_due:
            if due.instrument in self.active:
                rate = Decimal(repr(due.rate))
                records += self.exchange.set_funding_rate(ts, due.instrument, rate, SECOND, ts)
                records += self.exchange.apply_funding(ts, due.instrument)
        for session in step.settlements:
            if session.instrument in self.active:
                settled = self.exchange.settle_session(ts, session.instrument, session.price)
                self._take((*records, *settled))
                records = []
                for statement in self.statements.values():
                    statement.release(ts, session.instrument)
        for ended in step.deliveries:
            if ended.instrument in self.active:
                records += self.exchange.deliver(ts, ended.instrument, ended.price)
                del self.active[ended.instrument]
        return records

    # --- telling --------------------------------------------------------------

    def _take(self, records: Sequence[Record], reason: str = "") -> None:
        """Write records down account by account, and tell who listens; funding flowed before."""
        for account, statement in self.statements.items():
            statement.flow(self._ts, self.exchange.unbooked_funding(account))
        eaten = dict.fromkeys(
            each.instrument for each in records if isinstance(each, Filled) and not each.maker
        )
        for name in eaten:
            self.tape.book_changed(name, self._ts)
        for account in dict.fromkeys(each.account for each in records):
            own = [each for each in records if each.account == account]
            booked = self.statements[account].take(own, reason)
            for listener in self._listeners:
                listener.booked(booked)
        if eaten:
            self._moved(list(eaten), [])

    def _moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        for listener in self._listeners:
            listener.moved(instruments, indexes)
