"""Orders: `/v5/order/create` and `/v5/order/cancel`. What is taken is told by its ids alone."""

from typing import Any

from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Asked, OrderState, PlacedOrder
from rebalancer.simulation.bybit.desk import Asking, category, category_of, symbol_of
from rebalancer.simulation.bybit.envelope import amount, text
from rebalancer.simulation.bybit.errors import Refusal, invalid, of_category, of_reject

LIFETIMES = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
}
LONGEST_LABEL = 36


def create(asking: Asking) -> Any:
    """Place an order."""
    params, desk, wanted = asking.params, asking.desk, category(asking.params)
    contract = desk.seen(wanted, text(params, "symbol")).instrument
    if contract.id not in desk.place.active:
        raise Refusal(110074)
    label = _label(asking, wanted)
    kind, side = text(params, "orderType"), text(params, "side")
    if kind not in ("Limit", "Market") or side not in ("Buy", "Sell"):
        raise invalid("orderType", "or side invalid")
    lifetime = text(params, "timeInForce", "GTC")
    if lifetime not in LIFETIMES:
        raise invalid("timeInForce", "invalid")
    if text(params, "positionIdx", "0") != ("1" if desk.hedged else "0"):
        raise Refusal(10001, "position idx not match position mode")
    size, price = amount(params, "qty"), amount(params, "price")
    if size is None or size <= 0 or (kind == "Limit" and price is None):
        raise invalid("qty", "or price is required")
    outcome = desk.place.submit(
        Asked(
            account=asking.key.account,
            instrument=contract.id,
            quantity=size if side == "Buy" else -size,
            price=price if kind == "Limit" else None,
            time_in_force=LIFETIMES[lifetime],
            reduce_only=params.get("reduceOnly") is True,
            label=label,
        )
    )
    if outcome.rejected is not None:
        raise of_reject(outcome.rejected, wanted)
    if outcome.order is None:
        raise Refusal(10016)
    return {"orderId": outcome.order.order_id, "orderLinkId": label}


def _label(asking: Asking, wanted: str) -> str:
    """Return the caller's own id of an order; one that was used before is refused."""
    label = text(asking.params, "orderLinkId", "")
    if len(label) > LONGEST_LABEL:
        raise invalid("orderLinkId", "too long")
    if not label and wanted == "option":
        raise invalid("orderLinkId", "is required")
    if label and asking.desk.place.orders(asking.key.account, label):
        raise Refusal(of_category(110072, wanted))
    return label


def cancel(asking: Asking) -> Any:
    """Withdraw one open order, by its id or its caller's."""
    wanted, symbol = category(asking.params), text(asking.params, "symbol")
    name, label = text(asking.params, "orderId", ""), text(asking.params, "orderLinkId", "")
    if not name and not label:
        raise invalid("orderId", "or orderLinkId is required")
    for each in asking.desk.place.orders(asking.key.account):
        if each.state is OrderState.OPEN and _is(each, wanted, symbol, name or label):
            asking.desk.place.cancel(asking.key.account, each.order_id)
            return {"orderId": each.order_id, "orderLinkId": each.asked.label}
    raise Refusal(of_category(110001, wanted))


def _is(order: PlacedOrder, wanted: str, symbol: str, name: str) -> bool:
    contract = order.instrument
    there = category_of(contract) == wanted and symbol_of(contract) == symbol
    return there and name in (order.order_id, order.asked.label)
