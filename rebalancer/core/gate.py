"""The gate: every guard looks at an intent, and the minimum of what they allow is sent.

Guards only cap, all of them always run, and each one's word is kept in the
decision. What they look at is gathered here; what they think of it is theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from rebalancer.core import counters, facts, ids, limits, quotes, rooms, sizing, watch, worth
from rebalancer.core.accounts import shut
from rebalancer.core.commands import Command, Purpose, Submit
from rebalancer.core.decision import Action, Decision, HedgeIntent, Reason, Verdict
from rebalancer.core.events import Mark, Quote
from rebalancer.core.execution import Plan
from rebalancer.core.guards import (
    basis,
    collar,
    counterparty,
    depeg,
    depth,
    divergence,
    fees,
    funding,
    leverage,
    margin,
    order_size,
    plausibility,
    position_size,
    spread,
    staleness,
    throttle,
    trading_state,
    turnover,
    venue_open,
)
from rebalancer.core.guards.funding import Spent
from rebalancer.core.guards.staleness import InputAge
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import Params
from rebalancer.core.state import State
from rebalancer.core.view import View, plain, told_once
from rebalancer.core.watch import delta_inputs

OF_LEAVING = frozenset(  # guards that judge an order as it leaves, and not what rests of it
    (
        *(margin.NAME, order_size.NAME, spread.NAME, leverage.NAME, turnover.NAME, fees.NAME),
        *(counterparty.NAME, throttle.NAME, depth.NAME),
    )
)
CRUMB = 0.1  # of the band's width: a hedge that was cut to less is not sent …
SOME = 10  # … unless it is as large as so many of the smallest orders


class Proposal(NamedTuple):
    """An order that somebody would like to send, and why."""

    intent: HedgeIntent
    reason: Reason
    how: Plan | None = None  # of one that hedges


def judge(state: State, params: Params, view: View, intent: HedgeIntent) -> tuple[Verdict, ...]:
    """Return what each guard says of an intent, in the order in which they are documented."""
    own, instrument = view.params, state.instruments[intent.instrument]
    quote = state.markets.quotes.get(intent.instrument)
    stands = _stands(state, params, view, intent)
    return (
        trading_state.judge(
            intent,
            state.mode_of(own.name),
            killed=state.killed,
            sealed=state.sealed or state.standing.phase is trading_state.TradingState.DRAINING,
            short=state.standing.short,
        ),
        venue_open.judge(intent, shut(state.accounts, intent.account, instrument.id)),
        staleness.judge(intent, _inputs(state, params, view, intent)),
        collar.judge(intent, quote, stands, _width(params, intent.purpose)),
        plausibility.judge(intent, quote, _told(state, params, view)),
        order_size.judge(intent, own.limits.order),
        position_size.judge(intent, own.limits.position),
        margin.judge(intent, rooms.measure(state, params, intent)),
        *_market(state, params, intent, instrument),
        *_book(state, params, intent, instrument),
    )


def _market(
    state: State, params: Params, intent: HedgeIntent, instrument: Instrument
) -> Iterable[Verdict]:
    """Yield what guards say of the market, and of what it costs to hold what it sells."""
    own, carrying = params.market, params.funding
    if own is not None:
        quote = state.markets.quotes.get(intent.instrument)
        yield spread.judge(intent, quote, own.spread)
        yield basis.judge(intent, facts.basis(state, own, instrument))
        told = facts.indexes(state, params, intent.underlying)
        yield divergence.judge(intent, told, own.divergence)
        currency = instrument.settle
        yield depeg.judge(intent, currency, facts.stable_price(state, currency), own.depeg)
        if own.depth is not None:
            yield depth.judge(intent, facts.depth(state, own, own.depth, intent))
    if carrying is not None:
        cost = facts.carry(state, carrying, instrument)
        spent = float(counters.total(state.behaviour.funding, state.now))
        budget = carrying.budget_per_day
        reason = cost.reason or Reason.FUNDING_UNKNOWN
        yield funding.judge(intent, cost.rate, carrying.cap_per_day, Spent(spent, budget), reason)


def _book(
    state: State, params: Params, intent: HedgeIntent, instrument: Instrument
) -> Iterable[Verdict]:
    """Yield what guards say of the whole book, and of how it behaved of late."""
    own, behaves = params.limits, params.behaviour
    if own is not None:
        told, each, waiting = (
            worth.now(state),
            facts.dollars(state, instrument),
            facts.waiting(state),
        )
        if instrument.margined:
            yield leverage.judge(intent, facts.gross(told, own, each, waiting))
        yield turnover.judge(intent, facts.turnover(state, own, each, waiting))
        if own.fees_per_day is not None:
            yield fees.judge(intent, facts.fees(state, own.fees_per_day))
        if own.counterparty is not None:
            share = facts.share(told, own.counterparty, intent.account)
            yield counterparty.judge(intent, share)
    if behaves is not None:
        times = state.behaviour.ordered.get(intent.underlying, ())
        yield throttle.judge(intent, times, state.now, behaves.hedges_per_minute)


def _stands(state: State, params: Params, view: View, intent: HedgeIntent) -> float | None:
    """Return what an order's price is held against; to protect, what the margin is read by."""
    if intent.purpose is Purpose.PROTECT:
        return state.margins.around(state.now).prices.mark(intent.instrument)
    return reference(state, params, state.instruments[intent.instrument], view.price)


