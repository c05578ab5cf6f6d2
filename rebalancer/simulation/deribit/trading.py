"""Orders: `private/buy`, `sell`, `edit` and every way to cancel."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Asked, OrderState, Outcome, PlacedOrder
from rebalancer.simulation.deribit import shapes
from rebalancer.simulation.deribit.desk import Asking, matches, own_order, remembered, unit, wanted
from rebalancer.simulation.deribit.errors import Refusal, invalid, of_reject
from rebalancer.simulation.deribit.jsonrpc import amount, flag, text

LIFETIMES = {
    "good_til_cancelled": TimeInForce.GTC,
    "good_til_day": TimeInForce.GTC,
    "immediate_or_cancel": TimeInForce.IOC,
    "fill_or_kill": TimeInForce.FOK,
}
LONGEST_LABEL = 64
MILLISECOND = 1_000_000  # ns


def buy(asking: Asking) -> Any:
    """Buy."""
    return _enter(asking, +1)


def sell(asking: Asking) -> Any:
    """Sell."""
    return _enter(asking, -1)


def _enter(asking: Asking, sign: int) -> Any:
    params, desk = asking.params, asking.desk
    _in_time(asking)
    contract = desk.seen(params).instrument
    if contract.id not in desk.place.active:
        raise Refusal(10012)
    kind, label = text(params, "type", "limit"), text(params, "label", "")
    if kind not in ("limit", "market"):
        raise Refusal(10033)
    if len(label) > LONGEST_LABEL:
        raise invalid("label", "too long")
    lifetime = text(params, "time_in_force", "good_til_cancelled")
    if lifetime not in LIFETIMES:
        raise invalid("time_in_force", "invalid value")
    price = amount(params, "price") if kind == "limit" else None
    if kind == "limit" and price is None:
        raise invalid("price", "value required")
    time_in_force = LIFETIMES[lifetime]
    if flag(params, "post_only") and price is not None and time_in_force is TimeInForce.GTC:
        time_in_force = TimeInForce.POST_ONLY
        if not flag(params, "reject_post_only"):
            price = _behind(asking, contract, sign, price)
    asked = Asked(
        account=asking.key.account,
        instrument=contract.id,
        quantity=sign * _quantity(asking, contract),
        price=price,
        time_in_force=time_in_force,
        reduce_only=flag(params, "reduce_only"),
        label=label,
        line=None if asking.call.line is None else asking.call.line.number,
    )
    return _told(asking, desk.place.submit(asked), buys=sign > 0)


def _in_time(asking: Asking) -> None:
    """Refuse what arrives after the time that it names; what waits inside is taken even so."""
    until = amount(asking.params, "valid_until")  # ms of the venue's clock
    if until is not None and asking.call.received >= int(until) * MILLISECOND:
        raise Refusal(13888)


def _quantity(asking: Asking, contract: Instrument) -> Decimal:
    """Return the contracts of the exchange model that are asked for."""
    told, contracts = amount(asking.params, "amount"), amount(asking.params, "contracts")
    if told is None and contracts is not None:
        told = contracts * unit(contract)
    if told is None:
        raise invalid("amount", "value required")
    if told <= 0:
        raise Refusal(10002)
    return told / contract.size


def _behind(asking: Asking, contract: Instrument, sign: int, price: Decimal) -> Decimal:
    """Return the price at which an order takes nothing: a tick behind the other side's best."""
    book = asking.desk.place.book(contract.id)
    side = book.asks if sign > 0 else book.bids
    if not side:
        return price
    edge = side[0][0] - sign * contract.tick
    return min(price, edge) if sign > 0 else max(price, edge)


def _told(asking: Asking, outcome: Outcome, *, buys: bool) -> Any:
    if outcome.rejected is not None:
        raise of_reject(outcome.rejected, buys=buys)
    if outcome.order is None:
        raise Refusal(11094)
    uid = asking.key.uid
    trades = [shapes.trade(each) for each in outcome.executions]
    return {"order": shapes.order(outcome.order, uid), "trades": trades}


def edit(asking: Asking) -> Any:
    """Change amount and price of an open order."""
    return _edit(asking, own_order(asking))


def edit_by_label(asking: Asking) -> Any:
    """Change the one open order that bears a label."""
    label = text(asking.params, "label")
    found = [each for each in _open(asking) if each.asked.label == label]
    if len(found) != 1:
        raise Refusal(10004)
    return _edit(asking, found[0])


