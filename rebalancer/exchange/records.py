"""What the exchange reports: frozen records, each with its time and account.

`ts` is ns since 1970 UTC. Amounts are + when the account receives them, fees
+ when it pays them. Every id is unique per exchange and carries its time, so
that it stays unique when a new exchange takes over from an older one.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class RejectReason(StrEnum):
    """Why an order never entered the market."""

    UNKNOWN_INSTRUMENT = "unknown_instrument"
    EXPIRED_INSTRUMENT = "expired_instrument"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    BELOW_MINIMUM = "below_minimum"
    BAD_LOT = "bad_lot"
    BAD_TICK = "bad_tick"
    NO_BOOK = "no_book"
    NO_INDEX = "no_index"  # the fee of a linear option is a share of the index
    NO_MARK = "no_mark"  # margin or price band cannot be told without it
    BELOW_NOTIONAL = "below_notional"
    ABOVE_MAXIMUM = "above_maximum"
    OUTSIDE_PRICE_BAND = "outside_price_band"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    REDUCE_ONLY_WOULD_INCREASE = "reduce_only_would_increase"
    POST_ONLY_WOULD_CROSS = "post_only_would_cross"


class Ending(StrEnum):
    """How an accepted order left the book."""

    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"  # remainder of an order that may not rest, or its contract ended


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange holds the order."""

    ts: int
    account: str
    instrument: str
    client_order_id: str
    order_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The order never entered the market."""

    ts: int
    account: str
    instrument: str
    client_order_id: str
    reason: RejectReason


@dataclass(frozen=True, slots=True)
class Filled:
    """One execution."""

    ts: int
    account: str
    instrument: str
    client_order_id: str
    order_id: str
    trade_id: str
    quantity: Decimal  # contracts, signed
    price: Decimal  # quote currency; options: settle currency per coin
    fee: Decimal  # > 0 paid, < 0 received
    fee_currency: str
    maker: bool  # whether the order rested


@dataclass(frozen=True, slots=True)
class Ended:
    """The order left the book."""

    ts: int
    account: str
    instrument: str
    client_order_id: str
    order_id: str
    how: Ending
    filled: Decimal  # contracts, signed, over the order's whole life


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """No open order bears this client order id; what it once was, a query tells."""

    ts: int
    account: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class FundingBooked:
    """Funding moved into or out of cash."""

    ts: int
    account: str
    instrument: str
    payment_id: str
    amount: Decimal  # + received
    currency: str


@dataclass(frozen=True, slots=True)
class SessionSettled:
    """Open profit moved into cash; `price` is the new entry price."""

    ts: int
    account: str
    instrument: str
    settlement_id: str
    price: Decimal  # USD per coin
    amount: Decimal  # + gained
    currency: str
    quantity: Decimal  # contracts that were settled, signed


@dataclass(frozen=True, slots=True)
class ContractDelivered:
    """A dated contract ended and its worth moved into cash."""

    ts: int
    account: str
    instrument: str
    delivery_id: str
    price: Decimal  # delivery price of the underlying, USD per coin
    amount: Decimal  # future: open profit; option: payoff, < 0 for a short
    currency: str
    fee: Decimal = Decimal(0)  # of the delivery, >= 0


class CashKind(StrEnum):
    """Why cash moved without a trade."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"  # between accounts of this venue
    INTEREST = "interest"  # on what is owed or lent
    REBATE = "rebate"
    CONVERSION = "conversion"  # one collateral sold for another that was owed
    INSURANCE = "insurance"  # the fund made good what a liquidation left owing


@dataclass(frozen=True, slots=True)
class CashMoved:
    """Cash came in or went out for a reason of its own."""

    ts: int
    account: str
    cash_id: str
    kind: CashKind
    amount: Decimal  # + received
    currency: str


@dataclass(frozen=True, slots=True)
class CashRefused:
    """Cash stayed where it was: margin or the balance does not allow it."""

    ts: int
    account: str
    kind: CashKind
    amount: Decimal
    currency: str


# --- orders, changed ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Amended:
    """An open order has another quantity or price."""

    ts: int
    account: str
    instrument: str
    client_order_id: str
    order_id: str
    quantity: Decimal  # contracts, signed, over the order's whole life
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class AmendRefused:
    """An order stayed as it was; None: no open order bears this id."""

    ts: int
    account: str
    client_order_id: str
    reason: RejectReason | None


# --- taken down ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiquidationCalled:
    """A pool fell to its maintenance margin: its orders are canceled, its positions closed."""

    ts: int
    account: str
    currency: str  # of the pool
    instrument: str | None  # an isolated position; None: all that stands together
    balance: Decimal
    maintenance: Decimal


class Taker(StrEnum):
    """Who took the other side of a forced close."""

    MARKET = "market"  # the displayed book
    INSURANCE = "insurance"  # the fund, at the bankruptcy price
    COUNTERPARTY = "counterparty"  # a profitable account, deleveraged at the bankruptcy price


@dataclass(frozen=True, slots=True)
class Liquidated:
    """The venue closed a position, or a part of it, against the will of its holder."""

    ts: int
    account: str
    instrument: str
    trade_id: str
    quantity: Decimal  # contracts, signed: what the account traded
    price: Decimal  # quote currency; options: settle currency per coin
    fee: Decimal  # to the insurance fund
    fee_currency: str
    taker: Taker


@dataclass(frozen=True, slots=True)
class AutoDeleveraged:
    """A profitable position was cut to close somebody else's bankrupt one; no fee."""

    ts: int
    account: str
    instrument: str
    trade_id: str
    quantity: Decimal  # contracts, signed
    price: Decimal  # bankruptcy price of the other
    currency: str  # that profit is paid in
    rank: int  # 1: first in the queue


OrderRecord = Accepted | Amended | Filled | Ended
Record = (
    OrderRecord
    | Rejected
    | CancelRefused
    | AmendRefused
    | FundingBooked
    | SessionSettled
    | ContractDelivered
    | CashMoved
    | CashRefused
    | LiquidationCalled
    | Liquidated
    | AutoDeleveraged
)
