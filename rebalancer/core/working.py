"""Working: the order of an underlying that rests, tended, and what the next one says.

At each event that touches an underlying what rests for it is looked at, and
withdrawn where patience is over, something hurries, its need is gone, the market
left it, or a guard would not let it leave now. Until its end is proved nothing
else is sent: an order that was withdrawn is open like any other, and one of
which nobody hears any more is unknown.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from rebalancer.core import execution, gate, ids, intents, orders, sharing
from rebalancer.core.band import Due
from rebalancer.core.commands import Cancel, Style
from rebalancer.core.decision import Action, Decision, HedgeIntent, Reason
from rebalancer.core.execution import Plan, Pressure, Resting, Terms
from rebalancer.core.exposure import greeks
from rebalancer.core.figures import TOGETHER
from rebalancer.core.instruments import Instrument
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.memory import MINUTE, Attempt
from rebalancer.core.orders import Order, OrderState
from rebalancer.core.params import RESTING, Params, UnderlyingParams
from rebalancer.core.protect import Cut
from rebalancer.core.state import State
from rebalancer.core.view import View, plain, unseen
from rebalancer.core.volatility import YEAR

EXPIRES = 3_600_000_000_000  # ns before an expiry in which the delta of options may turn fast …
AGAIN = 1_000_000_000  # ns between two tries to withdraw what keeps a cut from being whole
TURNS = 0.5  # … if 1 % of price moves it by this part of a half-width

Withdrawal = tuple[Decision, Sequence[Cancel]]


def tend(
    state: State, params: Params, own: UnderlyingParams, view: View | None, cut: Cut | None
) -> Withdrawal | None:
    """Return the withdrawal of what rests for an underlying, None where it may go on resting.

    Args:
        state: Is written where something is withdrawn.
        params: Settings of the book.
        own: Those of the underlying.
        view: As it stands; None while nobody can know.
        cut: What must be closed to protect its account; None: nothing.
    """
    for order in state.open_orders(own.name):
        if order.rests:
            why = _why(state, params, own, order, (view, cut))
            if why is not None:
                return _withdrawal(state, params, order, view or unseen(own), why)
    return None


def strays(state: State, params: Params) -> Iterable[Cancel]:
    """Yield the cancels of what rests for an underlying that has left the settings."""
    for order in state.open_orders():
        told = order.submit
        if told.underlying in params.underlyings or not order.rests:
            continue
        if order.withdrawn_last is None or _tired(params, order, state.now):
            yield cancel(state, order, Reason.EARLIER_START)


def cancel(state: State, order: Order, why: Reason | None = None) -> Cancel:
    """Return the command that withdraws an order, and note that it leaves."""
    state.put(orders.withdrawn(order, state.now))
    told = order.submit
    return Cancel(told.client_order_id, told.account, told.instrument, why.value if why else "")


def _withdrawal(state: State, params: Params, order: Order, view: View, why: Reason) -> Withdrawal:
    first = order.withdrawn_at  # each new try puts the last one off: late is late all the same
    late = first is not None and state.now - first >= params.orders.timeout
    if order.withdrawn_last is not None and (why is Reason.CANCEL_UNANSWERED or late):
        order = state.put(orders.lost(order, state.now))
    told, asked = order.submit, cancel(state, order, why)
    decision = replace(
        plain(state, view, Action.WITHDRAW, why),
        instrument=told.instrument,
        wanted=order.rest,
        limit_price=told.price,
        client_order_id=told.client_order_id,
    )
    return decision, (asked,)


def _tired(params: Params, order: Order, now: int) -> bool:
    """Whether the last try to withdraw an order was long ago."""
    last = order.withdrawn_last
    return last is not None and now - last >= params.orders.timeout


def _why(
    state: State,
    params: Params,
    own: UnderlyingParams,
    order: Order,
    around: tuple[View | None, Cut | None],
) -> Reason | None:
    """Return why an order must not rest any longer, or None."""
    view, cut = around
    if order.withdrawn_at is not None:
        pressing = cut is not None or _strained(state, own, Rung.REDUCE)
        return _again(params, order, state.now, pressing=pressing)
    parts = ids.decode(order.submit.client_order_id)
    if parts is None or parts.epoch != params.epoch:
        return Reason.EARLIER_START
    if order.state is OrderState.UNKNOWN:
        return Reason.OUTCOME_UNKNOWN
    if order.state is OrderState.SENDING:
        return None  # it may not be there yet; its answer, or its silence, comes soon
    if cut is not None:
        return cut.reason
    if view is None:
        return Reason.INDEX_MISSING
    if state.book(own.name).missing:
        return Reason.MARK_MISSING
    return _refused(state, params, view, order) or _over(state, params, view, order)


def _again(params: Params, order: Order, now: int, *, pressing: bool) -> Reason | None:
    """Return why an order that was withdrawn must be so once more, or None."""
    if order.withdrawn_last is None or _tired(params, order, now):
        return Reason.CANCEL_UNANSWERED
    return Reason.MARGIN_STRAINED if pressing and now - order.withdrawn_last >= AGAIN else None


def _refused(state: State, params: Params, view: View, order: Order) -> Reason | None:
    """Return why a guard would not let an order leave now, or None."""
    told, instrument = order.submit, state.instruments[order.submit.instrument]
    intent = intents.to_hedge(state, params, view, instrument, order.rest)
    worst = intent.price
    if told.price > worst if told.quantity > 0 else told.price < worst:
        return Reason.PRICE_OUTSIDE_COLLAR
    refused = gate.still(state, params, view, replace(intent, price=told.price))
    caps = refused is not None and refused.allows > 0
    if refused is None or (caps and state.now - order.sent_at < execution.LEAST):
        return None  # what a guard caps may go on falling: not a new order at each step
    return refused.reason


def _over(state: State, params: Params, view: View, order: Order) -> Reason | None:
    """Return why the time of an order is over though it might leave now, or None."""
    own, attempt = view.params.execution, state.memory[view.params.name].attempt
    told, now = order.submit, state.now
    each, buys = order.delta_per_contract, told.quantity > 0
    coins = (view.exposure.net, float(order.filled) * each, float(order.rest) * each)
    lot = abs(float(state.instruments[told.instrument].lot) * each)
    resting = Resting(told.price, buys, order.sent_at, *coins, lot)
    if execution.unneeded(view.band, resting, outside=attempt is None or attempt.outside):
        return Reason.NEED_GONE
    if sharing.kept_out(state, params, view.params.name, told.account):
        return Reason.ACCOUNT_NEEDED
    why = execution.hurry(own, pressure(state, view))
    if why is None and (attempt is None or own.style is Style.IOC):
        why = Reason.PATIENCE_OVER  # the settings know no patience any more
    if why is None and attempt is not None:
        why = execution.over(own, attempt, now)
    if why is not None:
        return why
    quote, instrument = state.markets.quotes[told.instrument], state.instruments[told.instrument]
    worst = intents.to_hedge(state, params, view, instrument, order.rest).price
    target = execution.resting_price(own, quote, instrument, worst, buys=buys)
    strays_ = execution.behind(own, resting, target, instrument.tick, now)
    return Reason.FELL_BEHIND if strays_ else None


# --- what hurries -------------------------------------------------------------


def pressure(state: State, view: View) -> Pressure:
    """Return what may hurry a hedge of an underlying now."""
    own, band, net = view.params, view.band, view.exposure.net
    side = band.upper - band.aim if net > band.aim else band.aim - band.lower
    width, gap = side or band.upper - band.lower, abs(net - band.aim)
    return Pressure(
        widths=gap / width if width else math.inf,
        exceeds=gap > own.limits.net_delta,
        strained=_strained(state, own),
        deviations=_deviations(state, own.name, view.price),
        curved=_curved(state, view, width),
        stamp=_stamp(state, own, buys=net < band.aim),
    )


def _hedges(state: State, own: UnderlyingParams) -> Iterable[Instrument]:
    names = dict.fromkeys((*own.hedge_buy, *own.hedge_sell))
    return (state.instruments[name] for name in names)


def _strained(state: State, own: UnderlyingParams, rung: Rung = Rung.WIDEN) -> bool:
    """Whether an account that hedges stands on a rung: as a rule, where no hedge may grow."""
    for each in _hedges(state, own):
        for pool in (each.id, f"{each.venue}:{each.settle}", f"{each.venue}:{TOGETHER}"):
            climb = state.ladders.get(pool)
            if climb is not None and climb.rung >= rung:
                return True
    return False


def _deviations(state: State, name: str, price: float) -> float:
    """Return the index' move of the last minute, in deviations; 0 while too little is known."""
    minute, vol = state.memory[name].minute, state.prices.vol(name)
    if not minute or not vol:
        return 0.0
    return math.log(price / minute[0][1]) / (vol * math.sqrt(MINUTE / YEAR))


