"""What the book knows. `State.apply` writes the facts; whether to trade is decided elsewhere.

One event goes in, alerts come out. Beside it only what the daemon itself did is
written: an order that it is about to send, a question that it asked, a halt.
`Memory` is the hedger's own notebook.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core import ledger as books
from rebalancer.core import orders as lives
from rebalancer.core import quotes, standing, valuation
from rebalancer.core.commands import Alert, Severity, Submit
from rebalancer.core.decision import Reason
from rebalancer.core.events import (
    Delivered,
    Event,
    FeedStatus,
    Fill,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    Operator,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    PositionReport,
    Quote,
    Reconciled,
    Settled,
    Tick,
    Trade,
    Verb,
)
from rebalancer.core.exposure import Book, Holding
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.orders import Order
from rebalancer.core.params import Params
from rebalancer.core.standing import Standing

MARKET = (Quote, Mark, Index, OptionMark, FundingRate, Trade)
ACCOUNT = (Fill, FundingPaid, Settled, Delivered)
ORDER = (OrderAccepted, OrderRejected, OrderUnknown, OrderEnded, OrderNotFound)

FIRST_WAIT = 1_000_000_000  # ns after a rejection …
LONGEST_WAIT = 60_000_000_000  # … doubled by each further one in a row, up to this


@dataclass(slots=True)
class Memory:
    """What is remembered of one underlying from decision to decision."""

    started_at: int  # ns
    hedged_at: int | None = None  # ns of the last order
    hedge_price: float | None = None  # index then, at first at the start; USD per coin
    outside_since: int | None = None  # ns; None: inside the band
    blind_since: int | None = None  # ns; None: every input of the delta is known and young
    alerted: bool = False  # this episode outside or blind has woken a person
    rejections: int = 0  # in a row
    barred_until: int = 0  # ns: no new order before, after a rejection
    refused: tuple[Reason, str] | None = None  # last refusal that was told
    refused_at: int = 0  # ns
    prices: deque[tuple[int, float]] = field(default_factory=deque)  # window of the move filter


class State:  # long: whatever may be known is written through this one door
    """All that one book knows.

    Args:
        instruments: Every instrument that may be met, by id.
        params: Settings; read for scope, venues and deadlines only.
        ts: ns at which the book was started.
    """

    def __init__(self, instruments: Mapping[str, Instrument], params: Params, ts: int) -> None:
        self.instruments = dict(instruments)
        self.params = params
        self.now = ts
        self.sequence = 0  # steps taken
        self.order_sequence = 0  # intents made
        self.markets = quotes.Markets()
        self.ledger = books.Ledger()
        self.orders: dict[str, Order] = {}  # by client order id, in order of intent
        self._open: dict[str, None] = {}  # ids of those whose outcome is not whole
        self.standing = Standing()
        self.lost_feeds: dict[str, int] = {}  # venue → since, ns
        self.memory = {name: Memory(started_at=ts) for name in params.underlyings}
        self._valuation = valuation.Valuation()
        self._index_venues = {
            name: tuple(
                dict.fromkeys(id.partition(":")[0] for id in (*own.hedge_buy, *own.hedge_sell))
            )
            for name, own in params.underlyings.items()
        }

    # --- reading -------------------------------------------------------------

    @property
    def mode(self) -> TradingState:
        """State of the whole book."""
        return self.standing.mode

    @property
    def mode_reason(self) -> str:
        """Why the book is in its state."""
        return self.standing.reason

    @property
    def killed(self) -> bool:
        """Whether nothing at all may leave."""
        return self.standing.killed

    @property
    def sealed(self) -> bool:
        """Whether protect orders wait too (pause --all)."""
        return self.standing.sealed

    @property
    def halted(self) -> Mapping[str, str]:
        """Underlyings that are halted, and why."""
        return self.standing.halted

    def mode_of(self, underlying: str) -> TradingState:
        """Return the stricter of the book's state and the underlying's."""
        return self.standing.mode_of(underlying)

    def open_orders(self, underlying: str | None = None) -> list[Order]:
        """Return the orders whose outcome is not whole, oldest first."""
        live = [self.orders[name] for name in self._open]
        return [order for order in live if underlying in (None, order.submit.underlying)]

    def index(self, underlying: str) -> Index | None:
        """Return the index that an underlying is measured by.

        The first hedge venue's that is young enough: two venues that take turns
        would move the delta by what lies between them. Failing that, the youngest.
        """
        for venue in self._index_venues.get(underlying, ()):
            own = self.markets.indexes.get((venue, underlying))
            limit = self.params.staleness.index
            if own is not None and self.now - self._advanced(own) <= limit:
                return own
        told = [index for (_, name), index in self.markets.indexes.items() if name == underlying]
        return max(told, key=self._advanced, default=None)

    def _advanced(self, index: Index) -> int:
        subject = f"{index.venue}:{index.underlying}"
        return self.markets.advanced.get((Index.__name__, subject), 0)

    def book(self, underlying: str) -> Book:
        """Return the compiled holdings of an underlying, up to date."""
        own = self.params.underlyings[underlying]
        return valuation.book(self._valuation, own, self.ledger.version, self.holdings(underlying))

    def holdings(self, underlying: str) -> Iterable[Holding]:
        """Yield what is held that belongs to an underlying."""
        for (_, name), position in self.ledger.positions.items():
            instrument = self.instruments[name]
            # Nothing held may still be a hedge against something: the two net to nothing.
            if instrument.underlying == underlying and (position.quantity or position.hedge):
                yield Holding(
                    instrument,
                    float(position.quantity),
                    float(position.basis),
                    float(position.hedge),
                )
        for (account, currency), balance in self.ledger.cash.items():
            if balance and self._belongs(account, currency) == underlying:
                yield Holding(cash_instrument(account, currency), float(balance), 0.0, 0.0)

    def _belongs(self, account: str, currency: str) -> str | None:
        if currency in STABLE:
            return self.params.cash_underlying.get(f"{account}:{currency}")
        return currency

    # --- writing -------------------------------------------------------------

    def apply(self, event: Event) -> tuple[Alert, ...]:
        """Write an event down; return what a person must hear of it."""
        self.now = max(self.now, event.ts_local)
        if isinstance(event, MARKET):
            self._market(event)
            return ()
        if isinstance(event, ORDER):
            return self._order(event)
        if isinstance(event, ACCOUNT) and event.instrument not in self.instruments:
            return self._undescribed(event.instrument)
        match event:
            case Fill():
                return self._fill(event)
            case FundingPaid():
                books.book_funding(self.ledger, event)
            case Settled():
                books.book_settlement(self.ledger, event, self.instruments[event.instrument])
            case Delivered():
                books.book_delivery(self.ledger, event, self.instruments[event.instrument])
            case Operator():
                self._operate(event)
            case FeedStatus():
                return self._feed(event)
            case Reconciled():
                return self._reconciled(event)
            case PositionReport() | Tick():
                pass  # a report is compared by the reconciler, a tick only moves the time
        return ()

    def adopt(self, report: PositionReport, price: Decimal, *, hedge: bool) -> None:
        """Take a starting position as the truth.

        Args:
            report: What is held; for cash the balance.
            price: Entry, quote currency.
            hedge: Whether it counts as put there by hedging.
        """
        books.adopt(self.ledger, report, self.instruments[report.instrument], price, hedge=hedge)

    def intend(self, submit: Submit, delta_per_contract: float, price: float) -> None:
        """Write down an order that is about to be journaled and sent."""
        self.order_sequence += 1
        state = lives.OrderState.SENDING
        self._keep(Order(submit, state, submit.decided_at, delta_per_contract))
        memory = self.memory[submit.underlying]
        memory.hedged_at, memory.hedge_price = submit.decided_at, price

    def asked(self, order: Order) -> None:
        """Write down that the venue is being asked after an order."""
        self._keep(replace(order, asked_at=self.now))

    def lost(self, order: Order) -> Order:
        """Write down that nobody answered for an order in time; return it as it is now."""
        name = order.submit.client_order_id
        self._keep(lives.note(order, OrderUnknown(self.now, None, name, "no answer in time")))
        return self.orders[name]

    def halt(self, underlying: str, reason: str) -> None:
        """Stop hedging one underlying until an operator arms it again."""
        self.standing.halted[underlying] = reason

    def activate(self, mode: TradingState, reason: str) -> None:
        """Move the book to another state; a kill or a halt is not undone here."""
        standing.move(self.standing, mode, reason)

    def latch(self, reason: str, *, killed: bool) -> None:
        """Restore a halt that was latched before this start."""
        standing.move(self.standing, TradingState.HALTED, reason)
        self.standing.killed = killed

    def _keep(self, order: Order) -> None:
        name = order.submit.client_order_id
        self.orders[name] = order
        if order.open:
            self._open[name] = None
        else:
            self._open.pop(name, None)

    def _market(self, event: Quote | Mark | Index | OptionMark | FundingRate | Trade) -> None:
        known = isinstance(event, Index) or event.instrument in self.instruments
        if not known or not quotes.take_down(self.markets, event):
            return
        match event:
            case OptionMark() | Mark():
                instrument = self.instruments[event.instrument]
                index = self.index(instrument.underlying)
                valuation.take(self._valuation, event, instrument, index)
            case Index():
                self._index(event)
            case _:
                pass

    def _index(self, event: Index) -> None:
        valuation.take_index(self._valuation, event, self.instruments)
        if self.index(event.underlying) is event:
            self._remember(event)

    def _remember(self, event: Index) -> None:
        params = self.params.underlyings.get(event.underlying)
        if params is None:
            return
        memory = self.memory[event.underlying]
        if memory.hedge_price is None:
            memory.hedge_price = float(event.price)
        if params.band.move_window is None:
            return
        prices = memory.prices
        prices.append((event.ts_local, float(event.price)))
        while prices and prices[0][0] < event.ts_local - params.band.move_window:
            prices.popleft()

    def _order(
        self, event: OrderAccepted | OrderRejected | OrderUnknown | OrderEnded | OrderNotFound
    ) -> tuple[Alert, ...]:
        order = self.orders.get(event.client_order_id)
        if order is None:
            return (_alert(Severity.ERROR, "order.foreign", event.client_order_id, "not ours"),)
        back = lives.resurrects(order, event)
        after = lives.note(order, event)
        if lives.proved_absent(after, self.params.orders):
            proof = f"{after.not_found} answers not found"
            after = lives.advance(after, lives.Stimulus.PROVED_ABSENT, proof)
        self._keep(after)
        if after.state is not order.state:
            self._count_rejections(after)
        return self._resurrected(after, "was known to the venue") if back else ()

    def _count_rejections(self, order: Order) -> None:
        """Wait twice as long after each rejection in a row; what is accepted ends the row."""
        memory = self.memory[order.submit.underlying]
        if order.state is not lives.OrderState.REJECTED:
            memory.rejections = 0
            return
        wait = min(FIRST_WAIT << min(memory.rejections, 10), LONGEST_WAIT)
        memory.rejections += 1
        memory.barred_until = self.now + wait

    def _resurrected(self, order: Order, how: str) -> tuple[Alert, ...]:
        underlying = order.submit.underlying
        text = f"{order.submit.client_order_id} {how} after it was {order.state}"
        self.halt(underlying, text)
        return (_alert(Severity.ERROR, "order.resurrected", underlying, text),)

    def _undescribed(self, instrument: str) -> tuple[Alert, ...]:
        """Halt the book: something is held whose size and sign nobody knows."""
        text = f"{instrument} was booked to an account, and no setting describes it"
        standing.differed(self.standing, text)
        return (_alert(Severity.ERROR, "reconcile.differed", self.params.book, text),)

    def _fill(self, event: Fill) -> tuple[Alert, ...]:
        instrument = self.instruments[event.instrument]
        order = self.orders.get(event.client_order_id or "")
        if not books.book_fill(self.ledger, event, instrument, ours=order is not None):
            return ()
        if order is None:
            text = f"fill {event.trade_id} on {event.instrument} belongs to no order of ours"
            return (_alert(Severity.WARNING, "fill.foreign", instrument.underlying, text),)
        self._keep(lives.filled(order, event))
        if lives.resurrects(order, event):
            return self._resurrected(order, "filled")
        if lives.overfills(order, event):
            told = order.submit
            text = f"{told.client_order_id} filled more than its {told.quantity}"
            self.halt(told.underlying, text)
            return (_alert(Severity.ERROR, "order.overfilled", told.underlying, text),)
        return ()

    def _operate(self, event: Operator) -> None:
        standing.operate(self.standing, event)
        if event.verb is Verb.ARM:
            for memory in self.memory.values():
                memory.rejections = memory.barred_until = 0

    def _feed(self, event: FeedStatus) -> tuple[Alert, ...]:
        if event.alive:
            self.lost_feeds.pop(event.venue, None)
            return (_alert(Severity.INFO, "feed.recovered", event.venue, "stream is back"),)
        self.lost_feeds[event.venue] = event.ts_local
        return (_alert(Severity.WARNING, "feed.lost", event.venue, "stream is gone"),)

    def _reconciled(self, event: Reconciled) -> tuple[Alert, ...]:
        if not event.differences:
            standing.agreed(self.standing)
            return ()
        text = "; ".join(event.differences)
        standing.differed(self.standing, f"reconciliation: {text}")
        return (_alert(Severity.ERROR, "reconcile.differed", self.params.book, text),)


def cash_instrument(account: str, currency: str) -> Instrument:
    """Return the record of a cash balance, e.g. `deribit:BTC` or `binanceusdm:USDT`."""
    underlying = "" if currency in STABLE else currency
    return Instrument(f"{account}:{currency}", Kind.CASH, underlying, currency)


def _alert(severity: Severity, event: str, scope: str, text: str) -> Alert:
    return Alert(severity, event, scope, text)
