"""What a venue shows of an account, whatever its protocol: frozen, each with its time, ns.

Quantities are contracts, signed, + bought. `balance` is what Deribit calls so:
cash without the profit and the funding that a session realised and has not settled yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.contracts import reciprocal
from rebalancer.exchange.exact import QUANTUM
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import RejectReason

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """An order as it came in, with what its sender calls it."""

    account: str
    instrument: str  # id
    quantity: Decimal
    price: Decimal | None  # None: a market order
    time_in_force: TimeInForce
    reduce_only: bool = False
    label: str = ""  # not unique
    by_hand: bool = False  # typed into the venue's own pages
    line: int | None = None  # connection that it came by; None: none that lasts


class OrderState(StrEnum):
    """Where an order stands."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that the venue accepted, as it stood from `updated` on."""

    order_id: str
    asked: Asked  # with the quantity and price of today
    instrument: Instrument
    created: int
    updated: int
    filled: Decimal = ZERO
    worth: Decimal = ZERO  # Σ quantity x price, or of a reciprocal contract ÷ price; > 0
    fee: Decimal = ZERO
    fee_currency: str = ""  # of what is filled; empty before
    state: OrderState = OrderState.OPEN
    replaced: bool = False
    reason: str = ""  # why it was cancelled, in the venue's words

    @property
    def average(self) -> Decimal:
        """Mean price of what is filled, 0 where nothing is."""
        if not self.filled:
            return ZERO
        size = abs(self.filled)
        mean = size / self.worth if reciprocal(self.instrument) else self.worth / size
        return round(mean, 8).normalize()


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of an account."""

    number: int  # of all trades of the venue
    sequence: int  # of the instrument
    booking: str  # the exchange model's own id of it
    ts: int
    order: PlacedOrder  # as it was after it
    quantity: Decimal
    price: Decimal
    fee: Decimal  # > 0 paid
    fee_currency: str  # settle currency, or the coin that a pair's purchase brings
    gain: Decimal  # profit realised, settle currency
    maker: bool
    mark: Decimal | None
    index: Decimal | None
    vol: float | None = None  # options
    forward: float | None = None
    forced: bool = False  # a liquidation


class PostingKind(StrEnum):
    """Why a balance changed."""

    TRADE = "trade"
    SETTLEMENT = "settlement"
    FUNDING = "funding"  # where it waits for no settlement
    DELIVERY = "delivery"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an account's transaction log."""

    number: int
    ts: int
    kind: PostingKind
    currency: str
    change: Decimal  # of the balance
    balance: Decimal  # after it
    instrument: Instrument | None = None
    price: Decimal | None = None
    position: Decimal = ZERO  # contracts after it
    delivered: Decimal = ZERO  # contracts that it ended
    profit: Decimal = ZERO  # of trades, that moved into the balance: of the session, or at once
    floating: Decimal = ZERO  # of what is held, that moved with it
    funding: Decimal = ZERO  # + received, the same: of the whole session
    stretch: Decimal = ZERO  # funding since the last trade
    fee: Decimal = ZERO
    execution: Execution | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A position: what the session's profit and what its whole life's is counted from."""

    instrument: Instrument
    quantity: Decimal = ZERO
    basis: Decimal = ZERO  # as the exchange model keeps it: settled every session
    origin: Decimal = ZERO  # as it would be without settlements
    realised: Decimal = ZERO  # profit of this session's trades, not in the balance yet
    booked: Decimal = ZERO  # funding of this session that the exchange model has in its cash
    flowed: Decimal = ZERO  # funding of this session that the model owes still
    earlier: Decimal = ZERO  # funding of this session as it was at the last trade

    @property
    def margined(self) -> bool:
        """Whether its profit waits for a settlement."""
        return self.instrument.kind in (Kind.PERPETUAL, Kind.FUTURE)

    @property
    def funding(self) -> Decimal:
        """Funding of this session, + received, not in the balance yet."""
        return self.booked + self.flowed

    @property
    def touched(self) -> bool:
        """Whether something is held, or enough to be told waits for a settlement."""
        return bool(self.quantity or self.realised) or abs(self.funding) >= QUANTUM


@dataclass(frozen=True, slots=True)
class Booked:
    """What one moment did to one account."""

    account: str
    orders: Sequence[PlacedOrder] = ()
    executions: Sequence[Execution] = ()
    instruments: Sequence[str] = ()  # ids of positions that changed
    currencies: Sequence[str] = ()  # whose cash or positions changed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request."""

    order: PlacedOrder | None  # None: it was rejected, or there is none
    executions: Sequence[Execution] = field(default=())
    rejected: RejectReason | None = None
