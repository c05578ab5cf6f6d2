"""Public methods: what anybody may ask."""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.simulation.deribit import market
from rebalancer.simulation.deribit.desk import Desk, index_name, matches, milliseconds, wanted
from rebalancer.simulation.deribit.errors import invalid
from rebalancer.simulation.deribit.jsonrpc import amount, text, whole

Params = Mapping[str, Any]
VERSION = "1.2.26"
MOST = 1_000  # rows of one answer


def _time(desk: Desk, _: Params) -> Any:
    return milliseconds(desk.now)


def _test(*_: Any) -> Any:
    return {"version": VERSION}


def _status(desk: Desk, _: Params) -> Any:
    shut = desk.closed
    if shut is None:
        return {"locked": "false", "locked_indices": []}
    return {"locked": shut.locked, "locked_indices": list(shut.indices)}


def _currencies(desk: Desk, _: Params) -> Any:
    contracts = [each.instrument for each in desk.place.tape.seen.values()]
    names = dict.fromkeys(each.settle for each in contracts)
    return [
        {
            "coin_type": "BITCOIN" if name == "BTC" else "ETHEREUM",
            "currency": name,
            "currency_long": name,
            "fee_precision": 4,
            "in_cross_collateral_pool": False,
            "min_confirmations": 1,
            "min_withdrawal_fee": 0.0001,
            "withdrawal_fee": 0.0001,
            "withdrawal_priorities": [],
        }
        for name in names
    ]


def _instruments(desk: Desk, params: Params) -> Any:
    currency, kind = wanted(params)
    expired = text(params, "expired", "false").lower() == "true"
    return [
        market.instrument(desk, each.instrument)
        for name, each in desk.place.tape.seen.items()
        if matches(each.instrument, currency, kind)
        and (name in desk.place.active) != expired
        and name not in desk.delisted
    ]


def _instrument(desk: Desk, params: Params) -> Any:
    return market.instrument(desk, desk.seen(params).instrument)


def _ticker(desk: Desk, params: Params) -> Any:
    return market.ticker(desk, desk.seen(params))


def _order_book(desk: Desk, params: Params) -> Any:
    return market.order_book(desk, desk.seen(params), whole(params, "depth", 5))


def _summaries(desk: Desk, params: Params) -> Any:
    currency, kind = wanted(params)
    return [
        market.book_summary(desk, desk.place.tape.seen[name])
        for name in desk.place.active
        if matches(desk.place.tape.seen[name].instrument, currency, kind)
    ]


def _summary(desk: Desk, params: Params) -> Any:
    return [market.book_summary(desk, desk.seen(params))]


def _index(desk: Desk, params: Params) -> Any:
    name = text(params, "index_name")
    coin = name.partition("_")[0].upper()
    known = {index_name(each.instrument) for each in desk.place.tape.seen.values()}
    if name not in known or coin not in desk.place.tape.indexes:
        raise invalid("index_name", "invalid index")
    price = desk.place.tape.indexes[coin]
    return {"index_price": price, "estimated_delivery_price": price}


def _last_trades(desk: Desk, params: Params) -> Any:
    seen = desk.seen(params)
    first, last = whole(params, "start_timestamp", 0), whole(params, "end_timestamp", 2**62)
    low, high = whole(params, "start_seq", 0), whole(params, "end_seq", 2**62)
    found = [
        each
        for each in seen.prints
        if first <= milliseconds(each.ts) <= last and low <= each.sequence <= high
    ]
    count = min(whole(params, "count", 10), MOST)
    rising = text(params, "sorting", "default") == "asc"
    page = found[:count] if rising else found[::-1][:count]
    trades = [market.public_trade(seen.instrument, each) for each in page]
    return {"trades": trades, "has_more": len(found) > count}


def _funding_value(desk: Desk, params: Params) -> Any:
    """Return the funding of a span at the rate of now."""
    seen = desk.seen(params)
    start, end = amount(params, "start_timestamp"), amount(params, "end_timestamp")
    if start is None or end is None:
        raise invalid("start_timestamp", "value required")
    span = float(end - start) * 1_000_000
    return seen.rate * span / seen.interval


def _funding_history(desk: Desk, params: Params) -> Any:
    """Return one row: the rate of now."""
    seen = desk.seen(params)
    index = desk.place.tape.index_of(seen.instrument)
    eight = market.funding(seen)["funding_8h"]
    return [
        {
            "timestamp": milliseconds(desk.now) // 3_600_000 * 3_600_000,
            "index_price": index,
            "prev_index_price": index,
            "interest_8h": eight,
            "interest_1h": eight / 8,
        }
    ]


METHODS: Mapping[str, Callable[[Desk, Params], Any]] = {
    "public/get_time": _time,
    "public/test": _test,
    "public/hello": _test,
    "public/status": _status,
    "public/get_currencies": _currencies,
    "public/get_instruments": _instruments,
    "public/get_instrument": _instrument,
    "public/ticker": _ticker,
    "public/get_order_book": _order_book,
    "public/get_book_summary_by_currency": _summaries,
    "public/get_book_summary_by_instrument": _summary,
    "public/get_index_price": _index,
    "public/get_last_trades_by_instrument": _last_trades,
    "public/get_last_trades_by_instrument_and_time": _last_trades,
    "public/get_funding_rate_value": _funding_value,
    "public/get_funding_rate_history": _funding_history,
}
