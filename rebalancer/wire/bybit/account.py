"""Bybit's private data: executions, orders, positions and wallet, and their core events.

The same records come over `/v5/private` and as rows of REST answers. Our client
order id is `orderLinkId`; an order without one is told under the venue's own id,
which is none of ours. Executions of funding, delivery and settlement are no
trades: the transaction log tells what they moved.
https://bybit-exchange.github.io/docs/v5/websocket/private/execution
"""

from collections.abc import Container, Iterator
from decimal import Decimal
from typing import TypeAlias

import msgspec

from rebalancer.core.events import (
    AccountEvent,
    Ending,
    Fill,
    Forced,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    PositionReport,
)
from rebalancer.core.ids import counted
from rebalancer.wire.bybit.values import (
    ZERO,
    Category,
    Millis,
    Name,
    Side,
    amount_fault,
    instrument_id,
    ns,
    number,
    number_fault,
    price_fault,
    settle_of,
    signed,
)

TRADES = frozenset({"Trade", "BlockTrade", "MovePosition", "FutureSpread"})
FORCED = {"AdlTrade": Forced.DELEVERAGING, "BustTrade": Forced.LIQUIDATION}
BOOKED = frozenset({"Funding", "Delivery", "Settle"})  # told by the transaction log
AT_ONCE = ("IOC", "FOK")  # whose rest expires by itself
BY_PERSON = "CancelByUser"
OPEN = frozenset({"New", "PartiallyFilled", "Untriggered", "Triggered", "Active", "Created"})
CANCELED = frozenset({"Cancelled", "PartiallyFilledCanceled", "Deactivated"})
KNOWN = OPEN | CANCELED | {"Filled", "Rejected"}


