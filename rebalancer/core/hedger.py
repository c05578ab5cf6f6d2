"""The whole story: an event comes in, a decision and its commands go out.

`step` lets the state write the event down, then asks of each underlying that
it touched: is every outcome known? where does net delta lie against the band?
what order would bring it back, and what do the guards let pass? The first
proposal wins, guards only cap, and the minimum of what they allow is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core import allocation, ids, orders, quotes, sizing, watch
from rebalancer.core import band as bands
from rebalancer.core.accounts import shut
from rebalancer.core.band import Band, Pulse
from rebalancer.core.commands import (
    Alert,
    Cancel,
    Command,
    Purpose,
    Severity,
    Submit,
    TimeInForce,
)
from rebalancer.core.decision import Action, Decision, HedgeIntent, Reason, Verdict
from rebalancer.core.events import (
    Event,
    Index,
    Mark,
    Operator,
    OutsideTold,
    Quote,
    Reconciled,
    Tick,
    Trade,
    Verb,
)
from rebalancer.core.exposure import Exposure, delta_per_contract, in_scope, measure
from rebalancer.core.guards import (
    collar,
    order_size,
    plausibility,
    position_size,
    staleness,
    trading_state,
    venue_open,
)
from rebalancer.core.guards.staleness import InputAge
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import Params, UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.watch import delta_inputs

REPEAT = 60_000_000_000  # ns between two tellings of the same refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step decided and asks for, in order."""

    decisions: tuple[Decision, ...]
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """One underlying as a decision sees it."""

    params: UnderlyingParams
    exposure: Exposure
    band: Band
    pending: float  # coins

    @property
    def price(self) -> float:
        return self.exposure.price


def step(state: State, event: Event, params: Params) -> Outcome:
    """Take one event in and decide.

    Args:
        state: What is known; written by this call alone.
        event: What happened.
        params: Settings of the book.

    Returns:
        One decision for each underlying that the event touched, and the
        commands to carry out: at most one new order an underlying.
    """
    state.sequence += 1
    free = [name for name in params.underlyings if not _halted(state, name)]
    commands: list[Command] = list(state.apply(event))
    if isinstance(event, Tick):
        commands += _end_outside(state)
        commands += watch.chase(state, params)
    killed = isinstance(event, Operator) and event.verb is Verb.KILL
    commands += _withdrawn(state, params.underlyings if killed else free)
    decisions = []
    for name in _touched(state, event, params):
        decision, more = _decide(state, params, params.underlyings[name])
        decisions.append(decision)
        commands += more
        commands += watch.unhedged(state, params, decision, told=isinstance(event, Tick))
    return Outcome(tuple(decisions), tuple(commands))


def _end_outside(state: State) -> Iterable[Alert]:
    for ended in watch.ended_outside(state):
        yield from state.apply(ended)
        text = f"{ended.instrument} expired outside; booked at the index {ended.price}"
        yield Alert(Severity.WARNING, "position.delivered", ended.instrument, text)


def _halted(state: State, underlying: str) -> bool:
    return state.mode_of(underlying) is TradingState.HALTED


def _withdrawn(state: State, underlyings: Iterable[str]) -> Iterable[Cancel]:
    """Yield the cancels of what may be live in underlyings that are halted now."""
    for name in underlyings:
        if _halted(state, name):
            for order in state.open_orders(name):
                if order.state not in orders.TERMINAL:
                    yield _cancel(order)


def _touched(state: State, event: Event, params: Params) -> Iterable[str]:
    """Yield the underlyings that an event may have changed."""
    if isinstance(event, Tick | Operator | Reconciled | OutsideTold):
        yield from params.underlyings
        return
    if isinstance(event, Trade):
        return  # a last price decides nothing
    if isinstance(event, Index):
        name: str | None = event.underlying
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


def _decide(
    state: State, params: Params, own: UnderlyingParams
) -> tuple[Decision, Sequence[Command]]:
    """Return the decision for one underlying, and the order that it makes."""
    index = state.index(own.name)
    if index is None:
        return _blind(state, own, Reason.INDEX_MISSING), ()
    book = state.book(own.name)
    exposure = measure(book, float(index.price), state.now)
    band = bands.place(own, exposure.unhedged, exposure.gross)
    open_orders = state.open_orders(own.name)
    pending = sum(float(order.rest) * order.delta_per_contract for order in open_orders)
    view = _View(own, exposure, band, pending)
    if book.missing:
        name = book.missing[0]
        option = state.instruments[name].kind is Kind.OPTION
        reason = Reason.OPTION_MISSING if option else Reason.MARK_MISSING
        decision = _plain(state, view, Action.REFUSE, reason)
        return _told_once(state, replace(decision, instrument=name)), ()
    if open_orders:
        unknown = any(order.state is orders.OrderState.UNKNOWN for order in open_orders)
        action = Action.REFUSE if unknown else Action.HOLD
        reason = Reason.OUTCOME_UNKNOWN if unknown else Reason.ORDER_IN_FLIGHT
        return _told_once(state, _plain(state, view, action, reason)), ()
    return _propose_hedge(state, params, view)


