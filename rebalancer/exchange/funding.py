"""Funding: what longs and shorts of a perpetual pay one another; at a positive rate longs pay.

Two conventions. By stamp: whoever holds at the stamp pays rate x notional at
mark. Continuous: rate x notional x elapsed ÷ interval flows all the time, and
is booked when `accrue` is called; until then it is owed to 1e-24, and a
booking carries what is finer than 1e-12 into the next.

Source:
    https://support.deribit.com/hc/en-us/articles/31424939178397-Funding-Specifications
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.accounts import add
from rebalancer.exchange.contracts import exposure
from rebalancer.exchange.exact import FINE, QUANTUM, ZERO, quotient
from rebalancer.exchange.records import FundingBooked
from rebalancer.exchange.state import FundingTerms, State


def set_terms(state: State, instrument: Instrument, terms: FundingTerms) -> None:
    """Let a rate hold from now on; what flowed at the old one stays owed.

    Raises:
        DataError: Not a perpetual, or an interval that is not positive.
    """
    if instrument.kind is not Kind.PERPETUAL:
        raise DataError(f"{instrument.id}: must be a perpetual, was a {instrument.kind}")
    if terms.interval <= 0 or not terms.rate.is_finite():
        was = f"{terms.rate} per {terms.interval} ns"
        raise DataError(f"{instrument.id} funding: must be a number per positive time, was {was}")
    integrate(state, instrument)
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
    mark = state.marks.get(instrument.id)
    if mark is None:
        return
    terms = state.terms[instrument.id]
    for name, account in state.accounts.items():
        quantity = account.holding(instrument.id).quantity
        if quantity:
            key = name, instrument.id
            numerator, denominator = exposure(instrument, -quantity, mark)
            flow = numerator * terms.rate * (state.now - since)
            due = quotient(flow, denominator * terms.interval, FINE)
            state.owed[key] = state.owed.get(key, ZERO) + due


def accrue(state: State, instrument: Instrument) -> tuple[FundingBooked, ...]:
    """Book the continuous funding that is owed, and carry what is finer than 1e-12."""
    integrate(state, instrument)
    booked = []
    for name in state.accounts:
        owed = state.owed.get((name, instrument.id), ZERO)
        amount = quotient(owed, Decimal(1), QUANTUM)
        if amount:
            state.owed[name, instrument.id] = owed - amount
            booked.append(_book(state, name, instrument, amount))
    return tuple(booked)


def apply_stamp(state: State, instrument: Instrument) -> tuple[FundingBooked, ...]:
    """Charge one interval's funding to everybody who holds now.

    Raises:
        DataError: No rate by stamp is known, or no mark.
    """
    terms, mark = state.terms.get(instrument.id), state.marks.get(instrument.id)
    if terms is None or terms.next_ts is None or mark is None:
        raise DataError(f"{instrument.id} funding: must have a mark and a rate by stamp, was not")
    booked = []
    for name, account in state.accounts.items():
        quantity = account.holding(instrument.id).quantity
        if quantity:
            numerator, denominator = exposure(instrument, -quantity, mark)
            amount = quotient(numerator * terms.rate, denominator)
            booked.append(_book(state, name, instrument, amount))
    return tuple(booked)


def _book(state: State, name: str, instrument: Instrument, amount: Decimal) -> FundingBooked:
    currency = instrument.settle
    add(state.accounts[name].cash, currency, amount)
    add(state.house.funding, currency, -amount)
    return FundingBooked(state.now, name, instrument.id, state.next_id(), amount, currency)
