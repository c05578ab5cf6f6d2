"""The whole story: an event comes in, a decision and its commands go out.

`step` lets the state write the event down, then asks of each underlying that
it touched: is every outcome known? where does net delta lie against the band?
what order would bring it back, and what do the guards let pass? The first
proposal wins, guards only cap, and the minimum of what they allow is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core import (
    allocation,
    carrying,
    conditions,
    gate,
    intents,
    limits,
    orders,
    protect,
    secondhand,
    sharing,
    sizing,
    skewing,
    tuning,
    watch,
    working,
)
from rebalancer.core import band as bands
from rebalancer.core.band import Pulse
from rebalancer.core.commands import (
    Alert,
    Cancel,
    Command,
    Severity,
    Submit,
)
from rebalancer.core.decision import (
    OF_THE_LEG,
    Action,
    Decision,
    HedgeIntent,
    Reason,
    Verdict,
)
from rebalancer.core.events import (
    Event,
    Index,
    Operator,
    OutsideTold,
    Reconciled,
    Tick,
    Trade,
    Verb,
)
from rebalancer.core.execution import Plan
from rebalancer.core.exposure import delta_per_contract, in_scope
from rebalancer.core.figures import MarginTold, OpenInterest
from rebalancer.core.gate import Proposal
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.knobs import Tuned
from rebalancer.core.params import Params, UnderlyingParams
from rebalancer.core.protect import Cut
from rebalancer.core.state import State
from rebalancer.core.view import View, blind, plain, told_once, unseen, view_of

_LOOKED_AT = Tick | MarginTold  # when a person may have to hear of the margin
_OF_ALL = Tick | Operator | Reconciled | OutsideTold  # what may change every underlying
_OF_NONE = Trade | OpenInterest  # a last price decides nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step decided and asks for, in order."""

    decisions: tuple[Decision, ...]
    commands: tuple[Command, ...]


def step(state: State, event: Event, params: Params) -> Outcome:
    """Take one event in and decide.

    Args:
        state: What is known; written by this call alone.
        event: What happened.
        params: Settings of the book as its file has them.

    Returns:
        One decision for each underlying that the event touched, and the
        commands to carry out: at most one new order an underlying.
    """
    state.sequence += 1
    free = [name for name in params.underlyings if not _halted(state, name)]
    limits.before(state, event)
    version = state.ledger.version
    commands: list[Command] = list(state.apply(event))
    params = tuning.effective(state.tuning, params)
    booked = state.ledger.version != version
    if booked:
        skewing.enter(state, params)
    commands += limits.after(state, params, event, booked=booked)
    if isinstance(event, Tick):
        commands += _end_outside(state)
        commands += skewing.follow(state, params)
        commands += secondhand.compare(state, params)
        commands += watch.chase(state, params)
        commands += limits.watch(state, params)
        _note_costs(state, params)
        commands += working.strays(state, params)
    if isinstance(event, _LOOKED_AT):
        commands += protect.climb(state, params)
    killed = isinstance(event, Operator) and event.verb is Verb.KILL
    commands += _withdrawn(state, params.underlyings if killed else free)
    decisions: list[Decision] = []
    names = list(_touched(state, event, params))
    for name in names:  # it grows by those who keep one of them waiting
        if isinstance(event, Tick):
            commands += limits.effects(state, params, name, waits=True)
        decision, more = _decide(state, params, params.underlyings[name])
        decisions.append(decision)
        commands += more
        names += (each for each in sharing.keepers(state, params, decision) if each not in names)
        commands += watch.unhedged(state, params, decision, told=isinstance(event, Tick))
    return Outcome(tuple(decisions), tuple(commands))


def _end_outside(state: State) -> Iterable[Alert]:
    for ended in watch.ended_outside(state):
        yield from state.apply(ended)
        text = f"{ended.instrument} expired outside; booked at the index {ended.price}"
        yield Alert(Severity.WARNING, "position.delivered", ended.instrument, text)


def _note_costs(state: State, params: Params) -> None:
    """Look at what hedging costs now, for bands that mind it."""
    for own in params.underlyings.values():
        if own.band.width is not None:
            state.memory[own.name].sides = conditions.sides(state, own)


def _halted(state: State, underlying: str) -> bool:
    return state.mode_of(underlying) is TradingState.HALTED


def _withdrawn(state: State, underlyings: Iterable[str]) -> Iterable[Cancel]:
    """Yield the cancels of what may be live in underlyings that are halted now."""
    for name in underlyings:
        if _halted(state, name):
            for order in state.open_orders(name):
                if order.state not in orders.TERMINAL:
                    yield working.cancel(state, order)