def _propose_hedge(state: State, params: Params, view: _View) -> tuple[Decision, Sequence[Command]]:
    """Return the hedge that is due, cut to what every guard allows."""
    own, net = view.params, view.exposure.net
    pulse = _pulse(state, view)
    due = bands.due(own.band, view.band, net, pulse)
    if due is None:
        state.memory[own.name].refused = None
        return _plain(state, view, Action.HOLD, Reason.INSIDE_BAND), ()
    if state.now < state.memory[own.name].barred_until:
        return _plain(state, view, Action.HOLD, Reason.AFTER_REJECTION), ()
    waits = bands.held_back(own.band, pulse, net - view.band.aim, own.limits.net_delta)
    if waits is not None:
        return _plain(state, view, Action.HOLD, waits), ()
    instrument = allocation.choose(state, own, buys=due.goal > net)
    if instrument is None:
        decision = _plain(state, view, Action.REFUSE, Reason.NO_HEDGE_INSTRUMENT)
        return _told_once(state, decision), ()
    if not in_scope(own, instrument):  # its fills would change nothing: an endless hedge
        decision = _plain(state, view, Action.REFUSE, Reason.HEDGE_OUT_OF_SCOPE)
        return _told_once(state, replace(decision, instrument=instrument.id)), ()
    quote = state.markets.quotes.get(instrument.id)
    reference = _reference(state, params, instrument, view.price)
    per_contract = delta_per_contract(instrument, reference or view.price, view.price)
    quantity = sizing.contracts(instrument, per_contract, net, due.goal, view.band)
    if not quantity:
        return _plain(state, view, Action.HOLD, Reason.BELOW_MINIMUM), ()
    held = state.ledger.position(instrument.venue, instrument.id).quantity
    split = sizing.parts(quantity, held, net, per_contract, own.limits.net_delta)
    width = params.collar.width
    intent = HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying=own.name,
        account=instrument.venue,
        instrument=instrument.id,
        quantity=quantity,
        position=held,
        closing=split.closing,
        hedging=split.hedging,
        required=split.required,
        delta_per_contract=per_contract,
        price=sizing.worst_price(instrument, reference or view.price, width, quantity > 0),
    )
    verdicts = (
        trading_state.judge(
            intent, state.mode_of(own.name), killed=state.killed, sealed=state.sealed
        ),
        venue_open.judge(intent, shut(state.accounts, intent.account, instrument.id)),
        staleness.judge(intent, _inputs(state, params, view, instrument)),
        collar.judge(intent, quote, reference, width),
        plausibility.judge(intent, quote, _told(state, params, view)),
        order_size.judge(intent, own.limits.order),
        position_size.judge(intent, own.limits.position),
    )
    return _conclude(state, params, view, _Proposal(intent, due.reason, verdicts))


@dataclass(frozen=True, slots=True)
class _Proposal:
    intent: HedgeIntent
    reason: Reason
    verdicts: tuple[Verdict, ...]


def _conclude(
    state: State, params: Params, view: _View, proposal: _Proposal
) -> tuple[Decision, Sequence[Command]]:
    """Cut an intent to the minimum of its verdicts; order what is left, or refuse."""
    intent = proposal.intent
    instrument = state.instruments[intent.instrument]
    binding = min(proposal.verdicts, key=lambda verdict: verdict.allows)
    allowed = sizing.lots(instrument, min(binding.allows, abs(intent.quantity)))
    passes = allowed >= instrument.minimum and allowed > 0
    decision = replace(
        _plain(
            state,
            view,
            Action.ORDER if passes else Action.REFUSE,
            proposal.reason if passes else binding.reason or Reason.BELOW_MINIMUM,
        ),
        instrument=intent.instrument,
        wanted=intent.quantity,
        allowed=allowed.copy_sign(intent.quantity) if passes else Decimal(0),
        limit_price=intent.price,
        verdicts=proposal.verdicts,
    )
    if not passes:
        return _told_once(state, decision), ()
    submit = _submit(state, params, intent, allowed.copy_sign(intent.quantity))
    state.intend(submit, intent.delta_per_contract)
    state.memory[intent.underlying].refused = None
    return replace(decision, client_order_id=submit.client_order_id), (submit,)


