"""What was: orders, executions, the transaction log and deliveries, page by page, newest first."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.simulation.accounts import Execution, OrderState, PlacedOrder, Posting, PostingKind
from rebalancer.simulation.bybit import shapes
from rebalancer.simulation.bybit.desk import (
    Asking,
    category,
    category_of,
    milliseconds,
    side_of,
    symbol_of,
)
from rebalancer.simulation.bybit.envelope import page, text, whole
from rebalancer.simulation.bybit.errors import invalid

ZERO = Decimal(0)
WEEK = 7 * 86_400 * 1_000  # ms that one look may span
LAST = 2**62


def open_orders(asking: Asking) -> Any:
    """Return open orders of a category; of a linear one by symbol or coin only."""
    params, wanted = asking.params, category(asking.params)
    names = ("symbol", "baseCoin", "settleCoin")
    if wanted == "linear" and not any(params.get(name) for name in names):
        raise invalid("symbol", "baseCoin or settleCoin is required")
    found = _orders(asking, wanted, lambda each: each.state is OrderState.OPEN)
    return {**page(params, found, (20, 50)), "category": wanted}


def ended_orders(asking: Asking) -> Any:
    """Return orders of a category that are not open any more."""
    wanted, since = category(asking.params), asking.desk.now - asking.desk.remembers

    def shown(each: PlacedOrder) -> bool:
        return each.state is not OrderState.OPEN and each.updated >= since

    found = _orders(asking, wanted, shown)
    return {**page(asking.params, found, (20, 50)), "category": wanted}


def _orders(asking: Asking, wanted: str, chosen: Callable[[PlacedOrder], bool]) -> list[Any]:
    params = asking.params
    name, label = text(params, "orderId", ""), text(params, "orderLinkId", "")
    return [
        shapes.order(each)
        for each in reversed(asking.statement.listed(asking.at))
        if chosen(each)
        and _here(asking, each.instrument, wanted)
        and name in ("", each.order_id)
        and label in ("", each.asked.label)
    ]


def _here(asking: Asking, contract: Instrument, wanted: str) -> bool:
    """Whether a contract is of the category, the symbol and the coins that are asked for."""
    params = asking.params
    return (
        category_of(contract) == wanted
        and text(params, "symbol", "") in ("", symbol_of(contract))
        and text(params, "settleCoin", "") in ("", contract.settle)
        and text(params, "baseCoin", "") in ("", contract.underlying)
    )


def executions(asking: Asking) -> Any:
    """Return the executions of a category within a week: of one millisecond in no order."""
    params, wanted = asking.params, category(asking.params)
    first, last = _span(asking)
    name, label = text(params, "orderId", ""), text(params, "orderLinkId", "")
    found = [
        shapes.execution(each)
        for each in sorted(asking.statement.executions, key=_listed)
        if (asking.at is None or each.ts <= asking.at)
        and first <= int(milliseconds(each.ts)) <= last
        and _here(asking, each.order.instrument, wanted)
        and name in ("", each.order.order_id)
        and label in ("", each.order.asked.label)
    ]
    return {**page(params, found, (50, 100)), "category": wanted}


def _listed(told: Execution) -> tuple[int, int]:
    """Return what the venue sorts an execution by: newest first, and then its random name."""
    return -int(milliseconds(told.ts)), crc32(shapes.exec_id(told).encode())


def _span(asking: Asking) -> tuple[int, int]:
    """Return the first and last ms that are asked for.

    Raises:
        Refusal: They are more than a week apart.
    """
    now = int(milliseconds(asking.desk.now))
    first, last = whole(asking.params, "startTime", 0), whole(asking.params, "endTime", 0)
    if first and last and not 0 <= last - first <= WEEK:
        raise invalid("endTime", "startTime and endTime must be within 7 days")
    if first and not last:
        return first, first + WEEK
    if last and not first:
        return last - WEEK, last
    return (first, last) if last else (now - WEEK, LAST)


def transaction_log(asking: Asking) -> Any:
    """Return the lines of the account's log within a week."""
    params = asking.params
    if text(params, "accountType", "UNIFIED") != "UNIFIED":
        raise invalid("accountType", "only support UNIFIED")
    first, last = _span(asking)
    currency, kind = text(params, "currency", ""), text(params, "type", "")
    rows = [
        row
        for each in reversed(asking.statement.postings)
        if (asking.at is None or each.ts <= asking.at)
        and first <= int(milliseconds(each.ts)) <= last
        for row in _rows(asking, each)
        if currency in ("", row["currency"]) and kind in ("", row["type"])
    ]
    return page(params, rows, (20, 50))