def _touched(state: State, event: Event, params: Params) -> Iterable[str]:
    """Yield the underlyings that an event may have changed.

    Of what a venue tells in one word, a part is half a truth: nothing is decided
    before all of it is booked.
    """
    if getattr(event, "more", False):
        return
    if isinstance(event, _OF_ALL):
        yield from params.underlyings
        return
    if isinstance(event, _OF_NONE):
        return
    if isinstance(event, Index):
        name: str | None = event.underlying
    elif isinstance(event, Tuned):
        changed = (each.underlying for each in event.changes)
        yield from dict.fromkeys(name for name in changed if name in params.underlyings)
        return
    elif isinstance(event, MarginTold):
        yield from (name for name, own in params.underlyings.items() if _hedges_at(own, event))
        return
    elif hasattr(event, "instrument"):
        instrument = state.instruments.get(event.instrument)
        name = None if instrument is None else instrument.underlying
    elif hasattr(event, "client_order_id"):
        order = state.orders.get(event.client_order_id)
        name = None if order is None else order.submit.underlying
    else:
        name = None
    if name is not None and name in params.underlyings:
        yield name


def _hedges_at(own: UnderlyingParams, event: MarginTold) -> bool:
    names = (*own.hedge_buy, *own.hedge_sell)
    return any(name.partition(":")[0] == event.account for name in names)


def _decide(
    state: State, params: Params, own: UnderlyingParams
) -> tuple[Decision, Sequence[Command]]:
    """Return the decision for one underlying, and the order that it makes or withdraws."""
    view = view_of(state, own)
    cut = protect.propose(state, params, own)
    withdrawal = working.tend(state, params, own, view, cut)
    if withdrawal is not None:
        return withdrawal
    if cut is None:
        return _decide_hedge(state, params, own, view)
    decision, commands = _protect(state, params, unseen(own) if view is None else view, cut)
    if any(isinstance(each, Submit) for each in commands):
        return decision, commands
    memory = state.memory[own.name]  # it must not stop what can be hedged elsewhere
    told = (memory.refused, memory.refused_at, memory.refusals)
    hedge, more = _decide_hedge(state, params, own, view)
    memory.refused, memory.refused_at, memory.refusals = told  # the cut's: it is still refused
    if any(isinstance(each, Submit) for each in more):
        return hedge, (*commands, *more)
    return decision, commands


def _decide_hedge(
    state: State, params: Params, own: UnderlyingParams, view: View | None
) -> tuple[Decision, Sequence[Command]]:
    """Return the decision for one underlying whose accounts are far from liquidation."""
    if view is None:
        return blind(state, own, Reason.INDEX_MISSING), ()
    missing, open_orders = state.book(own.name).missing, state.open_orders(own.name)
    if missing:
        name = missing[0]
        option = state.instruments[name].kind is Kind.OPTION
        reason = Reason.OPTION_MISSING if option else Reason.MARK_MISSING
        return told_once(state, plain(state, view, Action.REFUSE, reason, instrument=name)), ()
    if open_orders:
        unknown = any(order.state is orders.OrderState.UNKNOWN for order in open_orders)
        action = Action.REFUSE if unknown else Action.HOLD
        reason = Reason.OUTCOME_UNKNOWN if unknown else Reason.ORDER_IN_FLIGHT
        return told_once(state, plain(state, view, action, reason)), ()
    return _propose_hedge(state, params, view)


def _protect(
    state: State, params: Params, view: View, cut: Cut
) -> tuple[Decision, Sequence[Command]]:
    """Return the order that brings an account clear of its liquidation, if it may pass."""
    intent = intents.to_protect(state, params, view, cut)
    decision, commands = gate.conclude(state, params, view, Proposal(intent, cut.reason))
    if decision.action is not Action.REFUSE:
        return decision, commands
    text = f"{cut.instrument.id} must be cut for its margin, and is not: {decision.reason}"
    return decision, (Alert(Severity.ERROR, "protect.refused", view.params.name, text),)


def _propose_hedge(state: State, params: Params, view: View) -> tuple[Decision, Sequence[Command]]:
    """Return the hedge that is due, cut to what every guard allows."""
    own, net = view.params, view.exposure.net
    pulse = _pulse(state, view)
    memory, due = state.memory[own.name], bands.due(own.band, view.band, net, pulse)
    rest = working.begun(state, view) if due is None else None
    due = due or rest
    if due is None:
        memory.attempt = None
        return _move(state, params, view)
    if state.now < memory.barred_until:
        return plain(state, view, Action.HOLD, Reason.AFTER_REJECTION), ()
    waits = bands.held_back(own.band, pulse, net - view.band.aim, own.limits.net_delta)
    if waits is not None and memory.attempt is None:  # what has begun goes on
        return plain(state, view, Action.HOLD, waits), ()
    alarms = tuple(limits.effects(state, params, own.name))  # of the hedge before this one
    decision, commands = _hedge(state, params, view, due)
    if rest is not None and decision.reason is Reason.BELOW_MINIMUM:
        memory.attempt = None  # as near as the venue's lots let it
    return decision, (*alarms, *commands)


