"""What a venue demands beyond fees: trading rules, margin schedules, how it liquidates.

Data only. `standard_options` and the numbers of `Grid` follow what Deribit
publishes; every number can be set, because venues change them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange.exact import ZERO


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What an order must be, beyond the instrument's lot, minimum and tick."""

    minimum_notional: Decimal = ZERO  # of one order, USD, of an option its underlying's;
    #   reduce-only orders pass below it
    maximum: Decimal | None = None  # contracts of one order
    price_band: Decimal | None = None  # fraction of the mark that a price may lie beyond it
    tick_steps: tuple[tuple[Decimal, Decimal], ...] = ()  # (price above which, tick), rising


class SelfTrade(StrEnum):
    """What happens when an order would trade with another of its own account."""

    CANCEL_RESTING = "cancel_resting"
    CANCEL_INCOMING = "cancel_incoming"  # from the price on at which they would meet


@dataclass(frozen=True, slots=True)
class Schedule:
    """Margin as a function of notional: each slice between two floors at its own rate.

    With `slope` the rate itself rises: slope x notional² on top. Floors are in
    settle currency, or in USD for an inverse contract when `in_usd` says so.
    """

    tiers: tuple[tuple[Decimal, Decimal], ...]  # (floor of notional, rate); 0 first, rising
    slope: Decimal = ZERO  # per unit of notional
    in_usd: bool = False

    def __post_init__(self) -> None:
        """Refuse tiers that are none."""
        floors = [floor for floor, _ in self.tiers]
        rising = all(before < after for before, after in pairwise(floors))
        rates = [rate for _, rate in self.tiers]
        sound = all(0 <= rate <= 1 for rate in rates) and rates == sorted(rates)
        if not floors or floors[0] != 0 or not rising or not sound or self.slope < 0:
            raise DataError(f"margin tiers: must rise from a floor of 0, was {self.tiers}")


@dataclass(frozen=True, slots=True)
class StandardOptions:
    """Margin of a short option on its own, per coin, as fractions of the underlying.

    A short call needs max(initial - out of the money ÷ index, least) + mark
    at first and `maintenance` + mark later, a put max(maintenance,
    maintenance x mark) + mark and never less at first. Nothing is needed for a
    long option, which was paid in full, and nothing is lent on it.
    """

    initial: Decimal = Decimal("0.15")
    least: Decimal = Decimal("0.1")
    maintenance: Decimal = Decimal("0.075")


@dataclass(frozen=True, slots=True)
class Grid:
    """A portfolio margin: the worst loss over moves of price and vol, and contingencies.

    Moves beyond `reach` are damped: their loss counts reach ÷ |move|.
    """

    reach: float = 0.16  # largest ordinary move of the price, either way
    buckets: int = 9  # ordinary moves, the middle one none
    extended: tuple[float, ...] = (-0.66, -0.5, -0.33, 0.33, 0.5, 1.0, 2.0, 5.0)
    vol_up: float = 0.50  # rise of a 30-day vol, fraction of itself
    vol_down: float = 0.25
    near_power: float = 0.30  # vol moves grow as (30 ÷ days)^power inside 30 days, from a day on
    far_power: float = 0.13  # and fade by this power beyond
    linear_contingency: float = 0.006  # of gross notional of perpetuals and futures
    short_option_contingency: float = 0.01  # of the coins of net short options per expiry
    initial_factor: float = 1.3  # initial margin ÷ maintenance margin

    def __post_init__(self) -> None:
        """Refuse a grid without moves either way, or numbers that make no sense."""
        lowest = min((-self.reach, *self.extended))
        if self.buckets < 3 or self.buckets % 2 == 0 or not 0 < self.reach < 1 or lowest <= -1:
            was = f"{self.buckets} moves of up to {self.reach}, extended to {self.extended}"
            raise DataError(f"margin grid: must be an odd number of moves above -1, was {was}")
        shares = (self.vol_up, self.vol_down, self.near_power, self.far_power)
        extra = (self.linear_contingency, self.short_option_contingency, self.initial_factor - 1)
        whole = all(math.isfinite(each) for each in (*self.extended, *shares, *extra))
        if not whole or 0 in self.extended or min(*shares, *extra) < 0 or self.vol_down > 1:
            raise DataError(f"margin grid: must have finite shares of at least 0, was {self}")


