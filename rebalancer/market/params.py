"""What a seeded world is told before it begins: prices, chances, habits of its venues.

Times are ns, rates of chance are per day, prices USD per coin. The standard
figures are those of BTC and ETH from 2021 to 2026: minute returns with a
kurtosis of about 40, absolute returns that remember an hour, a correlation of
0.84 between the two, a basis of a few bp.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SECOND = 1_000_000_000  # ns
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Jumps:
    """A Poisson stream of price jumps; sizes normal, in daily vols of the underlying."""

    per_day: float
    sd: float
    mean: float = 0.0


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How prices and their volatility move; the same for every underlying."""

    slow_sd: float = 0.40  # of log vol: the regime of the week
    slow_half_life: int = 2 * DAY
    fast_sd: float = 0.45  # of log vol: the clusters within an hour
    fast_half_life: int = 15 * MINUTE
    market_jumps: tuple[Jumps, ...] = (Jumps(10, 0.07), Jumps(0.15, 0.7, -0.1))  # hit all at once
    own_jumps: Jumps = Jumps(10, 0.06)  # more often while excited
    excitement: float = 3.5  # added to log vol per jump of one daily vol …
    excitement_step: float = 0.9  # … but no more than this by one jump
    excitement_most: float = 1.4
    excitement_half_life: int = 10 * MINUTE
    excited: float = 1.1  # mean square of what excitement lifts vol by; measured
    skew_mean: float = -0.05  # correlation of price and vol, also the tilt of the smile
    skew_sd: float = 0.2
    skew_most: float = 0.5
    skew_half_life: int = 12 * HOUR


@dataclass(frozen=True, slots=True)
class TermParams:
    """What stretches from spot to the expiries: carry, and what implied vol costs over real."""

    carry_mean: float = 0.05  # log forward premium per year
    carry_sd: float = 0.03
    carry_half_life: int = 3 * DAY
    level_mean: float = 0.04  # log of implied over expected vol
    level_sd: float = 0.04
    level_half_life: int = 8 * HOUR
    eta: float = 1.1  # SSVI curvature; eta·(1 + |skew|) <= 2 keeps butterflies honest
    gamma: float = 0.45  # SSVI decay of curvature with variance, in (0, 1/2]


@dataclass(frozen=True, slots=True)
class PremiumParams:
    """How a perpetual wanders around its index; fractions of the price."""

    mean: float = 0.0
    slow_sd: float = 0.00035
    slow_half_life: int = 8 * HOUR
    fast_sd: float = 0.00005  # in calm; grows with stress
    fast_half_life: int = 2 * MINUTE
    lead: float = 0.06  # share of a move of spot that the perpetual overshoots by
    tilt: float = 0.0006  # shift of the mean per unit of skew: fear trades below the index
    most: float = 0.005  # cap of the mark's distance from the index


@dataclass(frozen=True, slots=True)
class VenueParams:
    """The habits of a venue."""

    name: str
    spread: float = 0.00001  # of price, in calm; never under a tick
    depth: float = 60_000.0  # USD shown at the touch, in calm
    gap: float = 0.00001  # of price, mean distance of two levels beyond a tick
    prints: float = 0.5  # public trades a second and instrument, in calm
    print_value: float = 8_000.0  # USD, median
    funding_interval: int | None = None  # ns between stamps; None: continuous
    settles_daily: bool = False  # moves profit into cash at 08:00 UTC
    premium: PremiumParams = PremiumParams()


@dataclass(frozen=True, slots=True)
class FaultParams:
    """Mischief, per day and instrument; 0 is none. Options are spared."""

    false_prints: float = 4.0
    false_print_least: float = 0.03  # distance from the mark, fraction
    false_print_most: float = 0.25
    freezes: float = 4.0
    freeze_least: int = 2 * SECOND
    freeze_most: int = 15 * SECOND


@dataclass(frozen=True, slots=True)
class UnderlyingParams:
    """One coin."""

    name: str
    price: float  # USD at the start
    vol: float  # root mean square per year, jumps included, 0.7 is 70 %
    loading: float = 0.95  # on the market factor; two coins correlate by the product


VENUES = (
    VenueParams(
        "deribit", spread=0.00001, gap=0.00002, depth=60_000, prints=0.3, settles_daily=True
    ),
    VenueParams("binance", spread=0.000002, depth=90_000, prints=0.7),
    VenueParams(
        "binanceusdm",
        spread=0.000003,
        depth=150_000,
        prints=0.9,
        funding_interval=8 * HOUR,
        premium=PremiumParams(mean=0.0001, slow_sd=0.0004),
    ),
    VenueParams("binancecoinm", spread=0.000008, depth=70_000, funding_interval=8 * HOUR),
    VenueParams("bybit", spread=0.000004, depth=90_000, prints=0.6, funding_interval=8 * HOUR),
    VenueParams("okx", spread=0.000004, depth=80_000, prints=0.6, funding_interval=8 * HOUR),
)
VOLS = {"BTC": 0.75, "ETH": 0.95}  # where a caller names none
PRICES = {"BTC": 100_000.0, "ETH": 3_500.0}


@dataclass(frozen=True, slots=True)
class WorldParams:
    """Everything about a world but its instruments and its seed."""

    start: int  # ns since 1970 UTC; the first step may be at it
    underlyings: tuple[UnderlyingParams, ...]
    step: int = SECOND  # ns between two steps, for who drives the world; it takes any
    venues: tuple[VenueParams, ...] = VENUES
    dynamics: Dynamics = Dynamics()
    term: TermParams = TermParams()
    faults: FaultParams = FaultParams()
    option_period: int = 4 * SECOND  # each option is told once in it, at a moment of its own
    funding_period: int = 60 * SECOND
    levels: int = 10  # of depth a side
    option_levels: int = 3
    option_spread: float = 0.008  # vol between mark and either side, in calm
    option_depth: float = 400_000.0  # USD of underlying a level, in calm
    averaging: int = 30 * MINUTE  # over which a delivery price is taken


def standard_params(
    start: int,
    prices: Mapping[str, float] = PRICES,
    vols: Mapping[str, float] = VOLS,
    step: int = SECOND,
) -> WorldParams:
    """Return the parameters of the demo's world.

    Args:
        start: ns since 1970 UTC.
        prices: Coin → USD at the start; these coins are the underlyings.
        vols: Coin → volatility per year; a coin without one has that of `VOLS`, else 0.9.
        step: ns between two steps.
    """
    coins = (
        UnderlyingParams(coin, price, vols.get(coin, VOLS.get(coin, 0.9)))
        for coin, price in prices.items()
    )
    return WorldParams(start, tuple(coins), step)
