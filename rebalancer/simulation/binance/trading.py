"""Orders: placed, asked after, withdrawn."""

import re
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Asked, OrderState, Outcome, PlacedOrder
from rebalancer.simulation.binance import shapes
from rebalancer.simulation.binance.desk import Asking, label_of, number_of
from rebalancer.simulation.binance.errors import Refusal, of_reject
from rebalancer.simulation.binance.text import MILLISECOND, amount, flag, number, whole, word

LIFETIMES = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
}
_LABEL = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_SIGNS = {"BUY": 1, "SELL": -1}
PAGE, MOST = 500, 1_000


def place(asking: Asking) -> Any:
    """Take an order."""
    desk, params = asking.desk, asking.params
    contract = desk.seen(params).instrument
    if contract.id not in desk.place.active:
        raise Refusal(-1121)
    if contract.id in desk.halted:
        raise Refusal(-1013, "Market is closed.") if desk.house.spot else Refusal(-4141)
    asked = _asked(asking, contract)
    outcome = desk.place.submit(asked)
    if outcome.rejected is not None:
        raise of_reject(outcome.rejected, spot=desk.house.spot)
    if outcome.order is None:
        raise Refusal(-1001)
    return _told(asking, outcome, outcome.order)


def _asked(asking: Asking, contract: Instrument) -> Asked:
    params, spot = asking.params, asking.desk.house.spot
    label = params.get("newClientOrderId", "")
    if label and not _LABEL.fullmatch(label):
        raise Refusal(-1105 if spot else -4015)
    if label and any(each.asked.label == label for each in asking.open()):
        raise Refusal(*((-2010, "Duplicate order sent.") if spot else (-4116,)))
    if asking.desk.hedged != (params.get("positionSide", "BOTH") != "BOTH"):
        raise Refusal(-4061)
    reduces = flag(params, "reduceOnly")
    if spot and "reduceOnly" in params:
        raise Refusal(-1104, "Not all sent parameters were read.")
    return Asked(
        account=asking.key.account,
        instrument=contract.id,
        quantity=_quantity(asking),
        price=_price(asking),
        time_in_force=_lifetime(asking),
        reduce_only=reduces,
        label=label,
    )


def _quantity(asking: Asking) -> Decimal:
    sign = _SIGNS.get(word(asking.params, "side"))
    size = amount(asking.params, "quantity")
    if sign is None:
        raise Refusal(-1117)
    if size is None:
        raise Refusal(-1102, "Mandatory parameter 'quantity' was not sent.")
    if size <= 0:
        raise Refusal(-1013 if asking.desk.house.spot else -4003)
    return sign * size


def _price(asking: Asking) -> Decimal | None:
    match word(asking.params, "type"):
        case "MARKET":
            return None
        case "LIMIT":
            word(asking.params, "timeInForce")
        case "LIMIT_MAKER" if asking.desk.house.spot:
            pass
        case _:
            raise Refusal(-1116)
    price = amount(asking.params, "price")
    if price is None:
        raise Refusal(-1102, "Mandatory parameter 'price' was not sent.")
    return price


def _lifetime(asking: Asking) -> TimeInForce:
    if asking.params.get("type") == "LIMIT_MAKER":
        return TimeInForce.POST_ONLY
    told = asking.params.get("timeInForce", "GTC")
    if told not in LIFETIMES or (told == "GTX" and asking.desk.house.spot):
        raise Refusal(-1115)
    return LIFETIMES[told]


def _told(asking: Asking, outcome: Outcome, order: PlacedOrder) -> Any:
    """Return what an order is answered with, as long as it was asked for."""
    told = shapes.order(order, asking.desk.house)
    answer = asking.params.get("newOrderRespType", "FULL" if asking.desk.house.spot else "ACK")
    if not asking.desk.house.spot:
        return told
    told["transactTime"] = told.pop("updateTime")
    if answer == "FULL":
        told["fills"] = [
            {
                "price": number(each.price),
                "qty": number(abs(each.quantity)),
                "commission": number(each.fee),
                "commissionAsset": each.fee_currency,
                "tradeId": each.number,
            }
            for each in outcome.executions
        ]
    return told


