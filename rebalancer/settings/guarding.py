"""Guarding: the tables of the guards and their keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rebalancer.settings import values
from rebalancer.settings.values import (
    AtLeastOne,
    AtLeastOneWhole,
    Duration,
    NotNegative,
    OpenShare,
    Positive,
)

MILLISECOND = 1_000_000  # ns
SECOND = 1_000 * MILLISECOND
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class Table(BaseModel):
    """A table of the configuration: frozen, strict, without unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Staleness(Table):
    """Oldest age of an input; the defaults are the targets of an unattended desk."""

    quote: Duration = 3 * SECOND
    index: Duration = 5 * SECOND
    mark: Duration = 5 * SECOND
    option: Duration = 30 * SECOND
    positions: Duration = 90 * SECOND


class Collar(Table):
    """How far from an independent reference an order may trade."""

    width: Annotated[float, values.number("above 0 and at most 0.5", lambda x: 0 < x <= 0.5)] = (  # noqa: PLR2004
        0.003
    )
    protect_factor: AtLeastOne = 3.0
    index_width: Annotated[  # most that index and book may lie apart
        float,
        values.number("above 0 and at most 0.5", lambda x: 0 < x <= 0.5),  # noqa: PLR2004
    ] = 0.05
    jump: Annotated[  # most that one word may move the index until a second confirms it
        float,
        values.number("above 0 and at most 0.5", lambda x: 0 < x <= 0.5),  # noqa: PLR2004
    ] = 0.10


class FundingGuard(Table):
    """The dearest carry of a hedge."""

    cap_per_day: NotNegative = Field(examples=[0])  # fraction of notional
    horizon: Duration = DAY  # over which it is expected
    budget_per_day: Positive | None = None  # USD
    moves: bool = False  # whether a leg moves to where it costs less …
    move_horizon: Duration = 60 * DAY  # … over so long …
    move_factor: AtLeastOne = 2.0  # … by so many times what the move costs


class Ladder(Table):
    """Where each rung of the margin ladder begins."""

    warn: OpenShare = Field(examples=[0.5])
    widen: OpenShare = Field(examples=[0.5])
    reduce: OpenShare = Field(examples=[0.5])
    derisk: OpenShare = Field(examples=[0.5])
    halt: OpenShare = Field(examples=[0.5])


class MarginGuard(Table):
    """What keeps accounts from liquidation."""

    ratio: Ladder = Ladder(warn=0.40, widen=0.50, reduce=0.60, derisk=0.70, halt=0.80)
    #   maintenance margin ÷ margin balance
    distance: Ladder = Ladder(warn=0.25, widen=0.20, reduce=0.15, derisk=0.10, halt=0.07)
    #   |liquidation price ÷ mark - 1|
    min_sigmas: Positive = 3.0  # distance in standard deviations over the reaction time
    reaction_time: Duration = HOUR
    clear_by: OpenShare = 0.1  # share of a rung by which it must be cleared
    tail: AtLeastOne = 1.5  # what volatilities are multiplied by
    least_vol: Positive = 0.3  # per year; no market is taken to be calmer
    most_vol: Positive = 12.0  # per year, tail included; a jump counts for no more. Three
    #   deviations of an hour are then 32 % down: the worst one of BTC was 29 % (2020-03-12)
    max_age: Duration = 30 * SECOND  # of a venue's figures
    disagreement: OpenShare = 0.01  # our liquidation price ÷ the venue's - 1


class MarketGuard(Table):
    """What a sane market is; fractions."""

    spread: OpenShare = 0.01  # of mid
    basis: OpenShare = 0.03  # mark ÷ index - 1, beyond what is usual
    divergence: OpenShare = 0.02  # between the indexes of venues
    depeg: OpenShare = 0.02  # of a stable currency, USD off a dollar
    depth: Positive | None = None  # share of the displayed size that one order takes
    interest: OpenShare | None = None  # share of open interest that a position may be


class BehaviourGuard(Table):
    """What a sane hedger does."""

    hedges_per_minute: AtLeastOneWhole = 20
    misses: AtLeastOneWhole = 3  # hedges in a row without their effect on net delta …
    effect: OpenShare = 0.5  # … which is at least this part of what they filled
    sides: AtLeastOneWhole = 6  # times that hedges went the other way …
    window: Duration = 60 * SECOND  # … within so long …
    remains: OpenShare = 0.25  # … and this part of what they moved was left
    rejections: AtLeastOneWhole = 20  # orders in a row


class Guards(Table):
    """The guards' settings."""

    staleness: Staleness = Staleness()
    collar: Collar = Collar()
    funding: FundingGuard | None = None
    margin: MarginGuard | None = None
    market: MarketGuard = MarketGuard()
    behaviour: BehaviourGuard = BehaviourGuard()
    unhedged_alert: Duration = 60 * SECOND  # outside the band until a person is woken