def _width(params: Params, purpose: Purpose) -> float:
    """Return the collar's half-width: to stay alive more may be paid."""
    wider = params.collar.protect_factor if purpose is Purpose.PROTECT else 1.0
    return params.collar.width * wider


def conclude(
    state: State, params: Params, view: View, proposal: Proposal
) -> tuple[Decision, Sequence[Command]]:
    """Cut an intent to the minimum of its verdicts; order what is left, or refuse."""
    return carry_out(state, params, view, proposal.intent, weigh(state, params, view, proposal))


def weigh(state: State, params: Params, view: View, proposal: Proposal) -> Decision:
    """Return what would be decided of an intent; nothing is ordered yet, and nothing changed."""
    intent, verdicts = proposal.intent, judge(state, params, view, proposal.intent)
    instrument = state.instruments[intent.instrument]
    binding = tightest(verdicts)
    allowed = sizing.lots(instrument, min(binding.allows, abs(intent.quantity)))
    small = binding.guard in (order_size.NAME, depth.NAME)  # the next one takes the rest
    worth = small or _worth_sending(view, intent, allowed, instrument)
    passes = allowed >= instrument.minimum and allowed > 0 and worth
    return plain(
        state,
        view,
        Action.ORDER if passes else Action.REFUSE,
        proposal.reason if passes else binding.reason or Reason.BELOW_MINIMUM,
        instrument=intent.instrument,
        wanted=intent.quantity,
        allowed=allowed.copy_sign(intent.quantity) if passes else Decimal(0),
        limit_price=intent.price,
        verdicts=verdicts,
        style=None if proposal.how is None else proposal.how.style,
        hurried=None if proposal.how is None else proposal.how.hurried,
    )


def still(state: State, params: Params, view: View, intent: HedgeIntent) -> Verdict | None:
    """Return the verdict by which what rests of an order would not leave now; None: it would.

    Left out are the guards that counted the order already when it left, and those
    that look at what an order takes from the book: one that rests takes nothing. A
    guard that only caps withdraws for no crumb: what it measures by moves all the time.
    """
    instrument = state.instruments[intent.instrument]
    told = [each for each in judge(state, params, view, intent) if each.guard not in OF_LEAVING]
    found = [each for each in told if _withdraws(view, intent, each, instrument)]
    return min(found, key=lambda each: each.allows > 0, default=None)  # what forbids goes first


