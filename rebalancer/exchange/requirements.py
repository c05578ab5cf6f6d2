"""What margin a position needs by itself: a schedule on its notional, or a short option's rule.

Source:
    https://support.deribit.com/hc/en-us/articles/25944777844125-Standard-Margin-SM
    for options; tiers as every venue publishes them, each slice at its own rate.
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.contracts import exposure, reciprocal
from rebalancer.exchange.exact import FINE, ZERO, quotient
from rebalancer.exchange.prices import Prices
from rebalancer.exchange.terms import Schedule, StandardOptions, VenueTerms


def notional(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return |quantity| at `price` in settle currency, >= 0, to 1e-24."""
    return quotient(*exposure(instrument, abs(quantity), price), FINE)


def charge(
    schedule: Schedule, instrument: Instrument, quantity: Decimal, price: Decimal
) -> Decimal:
    """Return what a schedule asks of a perpetual or future, settle currency, >= 0."""
    if schedule.in_usd and reciprocal(instrument):
        size, _ = exposure(instrument, abs(quantity), price)
        return quotient(_sliced(schedule, size), price, FINE)
    return _sliced(schedule, notional(instrument, quantity, price))


def _sliced(schedule: Schedule, amount: Decimal) -> Decimal:
    """Return the sum over the slices of a notional, each at its own rate."""
    total, tiers = schedule.slope * amount * amount, iter(schedule.tiers)
    floor, rate = next(tiers)
    for end, following in tiers:
        total += rate * max(min(amount, end) - floor, ZERO)
        floor, rate = end, following
    return total + rate * max(amount - floor, ZERO)


def maintenance(
    terms: VenueTerms, instrument: Instrument, quantity: Decimal, prices: Prices
) -> Decimal | None:
    """Return the margin below which a position is taken down, settle currency.

    With `reserve_fee` the fee of that is part of it. None while a price that
    it needs is not known.
    """
    mark = prices.marks.get(instrument.id)
    if not quantity or instrument.kind is Kind.SPOT:
        return ZERO
    if mark is None:
        return None
    if instrument.kind is Kind.OPTION:
        return _option(terms.options, instrument, quantity, prices, opening=False)
    asked = charge(terms.maintenance_of(instrument), instrument, quantity, mark)
    if terms.liquidation.reserve_fee:
        asked += terms.liquidation.fee * notional(instrument, quantity, mark)
    return asked


def initial(
    terms: VenueTerms,
    instrument: Instrument,
    quantity: Decimal,
    prices: Prices,
    leverage: Decimal | None,
    kept: Decimal | None = None,
) -> Decimal | None:
    """Return the margin that a position must have to be opened or added to, settle currency.

    The dearest of the initial schedule, notional ÷ leverage, and maintenance as
    many times as the venue asks; `kept` is that maintenance, where it is at hand.
    """
    least = maintenance(terms, instrument, quantity, prices) if kept is None else kept
    mark = prices.marks.get(instrument.id)
    if least is None or mark is None or not quantity or instrument.kind is Kind.SPOT:
        return least
    if instrument.kind is Kind.OPTION:
        return _option(terms.options, instrument, quantity, prices, opening=True)
    least *= terms.initial_factor
    schedule = terms.initial_of(instrument)
    if schedule is not None:
        least = max(least, charge(schedule, instrument, quantity, mark))
    if leverage is not None:
        least = max(least, at_leverage(instrument, quantity, mark, leverage))
    return least


def at_leverage(
    instrument: Instrument, quantity: Decimal, price: Decimal, leverage: Decimal
) -> Decimal:
    """Return notional ÷ leverage, settle currency, to 1e-12."""
    numerator, denominator = exposure(instrument, abs(quantity), price)
    return quotient(numerator, denominator * leverage)


def _option(
    rule: StandardOptions,
    instrument: Instrument,
    quantity: Decimal,
    prices: Prices,
    *,
    opening: bool,
) -> Decimal | None:
    """Return the margin of a short option; a long one needs none."""
    index = prices.indexes.get(instrument.underlying)
    if quantity > 0:
        return ZERO
    if index is None:
        return None
    mark = prices.marks[instrument.id]
    unit = Decimal(1) if instrument.inverse else index  # settle currency of one coin
    later = rule.maintenance * unit
    if instrument.sign < 0:
        later = max(later, rule.maintenance * mark)
    asked = later
    if opening:
        strike = ZERO if instrument.strike is None else instrument.strike
        outside = max(instrument.sign * (strike - index), ZERO)
        if instrument.inverse:
            outside = quotient(outside, index, FINE)
        asked = max(rule.initial * unit - outside, rule.least * unit)
        if instrument.sign < 0:
            asked = max(asked, later)
    return (asked + mark) * abs(quantity) * instrument.size