def _curved(state: State, view: View, width: float) -> bool:
    """Whether options in their last hour are held, and delta turns fast with the price."""
    book, now = state.book(view.params.name), state.now
    pairs = zip(book.options.expiry.tolist(), book.options.coins.tolist(), strict=True)
    if not any(coins and 0 < expiry - now <= EXPIRES for expiry, coins in pairs):
        return False
    gamma = greeks(book, view.price, now).gamma
    return abs(gamma) * view.price / 100 >= TURNS * width


def _stamp(state: State, own: UnderlyingParams, *, buys: bool) -> int | None:
    """Return ns to the next stamp that charges a position which the hedge closes; None: none."""
    found = []
    for each in _hedges(state, own):
        told = state.markets.funding.get(each.id)
        held = state.ledger.position(each.venue, each.id).quantity
        if told is None or told.next_ts is None or told.next_ts < state.now:
            continue
        if float(held) * told.rate > 0 and (held < 0) is buys:
            found.append(told.next_ts - state.now)
    return min(found, default=None)


# --- what the next order says -------------------------------------------------


def plan(state: State, view: View) -> Plan:
    """Return how the next order of an underlying is executed."""
    own, memory = view.params.execution, state.memory[view.params.name]
    if own.style is Style.IOC:
        return Plan(Style.IOC)
    attempt, buys = memory.attempt, view.exposure.net < view.band.aim
    if attempt is not None and attempt.buys is not buys:
        memory.attempt = attempt = None
    hurries = execution.hurry(own, pressure(state, view))
    return execution.plan(own, attempt, memory.unrested, hurries, state.now)


