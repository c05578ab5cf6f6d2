"""What a fill costs: a rate on the notional, and the cap on options.

Deribit, for example, charges 0.0003 coin per coin of an inverse option and a
share of the index for a linear one, never more than 12.5 % of the premium:
https://support.deribit.com/hc/en-us/articles/25944746248989-Fees
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.contracts import exposure
from rebalancer.exchange.exact import QUANTUM, quotient


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates of one family of instruments; below zero the venue pays."""

    maker: Decimal  # fraction of notional; options: of the underlying, coin per coin
    taker: Decimal
    premium_cap: Decimal | None = None  # most of an option's premium, fraction


def schedule_of(fees: Mapping[str, FeeSchedule], instrument: Instrument) -> FeeSchedule:
    """Return the schedule of an instrument: its own, or else that of its kind.

    Raises:
        DataError: There is neither; a free venue would be kinder than any.
    """
    schedule = fees.get(instrument.id, fees.get(instrument.kind))
    if schedule is None:
        raise DataError(f"{instrument.id}: must have fees for it or its kind, was neither")
    return schedule


def needs_index(instrument: Instrument) -> bool:
    """Whether the fee cannot be told without the index price (linear options)."""
    return instrument.kind is Kind.OPTION and not instrument.inverse


def charge(
    schedule: FeeSchedule,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
    index: Decimal | None,
    maker: bool,
) -> Decimal:
    """Return the fee of one fill in settle currency, to 1e-12; below zero a rebate.

    Args:
        schedule: Rates of the instrument.
        instrument: What was traded.
        quantity: Contracts, signed.
        price: Of the fill, quote currency.
        index: Of the underlying, USD per coin; needed by linear options only.
        maker: Whether the order rested.

    Raises:
        DataError: The index is needed and not known.
    """
    rate = schedule.maker if maker else schedule.taker
    numerator, denominator = exposure(instrument, abs(quantity), price)
    if instrument.kind is not Kind.OPTION:
        return quotient(numerator * rate, denominator)
    fee = abs(quantity) * instrument.size * rate
    if needs_index(instrument):
        if index is None:
            raise DataError(f"{instrument.id} fee: must have an index price, was unknown")
        fee *= index
    if schedule.premium_cap is not None:
        fee = min(fee, numerator * schedule.premium_cap)
    return quotient(fee, Decimal(1), QUANTUM)