def _edit(asking: Asking, placed: PlacedOrder) -> Any:
    if placed.state is not OrderState.OPEN:
        raise Refusal(11044)
    buys = placed.asked.quantity > 0
    quantity = None
    if amount(asking.params, "amount") is not None or amount(asking.params, "contracts"):
        quantity = _quantity(asking, placed.instrument).copy_sign(placed.asked.quantity)
    price = amount(asking.params, "price")
    place = asking.desk.place
    return _told(
        asking, place.amend(placed.asked.account, placed.order_id, quantity, price), buys=buys
    )


# --- cancelling ---------------------------------------------------------------


def cancel(asking: Asking) -> Any:
    """Withdraw one order."""
    placed = own_order(asking)
    if placed.state is not OrderState.OPEN:
        raise Refusal(11044)
    ended = asking.desk.place.cancel(asking.key.account, placed.order_id).order
    return shapes.order(ended or placed, asking.key.uid)


def cancel_by_label(asking: Asking) -> Any:
    """Withdraw every open order with a label; return how many."""
    label = text(asking.params, "label")
    currency = text(asking.params, "currency", "any")
    return _cancel(
        asking,
        lambda each: each.asked.label == label and matches(each.instrument, currency, "any"),
    )


def cancel_all(asking: Asking) -> Any:
    """Withdraw every open order."""
    return _cancel(asking, lambda _: True)


def cancel_all_by_currency(asking: Asking) -> Any:
    """Withdraw every open order of a currency and kind."""
    currency, kind = text(asking.params, "currency"), text(asking.params, "kind", "any")
    return _cancel(asking, lambda each: matches(each.instrument, currency, kind))


def cancel_all_by_instrument(asking: Asking) -> Any:
    """Withdraw every open order of an instrument."""
    name = asking.desk.seen(asking.params).instrument.id
    return _cancel(asking, lambda each: each.instrument.id == name)


def _cancel(asking: Asking, chosen: Callable[[PlacedOrder], bool]) -> int:
    found = [each for each in _open(asking) if chosen(each)]
    return withdraw(asking, found)


def withdraw(asking: Asking, orders: Iterable[PlacedOrder]) -> int:
    """Cancel orders of an account; return how many were still open."""
    place, account = asking.desk.place, asking.key.account
    ended = [place.cancel(account, each.order_id).order for each in orders]
    return sum(each is not None for each in ended)


# --- reading ------------------------------------------------------------------


def _open(asking: Asking) -> list[PlacedOrder]:
    listed = asking.statement.listed(asking.at)
    return [each for each in listed if each.state is OrderState.OPEN]


def _shown(asking: Asking, orders: Iterable[PlacedOrder]) -> list[Any]:
    return [shapes.order(each, asking.key.uid) for each in orders]


def _waiting(asking: Asking, here: Callable[[Instrument], bool]) -> list[Any]:
    """Return the stop orders of an account in the instruments that are asked for."""
    own = (each for each in asking.desk.stops if each.account == asking.key.account)
    return [shapes.stop(each) for each in own if here(each.instrument)]


def open_orders(asking: Asking) -> Any:
    """Return the open orders of a currency and kind."""
    currency, kind = wanted(asking.params)

    def here(contract: Instrument) -> bool:
        return matches(contract, currency, kind)

    found = [each for each in _open(asking) if here(each.instrument)]
    return _shown(asking, found) + _waiting(asking, here)


def open_orders_by_instrument(asking: Asking) -> Any:
    """Return the open orders of an instrument."""
    name = asking.desk.seen(asking.params).instrument.id
    found = [each for each in _open(asking) if each.instrument.id == name]
    return _shown(asking, found) + _waiting(asking, lambda contract: contract.id == name)


def open_orders_by_label(asking: Asking) -> Any:
    """Return the open orders of a currency that bear a label; stops of people bear none."""
    label, currency = text(asking.params, "label", ""), text(asking.params, "currency")
    found = [each for each in _open(asking) if label in ("", each.asked.label)]
    return _shown(asking, [each for each in found if matches(each.instrument, currency, "any")])


def order_state(asking: Asking) -> Any:
    """Return one order, open or not."""
    return shapes.order(own_order(asking, asking.at), asking.key.uid)


def order_state_by_label(asking: Asking) -> Any:
    """Return the recent orders of a currency that bear a label, open or not, newest first."""
    label, currency = text(asking.params, "label"), text(asking.params, "currency")
    found = [
        each
        for each in reversed(asking.statement.listed(asking.at))
        if each.asked.label == label and matches(each.instrument, currency, "any")
    ]
    return _shown(asking, (each for each in found if remembered(asking, each)))
