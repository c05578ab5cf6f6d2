"""Deribit's private data: fills, orders, positions and balances, and their core events.

The same records come over `user.*` channels and as answers of REST calls. A
label is our client order id; an order without one is told under the venue's
own id, which is none of ours. Cash is `balance` with the session's realised
profit of futures, which Deribit books at settlement but which is ours already.
No channel tells the transaction log: its one reader is `venues.deribit.rows`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, TypeAlias

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
from rebalancer.wire.deribit.values import (
    ZERO,
    Count,
    Direction,
    Millis,
    Name,
    amount_fault,
    instrument_id,
    is_combo,
    missing,
    ns,
    number_fault,
    price_fault,
    signed,
)

_AT_ONCE = frozenset({"immediate_or_cancel", "fill_or_kill"})


class UserTrade(msgspec.Struct, frozen=True, gc=False):
    """One execution on the account: in `user.trades.*` and `private/get_user_trades_*`."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    trade: Name = msgspec.field(name="trade_id")
    order: Name = msgspec.field(name="order_id")
    price: Decimal
    amount: Decimal
    direction: Direction  # ours
    fee: Decimal
    fee_currency: Name
    label: str = ""
    number: int | None = msgspec.field(name="trade_seq", default=None)  # within the instrument
    liquidity: Literal["M", "T"] | None = None  # our side
    liquidation: Literal["M", "T", "MT"] | None = None  # the side that was liquidated


class UserTrades(msgspec.Struct, frozen=True, gc=False):
    """Executions, as the REST calls answer them."""

    trades: tuple[UserTrade, ...]
    has_more: bool = False


class Order(msgspec.Struct, frozen=True, gc=False):
    """State of an order: in `user.orders.*`, `private/get_order_state*`, `private/buy`."""

    order: Name = msgspec.field(name="order_id")
    instrument: Name = msgspec.field(name="instrument_name")
    direction: Direction
    state: Literal[
        "open", "filled", "rejected", "cancelled", "untriggered", "triggered", "archive"
    ] = msgspec.field(name="order_state")
    updated: Millis = msgspec.field(name="last_update_timestamp")
    amount: Decimal | None = None
    filled: Decimal = msgspec.field(name="filled_amount", default=ZERO)  # none yet: left out
    label: str = ""
    time_in_force: str = "good_til_cancelled"
    cancel_reason: str | None = None
    reject_reason: str | None = None


class OrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to `private/buy`, `sell` and `edit`: the order, and what it met at once."""

    order: Order
    trades: tuple[UserTrade, ...] = ()


class Portfolio(msgspec.Struct, frozen=True, gc=False):
    """Balance and margin in one currency: `user.portfolio.*`, `private/get_account_summary`.

    Amounts are in `currency`. Under cross collateral the requirement is one for
    the whole account: the `total_*_usd` are what counts then.
    """

    currency: Name
    balance: Decimal  # without the open session's profit
    equity: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    session_rpl: Decimal | None = None
    futures_session_rpl: Decimal | None = None  # realised since settlement, booked at the next
    session_upl: Decimal | None = None
    available_funds: Decimal | None = None
    delta_total: float | None = None  # coins
    options_value: Decimal | None = None
    margin_model: str | None = None  # segregated_sm, cross_sm, segregated_pm, cross_pm
    cross_collateral: bool = msgspec.field(name="cross_collateral_enabled", default=False)
    total_equity_usd: Decimal | None = None
    total_margin_balance_usd: Decimal | None = None
    total_initial_margin_usd: Decimal | None = None
    total_maintenance_margin_usd: Decimal | None = None


class Summaries(msgspec.Struct, frozen=True, gc=False):
    """All currencies of an account: `private/get_account_summaries`."""

    summaries: tuple[Portfolio, ...]
    id: Count | None = None  # the account's uid
    username: str | None = None


class Position(msgspec.Struct, frozen=True, gc=False):
    """One row of `private/get_positions`."""

    instrument: Name = msgspec.field(name="instrument_name")
    direction: Literal["buy", "sell", "zero"]
    size: Decimal  # signed; inverse perpetuals and futures: USD, else coins
    kind: str | None = None
    average_price: Decimal | None = None
    mark_price: Decimal | None = None
    maintenance_margin: Decimal | None = None
    estimated_liquidation_price: Decimal | None = None


AccountBody: TypeAlias = (
    tuple[UserTrade, ...]
    | UserTrades
    | Order
    | tuple[Order, ...]
    | OrderAnswer
    | Portfolio
    | Summaries
    | tuple[Position, ...]
)
Record: TypeAlias = UserTrade | Order | Portfolio | Position


# --- belief -----------------------------------------------------------------


def records(body: AccountBody) -> tuple[Record, ...]:
    """Return the records in a message, in their order."""
    match body:
        case UserTrades():
            return body.trades
        case OrderAnswer():
            return (body.order, *body.trades)
        case Summaries():
            return body.summaries
        case tuple():
            return body
        case _:
            return (body,)


def fault(body: AccountBody) -> str | None:
    """Return why a message cannot be believed, or None."""
    return next((reason for each in records(body) if (reason := _fault(each))), None)


def _fault(record: Record) -> str | None:
    match record:
        case UserTrade():
            return (
                price_fault(record.price, zero=True)
                or amount_fault(record.amount)
                or number_fault("fee", record.fee)
            )
        case Order():
            return amount_fault(record.filled, zero=True) or _overfilled(record)
        case Portfolio():
            if record.futures_session_rpl is None and record.session_rpl is None:
                return missing("futures_session_rpl")
            return _numbers_fault(record, _MONEY)
        case Position():
            if (record.size > 0, record.size < 0) != _SIGNS[record.direction]:
                return f"size must have the sign of {record.direction}, was {record.size}"
            return number_fault("size", record.size)


def _numbers_fault(record: Record, names: tuple[str, ...]) -> str | None:
    found = (number_fault(name, getattr(record, name)) for name in names)
    return next((reason for reason in found if reason), None)


_MONEY = (
    *("balance", "equity", "margin_balance", "initial_margin", "maintenance_margin"),
    *("session_rpl", "futures_session_rpl", "session_upl", "available_funds", "options_value"),
    *("total_equity_usd", "total_margin_balance_usd"),
    *("total_initial_margin_usd", "total_maintenance_margin_usd"),
)
_SIGNS = {"buy": (True, False), "sell": (False, True), "zero": (False, False)}


def _overfilled(order: Order) -> str | None:
    if order.amount is not None and order.filled > order.amount:
        return f"filled_amount must be at most {order.amount}, was {order.filled}"
    return None


# --- translation ------------------------------------------------------------


def fill(told: UserTrade, account: str, ts_local: int) -> Fill:
    """Return an execution; forced where our own side of it was under liquidation."""
    ours = told.liquidation is not None and (told.liquidity or "MT") in told.liquidation
    forced = ours or told.liquidation == "MT"
    return Fill(
        ts_local=ts_local,
        ts_venue=ns(told.timestamp),
        account=account,
        instrument=instrument_id(told.instrument),
        trade_id=told.trade,
        client_order_id=told.label or None,
        quantity=signed(told.amount, told.direction),
        price=told.price,
        fee=told.fee,
        fee_currency=told.fee_currency,
        forced=Forced.LIQUIDATION if forced else None,
        number=told.number,
    )


def order_event(told: Order, ts_local: int) -> OrderAccepted | OrderEnded | OrderRejected:
    """Return what the state of an order says of it."""
    name, ts = told.label or told.order, ns(told.updated)
    match told.state:
        case "rejected":
            return OrderRejected(ts_local, ts, name, told.reject_reason or "rejected")
        case "filled":
            how = Ending.FILLED
        case "cancelled" | "archive":
            asked = told.cancel_reason == "user_request"
            lapsed = told.time_in_force in _AT_ONCE and not asked
            how = Ending.EXPIRED if lapsed else Ending.CANCELED
        case _:
            return OrderAccepted(ts_local, ts, name, told.order)
    return OrderEnded(ts_local, ts, name, how, signed(told.filled, told.direction))


def cash(told: Portfolio) -> Decimal:
    """Return the balance of a currency without open profit, with what is realised already."""
    realised = told.session_rpl if told.futures_session_rpl is None else told.futures_session_rpl
    return told.balance + (realised or ZERO)


def balance(told: Portfolio, account: str, ts_local: int) -> PositionReport:
    """Return what an account holds of a currency."""
    return PositionReport(ts_local, None, account, f"{account}:{told.currency}", cash(told))


def holding(told: Position, account: str, ts_local: int) -> PositionReport:
    """Return what an account holds of an instrument."""
    return PositionReport(ts_local, None, account, instrument_id(told.instrument), told.size)


def events(body: AccountBody, account: str, ts_local: int) -> Iterator[AccountEvent]:
    """Yield the core events in a message of an account, in their order."""
    for told in records(body):
        match told:
            case UserTrade():
                if not is_combo(told.instrument):
                    yield fill(told, account, ts_local)
            case Order():
                yield order_event(told, ts_local)
            case Portfolio():
                yield balance(told, account, ts_local)
            case Position():
                yield holding(told, account, ts_local)
