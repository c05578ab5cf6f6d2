"""The watch: what must not go on in silence.

A gap that stays unhedged, or a delta that nobody can know, wakes a person
after a minute, whatever the cause. An order whose outcome stays open is asked
after until the venue proves it, and halts its underlying when it does not.
"""

from collections.abc import Iterable
from dataclasses import replace

from rebalancer.core import accounts, orders, quotes
from rebalancer.core import memory as memories
from rebalancer.core.band import Band
from rebalancer.core.commands import Alert, Query, Severity
from rebalancer.core.decision import Action, Decision, Reason
from rebalancer.core.events import Delivered, Index, Mark, OptionMark
from rebalancer.core.guards.staleness import InputAge
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.outside import is_outside
from rebalancer.core.params import Params, UnderlyingParams
from rebalancer.core.state import State

_SECOND = 1_000_000_000


def delta_inputs(state: State, params: Params, own: UnderlyingParams) -> Iterable[InputAge]:
    """Yield the age of everything that the delta rests on: index, holdings outside, marks."""
    index = state.index(own.name)
    subject = "" if index is None else f"{index.venue}:{index.underlying}"
    yield InputAge(
        subject or own.name,
        quotes.age(state.markets, Index, subject, state.now),
        params.staleness.index,
        Reason.INDEX_MISSING,
        Reason.INDEX_STALE,
    )
    for told in params.outside:
        if own.name in told.underlyings:
            as_of = state.outside.get(told.source)
            age = None if as_of is None else state.now - as_of
            reasons = (Reason.HOLDINGS_MISSING, Reason.HOLDINGS_STALE)
            yield InputAge(told.source, age, told.max_age, *reasons)
    book = state.book(own.name)
    for name in (*book.missing, *book.options.ids, *book.linear.ids):
        instrument = state.instruments.get(name)  # None: a cash balance
        if instrument is not None and instrument.kind in (Kind.OPTION, Kind.FUTURE):
            yield _told(state, params, instrument, known=name not in book.missing)


def reading(state: State, params: Params, account: str, *, protects: bool = False) -> InputAge:
    """Return how long ago an account was read and found as the ledger has it."""
    age = accounts.age(state.accounts, account, state.now)
    limit, reasons = params.staleness.positions, (Reason.POSITIONS_MISSING, Reason.POSITIONS_STALE)
    return InputAge(account, age, limit, *reasons, protects)


def _told(state: State, params: Params, instrument: Instrument, *, known: bool) -> InputAge:
    """Return the age of what a held option or future is valued by."""
    name, limits = instrument.id, params.staleness
    if instrument.kind is Kind.OPTION:
        age = quotes.age(state.markets, OptionMark, name, state.now) if known else None
        return InputAge(name, age, limits.option, Reason.OPTION_MISSING, Reason.OPTION_STALE)
    age = quotes.age(state.markets, Mark, name, state.now) if known else None
    return InputAge(name, age, limits.mark, Reason.MARK_MISSING, Reason.MARK_STALE)


def unhedged(state: State, params: Params, decision: Decision, *, told: bool) -> Iterable[Alert]:
    """Yield an alert when a gap stays open, or its size unknown, for too long.

    What the venue's smallest order cannot close is no gap. The two causes are
    counted apart: one that somebody has heard of does not hush the other.

    Args:
        state: Remembers since when.
        params: How long is too long.
        decision: The latest of this underlying.
        told: Whether the inputs' ages are looked at too (once a tick of the clock).
    """
    memory, now, name = state.memory[decision.underlying], state.now, decision.underlying
    gap = _gap(decision)
    if gap is not None:  # else what was outside before still is, as far as anybody knows
        memories.lasts(memory.outside, now, wrong=gap > 0)
    looks = told or gap is None
    blind = _blind(state, params, params.underlyings[name]) if looks else ()
    if looks:
        memories.lasts(memory.blind, now, wrong=bool(blind))
    if memory.restores and memory.outside.since is None and memory.blind.since is None:
        memory.restores = False
        text = "inside the band again, every input known"
        yield Alert(Severity.INFO, "delta.restored", name, text)
    if decision.action is Action.ORDER:
        return  # what is being mended just now wakes nobody yet
    patience, causes = params.unhedged_alert, []
    if memories.due(memory.outside, now, patience, gap or 0.0):
        band = f"{decision.lower:.4f} … {decision.upper:.4f} {name}"
        text = f"net delta {decision.net_delta:.4f} is outside {band} ({decision.reason})"
        causes.append((memory.outside, text))
    if blind and memories.due(memory.blind, now, patience):
        text = f"nobody can know: {', '.join(blind[:3])} missing or too old"
        causes.append((memory.blind, text))
    for episode, text in causes:
        memory.restores = True
        lasting = (now - (episode.since or now)) // _SECOND
        told_of = f"{text}, for {lasting} s; see `why {decision.sequence}`"
        yield Alert(Severity.ERROR, "delta.unhedged", name, told_of)