TYPES = {
    PostingKind.TRADE: "TRADE",
    PostingKind.FUNDING: "SETTLEMENT",
    PostingKind.SETTLEMENT: "SETTLEMENT",
    PostingKind.DELIVERY: "DELIVERY",
    PostingKind.DEPOSIT: "TRANSFER_IN",
    PostingKind.WITHDRAWAL: "TRANSFER_OUT",
    PostingKind.CORRECTION: "FEE_REFUND",
}


def _rows(asking: Asking, line: Posting) -> Sequence[dict[str, Any]]:
    """Return what a posting is in the log: a trade of a pair moves two currencies."""
    told: dict[str, Any] = {
        "id": f"{asking.key.uid}_{line.number}",
        "type": TYPES.get(line.kind, "TRANSFER_IN" if line.change > 0 else "TRANSFER_OUT"),
        "transactionTime": milliseconds(line.ts),
        "currency": line.currency,
        "category": "",
        "symbol": "",
        "side": "None",
        "qty": "",
        "size": "",
        "tradePrice": "",
        "funding": "",
        "fee": line.fee,
        "cashFlow": line.change + line.fee - line.funding,
        "change": line.change,
        "cashBalance": line.balance,
        "feeRate": "",
        "bonusChange": "",
        "tradeId": "",
        "orderId": "",
        "orderLinkId": "",
    }
    contract, execution = line.instrument, line.execution
    if contract is None:
        return (told,)
    told |= {
        "category": category_of(contract),
        "symbol": symbol_of(contract),
        "size": line.position,
        "tradePrice": line.price if line.price is not None else "",
    }
    if line.kind is PostingKind.FUNDING:
        told |= {"funding": line.funding, "qty": abs(line.position), "side": _held(line.position)}
    if line.kind is PostingKind.DELIVERY:
        told |= {"qty": abs(line.delivered), "side": _held(line.delivered)}
    if execution is None:
        return (told,)
    told |= {
        "side": side_of(execution.quantity),
        "qty": abs(execution.quantity),
        "tradeId": shapes.exec_id(execution),
        "orderId": execution.order.order_id,
        "orderLinkId": execution.order.asked.label,
    }
    if execution.forced:
        told["type"] = "LIQUIDATION"
    if contract.kind is not Kind.SPOT:
        return (told,)
    moved = execution.quantity
    fee = execution.fee if execution.fee_currency == contract.underlying else ZERO
    coins = {"id": f"{told['id']}c", "currency": contract.underlying, "fee": fee}
    return (told, {**told, **coins, "change": moved - fee, "cashFlow": moved, "cashBalance": ""})


def _held(quantity: Decimal) -> str:
    return side_of(quantity) if quantity else "None"


def deliveries(asking: Asking) -> Any:
    """Return what ended of a category: the price of the underlying, and the fee."""
    params, wanted = asking.params, category(asking.params)
    first, last = _span(asking)
    found = [
        _delivered(each, each.instrument)
        for each in reversed(asking.statement.postings)
        if each.kind is PostingKind.DELIVERY
        and each.instrument is not None
        and _here(asking, each.instrument, wanted)
        and (asking.at is None or each.ts <= asking.at)
        and first <= int(milliseconds(each.ts)) <= last
    ]
    return {**page(params, found, (20, 50)), "category": wanted}


def _delivered(line: Posting, contract: Instrument) -> dict[str, Any]:
    return {
        "deliveryTime": int(milliseconds(line.ts)),
        "symbol": symbol_of(contract),
        "side": _held(line.delivered),
        "position": abs(line.delivered),
        "deliveryPrice": line.price,
        "strike": contract.strike if contract.strike is not None else "",
        "fee": line.fee,
        "deliveryRpl": line.profit,
    }