class Execution(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One execution on the account: topic `execution`, `/v5/execution/list`."""

    symbol: Name
    order_id: str  # empty where no order made it
    side: Side  # ours
    exec_id: Name
    exec_price: Decimal
    exec_qty: Decimal
    exec_time: Millis
    exec_type: Name
    exec_fee: str  # + paid
    category: Category | None = None  # None: the answer's own
    order_link_id: str = ""
    fee_currency: str = ""  # empty: that of the contract
    seq: int | str | None = None  # grows with each match of an instrument


class Order(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """State of an order: topic `order`, `/v5/order/realtime` and `history`."""

    symbol: Name
    order_id: Name
    side: Side
    order_status: Name
    qty: Decimal
    cum_exec_qty: Decimal
    updated_time: Millis
    order_link_id: str
    category: Category | None = None
    time_in_force: str = "GTC"
    cancel_type: str = ""
    reject_reason: str = ""


class Position(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One position: topic `position`, `/v5/position/list`; `size` has no sign."""

    symbol: Name
    side: str  # Buy, Sell; empty, or None in words: nothing is held
    size: Decimal
    position_idx: int  # 0: one way
    category: Category | None = None
    entry_price: str | None = None  # on the stream
    avg_price: str | None = None  # by REST
    session_avg_price: str | None = None  # USDC contracts: since the last settlement
    position_mm: str | None = msgspec.field(name="positionMM", default=None)
    liq_price: str | None = None
    adl_rank_indicator: int | None = None  # 1 … 5: first; 0: none


class Coin(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One currency of a wallet."""

    coin: Name
    wallet_balance: Decimal  # without open profit, with what was borrowed
    spot_borrow: Decimal  # owed: borrowed by hand, or to sell a coin that was not there
    equity: Decimal


class Wallet(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A unified account: topic `wallet`, `/v5/account/wallet-balance`; totals in USD.

    The totals are empty where each position has margin of its own.
    """

    coin: tuple[Coin, ...]
    total_equity: str
    total_margin_balance: str
    total_initial_margin: str
    total_maintenance_margin: str
    account_mm_rate: str = msgspec.field(name="accountMMRate")


Record: TypeAlias = Execution | Order | Position | Wallet
AccountBody: TypeAlias = tuple[Record, ...]


# --- belief -----------------------------------------------------------------


def fault(record: Record) -> str | None:
    """Return why a record cannot be believed, or None.

    Raises:
        ValueError: A field is no number.
    """
    match record:
        case Execution():
            fee = number(record.exec_fee)
            if fee is None and record.exec_type not in BOOKED:
                return "execFee must be a number, was empty"
            return price_fault(record.exec_price, zero=True) or amount_fault(record.exec_qty)
        case Order():
            reason = amount_fault(record.cum_exec_qty, zero=True)
            if reason is None and ZERO < record.qty < record.cum_exec_qty:
                reason = f"cumExecQty must be at most {record.qty}, was {record.cum_exec_qty}"
            if record.order_status not in KNOWN:
                return f"orderStatus must be known, was {record.order_status}"
            return reason
        case Position():
            return _position_fault(record)
        case Wallet():
            return next((reason for each in record.coin if (reason := _coin_fault(each))), None)


def _coin_fault(record: Coin) -> str | None:
    told = {
        "walletBalance": record.wallet_balance,
        "spotBorrow": record.spot_borrow,
        "equity": record.equity,
    }
    reason = next((why for name in told if (why := number_fault(name, told[name]))), None)
    if reason is None and record.spot_borrow < ZERO:
        return f"spotBorrow must be at least zero, was {record.spot_borrow}"
    return reason


def _position_fault(record: Position) -> str | None:
    if record.size and record.side not in ("Buy", "Sell"):
        return f"side must be Buy or Sell, was {record.side!r} of {record.size}"
    if record.position_idx:
        return f"positionIdx must be 0 (one way), was {record.position_idx}"
    return amount_fault(record.size, zero=True)


# --- translation ------------------------------------------------------------


def fill(told: Execution, category: Category, account: str, ts_local: int) -> Fill | None:
    """Return an execution; None for what is no trade, and for a pair that tells no fee currency."""
    forced = FORCED.get(told.exec_type)
    if forced is None and told.exec_type not in TRADES:
        return None
    currency = told.fee_currency or ("" if category == "spot" else settle_of(category, told.symbol))
    fee = number(told.exec_fee)
    if not currency or fee is None:
        return None
    return Fill(
        ts_local=ts_local,
        ts_venue=ns(told.exec_time),
        account=account,
        instrument=instrument_id(category, told.symbol),
        trade_id=told.exec_id,
        client_order_id=told.order_link_id or None,
        quantity=signed(told.exec_qty, told.side),
        price=told.exec_price,
        fee=fee,
        fee_currency=currency,
        forced=forced,
        number=counted(str(told.seq)),
    )


def ending(told: Order) -> Ending | None:
    """Return how an order left the book; None while it is in it, or was never."""
    if told.order_status == "Filled":
        return Ending.FILLED
    if told.order_status == "Rejected":
        return Ending.CANCELED if told.cum_exec_qty else None
    if told.order_status not in CANCELED:
        return None
    lapsed = told.time_in_force in AT_ONCE and told.cancel_type != BY_PERSON
    return Ending.EXPIRED if lapsed else Ending.CANCELED


def order_event(told: Order, ts_local: int) -> OrderAccepted | OrderEnded | OrderRejected:
    """Return what the state of an order says of it."""
    name, ts, how = told.order_link_id or told.order_id, ns(told.updated_time), ending(told)
    if how is not None:
        return OrderEnded(ts_local, ts, name, how, signed(told.cum_exec_qty, told.side))
    if told.order_status == "Rejected":
        return OrderRejected(ts_local, ts, name, told.reject_reason or "rejected")
    return OrderAccepted(ts_local, ts, name, told.order_id)


def owned(told: Coin) -> Decimal:
    """Return what an account owns of a coin, less what it owes of it; without open profit."""
    return told.wallet_balance - told.spot_borrow


def held(told: Position) -> Decimal:
    """Return what is held, contracts, signed."""
    return -told.size if told.side == "Sell" else told.size


def entry(told: Position) -> Decimal | None:
    """Return the price from which profit has not moved into cash; None: not told.

    A USDC contract's is that of its session, which is told from the first
    settlement on.
    """
    session = number(told.session_avg_price)
    return session or number(told.avg_price) or number(told.entry_price) or None


def events(
    record: Record, account: str, ts_local: int, pairs: Container[str] = ()
) -> Iterator[AccountEvent]:
    """Yield the core events in a record of the private stream.

    Positions and balances are told by REST, asked and answered at a known time.
    So are executions of pairs whose coin is cash, and those whose fee tells no
    currency.

    Args:
        record: Of the stream.
        account: Whose.
        ts_local: ns.
        pairs: Ids of pairs whose coin is a position.
    """
    match record:
        case Execution(category=category) if category is not None:
            told = fill(record, category, account, ts_local)
            if told is not None and (category != "spot" or told.instrument in pairs):
                yield told
        case Order():
            yield order_event(record, ts_local)


def holding(told: Position, category: Category, account: str, ts_local: int) -> PositionReport:
    """Return what an account holds of a contract."""
    name = instrument_id(category, told.symbol)
    return PositionReport(ts_local, None, account, name, held(told), entry(told))