def _gap(decision: Decision) -> float | None:
    """Return how far the net delta is outside its band, coins; None: nobody knows."""
    if decision.price is None:
        return None
    band = Band(decision.aim, decision.lower, decision.upper)
    if decision.reason is Reason.BELOW_MINIMUM or band.contains(decision.net_delta):
        return 0.0
    return max(decision.lower - decision.net_delta, decision.net_delta - decision.upper)


def _blind(state: State, params: Params, own: UnderlyingParams) -> tuple[str, ...]:
    """Return what the delta rests on and is missing or too old."""
    read = (reading(state, params, name) for name in params.accounts)
    inputs = (*delta_inputs(state, params, own), *read)
    unknown = tuple(each.subject for each in inputs if each.age is None or each.age > each.limit)
    return (*unknown, *_unreckoned(state, params))


def _unreckoned(state: State, params: Params) -> Iterable[str]:
    """Yield the accounts with margined positions of which nobody knows how they stand."""
    if params.margin is None:
        return
    held = {
        account: None
        for (account, name), position in state.ledger.positions.items()
        if position.quantity and state.instruments[name].margined
    }
    for account in params.accounts:
        if account not in held:
            continue
        known = state.margins.known(account, params.margin, state.now)
        if not known or state.margins.pools(account, state.now) is None:
            yield f"margin of {account}"


def chase(state: State, params: Params) -> Iterable[Query | Alert]:
    """Yield queries for orders open too long, and an alert for what stays unproven.

    A venue that says it is in maintenance proves nothing: it is asked, and the
    patience with it begins, once it is open again. One that is only silent is
    no excuse.
    """
    patience = params.orders.unknown_halt
    for waiting in state.open_orders():
        silent = orders.overdue(waiting, state.now, params.orders)
        order = state.put(orders.lost(waiting, state.now)) if silent else waiting
        told = order.submit
        shut = told.account in state.accounts.declared
        if not shut and orders.due_for_query(order, state.now, params.orders):
            order = state.put(orders.asked(order, state.now, params.orders))
            yield Query(told.client_order_id, told.account, told.instrument)
        excused = accounts.closed_within(state.accounts, told.account, state.now, patience)
        stuck = not excused and orders.unproven(order, state.now, params.orders)
        if stuck and not order.told:
            state.put(replace(order, told=True))
            waited = patience // _SECOND
            text = f"{told.client_order_id} unproven for {waited} s; find it at the venue, then arm"
            state.halt(told.underlying, text)
            yield Alert(Severity.ERROR, "order.unproven", told.underlying, text)


def ended_outside(state: State) -> Iterable[Delivered]:
    """Yield the end of what expired outside our venues, where nobody delivers it to us.

    At the index: the settlement price of another place is not told here.
    """
    for account, name in list(state.ledger.positions):
        instrument = state.instruments[name]
        index = state.believed(instrument.underlying)
        over = instrument.expiry is not None and instrument.expiry <= state.now
        if is_outside(account) and over and index is not None:
            yield Delivered(state.now, None, account, name, str(instrument.expiry), index.price)
