"""What a fill costs: a rate on the notional, and the cap on options.

Deribit, for example, charges 0.0003 coin per coin of an inverse option and a
share of the index for a linear one, never more than 12.5 % of the premium:
https://support.deribit.com/hc/en-us/articles/25944746248989-Fees
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.contracts import exposure, payoff, reciprocal
from rebalancer.exchange.exact import QUANTUM, quotient

DAY = 86_400_000_000_000  # ns
MONTH = 30  # days


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Rates from a volume on."""

    volume: Decimal  # USD traded in the 30 UTC days before today
    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates of one family of instruments; below zero the venue pays."""

    maker: Decimal  # fraction of notional; options: of the underlying, coin per coin
    taker: Decimal
    premium_cap: Decimal | None = None  # most of an option's premium, or payoff, fraction
    delivery: Decimal = Decimal(0)  # rate when a dated contract ends
    tiers: tuple[FeeTier, ...] = ()  # better rates by volume, rising
    received: bool = False  # whether a pair's fee is taken from what the trade brings

    def __post_init__(self) -> None:
        """Refuse tiers that do not rise."""
        volumes = [each.volume for each in self.tiers]
        if volumes != sorted(set(volumes)):
            raise DataError(f"fee tiers: volumes must rise, were {volumes}")


def at_volume(schedule: FeeSchedule, volumes: Mapping[int, Decimal], now: int) -> FeeSchedule:
    """Return the schedule with the rates of the tier that past volume earned.

    Args:
        schedule: With or without tiers.
        volumes: USD traded by UTC day.
        now: ns; a tier holds for a whole UTC day.
    """
    if not schedule.tiers:
        return schedule
    today = now // DAY
    traded = sum((usd for day, usd in volumes.items() if today - MONTH <= day < today), Decimal(0))
    reached = [each for each in schedule.tiers if each.volume <= traded]
    return (
        replace(schedule, maker=reached[-1].maker, taker=reached[-1].taker) if reached else schedule
    )


def count(volumes: dict[int, Decimal], now: int, usd: Decimal) -> None:
    """Add what was traded to the volume of the day, and forget days that count no more."""
    today = now // DAY
    volumes[today] = volumes.get(today, Decimal(0)) + usd
    for day in [day for day in volumes if day < today - MONTH]:
        del volumes[day]


def in_coins(schedule: FeeSchedule, instrument: Instrument, quantity: Decimal) -> bool:
    """Whether the fee of a fill is taken from the coins that it brings."""
    return schedule.received and instrument.kind is Kind.SPOT and quantity > 0


def usd_traded(
    instrument: Instrument, quantity: Decimal, price: Decimal, index: Decimal | None
) -> Decimal:
    """Return the notional of a fill, USD; of an option its underlying, 0 without an index."""
    size = abs(quantity) * instrument.size
    if instrument.kind is Kind.OPTION:
        return size * (index or Decimal(0))
    return size if reciprocal(instrument) else size * price


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
    """Return the fee of one fill, to 1e-12; below zero a rebate.

    In settle currency, but in coins where `in_coins` says so.

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
    if in_coins(schedule, instrument, quantity):
        return quotient(quantity * instrument.size * rate, Decimal(1), QUANTUM)
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


def of_delivery(
    schedule: FeeSchedule, instrument: Instrument, quantity: Decimal, price: Decimal
) -> Decimal:
    """Return what the end of a dated contract costs, settle currency, to 1e-12, >= 0.

    A future pays on its notional. An option pays per coin of underlying, never
    more than `premium_cap` of what it pays out, so nothing when it ends worthless.
    """
    size = abs(quantity) * instrument.size
    if instrument.kind is not Kind.OPTION:
        numerator, denominator = exposure(instrument, abs(quantity), price)
        return quotient(numerator * schedule.delivery, denominator)
    fee = size * schedule.delivery * (Decimal(1) if instrument.inverse else price)
    if schedule.premium_cap is not None:
        fee = min(fee, abs(quantity) * payoff(instrument, price) * schedule.premium_cap)
    return quotient(fee, Decimal(1), QUANTUM)
