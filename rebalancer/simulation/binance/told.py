"""Events of an account's stream, as its socket hears them."""

from decimal import Decimal
from typing import Any

from rebalancer.exchange.contracts import entry_price
from rebalancer.simulation.accounts import Booked, Execution, OrderState, PlacedOrder
from rebalancer.simulation.binance import shapes, wallet
from rebalancer.simulation.binance.desk import ZERO, Asking, label_of, number_of
from rebalancer.simulation.binance.text import milliseconds, number, rounded

ORDERS, ACCOUNT = "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"
REPORTS, COINS = "executionReport", "outboundAccountPosition"


def events(asking: Asking, booked: Booked) -> list[tuple[str, dict[str, Any]]]:
    """Return what an account's stream says of one moment, by kind and in order."""
    spot = asking.desk.house.spot
    kind = REPORTS if spot else ORDERS
    found = [(kind, report(asking, each.order, each)) for each in booked.executions]
    traded = {each.order.order_id for each in booked.executions}
    for order in booked.orders:
        if order.order_id not in traded or order.state is OrderState.CANCELLED:
            found.append((kind, report(asking, order, None)))
    if booked.currencies:
        found.append((COINS, _coins(asking)) if spot else (ACCOUNT, _account(asking, booked)))
    return found


def report(asking: Asking, order: PlacedOrder, fill: Execution | None) -> dict[str, Any]:
    """Return what became of an order, with the fill that did it."""
    state = shapes.state(order)
    if fill is not None and not state.startswith("NEW_"):
        whole = order.filled == order.asked.quantity
        state = "FILLED" if whole else "PARTIALLY_FILLED"
    did = "TRADE" if fill is not None else state
    if fill is not None and fill.forced:
        did = "CALCULATED"
    house, ts = asking.desk.house, milliseconds(order.updated if fill is None else fill.ts)
    told: dict[str, Any] = {
        "s": order.instrument.name,
        "c": label_of(order),
        "S": shapes.side(order.asked.quantity),
        "o": shapes.kind(order, house),
        "f": shapes.lifetime(order, house),
        "q": number(abs(order.asked.quantity)),
        "p": number(order.asked.price or ZERO),
        "x": did,
        "X": state,
        "i": number_of(order),
        "l": number(abs(fill.quantity) if fill else ZERO),
        "z": number(abs(order.filled)),
        "L": number(fill.price if fill else ZERO),
        "T": ts,
        "t": fill.number if fill else (-1 if house.spot else 0),
        "m": bool(fill and fill.maker),
    }
    if fill is not None:
        told |= {"n": number(fill.fee), "N": fill.fee_currency}
    now = milliseconds(asking.desk.now)
    if house.spot:
        told |= {"n": told.get("n", "0"), "N": told.get("N"), "w": order.state is OrderState.OPEN}
        withdrawn = state == "CANCELED"
        told |= {"C": told["c"] if withdrawn else "", "r": "NONE", "Z": number(order.worth)}
        told["c"] = f"web_cancel_{told['i']}" if withdrawn else told["c"]
        return {"e": REPORTS, "E": now, **told}
    told |= {"ap": number(order.average), "R": order.asked.reduce_only, "ps": "BOTH"}
    told["rp"] = number(fill.gain if fill else Decimal(0))
    return {"e": ORDERS, "E": now, "T": ts, "o": told}


def _account(asking: Asking, booked: Booked) -> dict[str, Any]:
    statement, now = asking.statement, milliseconds(asking.desk.now)
    held = [statement.position(name) for name in booked.instruments]
    return {
        "e": ACCOUNT,
        "E": now,
        "T": now,
        "a": {
            "m": "ORDER" if booked.executions else "FUNDING_FEE",
            "B": [
                {
                    "a": name,
                    "wb": rounded(statement.balance(name)),
                    "cw": rounded(statement.balance(name)),
                    "bc": "0",
                }
                for name in booked.currencies
            ],
            "P": [
                {
                    "s": each.instrument.name,
                    "pa": number(each.quantity),
                    "ep": number(entry_price(each.instrument, each.quantity, each.origin) or ZERO),
                    "cr": "0",
                    "up": rounded(wallet.floating(asking, each)),
                    "mt": "cross",
                    "iw": "0",
                    "ps": "BOTH",
                }
                for each in held
                if each.margined
            ],
        },
    }


def _coins(asking: Asking) -> dict[str, Any]:
    now = milliseconds(asking.desk.now)
    rows = wallet.balances(asking, empty=True)
    told = [{"a": each["asset"], "f": each["free"], "l": each["locked"]} for each in rows]
    return {"e": COINS, "E": now, "u": now, "B": told}
