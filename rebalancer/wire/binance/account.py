"""Binance's own stream of an account: orders, fills and balances, and their core events.

`ORDER_TRADE_UPDATE` of futures and `executionReport` of spot both tell what just
became of an order, and the fill that did it. The label is our client order id; of a
cancel, spot tells it as the original one. What the venue itself trades for an account
bears labels of its own, by which it is known. Fees are told in their own currency,
+ paid; a futures fill of which none is told cost nothing.
https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams
https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream
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
from rebalancer.wire.binance.values import (
    Count,
    Millis,
    Symbol,
    missing,
    ns,
    number_fault,
    order_id,
    price_fault,
    size_fault,
)

LIQUIDATED, DELEVERAGED = "autoclose-", "adl_autoclose"  # how the venue labels its own orders
# … where it ends a contract, delisted or delivered, on USD-M and on COIN-M
ENDED = ("settlement_autoclose-", "delivery_autoclose-", "delivery-")
_ENDINGS = {
    "FILLED": Ending.FILLED,
    "CANCELED": Ending.CANCELED,
    "EXPIRED": Ending.EXPIRED,
    "EXPIRED_IN_MATCH": Ending.EXPIRED,
}

Side: TypeAlias = Literal["BUY", "SELL"]


class Report(msgspec.Struct, frozen=True, gc=False):
    """What became of an order: the inside of `ORDER_TRADE_UPDATE`, and `executionReport`."""

    symbol: Symbol = msgspec.field(name="s")
    label: str = msgspec.field(name="c")
    side: Side = msgspec.field(name="S")
    did: str = msgspec.field(name="x")  # NEW, TRADE, CANCELED, EXPIRED, CALCULATED, …
    state: str = msgspec.field(name="X")  # of the order now
    number: Count = msgspec.field(name="i")
    size: Decimal = msgspec.field(name="l")  # of this fill, no sign; 0: there is none
    filled: Decimal = msgspec.field(name="z")  # of the order, no sign
    price: Decimal = msgspec.field(name="L")  # of this fill
    at_ms: Millis = msgspec.field(name="T")
    trade: int = msgspec.field(name="t")
    fee: Decimal | None = msgspec.field(name="n", default=None)
    fee_currency: str | None = msgspec.field(name="N", default=None)
    original: str = msgspec.field(name="C", default="")  # spot: label of what was canceled
    why: str = msgspec.field(name="r", default="NONE")  # spot: why it was rejected
    held: str = msgspec.field(name="ps", default="BOTH")  # LONG or SHORT: hedge mode

    @property
    def name(self) -> str:
        """The label of the order itself, whoever withdrew it."""
        return self.original or self.label


class OrderUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ORDER_TRADE_UPDATE` of futures."""

    event_ms: Millis = msgspec.field(name="E")
    report: Report = msgspec.field(name="o")


class Balance(msgspec.Struct, frozen=True, gc=False):
    """Cash of one currency of a futures account."""

    currency: Symbol = msgspec.field(name="a")
    wallet: Decimal = msgspec.field(name="wb")  # without open profit


class Holding(msgspec.Struct, frozen=True, gc=False):
    """A position of a futures account."""

    symbol: Symbol = msgspec.field(name="s")
    quantity: Decimal = msgspec.field(name="pa")  # signed
    entry: Decimal = msgspec.field(name="ep")
    held: str = msgspec.field(name="ps")


class Changes(msgspec.Struct, frozen=True, gc=False):
    """What changed in a futures account."""

    why: str = msgspec.field(name="m")
    balances: tuple[Balance, ...] = msgspec.field(name="B", default=())
    holdings: tuple[Holding, ...] = msgspec.field(name="P", default=())


class AccountUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ACCOUNT_UPDATE` of futures."""

    event_ms: Millis = msgspec.field(name="E")
    at_ms: Millis = msgspec.field(name="T")
    changes: Changes = msgspec.field(name="a")


class Coin(msgspec.Struct, frozen=True, gc=False):
    """A coin of a spot account."""

    currency: Symbol = msgspec.field(name="a")
    free: Decimal = msgspec.field(name="f")
    locked: Decimal = msgspec.field(name="l")


class Coins(msgspec.Struct, frozen=True, gc=False):
    """`outboundAccountPosition` of spot: the coins that may have changed."""

    event_ms: Millis = msgspec.field(name="E")
    at_ms: Millis = msgspec.field(name="u")
    coins: tuple[Coin, ...] = msgspec.field(name="B")


class Expired(msgspec.Struct, frozen=True, gc=False):
    """`listenKeyExpired`, `eventStreamTerminated`: this stream tells nothing any more."""

    event_ms: Millis = msgspec.field(name="E")


AccountBody: TypeAlias = OrderUpdate | Report | AccountUpdate | Coins | Expired


def fault(body: AccountBody) -> str | None:
    """Return why a message cannot be believed, or None."""
    match body:
        case OrderUpdate():
            return _report_fault(body.report)
        case Report():
            return _report_fault(body)
        case AccountUpdate():
            numbers = [("wb", each.wallet) for each in body.changes.balances]
            numbers += [("pa", each.quantity) for each in body.changes.holdings]
            found = (number_fault(*each) for each in numbers)
            return next((reason for reason in found if reason), None)
        case Coins():
            sizes = (size for each in body.coins for size in (each.free, each.locked))
            found = (size_fault(each, zero=True) for each in sizes)
            return next((reason for reason in found if reason), None)
        case Expired():
            return None


def _report_fault(told: Report) -> str | None:
    reason = size_fault(told.size, zero=True) or size_fault(told.filled, zero=True)
    if reason or not told.size:
        return reason
    if told.size > told.filled:
        return f"l must be at most z ({told.filled}), was {told.size}"
    if told.fee and not told.fee_currency:
        return missing("N")
    return price_fault(told.price) or (number_fault("n", told.fee) if told.fee else None)


# --- translation ------------------------------------------------------------


def forced(label: str) -> Forced | None:
    """Return why the venue traded by itself, from the label that it gave its order.

    What ends with its contract hedges no more, for no fault of ours.

    >>> forced("autoclose-1568879465651"), forced("adl_autoclose"), forced("rb01") is None
    (<Forced.LIQUIDATION: 'liquidation'>, <Forced.DELEVERAGING: 'deleveraging'>, True)
    >>> forced("delivery_autoclose-1568879465651")
    <Forced.EXPIRY: 'expiry'>
    """
    if label.startswith(LIQUIDATED):
        return Forced.LIQUIDATION
    if label.startswith(ENDED):
        return Forced.EXPIRY
    return Forced.DELEVERAGING if label.startswith(DELEVERAGED) else None


def fill(told: Report, account: str, settle: str, ts_local: int) -> Fill | None:
    """Return the fill in a report; None where there is none.

    Args:
        told: The report.
        account: Whose it is; also the venue.
        settle: Currency of a fee of nothing, where the venue names none.
        ts_local: ns.
    """
    if not told.size:
        return None
    return Fill(
        ts_local=ts_local,
        ts_venue=ns(told.at_ms),
        account=account,
        instrument=f"{account}:{told.symbol}",
        trade_id=str(told.trade),
        client_order_id=told.name or None,
        quantity=_signed(told.size, told.side),
        price=told.price,
        fee=told.fee or Decimal(0),
        fee_currency=told.fee_currency or settle,
        forced=forced(told.name),
        number=told.trade,
    )


def order_event(told: Report, ts_local: int) -> OrderAccepted | OrderEnded | OrderRejected:
    """Return what a report says of its order."""
    ts = ns(told.at_ms)
    if told.state == "REJECTED":
        return OrderRejected(ts_local, ts, told.name, told.why)
    how = _ENDINGS.get(told.state)
    if how is None:
        return OrderAccepted(ts_local, ts, told.name, order_id(told.symbol, told.number))
    return OrderEnded(ts_local, ts, told.name, how, _signed(told.filled, told.side))


def events(body: AccountBody, account: str, settle: str, ts_local: int) -> Iterator[AccountEvent]:
    """Yield the core events in a message of an account, in their order.

    A coin of spot is told as cash: which pair a book holds it by, the wire does not know.
    """
    match body:
        case OrderUpdate() | Report():
            told = body.report if isinstance(body, OrderUpdate) else body
            found = fill(told, account, settle, ts_local)
            if found is not None:
                yield found
            yield order_event(told, ts_local)
        case AccountUpdate():
            at = ns(body.at_ms)
            for each in body.changes.balances:
                name = f"{account}:{each.currency}"
                yield PositionReport(ts_local, at, account, name, each.wallet)
            for row in body.changes.holdings:
                name = f"{account}:{row.symbol}"
                entry = row.entry if row.quantity and row.entry > 0 else None
                yield PositionReport(ts_local, at, account, name, row.quantity, entry)
        case Coins():
            for coin in body.coins:
                name, amount = f"{account}:{coin.currency}", coin.free + coin.locked
                yield PositionReport(ts_local, ns(body.at_ms), account, name, amount)
        case Expired():
            return


def _signed(size: Decimal, side: Side) -> Decimal:
    return size if side == "BUY" else -size
