"""What the book knows. `State.apply` writes the facts; whether to trade is decided elsewhere.

One event goes in, alerts come out. Beside it only what the daemon itself did is written: an order
that it is about to send, a question that it asked, a halt. `Memory` is the hedger's own notebook.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from rebalancer.core import accounts, bookings, foreign, holdings, ids, listings, outside, standing
from rebalancer.core import memory as memories
from rebalancer.core import orders as lives
from rebalancer.core.adopting import adopt
from rebalancer.core.behaviour import Behaviour
from rebalancer.core.commands import Alert, Purpose, Severity, Submit, TimeInForce
from rebalancer.core.events import (
    AccountNews,
    AccountRead,
    Adopted,
    Booking,
    CashMoved,
    ContractBooking,
    Described,
    Event,
    Fill,
    Forced,
    Index,
    InstrumentUnfit,
    MarketEvent,
    Operator,
    OrderAccepted,
    OrderEvent,
    OrderNotFound,
    OutsideTold,
    PositionReport,
    Reconciled,
    ShutOut,
    VenueHeld,
    Verb,
)
from rebalancer.core.exposure import Book, Holding
from rebalancer.core.figures import MarginTold
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument
from rebalancer.core.knobs import Tuned
from rebalancer.core.ledger import Ledger
from rebalancer.core.margins import Margins
from rebalancer.core.orders import Order
from rebalancer.core.params import Params
from rebalancer.core.prices import Prices
from rebalancer.core.standing import Standing
from rebalancer.core.tuning import Tuning, tune


class Worths(NamedTuple):
    """What the book was worth at a state of its ledger, in one second; USD, None: unknown."""

    version: int  # of the ledger
    second: int
    accounts: dict[str, float | None]  # what each venue owes us
    equity: float | None  # what they owe us together
    gross: float | None  # notional of all perpetuals and futures


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
        self.ledger = Ledger()
        self.outside: dict[str, int] = {}  # source of holdings → when they were so, ns
        self.orders: dict[str, Order] = {}  # by client order id, in order of intent
        self._open: dict[str, None] = {}  # ids of those whose outcome is not whole
        self._differing = ""  # how ledger and venues differ, as a person was told
        self.standing, self.tuning = Standing(), Tuning()
        self.accounts = accounts.Accounts()
        self.memory = {name: memories.Memory(started_at=ts) for name in params.underlyings}
        self.ladders: dict[str, memories.Climb] = {}  # by pool
        self.behaviour = Behaviour()
        self.worths: Worths | None = None  # of the last moment, kept by `worth`
        self.prices = Prices(self.instruments, params, self.memory)
        self.markets = self.prices.markets
        self.margins = Margins(self.instruments, params, self.ledger, self.prices)

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

    @property
    def unproven(self) -> tuple[str, ...]:
        """Ids of the orders that a person was asked to look up, and that are still open."""
        return tuple(name for name in self._open if self.orders[name].told)

    def index(self, underlying: str) -> Index | None:
        """Return the index that an underlying is measured by, None when nobody told one."""
        return self.prices.index(underlying, self.now)

    def believed(self, underlying: str) -> Index | None:
        """Return the index, unless it jumped and nothing has confirmed it yet."""
        return self.prices.believed(underlying, self.now)

    def book(self, underlying: str) -> Book:
        """Return the compiled holdings of an underlying, up to date."""
        return self.prices.book(underlying, self.ledger.version, self.holdings)

    def holdings(self, underlying: str) -> Iterable[Holding]:
        """Return what is held that belongs to an underlying."""
        return holdings.held(self.ledger, self.instruments, self.params, underlying)

    # --- writing -------------------------------------------------------------

    def apply(self, event: Event) -> tuple[Alert, ...]:
        """Write an event down; return what a person must hear of it."""
        if event.ts_local - self.now > lives.CLOCKS:  # it stood still, or its clock was set
            self._doubt()
        self.now = max(self.now, event.ts_local)
        if isinstance(event, MarketEvent):
            self.prices.take(event, self.now)
            return ()
        if isinstance(event, OrderEvent):
            return self._order(event)
        if isinstance(event, Booking):
            return self._booking(event)
        if isinstance(event, AccountNews | MarginTold):
            return self._news(event)
        match event:
            case Operator():
                self._operate(event)
            case Reconciled():
                return self._reconciled(event)
            case OutsideTold():
                return self._outside(event)
            case InstrumentUnfit():
                return self._unfit(event)
            case Described(described=met):
                self.instruments.setdefault(met.id, met)
            case Tuned():
                tune(self.tuning, event, self.memory)
        return ()  # a report is compared by the reconciler, a tick only moves the time

    def _reckoned(self, event: MarginTold) -> tuple[Alert, ...]:
        name, wrong = event.account, self.margins.take(event, self.now)
        alert = Alert(Severity.ERROR, "margin.refused", name, f"{name}: {wrong}")
        return () if wrong is None else (alert,)

    def _outside(self, event: OutsideTold) -> tuple[Alert, ...]:
        if event.as_of < self.outside.get(event.source, event.as_of):
            return ()  # older than what is known
        self.outside[event.source] = event.as_of
        lost = outside.take(self.ledger, event, self.instruments, self.markets, self.believed)
        return tuple(alert for name in lost for alert in self._undescribed(name))

    def _unfit(self, event: InstrumentUnfit) -> tuple[Alert, ...]:
        instrument = self.instruments.get(event.instrument)
        if instrument is None:
            return ()
        held = self.ledger.position(instrument.venue, instrument.id).quantity
        why = listings.concern(event, instrument, self.params, held, self.now)
        if why is None or why in self.halted.get(instrument.underlying, ""):
            return ()  # it is told at each look, and halts once
        self.halt(instrument.underlying, why)
        return (listings.alert(event, instrument.underlying, why),)

    def _booking(self, event: Booking) -> tuple[Alert, ...]:
        self.margins.booked(event.account, self.now)
        if not isinstance(event, CashMoved):
            return self._account(event)
        bookings.book_moved(self.ledger, event, self.instruments)
        return ()

    def _account(self, event: ContractBooking) -> tuple[Alert, ...]:
        instrument = self.instruments.get(event.instrument)
        if instrument is None:
            return self._undescribed(event.instrument)
        if isinstance(event, Fill):
            return self._fill(event, instrument)
        bookings.book(self.ledger, event, instrument, self.params.underlyings)
        if not isinstance(event, Adopted):
            return ()
        self.margins.declared(event.account)
        standing.doubted(self.standing)
        return (foreign.adopted(event),)

    def adopt(self, report: PositionReport, price: Decimal, *, hedge: bool) -> None:
        """Take a starting position as the truth.

        Args:
            report: What is held; for cash the balance.
            price: Entry, quote currency.
            hedge: Whether it counts as put there by hedging.
        """
        adopt(self.ledger, report, self.instruments[report.instrument], price, hedge=hedge)

    def intend(self, submit: Submit, delta_per_contract: float) -> None:
        """Write down an order that is about to be journaled and sent."""
        self.order_sequence += 1
        state = lives.OrderState.SENDING
        self._keep(Order(submit, state, submit.decided_at, delta_per_contract))

    def put(self, order: Order) -> Order:
        """Write an order down: of an earlier start, or as it is after what we did about it."""
        self._keep(order)
        return order

    def halt(self, underlying: str, reason: str) -> None:
        """Stop hedging one underlying until an operator arms it again."""
        standing.halt(self.standing, underlying, reason)

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
            lives.forget(self.orders, (*self._open, name))  # who ends it looks at it once more

    def _order(self, event: OrderEvent) -> tuple[Alert, ...]:
        order = self.orders.get(event.client_order_id)
        if order is None:
            return (Alert(Severity.ERROR, "order.foreign", event.client_order_id, "not ours"),)
        back = lives.resurrects(order, event)
        moved = isinstance(event, OrderNotFound) and not self._unmoved(order, event)
        after = lives.doubted(order) if moved else lives.note(order, event)
        if lives.proved_absent(after, self.params.orders):
            proof = f"{after.not_found} answers not found"
            after = lives.advance(after, lives.Stimulus.PROVED_ABSENT, proof)
        self._keep(after)
        takes = order.submit.time_in_force is TimeInForce.IOC
        if takes and isinstance(event, OrderAccepted):
            self._remembered(order).unrested = 0
        if after.state is not order.state and after.state in lives.TERMINAL:
            told = after.filled if after.reported is None else after.reported
            if not told:
                memory, sent = self._remembered(after), getattr(event, "sent", True)
                memories.came_to_nothing(memory, after, self.now, sent=sent)
        return self._resurrected(after, "was known to the venue") if back else ()

    def _doubt(self, account: str | None = None) -> None:
        """Let what was answered of open orders prove nothing any more; None: of all accounts'."""
        for order in self.open_orders():
            if account in (None, order.submit.account):
                self._keep(lives.doubted(order))

    def _remembered(self, order: Order) -> memories.Memory:
        """Return the notebook of an order's underlying, which may have left the settings since."""
        return self.memory.setdefault(order.submit.underlying, memories.Memory(started_at=self.now))

    def _unmoved(self, order: Order, event: OrderNotFound) -> bool:
        """Whether the account looks as if an order that is not found had never been there.

        Its position is the ledger's, and its stream tells what happens: an answer
        "no such order" that comes beside anything else counts for nothing.
        """
        told = order.submit
        held = self.ledger.position(told.account, told.instrument).quantity
        return event.position == held and told.account not in self.accounts.lost

    def _resurrected(self, order: Order, how: str) -> tuple[Alert, ...]:
        underlying = order.submit.underlying
        text = f"{order.submit.client_order_id} {how} after it was {order.state}"
        self.halt(underlying, text)
        return (Alert(Severity.ERROR, "order.resurrected", underlying, text),)

    def _undescribed(self, instrument: str) -> tuple[Alert, ...]:
        """Halt the book: something is held whose size and sign nobody knows."""
        return self._differed(f"{instrument} is held, and no setting describes it")

    def _differed(self, text: str) -> tuple[Alert, ...]:
        standing.differed(self.standing, text)
        if text == self._differing:
            return ()  # each look finds it again until somebody has seen to it
        self._differing = text
        return (Alert(Severity.ERROR, "reconcile.differed", self.params.book, text),)

    def _fill(self, event: Fill, instrument: Instrument) -> tuple[Alert, ...]:
        order = self.orders.get(event.client_order_id or "")
        parts = None if order is not None else ids.decode(event.client_order_id or "")
        own, known = order is not None, self.params
        if parts is not None:
            own = ids.of_earlier(parts, known.accounts, event.account, known.epoch)
        if not bookings.book(self.ledger, event, instrument, known.underlyings, ours=own):
            return ()
        if order is None:
            if event.forced is Forced.LIQUIDATION:
                self.halt(instrument.underlying, f"{event.account} was liquidated")
            alerts = () if own and event.forced is None else (foreign.alert(event, instrument),)
            stranger = parts is not None and not own
            return (*alerts, *self._differed(foreign.stranger(event))) if stranger else alerts
        index = self.index(order.submit.underlying)
        price, memory = None if index is None else float(index.price), self._remembered(order)
        if order.submit.purpose is Purpose.PROTECT:
            memory.cuts_failed = memory.cut_after = 0
        else:
            memories.hedged(memory, self.now, price)
            memory.unrested = 0
        self._keep(lives.filled(order, event))
        if lives.resurrects(order, event):
            return self._resurrected(order, "filled")
        if lives.overfills(order, event):
            told = order.submit
            text = f"{told.client_order_id} filled more than its {told.quantity}"
            self.halt(told.underlying, text)
            return (Alert(Severity.ERROR, "order.overfilled", told.underlying, text),)
        return ()

    def _operate(self, event: Operator) -> None:
        standing.operate(self.standing, event)
        if event.verb is Verb.ARM:
            for order in self.open_orders():
                if order.submit.client_order_id in event.ended:
                    self._keep(lives.looked_up(order, event.reason))
                    standing.doubted(self.standing)
            self._differing = ""
            for memory in self.memory.values():
                memory.failures = memory.unsent = memory.barred_until = 0

    def _news(self, event: AccountNews | MarginTold) -> tuple[Alert, ...]:
        """Take down what is heard of an account and the way to it."""
        if isinstance(event, MarginTold):
            return self._reckoned(event)
        if isinstance(event, AccountRead):
            accounts.take(self.accounts, event)
            return ()
        if isinstance(event, VenueHeld):
            if event.said:
                self._doubt(event.account)
            return accounts.hold(self.accounts, event)
        if isinstance(event, ShutOut):  # asking on would only make it longer
            text = f"{event.account} shuts this machine out: {event.reason}"
            standing.move(self.standing, TradingState.HALTED, text)
            return (Alert(Severity.ERROR, "rate.banned", event.account, text),)
        accounts.hear(self.accounts, event)
        if event.alive:
            return (Alert(Severity.INFO, "feed.recovered", event.venue, "stream is back"),)
        self._doubt(event.venue)
        return (Alert(Severity.WARNING, "feed.lost", event.venue, "stream is gone"),)

    def _reconciled(self, event: Reconciled) -> tuple[Alert, ...]:
        if not event.differences:
            self._differing = ""
            standing.agreed(self.standing)
            return ()
        return self._differed(f"reconciliation: {'; '.join(event.differences)}")
