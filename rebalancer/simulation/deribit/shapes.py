"""Private payloads: orders, fills and positions as Deribit writes them."""

from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.contracts import cost, entry_price, profit
from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Execution, Held, OrderState, PlacedOrder
from rebalancer.simulation.deribit.desk import Desk, Stop, kind, milliseconds, size, unit
from rebalancer.simulation.deribit.greeks import greeks, terms_of
from rebalancer.simulation.deribit.market import trade_id

ZERO = Decimal(0)
LIFETIMES = {
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
    TimeInForce.GTC: "good_til_cancelled",
    TimeInForce.POST_ONLY: "good_til_cancelled",
}


def order(placed: PlacedOrder, uid: int) -> dict[str, Any]:
    """Return an order."""
    asked, contract = placed.asked, placed.instrument
    amount = size(contract, abs(asked.quantity))
    passive = asked.time_in_force is TimeInForce.POST_ONLY
    told: dict[str, Any] = {
        "order_id": placed.order_id,
        "instrument_name": contract.name,
        "direction": "buy" if asked.quantity > 0 else "sell",
        "order_type": "market" if asked.price is None else "limit",
        "order_state": placed.state.value,
        "price": "market_price" if asked.price is None else asked.price,
        "amount": amount,
        "contracts": amount / unit(contract),
        "filled_amount": size(contract, abs(placed.filled)),
        "average_price": placed.average,
        "label": asked.label,
        "time_in_force": LIFETIMES[asked.time_in_force],
        "post_only": passive,
        "reject_post_only": passive,
        "reduce_only": asked.reduce_only,
        "replaced": placed.replaced,
        "creation_timestamp": milliseconds(placed.created),
        "last_update_timestamp": milliseconds(placed.updated),
        "api": not asked.by_hand,
        "web": asked.by_hand,
        "mmp": False,
        "is_liquidation": placed.reason == "autoliquidation",
        "risk_reducing": False,
        "user_id": uid,
        "max_show": amount,
    }
    if placed.state is OrderState.CANCELLED and placed.reason:
        told["cancel_reason"] = placed.reason
    return told


def stop(waiting: Stop) -> dict[str, Any]:
    """Return a stop order that waits for its price: nothing is filled of it, and nothing told."""
    contract = waiting.instrument
    amount = size(contract, abs(waiting.quantity))
    return {
        "triggered": False,
        "trigger": "mark_price",
        "trigger_price": waiting.trigger,
        "stop_price": waiting.trigger,
        "time_in_force": LIFETIMES[TimeInForce.GTC],
        "reduce_only": False,
        "profit_loss": 0,
        "price": "market_price",
        "post_only": False,
        "order_type": "stop_market",
        "order_state": "untriggered",
        "order_id": waiting.order_id,
        "max_show": amount,
        "last_update_timestamp": milliseconds(waiting.created),
        "label": waiting.label,
        "is_liquidation": False,
        "instrument_name": contract.name,
        "direction": "buy" if waiting.quantity > 0 else "sell",
        "creation_timestamp": milliseconds(waiting.created),
        "api": False,
        "amount": amount,
    }


def trade(execution: Execution) -> dict[str, Any]:
    """Return one fill of an account."""
    contract, placed = execution.order.instrument, execution.order
    amount = size(contract, abs(execution.quantity))
    told: dict[str, Any] = {
        "trade_seq": execution.sequence,
        "trade_id": trade_id(contract, execution.number),
        "timestamp": milliseconds(execution.ts),
        "tick_direction": 0,
        "state": placed.state.value if placed.filled != placed.asked.quantity else "filled",
        "self_trade": False,
        "risk_reducing": False,
        "reduce_only": placed.asked.reduce_only,
        "profit_loss": execution.gain,
        "price": execution.price,
        "post_only": placed.asked.time_in_force is TimeInForce.POST_ONLY,
        "order_type": "liquidation"
        if execution.forced
        else "market"
        if placed.asked.price is None
        else "limit",
        "order_id": placed.order_id,
        "mmp": False,
        "matching_id": None,
        "mark_price": execution.mark or ZERO,
        "liquidity": "M" if execution.maker else "T",
        "label": placed.asked.label,
        "instrument_name": contract.name,
        "index_price": execution.index or ZERO,
        "fee_currency": execution.fee_currency,
        "fee": execution.fee,
        "direction": "buy" if execution.quantity > 0 else "sell",
        "contracts": amount / unit(contract),
        "api": not placed.asked.by_hand,
        "amount": amount,
    }
    if execution.forced:
        told["liquidation"] = "T"
    if contract.kind is Kind.OPTION:
        told["underlying_price"] = round(execution.forward or 0.0, 4)
        told["iv"] = round(100 * (execution.vol or 0.0), 2)
    return told


