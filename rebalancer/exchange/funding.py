"""Funding: what longs and shorts of a perpetual pay one another; at a positive rate longs pay.

Two conventions. By stamp: whoever holds at the stamp pays rate x notional at
mark. Continuous: rate x notional x elapsed ÷ interval flows all the time, and
is booked when `accrue` is called; until then it is owed to 1e-24, and a
booking carries what is finer than 1e-12 into the next.

Source:
    https://support.deribit.com/hc/en-us/articles/31424939178397-Funding-Specifications
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.accounts import Account, add
from rebalancer.exchange.contracts import exposure
from rebalancer.exchange.exact import FINE, QUANTUM, ZERO, quotient
from rebalancer.exchange.records import FundingBooked
from rebalancer.exchange.state import FundingTerms, State


def set_terms(state: State, instrument: Instrument, terms: FundingTerms) -> None:
    """Let a rate hold from now on, within the venue's cap; what flowed before stays owed.

    Raises:
        DataError: Not a perpetual, or an interval that is not positive.
    """
    if instrument.kind is not Kind.PERPETUAL:
        raise DataError(f"{instrument.id}: must be a perpetual, was a {instrument.kind}")
    if terms.interval <= 0 or not terms.rate.is_finite():
        was = f"{terms.rate} per {terms.interval} ns"
        raise DataError(f"{instrument.id} funding: must be a number per positive time, was {was}")
    integrate(state, instrument)
    cap = state.venue.funding_cap_of(instrument)
    if cap is not None:
        terms = replace(terms, rate=max(-cap, min(cap, terms.rate)))
    state.terms[instrument.id] = terms
    if terms.next_ts is None:
        state.accrued_until[instrument.id] = state.now
    else:
        state.accrued_until.pop(instrument.id, None)


def integrate(state: State, instrument: Instrument) -> None:
    """Add to what is owed the continuous funding since the last change of its inputs.

    To be called before a position, a mark or a rate changes. Nothing flows
    before both mark and rate are known.
    """
    since = state.accrued_until.get(instrument.id)
    if since is None or since == state.now:
        return
    state.accrued_until[instrument.id] = state.now
    if instrument.id not in state.marks:
        return
    for _, account in state.holders():
        quantity = account.holding(instrument.id).quantity
        if quantity:
            add(account.owed, instrument.id, _flow(state, instrument, quantity, since))


def _flow(state: State, instrument: Instrument, quantity: Decimal, since: int) -> Decimal:
    """Return what flowed to a position from `since` until now, at the mark and rate of today."""
    terms, mark = state.terms[instrument.id], state.marks[instrument.id]
    numerator, denominator = exposure(instrument, -quantity, mark)
    flow = numerator * terms.rate * (state.now - since)
    return quotient(flow, denominator * terms.interval, FINE)


def unbooked(state: State, account: Account, instrument: Instrument) -> Decimal:
    """Return the continuous funding that an account is owed until now; nothing is written."""
    owed, quantity = account.owed.get(instrument.id, ZERO), account.holding(instrument.id).quantity
    since = state.accrued_until.get(instrument.id)
    if since is None or not quantity or instrument.id not in state.marks:
        return owed
    return owed + _flow(state, instrument, quantity, since)


def accrue(state: State, instrument: Instrument) -> tuple[FundingBooked, ...]:
    """Book the continuous funding that is owed, and carry what is finer than 1e-12."""
    integrate(state, instrument)
    booked: list[FundingBooked] = []
    for name, account in state.holders():
        owed = account.owed.get(instrument.id, ZERO)
        amount = quotient(owed, Decimal(1), QUANTUM)
        if amount:
            account.owed[instrument.id] = owed - amount
            booked.extend(_book(state, name, account, instrument, amount))
    return tuple(booked)


def apply_stamp(state: State, instrument: Instrument) -> tuple[FundingBooked, ...]:
    """Charge one interval's funding to everybody who holds now; once, however often it is told.

    The next stamp is due one interval later.

    Raises:
        DataError: No rate by stamp is known, or no mark, or it is not due yet.
    """
    terms, mark = state.terms.get(instrument.id), state.marks.get(instrument.id)
    stamp, charged = state.stamped.get(instrument.id, (-1, -1))
    if charged == state.now:
        return ()
    if terms is None or terms.next_ts is None or mark is None:
        raise DataError(f"{instrument.id} funding: must have a mark and a rate by stamp, was not")
    if terms.next_ts <= stamp:
        return ()  # told again
    if state.now < terms.next_ts:
        was = f"{state.now}"
        raise DataError(f"{instrument.id} funding: must be due, at {terms.next_ts}, was {was}")
    state.stamped[instrument.id] = terms.next_ts, state.now
    state.terms[instrument.id] = replace(terms, next_ts=terms.next_ts + terms.interval)
    booked: list[FundingBooked] = []
    for name, account in state.holders():
        quantity = account.holding(instrument.id).quantity
        if quantity:
            numerator, denominator = exposure(instrument, -quantity, mark)
            amount = quotient(numerator * terms.rate, denominator)
            booked.extend(_book(state, name, account, instrument, amount))
    return tuple(booked)


def _book(
    state: State, name: str, account: Account, instrument: Instrument, amount: Decimal
) -> tuple[FundingBooked, ...]:
    """Move funding into cash, and into the margin of an isolated position; report an account's."""
    currency = instrument.settle
    add(account.cash, currency, amount)
    add(state.house.funding, currency, -amount)
    state.unsound = True
    if instrument.id in account.locked:
        add(account.locked, instrument.id, amount)
    if account is state.house.insurance:
        return ()
    booked = FundingBooked(state.now, name, instrument.id, state.next_id(), amount, currency)
    return (booked,)
