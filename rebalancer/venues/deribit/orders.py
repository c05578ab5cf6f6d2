"""Orders on Deribit's websocket: the same words as by REST, as that is where ccxt puts them."""

from typing import Any

from rebalancer.core.commands import Submit
from rebalancer.venues.payloads import Row, table
from rebalancer.venues.profile import Profile
from rebalancer.venues.requests import Market, request


def on_socket(order: Submit, where: Market, profile: Profile, now: int) -> tuple[str, Row]:
    """Return method and parameters of an order."""
    sent = request(order, where, profile, now)
    params: dict[str, Any] = {
        "instrument_name": where.name,
        "amount": float(sent.amount),  # JSON-RPC wants a number; its text is the shortest
        "type": "limit",
        "price": float(sent.price),
        profile.client_id: order.client_order_id,
        **{
            key: True if value == "true" else value
            for key, value in profile.wire_flags[order.time_in_force].items()
        },
    }
    if order.reduce_only:
        params[profile.reduce_only[0]] = True
    if profile.deadline:
        params[profile.deadline] = sent.params[profile.deadline]
    return f"private/{sent.side}", params


def as_created(result: Any) -> Row:
    """Return a websocket's answer to an order in the shape of ccxt's `create_order`."""
    answer = table(result, "deribit order")
    order = table(answer.get("order"), "deribit order")
    return {"info": {**order, "trades": answer.get("trades")}}
