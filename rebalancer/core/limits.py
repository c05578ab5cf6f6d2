"""Limits: what the book may lose, and the signs that its own behaviour is wrong; they latch.

A limit that is reached lets only orders through that hedge by closing; a
quarter beyond it nothing is hedged any more. Either lasts until a person arms,
over restarts too. Gamma and vega cannot be hedged with what the daemon trades:
they are told, with what would bring them back.
"""

from collections.abc import Iterable

from rebalancer.core import behaviour, exposure, overlay, performance, standing, worth
from rebalancer.core.commands import Alert, Purpose, Severity, Submit, TimeInForce
from rebalancer.core.events import (
    Adopted,
    CashMoved,
    Event,
    Fill,
    FundingPaid,
    Operator,
    OrderAccepted,
    OrderRejected,
    OutsideTold,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.journal import JournalDamaged, RoomTold
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.params import BookLimits, Params, UnderlyingParams
from rebalancer.core.state import State

BEYOND = 1.25  # times a limit at which nothing is hedged any more
INSIDE = 0.9  # of a limit of greeks: below it is well inside again
SETTLES = 10_000_000_000  # ns after a hedge in which what echoes it would show
AGAIN = 3_600_000_000_000  # ns until a person hears again of gamma or vega
_DECLARED = Adopted | OutsideTold


def before(state: State, event: Event) -> None:
    """Count until now what was earned, before something is brought or taken."""
    if _flows(event):
        performance.note(state.behaviour.performance, state.now, worth.parts(state))
        performance.pause(state.behaviour.performance)


def _flows(event: Event) -> bool:
    """Whether an event may bring or take what nobody earned or lost."""
    return isinstance(event, _DECLARED) or (isinstance(event, CashMoved) and event.flow)


def after(state: State, params: Params, event: Event, *, booked: bool) -> Iterable[Alert]:
    """Count what an event did; yield what a person must hear when it is too much.

    Args:
        state: Is written: an underlying may be halted.
        params: Settings of the book.
        event: It was taken down.
        booked: Whether it changed the ledger.
    """
    match event:
        case Fill() if booked:
            yield from _filled(state, params, event)
        case FundingPaid() if booked:
            price = state.prices.index_price(event.currency, state.now)
            behaviour.funding(state.behaviour, event, price)
        case OrderAccepted() | OrderRejected():
            yield from _answered(state, params, event)
        case Operator(verb=Verb.ARM):
            behaviour.forgive(state.behaviour)
            for climb in state.ladders.values():
                climb.rung = Rung.CALM  # what is still so is told, and halts, anew
                climb.queued.clear()
                climb.apart.clear()
        case RoomTold():
            yield standing.room(state.standing, event)
        case JournalDamaged():
            yield standing.damaged(state.standing, event)
        case CashMoved() | Adopted() | OutsideTold() if _flows(event):
            performance.note(state.behaviour.performance, state.now, worth.parts(state))
        case _:
            pass


def _filled(state: State, params: Params, event: Fill) -> Iterable[Alert]:
    order = state.orders.get(event.client_order_id or "")
    instrument = state.instruments.get(event.instrument)
    if instrument is None:
        return
    if order is None:
        own = params.underlyings.get(instrument.underlying)
        names = () if own is None else (*own.hedge_buy, *own.hedge_sell)
        coins, fights = _traded(instrument, event, own), instrument.id in names
        behaviour.foreign(state.behaviour, instrument.underlying, coins, fights=fights)
        return
    price = state.prices.index_price(instrument.underlying, state.now)
    fee = state.prices.index_price(event.fee_currency, state.now)
    behaviour.fill(state.behaviour, event, instrument, (price, fee))
    if params.behaviour is None or order.submit.purpose is not Purpose.HEDGE:
        return
    coins, told = float(event.quantity) * order.delta_per_contract, state.behaviour
    why = behaviour.hedged(told, order.submit, event.ts_local, coins, params.behaviour)
    if why is not None:
        yield from _halt(state, "hedge.alternated", order.submit.underlying, why)


def _traded(instrument: Instrument, fill: Fill, own: UnderlyingParams | None) -> float:
    """Return the delta that a fill added, coins; an option's is left to its greeks.

    An option may trade for nothing, which is no price to divide by.
    """
    if instrument.kind is Kind.OPTION:
        return 0.0
    price = float(fill.price)
    return float(fill.quantity) * exposure.delta_per_contract(instrument, price, price, own)


def ordered(state: State, submit: Submit, price: float, net: float) -> None:
    """Note an order that is about to leave.

    Args:
        state: Is written.
        submit: The order.
        price: Index, USD per coin.
        net: Net delta before it, coins.
    """
    straight = exposure.straight(state.book(submit.underlying), price)
    behaviour.order(state.behaviour, submit, price, (net, straight))


def _answered(
    state: State, params: Params, event: OrderAccepted | OrderRejected
) -> Iterable[Alert]:
    order = state.orders.get(event.client_order_id)
    if order is None or params.behaviour is None:
        return
    if isinstance(event, OrderRejected) and order.submit.time_in_force is TimeInForce.POST_ONLY:
        return  # it would have taken: that is the market's doing, and what takes comes next
    name = order.submit.underlying
    why = behaviour.answered(state.behaviour, event, name, params.behaviour)
    if why is not None:
        yield from _halt(state, "order.rejected_often", name, why)


def effects(state: State, params: Params, name: str, *, waits: bool = False) -> Iterable[Alert]:
    """Yield an alarm when hedges of an underlying do not do what they must.

    Judged once none of its orders is open, at the price and time of the
    decision: before the next hedge, or when some time has passed (`waits`).
    """
    awaited = state.behaviour.awaited.get(name)
    if awaited is None or params.behaviour is None or state.open_orders(name):
        return
    if waits and state.now - awaited.ts < SETTLES:
        return
    order, book = state.orders.get(awaited.client_order_id), state.book(name)
    if order is None or book.missing:
        return
    added = float(order.filled) * order.delta_per_contract
    measured = exposure.straight(book, awaited.price)
    why = behaviour.effect(state.behaviour, name, added, measured, params.behaviour)
    if why is not None:
        yield from _halt(state, "hedge.missed", name, why)


def _halt(state: State, event: str, name: str, why: str) -> Iterable[Alert]:
    if why in state.halted.get(name, ""):
        return
    state.halt(name, why)
    yield from behaviour.alarm(event, name, why)


# --- once a tick --------------------------------------------------------------


def watch(state: State, params: Params) -> Iterable[Alert]:
    """Yield what a person must hear of losses, and of greeks beyond their limits."""
    told = state.behaviour.performance
    performance.note(told, state.now, worth.parts(state))
    if params.limits is not None:
        yield from _losses(state, params.limits)
    for own in params.underlyings.values():
        yield from _greeks(state, own)


def _losses(state: State, own: BookLimits) -> Iterable[Alert]:
    told = state.behaviour.performance
    for name, lost, limit in (
        ("loss_per_day", -told.today, own.loss_per_day),
        ("drawdown", told.drawdown, own.drawdown),
    ):
        if lost < limit or state.mode is TradingState.HALTED:
            continue
        text = f"{name} {lost:,.0f} USD is beyond its limit of {limit:,.0f}"
        if lost >= limit * BEYOND:
            standing.move(state.standing, TradingState.HALTED, text)
            yield Alert(Severity.ERROR, "limit.reached", name, f"{text}; nothing is hedged")
        elif name not in state.standing.limited:
            standing.limit(state.standing, name, text)
            yield Alert(Severity.ERROR, "limit.reached", name, f"{text}; only closing hedges pass")


def _greeks(state: State, own: UnderlyingParams) -> Iterable[Alert]:
    """Yield a warning for gamma and vega beyond their limits, with what would bring them back."""
    limits, index = own.limits, state.index(own.name)
    unlimited = limits.gamma is None and limits.vega is None
    if unlimited or index is None or state.book(own.name).missing:
        return
    price, memory = float(index.price), state.memory[own.name]
    greeks = exposure.greeks(state.book(own.name), price, state.now)
    beyond, near = [], False
    for name, value, limit in (
        ("gamma", greeks.gamma * price / 100, limits.gamma),
        ("vega", greeks.vega / 100, limits.vega),
    ):
        near = near or (limit is not None and abs(value) > limit * INSIDE)
        if limit is not None and abs(value) > limit:
            beyond.append(f"{name} {value:,.4g} is beyond its limit of {limit:,.4g}")
    if not beyond:
        if not near:
            memory.greeks_told_at = None
        return
    if memory.greeks_told_at is not None and state.now - memory.greeks_told_at < AGAIN:
        return
    memory.greeks_told_at = state.now
    text = f"{'; '.join(beyond)}; {overlay.propose(state, own, price)}"
    yield Alert(Severity.WARNING, "greeks.exceeded", own.name, text)
