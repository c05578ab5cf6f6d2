"""What anybody may ask: `public/...`, `market/...` and `system/status`."""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.simulation.okx import market
from rebalancer.simulation.okx.codes import Refusal, parameter
from rebalancer.simulation.okx.desk import TYPES, Desk, ms
from rebalancer.simulation.okx.rest import text

Params = Mapping[str, Any]
Rows = list[Any]
ONGOING, TRADING_SERVICE = "ongoing", "5"


def _time(desk: Desk, _: Params) -> Rows:
    return [{"ts": ms(desk.now)}]


def _status(desk: Desk, _: Params) -> Rows:
    """Return maintenances that are planned or under way, those of demo trading among them."""
    shut = desk.closed
    if shut is None or not shut.dark:
        return list(desk.events)
    return [
        *desk.events,
        {
            "begin": ms(desk.now),
            "end": ms(shut.until),
            "env": "1",
            "href": "",
            "maintType": "2",
            "preOpenBegin": "",
            "scheDesc": "",
            "serviceType": TRADING_SERVICE,
            "state": ONGOING,
            "system": "unified",
            "title": "Maintenance",
        },
    ]


def _instruments(desk: Desk, params: Params) -> Rows:
    wanted = text(params, "instType")
    if wanted not in (*TYPES.values(), "MARGIN"):
        raise parameter("instType")
    if wanted == "OPTION" and not (params.get("uly") or params.get("instFamily")):
        raise Refusal("50015", "Either parameter uly or instFamily is required")
    found = [
        market.instrument(desk, each.instrument)
        for each in desk.listed(params)
        if each.instrument.id in desk.place.active or params.get("instId")
    ]
    if params.get("instId") and not found:
        raise Refusal("51001")
    return found


def _mark_price(desk: Desk, params: Params) -> Rows:
    text(params, "instType")
    return [market.mark_price(each) for each in desk.listed(params) if each.mark is not None]


def _ticker(desk: Desk, params: Params) -> Rows:
    return [market.ticker(desk, desk.seen(params))]


def _index_tickers(desk: Desk, params: Params) -> Rows:
    found = market.index_ticker(desk, text(params, "instId"))
    if found is None:
        raise Refusal("51014", "Index does not exist")
    return [found]


def _funding_rate(desk: Desk, params: Params) -> Rows:
    seen = desk.seen(params)
    if seen.instrument.kind is not Kind.PERPETUAL:
        raise parameter("instId")
    return [market.funding(desk, seen)]


def _summary(desk: Desk, params: Params) -> Rows:
    asked = {"instType": "OPTION", "instFamily": text(params, "instFamily")}
    found = (market.summary(desk, each) for each in desk.listed(asked))
    return [each for each in found if each is not None]


def _open_interest(desk: Desk, params: Params) -> Rows:
    text(params, "instType")
    return [market.open_interest(each) for each in desk.listed(params)]


METHODS: Mapping[str, Callable[[Desk, Params], Rows]] = {
    "GET public/time": _time,
    "GET system/status": _status,
    "GET public/instruments": _instruments,
    "GET public/mark-price": _mark_price,
    "GET public/funding-rate": _funding_rate,
    "GET public/opt-summary": _summary,
    "GET public/open-interest": _open_interest,
    "GET market/ticker": _ticker,
    "GET market/index-tickers": _index_tickers,
}
