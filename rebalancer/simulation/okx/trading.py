"""Orders: `trade/batch-orders`, `trade/order` and how they are withdrawn and looked up."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.orders import TimeInForce
from rebalancer.ports import SECOND
from rebalancer.simulation.accounts import Asked, Execution, OrderState, PlacedOrder
from rebalancer.simulation.host import Answer
from rebalancer.simulation.okx import shapes
from rebalancer.simulation.okx.codes import Refusal, of_reject, parameter
from rebalancer.simulation.okx.desk import Asking, kind, ms, number, own_order, visible
from rebalancer.simulation.okx.rest import amount, answer, flag, text, whole

TYPES: Mapping[str, TimeInForce] = {
    "limit": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "post_only": TimeInForce.POST_ONLY,
    "market": TimeInForce.IOC,
    "optimal_limit_ioc": TimeInForce.IOC,
}
AT_MARKET = ("market", "optimal_limit_ioc")
WAITING = ("conditional", "oco", "trigger", "move_order_stop", "iceberg", "twap", "chase")
TOGETHER = ["conditional", "oco"]  # kinds of waiting orders that are asked for at once
LONGEST = 32  # characters of a client id
MOST = 20  # orders of one request
FAILED, PARTLY = "1", "2"  # outer codes: everything, or something, failed
MILLISECOND = 1_000_000  # ns
SPANS = range(10, 121)  # s in which all orders of an account can be counted down
Row = dict[str, Any]


def place(asking: Asking) -> Answer:
    """Place orders; each has a code of its own."""
    _in_time(asking)
    return _each(asking, _place)


def cancel(asking: Asking) -> Answer:
    """Withdraw orders by either id."""
    return _each(asking, _cancel)


def _each(asking: Asking, do: Callable[[Asking, Mapping[str, Any]], Row]) -> Answer:
    """Return the envelope of what was done one by one."""
    listed = asking.params["each"]
    if not 0 < len(listed) <= MOST:
        raise parameter("size")
    rows = []
    for params in listed:
        head = {"clOrdId": str(params.get("clOrdId") or ""), "tag": "", "ts": ms(asking.desk.now)}
        try:
            done = do(asking, params)
        except Refusal as refusal:
            done = {"ordId": "", "sCode": refusal.code, "sMsg": refusal.message}
        rows.append({"ordId": "", "sCode": "0", "sMsg": "", **head, **done})
    failed = sum(row["sCode"] != "0" for row in rows)
    if not failed:
        return answer(rows)
    code = FAILED if failed == len(rows) else PARTLY
    return answer(rows, code, "All operations failed" if code == FAILED else "Bulk operation")


def _in_time(asking: Asking) -> None:
    """Refuse what arrives after the time that it names; what waits inside is taken even so."""
    request = asking.call.request
    headers = {} if request is None else {k.lower(): v for k, v in request.headers.items()}
    until = headers.get("exptime")
    if until is not None and asking.call.received >= int(until) * MILLISECOND:
        raise Refusal("50036")


def _place(asking: Asking, params: Mapping[str, Any]) -> Row:
    desk = asking.desk
    seen = desk.find(text(params, "instId"))
    if seen is None:
        raise Refusal("51001")
    contract = seen.instrument
    if contract.id not in desk.place.active:
        raise Refusal("51022")
    asked = _asked(asking, params, contract)
    _unique(asking, asked)
    outcome = desk.place.submit(asked)
    if outcome.rejected is not None:
        raise of_reject(outcome.rejected)
    if outcome.order is None:
        raise Refusal("50026")
    return {"ordId": number(outcome.order.order_id), "sMsg": "Order placed"}


def _asked(asking: Asking, params: Mapping[str, Any], contract: Instrument) -> Asked:
    """Return the order that is asked for.

    Raises:
        Refusal: It cannot be one.
    """
    word, side = text(params, "ordType"), text(params, "side")
    if word not in TYPES:
        raise parameter("ordType")
    if side not in ("buy", "sell"):
        raise parameter("side")
    if str(params.get("posSide") or "net") != "net":
        raise parameter("posSide")
    modes = ("cash", "cross") if contract.kind is Kind.SPOT else ("cross",)
    if text(params, "tdMode") not in modes:
        raise parameter("tdMode")
    size, price = amount(params, "sz"), amount(params, "px")
    if size is None or size <= 0:
        raise parameter("sz")
    if word not in AT_MARKET and (price is None or price <= 0):
        raise parameter("px")
    return Asked(
        account=asking.key.account,
        instrument=contract.id,
        quantity=size if side == "buy" else -size,
        price=None if word in AT_MARKET else price,
        time_in_force=TYPES[word],
        reduce_only=flag(params, "reduceOnly"),
        label=_label(params),
    )


def _label(params: Mapping[str, Any]) -> str:
    told = str(params.get("clOrdId") or "")
    if told and not (told.isascii() and told.isalnum() and len(told) <= LONGEST):
        raise parameter("clOrdId")
    return told


def _unique(asking: Asking, asked: Asked) -> None:
    """Refuse a client id that an open order bears."""
    for each in asking.statement.listed():
        if asked.label and each.asked.label == asked.label and each.state is OrderState.OPEN:
            raise Refusal("51016")


def _cancel(asking: Asking, params: Mapping[str, Any]) -> Row:
    try:
        placed = own_order(asking, params)
    except Refusal as refusal:
        raise Refusal("51400") if refusal.code == "51603" else refusal from None
    if placed.state is not OrderState.OPEN:
        raise Refusal("51400")
    asking.desk.place.cancel(asking.key.account, placed.order_id)
    return {"ordId": number(placed.order_id), "clOrdId": placed.asked.label}


def count_down(asking: Asking) -> Answer:
    """Withdraw every order of the account later, unless it is asked for again; 0: never."""
    (params, *_) = asking.params["each"]
    seconds = amount(params, "timeOut")
    if seconds is None or seconds not in (0, *SPANS):
        raise parameter("timeOut")
    ends = asking.desk.timers.wind(asking.key.account, int(seconds) * SECOND)
    row = {"triggerTime": "0" if ends is None else ms(ends), "tag": "", "ts": ms(asking.desk.now)}
    return answer([row])


# --- reading ------------------------------------------------------------------


def order(asking: Asking) -> list[Any]:
    """Return one order, open or not, by either id."""
    return [_shown(asking, own_order(asking, asking.params, asking.at))]


def pending(asking: Asking) -> list[Any]:
    """Return a page of the open orders, newest first."""
    return _page(asking, lambda each: each.state is OrderState.OPEN)


def ended(asking: Asking) -> list[Any]:
    """Return a page of the orders that are over, newest first."""
    text(asking.params, "instType")
    return _page(asking, lambda each: each.state is not OrderState.OPEN)


def _page(asking: Asking, chosen: Callable[[PlacedOrder], bool]) -> list[Any]:
    params = asking.params
    before = amount(params, "after")
    names = {each.instrument.id: None for each in asking.desk.listed(params)}
    found = [
        each
        for each in reversed(asking.statement.listed(asking.at))
        if chosen(each)
        and visible(asking, each)
        and each.instrument.id in names
        and (before is None or Decimal(number(each.order_id)) < before)
    ]
    count = min(whole(params, "limit", asking.desk.page), asking.desk.page)
    return [_shown(asking, each) for each in found[:count]]


def _shown(asking: Asking, placed: PlacedOrder) -> Row:
    return shapes.order(placed, _last_fill(asking, placed))


def _last_fill(asking: Asking, placed: PlacedOrder) -> Execution | None:
    own = (
        each
        for each in reversed(asking.statement.executions)
        if each.order.order_id == placed.order_id and each.ts <= placed.updated
    )
    return next(own, None)


def stops(asking: Asking) -> list[Any]:
    """Return the stop orders of an account that wait for their price."""
    words = text(asking.params, "ordType").split(",")
    if any(each not in WAITING for each in words) or (len(words) > 1 and sorted(words) != TOGETHER):
        raise parameter("ordType")
    own = [each for each in asking.desk.stops if each.account == asking.key.account]
    wanted = asking.params.get("instType")
    return [
        shapes.stop(each)
        for each in own
        if each.kind in words and wanted in (None, "", kind(each.instrument))
    ]