def waits(state: State, view: View, told: Plan) -> bool:
    """Whether the next slice of a hedge has to wait for its time."""
    attempt = state.memory[view.params.name].attempt
    return execution.waits(view.params.execution, told, attempt, state.now)


def shaped(
    state: State,
    params: Params,
    view: View,
    order: tuple[Instrument, Decimal],
    told: Plan,
) -> tuple[HedgeIntent, Plan]:
    """Return the intent of an order as it is to be executed, and how that is.

    Args:
        state: What is held and quoted.
        params: Settings of the book.
        view: The underlying.
        order: The instrument, and contracts of all that is due, signed.
        told: From `plan`.
    """
    (instrument, quantity), own, own_name = order, view.params.execution, view.params.name
    intent = intents.to_hedge(state, params, view, instrument, quantity)
    if told.style in RESTING and sharing.needed(state, params, own_name, instrument.venue):
        told = Plan(Style.IOC, Reason.ACCOUNT_NEEDED)
    if told.style is Style.IOC:
        return intent, told
    quote = state.markets.quotes.get(instrument.id)
    most = Terms(intent.lifetime, intent.price, quantity, told.hurried)
    found = execution.terms(own, told, quote, instrument, most)
    if found.quantity != quantity:
        intent = intents.to_hedge(state, params, view, instrument, found.quantity)
    style = told.style if found.hurried is None else Style.IOC
    patient, told_ = style is not Style.IOC, (found.price, found.lifetime)
    shaped_ = replace(intent, price=told_[0], lifetime=told_[1], patient=patient)
    return shaped_, Plan(style, found.hurried)


def began(state: State, view: View, due: Due, told: Plan) -> None:
    """Note that an order of a hedge leaves, where the hedges of its underlying are patient."""
    attempt = begins(state, view, due)
    if attempt is not None and told.style is Style.TWAP:
        attempt.sliced_at = state.now
    if attempt is not None and told.style is Style.IOC:
        attempt.taken_at = state.now


def begins(state: State, view: View, due: Due) -> Attempt | None:
    """Return the attempt at a hedge, which begins if there is none; None: nobody is patient."""
    memory = state.memory[view.params.name]
    if view.params.execution.style is Style.IOC:
        return None
    if memory.attempt is None:
        memory.attempt = Attempt(state.now, due.goal > view.exposure.net, due.reason)
    return memory.attempt


def begun(state: State, view: View) -> Due | None:
    """Return what is left of a hedge that was due inside the band, None where it is over.

    The first fill begins a new interval, so that its rest would be forgotten: it goes
    on until net delta is at the aim, or something filled of what took the rest.
    """
    memory, net, aim = state.memory[view.params.name], view.exposure.net, view.band.aim
    attempt = memory.attempt
    if attempt is None or attempt.outside or net == aim or (net < aim) is not attempt.buys:
        return None
    filled, taken = memory.hedged_at, attempt.taken_at
    if filled is not None and taken is not None and filled >= taken:
        return None
    return Due(attempt.reason, aim)