def _move(state: State, params: Params, view: View) -> tuple[Decision, Sequence[Command]]:
    """Return the next step of a leg that moves to where it costs less, else a hold."""
    memory = state.memory[view.params.name]
    step = carrying.propose(state, params, view) if state.now >= memory.barred_until else None
    if step is None:
        memory.refused = None
        return plain(state, view, Action.HOLD, Reason.INSIDE_BAND), ()
    intent = intents.to_hedge(state, params, view, step.instrument, step.quantity)
    return gate.conclude(state, params, view, Proposal(intent, Reason.CHEAPER_ELSEWHERE))


def _hedge(
    state: State, params: Params, view: View, due: bands.Due
) -> tuple[Decision, Sequence[Command]]:
    """Return the hedge that goes as far as is due, with the best leg that the guards let hedge.

    What a guard keeps from one leg for a reason of its own goes to the next; where
    none may, the refusal of the best is told.
    """
    told, refused, small = working.plan(state, view), None, None
    if working.waits(state, view, told):
        return plain(state, view, Action.HOLD, Reason.SLICE_WAITS), ()
    passed: tuple[Verdict, ...] = ()
    buys, coins = due.goal > view.exposure.net, abs(due.goal - view.exposure.net)
    weighed = allocation.weighed(state, view.params, buys=buys, coins=coins)
    for instrument in allocation.ranked(state, view.params, weighed, buys=buys):
        decision, intent = _weigh(state, params, view, (due, told), instrument)
        if intent is not None and decision.action is Action.ORDER:
            decision = replace(decision, passed_over=passed, weighed=weighed)
            carrying.call_off(state, view.params.name, (each.subject for each in passed))
            working.began(state, view, due, told)
            return gate.carry_out(state, params, view, intent, decision)
        if decision.reason is Reason.BELOW_MINIMUM and intent is None:
            small = small or decision  # another leg's smallest order may fit
            continue
        refused = refused or decision
        if decision.reason not in OF_THE_LEG:
            break
        passed = (*passed, _last_word(decision))
    if refused is not None and refused.reason is Reason.TOO_MANY_HEDGES:
        working.begins(state, view, due)  # what takes passes sooner, once patience is over
    nothing = plain(state, view, Action.REFUSE, Reason.NO_HEDGE_INSTRUMENT)
    return told_once(state, refused or small or nothing), ()


def _weigh(
    state: State,
    params: Params,
    view: View,
    told: tuple[bands.Due, Plan],
    instrument: Instrument,
) -> tuple[Decision, HedgeIntent | None]:
    """Return what would be decided of one leg, and of which intent; None: of none at all."""
    (due, plan), own, net = told, view.params, view.exposure.net
    if not in_scope(own, instrument):  # its fills would change nothing: an endless hedge
        reason = Reason.HEDGE_OUT_OF_SCOPE
        return plain(state, view, Action.REFUSE, reason, instrument=instrument.id), None
    price = intents.price_of(state, params, instrument, view)
    per_contract = delta_per_contract(instrument, price, view.price, own)
    quantity = sizing.contracts(instrument, per_contract, net, due.goal, view.band)
    if not quantity:
        return plain(state, view, Action.HOLD, Reason.BELOW_MINIMUM), None
    intent, done = working.shaped(state, params, view, (instrument, quantity), plan)
    return gate.weigh(state, params, view, Proposal(intent, due.reason, done)), intent


def _last_word(decision: Decision) -> Verdict:
    """Return the verdict that kept a leg from hedging, told of the leg."""
    name = decision.instrument or ""
    if not decision.verdicts:
        return Verdict("scope", Decimal(0), decision.reason, subject=name)
    return gate.tightest(decision.verdicts)._replace(subject=name)


def _pulse(state: State, view: View) -> Pulse:
    memory, params = state.memory[view.params.name], view.params.band
    since_start = state.now - memory.started_at
    since = None if memory.hedged_at is None else state.now - memory.hedged_at
    moved = None
    if params.move_filter is not None:
        far = (memory.highs[0][1], memory.lows[0][1]) if memory.highs else (view.price,)
        moved = max(abs(view.price / price - 1.0) for price in far)
    return Pulse(since_start, since, view.price, memory.hedge_price, moved)