def _submit(state: State, params: Params, intent: HedgeIntent, quantity: Decimal) -> Submit:
    parts = ids.ClientOrderId(
        params.accounts.index(intent.account), params.epoch, state.order_sequence + 1
    )
    return Submit(
        client_order_id=ids.encode(parts),
        account=intent.account,
        instrument=intent.instrument,
        quantity=quantity,
        price=intent.price,
        time_in_force=TimeInForce.IOC,
        reduce_only=intent.purpose is Purpose.PROTECT,
        purpose=intent.purpose,
        underlying=intent.underlying,
        decided_at=state.now,
    )


def _reference(state: State, params: Params, instrument: Instrument, index: float) -> float | None:
    """Return the price that the book must agree with: a young mark, else the index.

    A dated future has a basis, so without its mark there is no reference.
    """
    mark = state.markets.marks.get(instrument.id)
    age = quotes.age(state.markets, Mark, instrument.id, state.now)
    if mark is not None and age is not None and age <= params.staleness.mark:
        return float(mark.price)
    return None if instrument.kind is Kind.FUTURE else index


def _told(state: State, params: Params, view: _View) -> plausibility.Told:
    memory, collar_ = state.memory[view.params.name], params.collar
    jumped = memory.suspect is not None
    width, jump = collar_.index_width, collar_.jump
    return plausibility.Told(view.price, memory.settled, jumped, width, jump)


def _inputs(
    state: State, params: Params, view: _View, instrument: Instrument
) -> Iterable[InputAge]:
    """Yield the age of everything that the delta and the order's price rest on."""
    yield InputAge(
        instrument.id,
        quotes.age(state.markets, Quote, instrument.id, state.now),
        params.staleness.quote,
        Reason.QUOTE_MISSING,
        Reason.QUOTE_STALE,
        for_delta=False,
    )
    yield watch.reading(state, params, instrument.venue)
    yield from delta_inputs(state, params, view.params)


def _pulse(state: State, view: _View) -> Pulse:
    memory, params = state.memory[view.params.name], view.params.band
    since_start = state.now - memory.started_at
    since = None if memory.hedged_at is None else state.now - memory.hedged_at
    moved = None
    if params.move_filter is not None:
        far = (memory.highs[0][1], memory.lows[0][1]) if memory.highs else (view.price,)
        moved = max(abs(view.price / price - 1.0) for price in far)
    return Pulse(since_start, since, view.price, memory.hedge_price, moved)


def _plain(state: State, view: _View, action: Action, reason: Reason) -> Decision:
    """Return a decision with its numbers and no order."""
    return Decision(
        sequence=state.sequence,
        ts=state.now,
        underlying=view.params.name,
        action=action,
        reason=reason,
        net_delta=view.exposure.net,
        pending=view.pending,
        aim=view.band.aim,
        lower=view.band.lower,
        upper=view.band.upper,
        price=view.price,
    )


def _blind(state: State, own: UnderlyingParams, reason: Reason) -> Decision:
    """Return the refusal of an underlying whose delta nobody can know."""
    nowhere = Exposure(0.0, 0.0, 0.0, 0.0)
    view = _View(own, nowhere, bands.place(own, 0.0, 0.0), 0.0)
    return _told_once(state, replace(_plain(state, view, Action.REFUSE, reason), price=None))


def _told_once(state: State, decision: Decision) -> Decision:
    """Turn the repetition of a refusal into a hold, so that it is told once a minute.

    Before the first reconciliation nothing is expected to pass: that is a hold too.
    """
    if decision.action is not Action.REFUSE:
        return decision
    if state.mode in (TradingState.STARTING, TradingState.RECONCILING):
        return replace(decision, action=Action.HOLD)
    memory = state.memory[decision.underlying]
    told = (decision.reason, decision.instrument or "")
    lasting = decision.reason is Reason.VENUE_HELD  # told when it began, and when it ends
    if memory.refused == told and (lasting or state.now - memory.refused_at < REPEAT):
        return replace(decision, action=Action.HOLD)
    memory.refused, memory.refused_at = told, state.now
    return decision


def _cancel(order: orders.Order) -> Cancel:
    told = order.submit
    return Cancel(told.client_order_id, told.account, told.instrument)
