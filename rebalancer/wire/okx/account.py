"""OKX's private streams: orders with their fills, positions and balances, and their core events.

The `orders` channel tells each fill in the state that it brought about: the
fields `fill...` are of this fill alone, `accFillSz` and `fee` of the order so
far. A fee is negative where it is paid. What the venue itself trades for the
account has one trade id here and another in the list of fills (a negative one
where it was taken by force), or is no trade there: the account's lists tell it.
https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel
"""

from collections.abc import Container, Iterator
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from rebalancer.core.events import (
    AccountEvent,
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    PositionReport,
)
from rebalancer.core.ids import counted
from rebalancer.wire.okx.values import (
    VENUE,
    ZERO,
    Millis,
    Name,
    Side,
    amount_fault,
    instrument_id,
    is_pair,
    ns,
    number,
    number_fault,
    price_fault,
    signed,
)

AT_ONCE = frozenset({"ioc", "fok", "optimal_limit_ioc", "market"})  # what is left of them expires
BY_PERSON = "1"  # a cancelSource
# Categories of what nobody ordered: liquidations, deleveraging, forced repayments, expiries, and
# conversions of currencies.
BY_VENUE = frozenset(
    {"full_liquidation", "partial_liquidation", "adl", "twap", "delivery", "auto_conversion"}
)
NO_TRADE = ("", "0")  # trade ids of an order that filled nothing now


class Order(msgspec.Struct, frozen=True, gc=False):
    """State of an order, and what it filled just now: `orders`."""

    instrument: Name = msgspec.field(name="instId")
    order: Name = msgspec.field(name="ordId")
    side: Side
    state: Literal["live", "partially_filled", "filled", "canceled", "mmp_canceled"]
    updated: Millis = msgspec.field(name="uTime")
    amount: str = msgspec.field(name="sz")
    filled: Decimal = msgspec.field(name="accFillSz")
    label: str = msgspec.field(name="clOrdId", default="")
    type: str = msgspec.field(name="ordType", default="")
    category: str = "normal"
    cancel_source: str = msgspec.field(name="cancelSource", default="")
    trade: str = msgspec.field(name="tradeId", default="")
    fill_size: str = msgspec.field(name="fillSz", default="")
    fill_price: str = msgspec.field(name="fillPx", default="")
    fill_time: str = msgspec.field(name="fillTime", default="")  # ms
    fill_fee: str = msgspec.field(name="fillFee", default="")
    fill_fee_currency: str = msgspec.field(name="fillFeeCcy", default="")
    fee: str = ""  # of the order so far
    fee_currency: str = msgspec.field(name="feeCcy", default="")


class Balance(msgspec.Struct, frozen=True, gc=False):
    """One currency of an account."""

    currency: Name = msgspec.field(name="ccy")
    cash: Decimal = msgspec.field(name="cashBal")  # without open profit and option value
    equity: str = msgspec.field(name="eq", default="")
    updated: str = msgspec.field(name="uTime", default="")  # ms


class Account(msgspec.Struct, frozen=True, gc=False):
    """Balances: `account`."""

    details: tuple[Balance, ...]
    updated: str = msgspec.field(name="uTime", default="")  # ms


class Position(msgspec.Struct, frozen=True, gc=False):
    """One row of `positions`; in net mode its amount is signed."""

    instrument: Name = msgspec.field(name="instId")
    amount: Decimal = msgspec.field(name="pos")
    side: Literal["net", "long", "short"] = msgspec.field(name="posSide")
    entry: str = msgspec.field(name="avgPx", default="")


Row: TypeAlias = Order | Account | Position


# --- belief -----------------------------------------------------------------


def fault(row: Row) -> str | None:
    """Return why a row cannot be believed, or None."""
    match row:
        case Order():
            return amount_fault(row.filled, zero=True) or _order_fault(row)
        case Account():
            found = (number_fault("cashBal", str(each.cash)) for each in row.details)
            return next((reason for reason in found if reason), None)
        case Position():
            if row.side != "net" and row.amount < 0:
                return f"pos must be at least 0 where it is {row.side}, was {row.amount}"
            return number_fault("pos", str(row.amount))