def position(desk: Desk, held: Held, margin: tuple[Decimal, Decimal]) -> dict[str, Any]:
    """Return a position seen at the mark; `margin` is what is initially and always needed."""
    contract, quantity = held.instrument, held.quantity
    seen = desk.place.tape.seen[contract.id]
    mark = seen.mark or ZERO
    now = cost(contract, quantity, mark) if mark else ZERO
    floating = profit(contract, held.basis, now) if mark else ZERO
    lifelong = profit(contract, held.origin, now) if mark else ZERO
    told: dict[str, Any] = {
        "instrument_name": contract.name,
        "kind": kind(contract),
        "direction": "buy" if quantity > 0 else "sell" if quantity < 0 else "zero",
        "size": size(contract, quantity),
        "average_price": entry_price(contract, quantity, held.origin) or ZERO,
        "mark_price": mark,
        "index_price": desk.place.tape.index_of(contract) or ZERO,
        "settlement_price": seen.settlement if seen.settlement is not None else mark,
        "floating_profit_loss": floating,
        "realized_profit_loss": round(held.realised + held.funding, 8),
        "total_profit_loss": lifelong,
        "initial_margin": margin[0],
        "maintenance_margin": margin[1],
        "open_orders_margin": ZERO,
        "delta": delta_of(desk, held),
    }
    if contract.kind is Kind.OPTION:
        return told | _option(desk, held)
    told |= {"leverage": 50, "size_currency": coins(held, mark)}
    if contract.kind is Kind.PERPETUAL:
        told |= {"realized_funding": round(held.funding, 8), "interest_value": 0.0}
    return told


def _option(desk: Desk, held: Held) -> dict[str, Any]:
    told, quantity = option_greeks(desk, held.instrument), float(held.quantity)
    index = desk.place.tape.index_of(held.instrument) or ZERO
    entry = entry_price(held.instrument, held.quantity, held.origin) or ZERO
    more = {name: round(told[name] * quantity, 6) for name in ("gamma", "vega", "theta")}
    scale = index if held.instrument.inverse else Decimal(1)
    return {**more, "average_price_usd": round(entry * scale, 6)}


def option_greeks(desk: Desk, contract: Instrument) -> dict[str, float]:
    """Return the greeks of one coin of an option, zeros before its first mark."""
    seen = desk.place.tape.seen[contract.id]
    if not seen.vol or not seen.forward:
        return dict.fromkeys(("delta", "gamma", "vega", "theta", "rho"), 0.0)
    return dict(greeks(terms_of(contract, seen.forward, desk.now), seen.vol))


def coins(held: Held, mark: Decimal) -> Decimal:
    """Return a future's position in its coin."""
    amount = size(held.instrument, held.quantity)
    if not held.instrument.inverse:
        return amount
    return round(amount / mark, 9) if mark else ZERO


def delta_of(desk: Desk, held: Held) -> Decimal:
    """Return a position's delta in coins; of an option by Black, its premium not taken off."""
    if held.instrument.kind is Kind.OPTION:
        each = option_greeks(desk, held.instrument)["delta"]
        return round(size(held.instrument, held.quantity) * Decimal(repr(each)), 6)
    return coins(held, desk.place.tape.seen[held.instrument.id].mark or ZERO)