# --- asking and withdrawing -------------------------------------------------------


def _wanted(asking: Asking, code: int) -> PlacedOrder:
    """Return the order that is asked for: by number, else the newest of a label."""
    seen, params = asking.desk.seen(asking.params), asking.params
    label, told = params.get("origClientOrderId"), params.get("orderId")
    if label is None and told is None:
        raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent.")
    found: PlacedOrder | None = None
    for each in asking.orders():
        here = each.instrument.id == seen.instrument.id
        wanted = label_of(each) == label if told is None else str(number_of(each)) == str(told)
        found = each if here and wanted else found
    if found is None:
        raise Refusal(code)
    return found


def order(asking: Asking) -> Any:
    """Return one order, open or not."""
    return shapes.order(_wanted(asking, -2013), asking.desk.house)


def cancel(asking: Asking) -> Any:
    """Withdraw one order."""
    wanted = _wanted(asking, -2011)
    if wanted.state is not OrderState.OPEN:
        raise Refusal(-2011)
    return _canceled(asking, wanted)


def _canceled(asking: Asking, wanted: PlacedOrder) -> Any:
    ended = asking.desk.place.cancel(asking.key.account, wanted.order_id).order or wanted
    told = shapes.order(ended, asking.desk.house)
    if asking.desk.house.spot:
        told |= {"origClientOrderId": told["clientOrderId"], "clientOrderId": "cancel"}
        told["transactTime"] = told.pop("updateTime")
    return told


def cancel_all(asking: Asking) -> Any:
    """Withdraw every open order of a symbol."""
    name = asking.desk.seen(asking.params).instrument.id
    gone = [_canceled(asking, each) for each in asking.open() if each.instrument.id == name]
    if asking.desk.house.spot:
        return gone
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def count_down(asking: Asking) -> Any:
    """Withdraw every open order of a symbol later, unless it is asked for again; 0: never."""
    name = asking.desk.seen(asking.params).instrument.id
    span = amount(asking.params, "countdownTime")
    if span is None:
        raise Refusal(-1102, "Mandatory parameter 'countdownTime' was not sent.")
    if span < 0 or span != int(span):
        raise Refusal(-1130, "Data sent for parameter 'countdownTime' is not valid.")
    ends = int(span) * MILLISECOND
    asking.desk.timers.wind(asking.key.account, ends, name, lambda each: each.id == name)
    return {"symbol": asking.params["symbol"], "countdownTime": str(int(span))}


def open_orders(asking: Asking) -> Any:
    """Return the open orders, of one symbol or of all."""
    wanted = asking.params.get("symbol")
    chosen = [each for each in asking.open() if wanted in (None, each.instrument.name)]
    return [shapes.order(each, asking.desk.house) for each in chosen]


def stops(asking: Asking) -> Any:
    """Return what waits for a price, of one symbol or of all."""
    wanted, account = asking.params.get("symbol"), asking.key.account
    own = (each for each in asking.desk.stops if each.account == account)
    return [shapes.stop(each) for each in own if wanted in (None, each.instrument.name)]


def all_orders(asking: Asking) -> Any:
    """Return the orders of a symbol, oldest first."""
    name = asking.desk.seen(asking.params).instrument.id
    found = [each for each in asking.orders() if each.instrument.id == name]
    limit = min(whole(asking.params, "limit", PAGE), MOST)
    return [shapes.order(each, asking.desk.house) for each in found[-limit:]]


def forced_orders(asking: Asking) -> Any:
    """Return the orders that the venue made for the account, newest first."""
    wanted, limit = asking.params.get("symbol"), min(whole(asking.params, "limit", 50), 100)
    own = [
        each
        for each in reversed(list(asking.orders()))
        if wanted in (None, each.instrument.name) and "autoclose" in label_of(each)
    ]
    return [shapes.order(each, asking.desk.house) for each in own[:limit]]