def _order_fault(told: Order) -> str | None:
    amount = number(told.amount)
    if amount is not None and told.filled > amount:
        return f"accFillSz must be at most {amount}, was {told.filled}"
    if not _fills(told):
        return None
    price, size = number(told.fill_price), number(told.fill_size)
    return (
        price_fault(price or ZERO, zero=True)
        or amount_fault(size or ZERO)
        or number_fault("fillFee", told.fill_fee)
        or number_fault("fee", told.fee)
    )


def _fills(told: Order) -> bool:
    return told.trade not in NO_TRADE and bool(number(told.fill_size))


# --- translation ------------------------------------------------------------


def fill(told: Order, account: str, ts_local: int) -> Fill | None:
    """Return the execution in the state of an order; None where there is none to be told.

    None either of what the venue itself did: two ids of one trade would be two fills.
    The fee of a fill that the venue leaves out is known only of an order's first.
    """
    size, price = number(told.fill_size), number(told.fill_price)
    if by_venue(told) or not _fills(told) or size is None or price is None:
        return None
    fee, currency = number(told.fill_fee), told.fill_fee_currency or told.fee_currency
    if fee is None and told.filled == size:
        fee = number(told.fee)
    if fee is None or not currency:
        return None
    at = number(told.fill_time)
    return Fill(
        ts_local=ts_local,
        ts_venue=ns(told.updated if not at else int(at)),
        account=account,
        instrument=instrument_id(told.instrument),
        trade_id=told.trade,
        client_order_id=told.label or None,
        quantity=signed(size, told.side),
        price=price,
        fee=-fee,
        fee_currency=currency,
        number=counted(told.trade),
    )


def by_venue(told: Row) -> bool:
    """Whether a row is of an order that nobody placed: the account's lists tell what it did."""
    return isinstance(told, Order) and told.category in BY_VENUE


def order_event(told: Order, ts_local: int) -> OrderAccepted | OrderEnded:
    """Return what the state of an order says of it."""
    name, ts = told.label or told.order, ns(told.updated)
    if told.state in ("live", "partially_filled"):
        return OrderAccepted(ts_local, ts, name, told.order)
    return OrderEnded(ts_local, ts, name, ending(told), signed(told.filled, told.side))


def ending(told: Order) -> Ending:
    """Return how an order that is over left the book."""
    if told.state == "filled":
        return Ending.FILLED
    lapsed = told.type in AT_ONCE and told.cancel_source != BY_PERSON
    return Ending.EXPIRED if lapsed else Ending.CANCELED


def holding(told: Position, account: str, ts_local: int) -> PositionReport:
    """Return what an account holds of an instrument, contracts, signed."""
    quantity = -told.amount if told.side == "short" else told.amount
    entry = number(told.entry) or None
    return PositionReport(ts_local, None, account, instrument_id(told.instrument), quantity, entry)


def events(
    row: Row, account: str, ts_local: int, pairs: Container[str] = ()
) -> Iterator[AccountEvent]:
    """Yield the core events in a row of an account's channel: a fill before what it led to.

    Args:
        row: Of a channel.
        account: Whose.
        ts_local: ns.
        pairs: Ids of pairs whose coin is a position. Of others bills tell how
            their currencies moved.
    """
    match row:
        case Order():
            filled = fill(row, account, ts_local)
            if filled is not None and (not is_pair(row.instrument) or filled.instrument in pairs):
                yield filled
            if not by_venue(row):
                yield order_event(row, ts_local)
        case Account():
            for each in row.details:
                name = f"{VENUE}:{each.currency}"
                yield PositionReport(ts_local, None, account, name, each.cash)
        case Position():
            yield holding(row, account, ts_local)
