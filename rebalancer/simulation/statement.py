"""An account as its holder reads it: orders, fills, positions and log, kept from the records.

The exchange model's records are the only source. Where a venue has sessions,
profit is split as it tells it: `realised` waits beside the balance until the
session ends, and so does funding, that flows at every moment. Balance and what
waits add up to the model's cash and the funding that it owes. Where it has none,
both are in the balance at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.accounts import Holding, trade
from rebalancer.exchange.contracts import cost, reciprocal
from rebalancer.exchange.exact import exactly, quotient
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import (
    Accepted,
    Amended,
    AutoDeleveraged,
    CashMoved,
    ContractDelivered,
    Ended,
    Ending,
    Filled,
    FundingBooked,
    Liquidated,
    Record,
    SessionSettled,
)
from rebalancer.simulation.accounts import (
    ZERO,
    Asked,
    Booked,
    Execution,
    Held,
    OrderState,
    PlacedOrder,
    Posting,
    PostingKind,
)
from rebalancer.simulation.tape import Tape
from rebalancer.simulation.timeline import Timeline

KINDS = {
    "deposit": PostingKind.DEPOSIT,
    "withdrawal": PostingKind.WITHDRAWAL,
    "transfer": PostingKind.TRANSFER,
}


@dataclass(slots=True)
class _Touched:
    """What a batch of records touched, in order."""

    orders: dict[str, None] = field(default_factory=dict)
    instruments: dict[str, None] = field(default_factory=dict)
    currencies: dict[str, None] = field(default_factory=dict)


class Statement:  # long: every record that an account can meet, in one place
    """What one account can read.

    Args:
        account: Its name.
        exchange: The model that keeps it.
        tape: Prices at which things happened.
        asked: Order id → the order as it came in.
        sessions: Whether profit and funding wait for the end of a session.
    """

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        tape: Tape,
        asked: Mapping[str, Asked],
        *,
        sessions: bool = True,
    ) -> None:
        self.account, self._sessions = account, sessions
        self.orders: dict[str, Timeline[PlacedOrder]] = {}
        self.executions: list[Execution] = []
        self.postings: list[Posting] = []
        self._held: dict[str, Timeline[Held]] = {}
        self._balances: dict[str, Timeline[Decimal]] = {}
        self._tape, self._asked = tape, asked
        for currency, cash in exchange.balances(account).items():
            self._balances.setdefault(currency, Timeline()).put(0, cash)
        for each in exchange.positions(account):
            self._keep(0, Held(self._contract(each.instrument), each.quantity, *2 * (each.basis,)))

    # --- reading --------------------------------------------------------------

    def currencies(self) -> list[str]:
        """Return every currency that the account ever had."""
        return list(self._balances)

    def balance(self, currency: str, at: int | None = None) -> Decimal:
        """Return cash without what the session realised."""
        line = self._balances.get(currency)
        return (line.at(at) if line else None) or ZERO

    def position(self, instrument: str, at: int | None = None) -> Held:
        """Return what is held; an empty position where nothing is."""
        line = self._held.get(instrument)
        held = line.at(at) if line else None
        return Held(self._contract(instrument)) if held is None else held

    def positions(self, at: int | None = None) -> list[Held]:
        """Return every position that is or was, also empty ones."""
        found = (line.at(at) for line in self._held.values())
        return [each for each in found if each is not None]

    @exactly
    def realised(self, currency: str, at: int | None = None) -> Decimal:
        """Return what the session realised and has not settled yet, funding with it."""
        here = (each for each in self.positions(at) if each.instrument.settle == currency)
        return sum((each.realised + each.funding for each in here), ZERO)

    @exactly
    def booked_funding(self, currency: str) -> Decimal:
        """Return the funding of the session that the model's cash has, and the balance has not."""
        here = (each for each in self.positions() if each.instrument.settle == currency)
        return sum((each.booked for each in here), ZERO)

    def listed(self, at: int | None = None) -> list[PlacedOrder]:
        """Return every order of the account as it stood, oldest first."""
        found = (line.at(at) for line in self.orders.values())
        return [each for each in found if each is not None]

    # --- writing --------------------------------------------------------------

    def flow(self, ts: int, owed: Mapping[str, Decimal]) -> None:
        """Write down the funding that the model owes by now, by instrument."""
        for name, amount in owed.items():
            held = self.position(name)
            if held.flowed != amount:
                self._keep(ts, replace(held, flowed=amount))

    @exactly
    def take(self, records: Iterable[Record], reason: str = "") -> Booked:
        """Write down what happened to this account; `reason` is why orders were cancelled."""
        touched, first = _Touched(), len(self.executions)
        for record in records:
            self._take(record, touched, reason)
        for name in touched.instruments:
            touched.currencies[self._contract(name).settle] = None
        changed = (line.at() for line in map(self.orders.get, touched.orders) if line)
        return Booked(
            self.account,
            tuple(each for each in changed if each is not None),
            tuple(self.executions[first:]),
            tuple(touched.instruments),
            tuple(touched.currencies),
        )

    @exactly
    def release(self, ts: int, instrument: str) -> None:
        """Let what a session realised in a contract that nobody holds any more become balance."""
        held = self.position(instrument)
        if held.realised or held.booked:
            self._settle(ts, instrument, ZERO)

    def _take(self, record: Record, touched: _Touched, reason: str) -> None:
        match record:
            case Accepted() | Amended() | Ended():
                self._order(record, reason)
                touched.orders[record.client_order_id] = None
                return
            case CashMoved():
                kind = KINDS.get(record.kind, PostingKind.CORRECTION)
                line = Posting(0, record.ts, kind, record.currency, record.amount, ZERO)
                self._post(replace(line, note=record.kind))
                touched.currencies[record.currency] = None
                return
            case Filled():
                self._fill(record)
                touched.orders[record.client_order_id] = None
            case Liquidated() | AutoDeleveraged():
                self._force(record)
            case FundingBooked():
                self._fund(record)
            case SessionSettled():
                self._settle(record.ts, record.instrument, record.amount)
                self._rebase(record)
            case ContractDelivered():
                self._deliver(record)
            case _:
                return
        touched.instruments[record.instrument] = None

    def _fund(self, record: FundingBooked) -> None:
        held, amount = self.position(record.instrument), record.amount
        if self._sessions:
            self._keep(record.ts, replace(held, booked=held.booked + amount))
            return
        contract, kind = held.instrument, PostingKind.FUNDING
        line = Posting(0, record.ts, kind, contract.settle, amount, ZERO, contract)
        self._post(replace(line, funding=amount, price=self._tape.seen[contract.id].mark))

    def _order(self, record: Accepted | Amended | Ended, reason: str) -> None:
        name, ts = record.client_order_id, record.ts
        if isinstance(record, Accepted):
            contract = self._contract(record.instrument)
            order = PlacedOrder(name, self._asked[name], contract, ts, ts)
            self.orders[name] = Timeline()
        elif isinstance(record, Amended):
            before = self._order_now(name)
            asked = replace(before.asked, quantity=record.quantity, price=record.price)
            order = replace(before, asked=asked, updated=ts, replaced=True)
        elif record.how is Ending.FILLED:
            order = replace(self._order_now(name), state=OrderState.FILLED, updated=ts)
        else:
            why = reason or ("user_request" if record.how is Ending.CANCELED else "")
            ended = OrderState.CANCELLED
            order = replace(self._order_now(name), state=ended, updated=ts, reason=why)
        self.orders[name].put(ts, order)

    def _order_now(self, name: str) -> PlacedOrder:
        order = self.orders[name].at()
        if order is None:
            raise KeyError(name)
        return order

    def _fill(self, record: Filled) -> None:
        before = self._order_now(record.client_order_id)
        size = abs(record.quantity)
        inverse = reciprocal(before.instrument)
        worth = quotient(size, record.price) if inverse else size * record.price
        order = replace(
            before,
            filled=before.filled + record.quantity,
            worth=before.worth + worth,
            fee=before.fee + record.fee,
            fee_currency=record.fee_currency,
            updated=record.ts,
        )
        self.orders[order.order_id].put(record.ts, order)
        self._trade(record, order, record.maker)

    def _force(self, record: Liquidated | AutoDeleveraged) -> None:
        """Book a trade that the venue made for the account."""
        asked = Asked(
            self.account, record.instrument, record.quantity, None, TimeInForce.IOC, label=""
        )
        contract = self._contract(record.instrument)
        order = PlacedOrder(
            f"{contract.settle}-L{record.trade_id}",
            asked,
            contract,
            record.ts,
            record.ts,
            filled=record.quantity,
            state=OrderState.FILLED,
            reason="autoliquidation",
        )
        self._trade(record, order, maker=False)

    def _trade(
        self, record: Filled | Liquidated | AutoDeleveraged, order: PlacedOrder, maker: bool
    ) -> None:
        """Move contracts and money, and write down the execution."""
        contract, held = order.instrument, self.position(record.instrument)
        fee = ZERO if isinstance(record, AutoDeleveraged) else record.fee
        currency = record.fee_currency if isinstance(record, Filled) else contract.settle
        deal = record.quantity, record.price
        after, gain, worth = trade(contract, Holding(held.quantity, held.basis), *deal)
        origin, _, _ = trade(contract, Holding(held.quantity, held.origin), *deal)
        if currency != contract.settle:  # coins that the venue keeps of those it brought
            after, _, _ = trade(contract, after, -fee, record.price)
        kept = replace(held, quantity=after.quantity, basis=after.basis, origin=origin.basis)
        realised = gain if held.margined else ZERO
        waits = realised if self._sessions else ZERO
        kept = replace(kept, realised=held.realised + waits, earlier=held.funding)
        self._keep(record.ts, kept)
        seen = self._tape.seen[contract.id]
        taken = self._number(record, maker)
        execution = Execution(
            *taken,
            booking=record.trade_id,
            ts=record.ts,
            order=order,
            quantity=record.quantity,
            price=record.price,
            fee=fee,
            fee_currency=currency,
            gain=gain,
            maker=maker,
            mark=seen.mark,
            index=self._tape.index_of(contract),
            vol=seen.vol,
            forward=seen.forward,
            forced=not isinstance(record, Filled),
        )
        self.executions.append(execution)
        paid = fee if currency == contract.settle else ZERO
        change = realised - waits - paid if held.margined else -paid - worth
        line = Posting(0, record.ts, PostingKind.TRADE, contract.settle, change, ZERO, contract)
        line = replace(line, price=record.price, profit=realised - waits, fee=paid)
        line = replace(line, execution=execution)
        self._post(replace(line, stretch=held.funding - held.earlier, funding=held.funding))

    def _number(
        self, record: Filled | Liquidated | AutoDeleveraged, maker: bool
    ) -> tuple[int, int]:
        """Return number and sequence of a trade; where the account took, the public sees it."""
        if maker:
            return self._tape.next_number(), self._tape.seen[record.instrument].traded
        told = self._tape.print(record.instrument, record.ts, record.price, record.quantity)
        return told.number, told.sequence

    def _settle(self, ts: int, instrument: str, floating: Decimal) -> None:
        """Let profit and funding of a contract reach the balance: its session ends."""
        held, contract = self.position(instrument), self._contract(instrument)
        self._keep(ts, replace(held, realised=ZERO, booked=ZERO, earlier=ZERO))
        kind, change = PostingKind.SETTLEMENT, floating + held.realised + held.booked
        line = Posting(0, ts, kind, contract.settle, change, ZERO, contract)
        line = replace(line, price=self._tape.seen[instrument].mark, floating=floating)
        line = replace(line, profit=held.realised, funding=held.booked)
        self._post(replace(line, stretch=held.booked - held.earlier))

    def _rebase(self, record: SessionSettled) -> None:
        held = self.position(record.instrument)
        basis = cost(held.instrument, held.quantity, record.price)
        self._keep(record.ts, replace(held, basis=basis))
        self._tape.seen[record.instrument].settlement = record.price

    def _deliver(self, record: ContractDelivered) -> None:
        held = self.position(record.instrument)
        change = record.amount + held.realised - record.fee
        self._keep(record.ts, Held(held.instrument))
        line = Posting(
            0, record.ts, PostingKind.DELIVERY, record.currency, change, ZERO, held.instrument
        )
        profit = record.amount + held.realised
        told = replace(line, price=record.price, delivered=held.quantity)
        self._post(replace(told, profit=profit, fee=record.fee))

    def _post(self, line: Posting) -> None:
        after = self.balance(line.currency) + line.change
        self._balances.setdefault(line.currency, Timeline()).put(line.ts, after)
        held = ZERO if line.instrument is None else self.position(line.instrument.id).quantity
        number = len(self.postings) + 1
        self.postings.append(replace(line, number=number, balance=after, position=held))

    def _keep(self, ts: int, held: Held) -> None:
        self._held.setdefault(held.instrument.id, Timeline()).put(ts, held)

    def _contract(self, instrument: str) -> Instrument:
        return self._tape.seen[instrument].instrument
