"""Orders, executions and positions as payloads."""

from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.exchange.contracts import cost, entry_price, profit
from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Execution, Held, OrderState, PlacedOrder
from rebalancer.simulation.bybit.desk import (
    Desk,
    category_of,
    milliseconds,
    side_of,
    symbol_of,
)
from rebalancer.simulation.countdowns import COUNTED_DOWN

ZERO = Decimal(0)
LIFETIMES = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
BY_PERSON = "user_request"


def order(placed: PlacedOrder) -> dict[str, Any]:
    """Return an order as it stood."""
    asked, filled = placed.asked, abs(placed.filled)
    size = abs(asked.quantity)
    ended = placed.state is OrderState.CANCELLED
    counted = ended and placed.reason == COUNTED_DOWN
    lapsed = ended and not counted and placed.reason != BY_PERSON
    left = ZERO if placed.state is not OrderState.OPEN else size - filled
    return {
        "category": category_of(placed.instrument),
        "symbol": symbol_of(placed.instrument),
        "orderId": placed.order_id,
        "orderLinkId": asked.label,
        "side": side_of(asked.quantity),
        "orderType": "Market" if asked.price is None else "Limit",
        "price": asked.price or ZERO,
        "qty": size,
        "timeInForce": LIFETIMES[asked.time_in_force],
        "orderStatus": _status(placed),
        "cancelType": _how(ended and not lapsed, counted),
        "rejectReason": "EC_NoImmediateQtyToFill" if lapsed else "EC_NoError",
        "avgPrice": placed.average if filled else "",
        "leavesQty": left,
        "cumExecQty": filled,
        "cumExecValue": placed.worth,
        "cumExecFee": placed.fee,
        "reduceOnly": asked.reduce_only,
        "positionIdx": 0,
        "stopOrderType": "",
        "createType": "CreateByUser",
        "createdTime": milliseconds(placed.created),
        "updatedTime": milliseconds(placed.updated),
    }


def _how(canceled: bool, counted: bool) -> str:
    if counted:
        return "CancelByDCP"
    return "CancelByUser" if canceled else "UNKNOWN"


def _status(placed: PlacedOrder) -> str:
    match placed.state:
        case OrderState.FILLED:
            return "Filled"
        case OrderState.CANCELLED:
            spot = placed.instrument.kind is Kind.SPOT and placed.filled
            return "PartiallyFilledCanceled" if spot else "Cancelled"
        case _:
            return "PartiallyFilled" if placed.filled else "New"


def execution(told: Execution) -> dict[str, Any]:
    """Return one execution."""
    placed = told.order
    size = abs(told.quantity)
    return {
        "category": category_of(placed.instrument),
        "symbol": symbol_of(placed.instrument),
        "orderId": placed.order_id,
        "orderLinkId": placed.asked.label,
        "side": side_of(told.quantity),
        "orderPrice": placed.asked.price or ZERO,
        "orderQty": abs(placed.asked.quantity),
        "leavesQty": abs(placed.asked.quantity) - abs(placed.filled),
        "orderType": "Market" if placed.asked.price is None else "Limit",
        "execId": exec_id(told),
        "execPrice": told.price,
        "execQty": size,
        "execValue": size * told.price,
        "execType": "BustTrade" if told.forced else "Trade",
        "execFee": told.fee,
        "feeCurrency": told.fee_currency if placed.instrument.kind is Kind.SPOT else "",
        "execTime": milliseconds(told.ts),
        "isMaker": told.maker,
        "markPrice": told.mark or "",
        "indexPrice": told.index or "",
        "seq": told.number,
    }


def exec_id(told: Execution) -> str:
    """Return the venue's name for an execution."""
    return f"{told.number:08d}-{told.sequence:04d}"


def _session(held: Held) -> Decimal | str:
    """Return what a USDC contract's profit of this session is counted from; others tell nothing.

    `avgPrice` stays what it was bought at, whatever was settled since.
    """
    if not held.margined or held.instrument.settle != "USDC":
        return ""
    return entry_price(held.instrument, held.quantity, held.basis) or ZERO


def position(desk: Desk, held: Held, maintenance: Decimal, liquidation: Decimal | None) -> Any:
    """Return a position seen at the mark, without a sign; what is empty has no side."""
    contract, quantity = held.instrument, held.quantity
    mark = desk.place.tape.seen[contract.id].mark or ZERO
    now = cost(contract, quantity, mark) if mark else ZERO
    floating = profit(contract, held.basis, now) if mark else ZERO
    return {
        "category": category_of(contract),
        "positionIdx": 1 if desk.hedged else 0,
        "symbol": symbol_of(contract),
        "side": side_of(quantity) if quantity else "",
        "size": abs(quantity),
        "avgPrice": entry_price(contract, quantity, held.origin) or ZERO,
        "positionValue": abs(held.basis),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "adlRankIndicator": 2 if quantity and held.margined else 0,
        "leverage": "10" if held.margined else "",
        "markPrice": mark,
        "liqPrice": "" if liquidation is None else round(liquidation, 2),
        "positionMM": maintenance,
        "unrealisedPnl": floating,
        "sessionAvgPrice": _session(held),
        "createdTime": milliseconds(desk.place.opened),
        "updatedTime": milliseconds(desk.now),
    }