def _withdraws(view: View, intent: HedgeIntent, told: Verdict, instrument: Instrument) -> bool:
    """Whether what a guard does not allow of an order is worth withdrawing all of it."""
    missing = abs(intent.quantity) - told.allows
    if missing <= 0:
        return False
    if told.allows <= 0:
        return True
    return missing >= instrument.lot and _is_something(view, intent, missing, instrument)


def tightest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that allows least, the first of those that do."""
    return min(verdicts, key=lambda verdict: verdict.allows)


def carry_out(
    state: State, params: Params, view: View, intent: HedgeIntent, decision: Decision
) -> tuple[Decision, Sequence[Command]]:
    """Order what was decided of an intent, or tell that it was refused.

    Args:
        state: Is written.
        params: Settings of the book.
        view: The underlying.
        intent: Of the decision.
        decision: From `weigh`.
    """
    if decision.action is not Action.ORDER or decision.allowed is None:
        return told_once(state, decision), ()
    submit = _submit(state, params, intent, decision.allowed)
    state.intend(submit, intent.delta_per_contract)
    limits.ordered(state, submit, view.price, view.exposure.net)
    state.memory[intent.underlying].refused = None
    return replace(decision, client_order_id=submit.client_order_id), (submit,)


def _worth_sending(
    view: View, intent: HedgeIntent, allowed: Decimal, instrument: Instrument
) -> bool:
    """Whether what is left of a hedge is no crumb: a venue takes none, and they never end.

    However wide a band is, some of the smallest orders together are none: what brings a
    book back to its limit must pass.
    """
    if allowed >= abs(intent.quantity) or intent.purpose is Purpose.PROTECT:
        return True
    return _is_something(view, intent, allowed, instrument)


def _is_something(
    view: View, intent: HedgeIntent, allowed: Decimal, instrument: Instrument
) -> bool:
    """Whether contracts are no crumb, by the band or by the smallest order."""
    if allowed >= SOME * max(instrument.minimum, instrument.lot):
        return True
    coins = float(allowed) * abs(intent.delta_per_contract)
    return coins >= CRUMB * (view.band.upper - view.band.lower)


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
        time_in_force=intent.lifetime,
        reduce_only=intent.purpose is Purpose.PROTECT,
        purpose=intent.purpose,
        underlying=intent.underlying,
        decided_at=state.now,
    )


def reference(state: State, params: Params, instrument: Instrument, index: float) -> float | None:
    """Return the price that the book must agree with: a young mark, else the index.

    A dated future has a basis, so without its mark there is no reference.
    """
    mark = state.markets.marks.get(instrument.id)
    age = quotes.age(state.markets, Mark, instrument.id, state.now)
    if mark is not None and age is not None and age <= params.staleness.mark:
        return float(mark.price)
    return None if instrument.kind is Kind.FUTURE else index


def _told(state: State, params: Params, view: View) -> plausibility.Told:
    memory, collar_ = state.memory[view.params.name], params.collar
    jumped = memory.suspect is not None
    width, jump = collar_.index_width, collar_.jump
    return plausibility.Told(view.price, memory.settled, jumped, width, jump)


def _inputs(state: State, params: Params, view: View, intent: HedgeIntent) -> Iterable[InputAge]:
    """Yield the age of everything that the delta, the order's price or the margin rest on."""
    yield InputAge(
        intent.instrument,
        quotes.age(state.markets, Quote, intent.instrument, state.now),
        params.staleness.quote,
        Reason.QUOTE_MISSING,
        Reason.QUOTE_STALE,
    )
    yield watch.reading(state, params, intent.account, protects=True)
    if params.margin is not None and intent.purpose is Purpose.PROTECT:
        age, limit = state.margins.age(intent.account, state.now), params.margin.max_age
        reasons = (Reason.MARGIN_MISSING, Reason.MARGIN_STALE)
        yield InputAge(intent.account, age, limit, *reasons, protects=True)
    yield from delta_inputs(state, params, view.params)