@dataclass(frozen=True, slots=True)
class Liquidation:
    """How a venue takes down an account that is short of margin."""

    fee: Decimal = Decimal("0.005")  # of notional closed, to the insurance fund
    step: Decimal = Decimal("0.25")  # of a position that one rung of the ladder closes
    penalty: Decimal = Decimal("0.01")  # of the mark, for a rung where no book is displayed
    reserve_fee: bool = False  # whether the fee counts into maintenance, as on OKX


class MarginMode(StrEnum):
    """What stands for a position's losses."""

    CROSS = "cross"
    ISOLATED = "isolated"  # options are always cross
    PORTFOLIO = "portfolio"


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """How one account is margined."""

    mode: MarginMode = MarginMode.CROSS
    leverage: Decimal | None = None  # most of notional ÷ margin at opening; None: the schedules'
    collateral: Mapping[str, Decimal] | None = None  # currency → share that counts, all in one
    #   USD pool; None: each currency stands for what settles in it

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if self.leverage is None and self.mode is MarginMode.ISOLATED:
            raise DataError("leverage: must be given for isolated margin, was not")
        if self.leverage is not None and self.leverage <= 0:
            raise DataError(f"leverage: must be above 0, was {self.leverage}")
        for currency, share in (self.collateral or {}).items():
            if not 0 <= share <= 1:
                raise DataError(f"{currency} collateral: must count 0 to 1, was {share}")


@dataclass(frozen=True, slots=True)
class VenueTerms:
    """Everything above; mappings go by instrument id, then by kind."""

    rules: Mapping[str, TradingRules] = field(default_factory=dict)
    maintenance: Mapping[str, Schedule] = field(default_factory=dict)
    initial: Mapping[str, Schedule] = field(default_factory=dict)
    initial_factor: Decimal = Decimal(1)  # initial margin is at least so many times maintenance
    options: StandardOptions = field(default_factory=StandardOptions)
    grid: Grid = field(default_factory=Grid)
    liquidation: Liquidation = field(default_factory=Liquidation)
    insurance: Mapping[str, Decimal] = field(default_factory=dict)  # what the fund opens with
    funding_cap: Mapping[str, Decimal] = field(default_factory=dict)  # most |rate| per interval
    self_trade: SelfTrade = SelfTrade.CANCEL_RESTING
    unique_client_ids: bool = False  # reject a client order id that the account used before

    def rules_of(self, instrument: Instrument) -> TradingRules:
        """Return the rules of an instrument; none where nothing is said."""
        return self.rules.get(instrument.id, self.rules.get(instrument.kind, TradingRules()))

    def maintenance_of(self, instrument: Instrument) -> Schedule:
        """Return the maintenance schedule of a perpetual or future.

        Raises:
            DataError: There is none; a venue that liquidates nobody would be kinder than any.
        """
        found = self.maintenance.get(instrument.id, self.maintenance.get(instrument.kind))
        if found is None:
            must = "must have a maintenance schedule for it or its kind"
            raise DataError(f"{instrument.id}: {must}, was neither")
        return found

    def initial_of(self, instrument: Instrument) -> Schedule | None:
        """Return the initial schedule of a perpetual or future; None: leverage alone."""
        return self.initial.get(instrument.id, self.initial.get(instrument.kind))

    def funding_cap_of(self, instrument: Instrument) -> Decimal | None:
        """Return the most that a perpetual's rate may be either way; None: no cap."""
        return self.funding_cap.get(instrument.id, self.funding_cap.get(instrument.kind))
