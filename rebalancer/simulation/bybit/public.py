"""Public calls: what anybody may ask."""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.simulation.bybit import market
from rebalancer.simulation.bybit.desk import Desk, category, milliseconds
from rebalancer.simulation.bybit.envelope import page, text, whole

Params = Mapping[str, Any]


def _time(desk: Desk, _: Params) -> Any:
    return {"timeSecond": str(desk.now // 10**9), "timeNano": str(desk.now)}


def _instruments(desk: Desk, params: Params) -> Any:
    wanted, symbol = category(params), text(params, "symbol", "")
    status, coin = text(params, "status", ""), text(params, "baseCoin", "")
    rows = [
        {**market.instrument(desk, each.instrument), **desk.retold.get(each.instrument.id, {})}
        for each in desk.listed(wanted)
    ]
    found = [
        each
        for each in rows
        if symbol in ("", each["symbol"])
        and coin in ("", each["baseCoin"])
        and each["status"] == (status or "Trading")
    ]
    if wanted == "spot":
        return {"category": wanted, "list": found}
    return {"category": wanted, **page(params, found, (500, 1_000))}


def _tickers(desk: Desk, params: Params) -> Any:
    wanted, symbol = category(params), text(params, "symbol", "")
    seen = [desk.seen(wanted, symbol)] if symbol else desk.listed(wanted)
    return {"category": wanted, "list": [market.rest_ticker(desk, each) for each in seen]}


def _order_book(desk: Desk, params: Params) -> Any:
    seen = desk.seen(category(params), text(params, "symbol"))
    bids, asks = market.levels(desk, seen, whole(params, "limit", 25))
    return {
        "s": text(params, "symbol"),
        "b": [list(each) for each in bids.items()],
        "a": [list(each) for each in asks.items()],
        "ts": int(milliseconds(desk.now)),
        "u": seen.change,
    }


METHODS: Mapping[str, Callable[[Desk, Params], Any]] = {
    "public/market/time": _time,
    "public/market/instruments-info": _instruments,
    "public/market/tickers": _tickers,
    "public/market/orderbook": _order_book,
}
