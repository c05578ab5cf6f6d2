"""What was: fills, ended orders and the transaction log, page by page."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.contracts import payoff
from rebalancer.simulation.accounts import Execution, OrderState, Posting, PostingKind
from rebalancer.simulation.deribit import shapes
from rebalancer.simulation.deribit.desk import (
    Asking,
    matches,
    milliseconds,
    own_order,
    remembered,
    size,
    unit,
    wanted,
)
from rebalancer.simulation.deribit.jsonrpc import amount, flag, text, whole
from rebalancer.simulation.deribit.market import trade_id

MOST = 1_000  # rows of one answer
ZERO = Decimal(0)


def trades_by_currency(asking: Asking) -> Any:
    """Return the fills of a currency and kind."""
    currency, kind = wanted(asking.params)
    return _trades(
        asking, [each for each in _fills(asking) if matches(each.order.instrument, currency, kind)]
    )


def trades_by_instrument(asking: Asking) -> Any:
    """Return the fills of an instrument; `start_seq` and `end_seq` count its public trades."""
    name, params = asking.desk.seen(asking.params).instrument.id, asking.params
    first, last = whole(params, "start_seq", 0), whole(params, "end_seq", 2**62)
    found = [each for each in _fills(asking) if each.order.instrument.id == name]
    return _trades(asking, [each for each in found if first <= each.sequence <= last])


def trades_by_order(asking: Asking) -> Any:
    """Return the fills of one order, oldest first."""
    name = own_order(asking).order_id
    return [shapes.trade(each) for each in _fills(asking) if each.order.order_id == name]


def _fills(asking: Asking) -> list[Execution]:
    at = asking.at
    return [each for each in asking.statement.executions if at is None or each.ts <= at]


def _trades(asking: Asking, found: Sequence[Execution]) -> Any:
    """Return a page of fills: newest first, or oldest first where that is asked."""
    params = asking.params
    first = whole(params, "start_timestamp", 0)
    last = whole(params, "end_timestamp", 2**62)
    within = [each for each in found if first <= milliseconds(each.ts) <= last]
    count = min(whole(params, "count", 10), MOST)
    rising = text(params, "sorting", "default") == "asc"
    page = within[:count] if rising else within[::-1][:count]
    return {
        "trades": [shapes.trade(each) for each in page],
        "has_more": len(within) > count,
    }


def orders_by_currency(asking: Asking) -> Any:
    """Return ended orders of a currency and kind, newest first."""
    currency, kind = wanted(asking.params)
    return _orders(asking, lambda contract: matches(contract, currency, kind))


def orders_by_instrument(asking: Asking) -> Any:
    """Return ended orders of an instrument, newest first."""
    name = asking.desk.seen(asking.params).instrument.id
    return _orders(asking, lambda contract: contract.id == name)


def _orders(asking: Asking, here: Any) -> Any:
    params, uid = asking.params, asking.key.uid
    unfilled = flag(params, "include_unfilled")
    ended = (each for each in asking.statement.listed(asking.at) if here(each.instrument))
    found = [
        each
        for each in reversed(list(ended))
        if each.state is not OrderState.OPEN
        and (unfilled or each.filled)
        and flag(params, "historical") is not remembered(asking, each)
    ]
    start, count = whole(params, "offset", 0), min(whole(params, "count", 20), MOST)
    return [shapes.order(each, uid) for each in found[start : start + count]]


def transaction_log(asking: Asking) -> Any:
    """Return the lines of a currency between two times, newest first, with a continuation."""
    params, at = asking.params, asking.at
    currency, query = text(params, "currency"), text(params, "query", "")
    first, last = whole(params, "start_timestamp", 0), whole(params, "end_timestamp", 2**62)
    before = amount(params, "continuation")
    rows = [
        each
        for each in reversed(asking.statement.postings)
        if each.currency == currency.upper()
        and first <= milliseconds(each.ts) <= last
        and (at is None or each.ts <= at)
        and (before is None or each.number < before)
        and query in ("", each.kind.value)
    ]
    count = min(whole(params, "count", 100), 250)
    page = rows[:count]
    more = page[-1].number if len(rows) > count else None
    return {"continuation": more, "logs": [_row(asking, each) for each in page]}


def _row(asking: Asking, line: Posting) -> Mapping[str, Any]:
    """Return one line of the log."""
    told: dict[str, Any] = {
        "id": line.number,
        "user_seq": line.number,
        "user_id": asking.key.uid,
        "username": asking.key.account,
        "user_role": "trader",
        "type": line.kind.value,
        "timestamp": milliseconds(line.ts),
        "currency": line.currency,
        "change": line.change,
        "cashflow": line.change,
        "balance": line.balance,
        "equity": line.balance,
        "commission": line.fee,
        "fee_balance": ZERO,
        "info": {"note": line.note} if line.note else {},
        "price_currency": "USD",
        "profit_as_cashflow": False,
    }
    if line.instrument is None:
        return told
    told |= {
        "instrument_name": line.instrument.name,
        "position": size(line.instrument, line.position),
        "price": line.price,
        "mark_price": line.price,
        "interest_pl": line.stretch,
        "session_rpl": line.profit + line.funding,
        "session_upl": line.floating,
        "total_interest_pl": line.funding,
        "side": "-",
    }
    if line.kind is PostingKind.DELIVERY:
        told |= _delivered(line.instrument, line)
    execution = line.execution
    if line.kind is PostingKind.TRADE and execution is not None:
        quantity = size(line.instrument, abs(execution.quantity))
        told |= {
            "trade_id": trade_id(line.instrument, execution.number),
            "order_id": execution.order.order_id,
            "user_order_label": execution.order.asked.label,
            "amount": quantity,
            "contracts": quantity / unit(line.instrument),
            "cashflow": execution.gain,
            "index_price": execution.index or ZERO,
            "mark_price": execution.mark or ZERO,
            "side": _side(line, execution),
        }
    return told


def _delivered(contract: Instrument, line: Posting) -> Mapping[str, Any]:
    """Return what a delivery adds: the underlying's price is the index, an option's its own."""
    told: dict[str, Any] = {
        "amount": size(contract, abs(line.delivered)),
        "index_price": line.price,
    }
    if contract.kind is not Kind.OPTION or line.price is None:
        return told
    own = payoff(contract, line.price)
    return told | {"price": own, "mark_price": own, "settlement_price": own}


def _side(line: Posting, execution: Execution) -> str:
    """Return what a fill did to the position, in the log's words."""
    opened = line.position * execution.quantity > 0
    verb = "open" if opened else "close"
    return f"{verb} {'buy' if execution.quantity > 0 else 'sell'}"
